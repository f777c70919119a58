import fc from "fast-check";
import { expect, test } from "vitest";
import { CONFIRM_OK, IPS_ASSURED, IPS_SEEN_REPLY } from "../../../src/plane/conntrack/info.ts";
import type { Conntrack } from "../../../src/plane/conntrack/table.ts";
import type { Packet } from "../../../src/plane/packet.ts";
import { PROTO_ICMP, PROTO_TCP, PROTO_UDP } from "../../../src/plane/packet.ts";
import { ConntrackTwin, inverse, type TcpSegment, type Tuple, type TwinEntry } from "./conntrackTwin.ts";
import { ACK, FIN, icmp, ip, packet, RST, SYN, table, tcp, udp } from "./packets.ts";

const INFO = ["INVALID", "NEW", "ESTABLISHED", "REPLY"];
const CODES = ["NO", "SS", "SR", "ES", "FW", "CW", "LA", "TW", "CL", "S2"];
const ADDRESSES = [ip("172.20.0.17"), ip("192.168.1.2"), ip("10.0.1.16")];
const PORTS = [80, 40_000];
const PROTOCOLS: Record<string, number> = { tcp: PROTO_TCP, udp: PROTO_UDP, icmp: PROTO_ICMP };
const FLAGS = { syn: SYN, synack: SYN | ACK, fin: FIN | ACK, ack: ACK, rst: RST };

interface Step {
  protocol: string;
  src: number;
  dst: number;
  sport: number;
  dport: number;
  kind: keyof typeof FLAGS;
  /** How far the numbers are off what the connection expects next; mostly not at all. */
  seqOff: number;
  ackOff: number;
  rstAck: boolean;
  win: number;
  data: number;
  wait: number;
  fate: string;
}

const mostly = <T>(value: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(value) }, { weight: 2, arbitrary: fc.constantFrom(...others) });

const step: fc.Arbitrary<Step> = fc.record({
  protocol: mostly("tcp", "udp", "icmp"),
  src: fc.nat(ADDRESSES.length - 1),
  dst: fc.nat(ADDRESSES.length - 1),
  sport: fc.nat(1),
  dport: fc.nat(1),
  kind: fc.constantFrom("syn", "synack", "synack", "ack", "ack", "ack", "ack", "fin", "fin", "rst"),
  seqOff: mostly(0, -1, 1, -30, 700, 5000, -90_000, 200_000, 1_000_000),
  ackOff: mostly(0, -1, 1, -30, 700, -90_000, 200_000),
  rstAck: fc.boolean(),
  win: mostly(1000, 0, 1, 65_535),
  data: mostly(0, 10, 900, 1400),
  wait: mostly(1, 0, 100, 1900, 2100, 9000, 25_000, 61_000, 130_000, 310_000),
  fate: mostly("confirm", "discard", "snat"),
});

const FIRST_SEQ = 10_000_000;

/** The segment that the step means, by what the twin expects of the connection. */
function segmentOf(s: Step, tuple: Tuple, twin: ConntrackTwin): TcpSegment {
  const entry = [...twin.tuples.values()].find(
    (e) => JSON.stringify(e.original) === JSON.stringify(tuple) || JSON.stringify(e.reply) === JSON.stringify(tuple),
  );
  const dir = entry !== undefined && JSON.stringify(entry.reply) === JSON.stringify(tuple) ? 1 : 0;
  const next = entry?.sides[dir].end || FIRST_SEQ;
  const expected = entry?.sides[1 - dir].end || FIRST_SEQ;
  const hasAck = s.kind === "rst" ? s.rstAck : s.kind !== "syn";
  return {
    kind: s.kind,
    hasAck,
    seq: s.kind === "rst" && s.seqOff === 1 ? 0 : next + s.seqOff,
    ack: hasAck ? expected + s.ackOff : 0,
    win: s.win,
    data: s.kind === "ack" ? s.data : 0,
  };
}

function tupleOf(s: Step): Tuple {
  const src = ADDRESSES[s.src];
  const dst = ADDRESSES[s.dst === s.src ? (s.dst + 1) % ADDRESSES.length : s.dst];
  if (s.protocol === "icmp")
    return { protocol: s.protocol, src, dst, sport: s.sport, dport: s.dport === 0 ? 0x800 : 0 };
  return { protocol: s.protocol, src, dst, sport: PORTS[s.sport], dport: PORTS[s.dport] };
}

function build(tuple: Tuple, segment: TcpSegment): Packet {
  if (tuple.protocol === "udp") return udp(tuple);
  if (tuple.protocol === "icmp") return icmp(tuple.dport >> 8, 0, tuple.sport, tuple);
  const flags = FLAGS[segment.kind] | (segment.hasAck ? ACK : 0);
  return tcp({ ...tuple, flags, seq: segment.seq, ack: segment.ack, win: segment.win, data: segment.data });
}

