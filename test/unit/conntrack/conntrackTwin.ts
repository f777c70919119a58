/**
 * A slow, obvious conntrack for UDP, ICMP echo and TCP without options: a Map from tuples to objects, every entry looked
 * at when time passes. Sequence numbers are kept below 2^31, so that they compare as they are.
 */

export interface Tuple {
  protocol: string;
  src: number;
  dst: number;
  sport: number;
  dport: number;
}

export interface TcpSegment {
  kind: "syn" | "synack" | "fin" | "ack" | "rst";
  hasAck: boolean;
  seq: number;
  ack: number;
  win: number;
  data: number;
}

interface Side {
  end: number;
  maxend: number;
  maxwin: number;
  maxack: number | undefined;
  closeInit: boolean;
  unacked: boolean;
  liberal: boolean;
}

interface Last {
  kind: string;
  dir: number;
  seq: number;
  ack: number;
  end: number;
  win: number;
  challenge: boolean;
  simultaneous: boolean;
}

export interface TwinEntry {
  original: Tuple;
  reply: Tuple;
  confirmed: boolean;
  seenReply: boolean;
  assured: boolean;
  deadline: number;
  streamFrom: number;
  state: string;
  sides: [Side, Side];
  last: Last;
  retrans: number;
}

export interface Outcome {
  info: string;
  entry?: TwinEntry;
  dir: number;
}

const INVALID: Outcome = { info: "INVALID", dir: 0 };

const COLUMNS = "NO SS SR ES FW CW LA TW CL S2".split(" ");
const ROWS: Record<string, string> = {
  "0 syn": "SS SS IG IG IG IG IG SS SS S2",
  "0 synack": "IV IV SR IV IV IV IV IV IV SR",
  "0 fin": "IV IV FW FW LA LA LA TW CL IV",
  "0 ack": "ES IV ES ES CW CW TW TW CL IV",
  "0 rst": "IV CL CL CL CL CL CL CL CL CL",
  "1 syn": "IV S2 IV IV IV IV IV SS IV S2",
  "1 synack": "IV SR IG IG IG IG IG IG IG SR",
  "1 fin": "IV IV FW FW LA LA LA TW CL IV",
  "1 ack": "IV IG SR ES CW CW TW TW CL IG",
  "1 rst": "IV CL CL CL CL CL CL CL CL CL",
};
const TIMEOUT: Record<string, number> = {
  SS: 120,
  SR: 60,
  ES: 432_000,
  FW: 120,
  CW: 60,
  LA: 30,
  TW: 120,
  CL: 10,
  S2: 120,
};

const keyOf = (t: Tuple): string => `${t.protocol} ${t.src}:${t.sport} ${t.dst}:${t.dport}`;

export function inverse(t: Tuple): Tuple {
  if (t.protocol === "icmp") {
    const type = { 2048: 0, 0: 0x800 }[t.dport];
    if (type === undefined) throw new Error("the twin knows echo alone");
    return { ...t, src: t.dst, dst: t.src, dport: type };
  }
  return { protocol: t.protocol, src: t.dst, dst: t.src, sport: t.dport, dport: t.sport };
}

const newSide = (): Side => ({
  end: 0,
  maxend: 0,
  maxwin: 0,
  maxack: undefined,
  closeInit: false,
  unacked: false,
  liberal: false,
});

export class ConntrackTwin {
  readonly tuples = new Map<string, TwinEntry>();

  get total(): number {
    return new Set(this.tuples.values()).size;
  }

  track(tuple: Tuple, segment: TcpSegment | undefined, now: number): Outcome {
    for (const entry of [...this.tuples.values()]) if (entry.deadline <= now) this.remove(entry);
    const found = this.tuples.get(keyOf(tuple));
    const entry: TwinEntry = found ?? {
      original: tuple,
      reply: inverse(tuple),
      confirmed: false,
      seenReply: false,
      assured: false,
      deadline: 0,
      streamFrom: now + 2000,
      state: "NO",
      sides: [newSide(), newSide()],
      last: { kind: "none", dir: 0, seq: 0, ack: 0, end: 0, win: 0, challenge: false, simultaneous: false },
      retrans: 0,
    };
    const dir = keyOf(tuple) === keyOf(entry.original) ? 0 : 1;
    const info = dir === 1 ? "REPLY" : entry.seenReply ? "ESTABLISHED" : "NEW";
    let verdict = "accept";
    if (tuple.protocol === "udp") {
      if (entry.seenReply && now > entry.streamFrom) {
        entry.assured = true;
        entry.deadline = now + 120_000;
      } else entry.deadline = now + 30_000;
    } else if (tuple.protocol === "icmp") {
      if (entry.original.dport !== 0x800) return INVALID;
      entry.deadline = now + 30_000;
    } else if (segment !== undefined) verdict = this.#tcp(entry, segment, dir, now);
    if (verdict === "invalid") return INVALID;
    if (verdict === "repeat") {
      this.remove(entry);
      return this.track(tuple, segment, now);
    }
    if (dir === 1) entry.seenReply = true;
    if (verdict === "kill") this.remove(entry);
    return { info, entry, dir };
  }

  /** Whether the entry could be inserted. */
  confirm(entry: TwinEntry): boolean {
    if (entry.confirmed) return true;
    if (this.tuples.has(keyOf(entry.original)) || this.tuples.has(keyOf(entry.reply))) return false;
    this.tuples.set(keyOf(entry.original), entry);
    this.tuples.set(keyOf(entry.reply), entry);
    entry.confirmed = true;
    return true;
  }

  has(tuple: Tuple): boolean {
    return this.tuples.has(keyOf(tuple));
  }

  remove(entry: TwinEntry): void {
    this.tuples.delete(keyOf(entry.original));
    this.tuples.delete(keyOf(entry.reply));
  }

  #tcp(e: TwinEntry, s: TcpSegment, dir: number, now: number): string {
    const { last } = e;
    const [me, peer] = dir === 0 ? e.sides : [e.sides[1], e.sides[0]];
    const end = s.seq + s.data + (s.kind === "syn" || s.kind === "synack" || s.kind === "fin" ? 1 : 0);
    if (!e.confirmed) {
      if (s.kind === "syn") {
        Object.assign(me, { end, maxend: end, maxwin: Math.max(s.win, 1) });
      } else if (s.kind === "ack") {
        const maxwin = Math.max(s.win, 1);
        Object.assign(me, { end, maxwin, maxend: end + maxwin, liberal: true });
        peer.liberal = true;
      } else return "invalid";
    }
    let next = ROWS[`${dir} ${s.kind}`].split(" ")[COLUMNS.indexOf(e.state)];
    let skipWindow = false;
    if (next === "IV") return "invalid";
    const reopened = next === "SS" && (e.state === "TW" || e.state === "CL");
    if (reopened && (me.closeInit || peer.closeInit || (last.kind === "rst" && last.dir === dir))) return "repeat";
    if (next === "IG" || reopened) {
      if (s.kind === "synack" && last.kind === "syn" && last.dir !== dir && s.ack === last.end) {
        next = "SR";
        last.challenge = false;
        Object.assign(peer, newSide(), { end: last.end, maxend: last.end, maxwin: Math.max(last.win, 1) });
        Object.assign(me, newSide(), { liberal: me.liberal });
      } else {
        Object.assign(last, { kind: s.kind, dir, seq: s.seq, end, win: s.win });
        if (s.kind === "syn" && dir === 0) Object.assign(last, { challenge: e.state === "LA", simultaneous: false });
        if (e.state === "SS" && s.kind === "ack" && dir === 1) last.ack = s.ack;
        return "accept";
      }
    } else if (next === "TW" && e.state === "LA" && s.kind === "ack") {
      if (last.dir !== dir && last.kind === "syn" && last.challenge) {
        last.challenge = false;
        return "accept";
      }
    } else if (next === "S2") last.simultaneous = true;
    else if (next === "SR" && dir === 1 && s.kind === "ack" && last.simultaneous) next = "ES";
    else if (next === "CL" && s.kind === "rst") {
      const rst = this.#rst(e, s, dir);
      if (rst === "invalid") return "invalid";
      if (rst.includes("keep")) next = e.state;
      skipWindow = rst.includes("in window");
    }
    if (!skipWindow) {
      const window = this.#window(e, s, dir, end);
      if (window === "ignore") return "accept";
      if (window === "invalid") {
        if (e.assured && (s.kind === "rst" || s.kind === "fin")) {
          if (last.dir !== dir && (last.kind === "fin" || last.kind === "rst")) {
            if (e.deadline - now > 300_000) e.deadline = now + 300_000;
          } else Object.assign(last, { kind: s.kind, dir });
        }
        return "invalid";
      }
    }
    const before = e.state;
    Object.assign(last, { kind: s.kind, dir });
    e.state = next;
    if (before !== next && next === "FW") me.closeInit = true;
    let timeout = TIMEOUT[next];
    if (e.retrans >= 3 && timeout > 300) timeout = 300;
    else if (s.kind === "rst") timeout = 10;
    else if ((me.unacked || peer.unacked) && timeout > 300) timeout = 300;
    else if (last.win === 0 && timeout > 300) timeout = 300;
    if (!e.seenReply) {
      if (s.kind === "rst") return "kill";
      if (s.kind === "syn" && before === "SS") return "accept";
      if (next === "ES") timeout = Math.min(timeout, 300);
    } else if ((before === "SR" || before === "ES") && next === "ES") e.assured = true;
    e.deadline = now + timeout * 1000;
    return "accept";
  }

  #rst(e: TwinEntry, s: TcpSegment, dir: number): string {
    const { last } = e;
    const peer = e.sides[1 - dir];
    const established = e.state === "ES" && e.assured;
    if (["FW", "CW", "LA", "TW", "CL"].includes(e.state)) return "in window";
    let keep = "";
    if (peer.maxack !== undefined && last.kind !== "syn") {
      if (s.seq === 0 && !established) return "check";
      if (s.seq < peer.maxack) return "invalid";
      if (!established || s.seq === peer.maxack) return "check";
      if (last.kind === "ack" && last.dir === dir && s.seq === last.end) return "check";
      keep = "keep ";
    }
    const syn = e.seenReply && last.kind === "syn";
    const ack = !e.assured && last.kind === "ack";
    if ((syn || ack) && s.ack === last.end) return `${keep}in window`;
    if (e.state === "SS" && last.kind === "ack" && last.dir === 1 && s.seq === last.ack) return `${keep}in window`;
    return `${keep}check`;
  }

  #window(e: TwinEntry, s: TcpSegment, dir: number, segmentEnd: number): string {
    const me = e.sides[dir];
    const peer = e.sides[1 - dir];
    const isSyn = s.kind === "syn" || s.kind === "synack";
    let { seq, ack } = s;
    let end = segmentEnd;
    const init = (): void => {
      Object.assign(me, { end, maxend: end, maxwin: Math.max(s.win, 1) });
    };
    if (me.maxwin === 0) {
      if (isSyn) {
        init();
        if (s.kind === "syn") return "accept";
      } else {
        me.end = end;
        me.maxwin = Math.max(s.win, 1);
        me.maxend = end + me.maxwin;
        if (peer.maxwin === 0) {
          peer.end = ack;
          peer.maxend = ack;
        } else if (ack === peer.end + 1) peer.end++;
      }
    } else if (isSyn && end > me.end && (e.state === "SS" || e.state === "SR")) {
      init();
      if (dir === 1 && s.kind === "syn") return "accept";
    }
    if (!s.hasAck || (s.kind === "rst" && ack === 0)) ack = peer.end;
    if (s.kind === "rst" && seq === 0 && e.state === "SS") {
      seq = me.end;
      end = me.end;
    }
    const oldAck = ack < peer.end - Math.max(me.maxwin, 66_000);
    const oldData = end < me.end - peer.maxwin;
    if (seq > me.maxend) {
      if (peer.maxwin !== 0 && !oldData && !oldAck && end - me.maxend + 1 <= peer.maxwin && ack <= peer.end) {
        me.end = end;
        me.unacked = true;
        return me.liberal ? "accept" : "ignore";
      }
      return me.liberal ? "accept" : "invalid";
    }
    if (ack > peer.end) return me.liberal ? "accept" : "invalid";
    if ((peer.maxwin !== 0 && oldData) || oldAck) return me.liberal ? "accept" : "ignore";
    me.maxwin = Math.max(me.maxwin, s.win);
    if (end > me.end) {
      me.end = end;
      me.unacked = true;
    }
    if (s.hasAck) me.maxack = Math.max(me.maxack ?? ack, ack);
    if (peer.maxwin !== 0 && end > me.maxend) peer.maxwin += end - me.maxend;
    if (ack + s.win >= peer.maxend) peer.maxend = ack + s.win + (s.win === 0 ? 1 : 0);
    if (ack === peer.end) peer.unacked = false;
    if (s.kind === "ack") {
      const { last } = e;
      const same = last.dir === dir && last.seq === seq && last.ack === ack && last.end === end && last.win === s.win;
      if (same) e.retrans++;
      else {
        Object.assign(last, { dir, seq, ack, end, win: s.win });
        e.retrans = 0;
      }
    }
    return "accept";
  }
}