/** The reply tuple of an entry whose source is translated to another port. */
function translated(e: TwinEntry): Tuple {
  const port = 61_000;
  return e.reply.protocol === "icmp" ? { ...e.reply, sport: port } : { ...e.reply, dport: port };
}

function apply(ct: Conntrack, twin: ConntrackTwin, s: Step, now: number, base: number): void {
  const tick = (base + now) | 0;
  const tuple = tupleOf(s);
  const segment = segmentOf(s, tuple, twin);
  const expected = twin.track(tuple, segment, now);
  const info = ct.track(build(tuple, segment), 0, tick);
  const what = `${JSON.stringify(tuple)} ${JSON.stringify(segment)}`;
  expect(`${INFO[info]} ${packet.ctDir}`, what).toBe(`${expected.info} ${expected.dir}`);
  const twinEntry = expected.entry;
  if (twinEntry === undefined) return;
  const e = packet.ct;
  const status = ct.status(e);
  expect(ct.timeoutLeft(e, tick), what).toBe(twinEntry.deadline - now);
  if (tuple.protocol === "tcp") expect(CODES[ct.tcpState(e)], what).toBe(twinEntry.state);
  expect([(status & IPS_ASSURED) !== 0, (status & IPS_SEEN_REPLY) !== 0], what).toEqual([
    twinEntry.assured,
    twinEntry.seenReply,
  ]);
  if (twinEntry.confirmed) return;
  if (s.fate === "discard") {
    ct.discard(e);
    return;
  }
  if (s.fate === "snat") {
    const reply = translated(twinEntry);
    const taken = ct.isTaken(0, PROTOCOLS[reply.protocol], reply.src, reply.dst, reply.sport, reply.dport, e);
    expect(taken, what).toBe(twin.has(reply));
    twinEntry.reply = reply;
    ct.setReply(e, reply.src, reply.dst, reply.sport, reply.dport);
  }
  expect(ct.confirm(e, tick) === CONFIRM_OK, what).toBe(twin.confirm(twinEntry));
}

test.each([0, 0x7fffffff - 500_000])("random packets fare as in the twin, clock from %i", (base) => {
  const reached = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 250 }), (steps) => {
      const ct = table();
      const twin = new ConntrackTwin();
      let now = 0;
      for (const s of steps) {
        now += s.wait;
        apply(ct, twin, s, now, base);
        for (const e of twin.tuples.values()) reached.add(e.state);
        if (s.wait > 1000) ct.expire((base + now) | 0, 1000);
      }
      // The table deletes what it looks up or expires; the twin, all at once.
      const left = [...new Set(twin.tuples.values())].filter((e) => e.deadline > now).length;
      ct.expire((base + now + 128) | 0, 1000);
      let alive = 0;
      ct.forEach((e) => {
        if (!ct.isGone(e, (base + now) | 0)) alive++;
      });
      expect(alive).toBe(left);
    }),
    { seed: 20_240_601, numRuns: 300 },
  );
  for (const state of CODES) expect(reached).toContain(state);
});

test("whatever a trial does, rollback takes it back", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), fc.array(step, { maxLength: 120 }), (real, tried) => {
      const ct = table({ capacity: 16 });
      const twin = new ConntrackTwin();
      let now = 0;
      for (const s of real) {
        now += s.wait;
        const tuple = tupleOf(s);
        const segment = segmentOf(s, tuple, twin);
        const entry = twin.track(tuple, segment, now).entry;
        if (entry !== undefined) twin.confirm(entry);
        ct.track(build(tuple, segment), 0, now);
        if (packet.ct >= 0) ct.confirm(packet.ct, now);
      }
      const before = ct.stateHash();
      const words = ct.words.slice(0, ct.capacity * 32);
      ct.beginTrial();
      for (const s of tried) {
        now += s.wait;
        const tuple = s.data > 0 ? inverse(tupleOf(s)) : tupleOf(s);
        ct.track(build(tuple, segmentOf(s, tuple, twin)), 0, now);
        if (packet.ct < 0) continue;
        ct.setMark(packet.ct, 1);
        if (s.fate === "discard") ct.discard(packet.ct);
        else ct.confirm(packet.ct, now);
      }
      ct.rollback();
      expect(ct.words.slice(0, ct.capacity * 32)).toEqual(words);
      expect(ct.stateHash()).toBe(before);
    }),
    { seed: 77, numRuns: 200 },
  );
});
