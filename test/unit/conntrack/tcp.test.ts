import { describe, expect, test } from "vitest";
import {
  CT_ESTABLISHED,
  CT_ESTABLISHED_REPLY,
  CT_INVALID,
  CT_NEW,
  IPS_ASSURED,
} from "../../../src/plane/conntrack/info.ts";
import type { ConntrackSettings } from "../../../src/plane/conntrack/settings.ts";
import type { Conntrack } from "../../../src/plane/conntrack/table.ts";
import { TCP_STATE_NAMES } from "../../../src/plane/conntrack/tcpStates.ts";
import { ACK, FIN, PSH, packet, pass, RST, reversed, SYN, table, tcp, URG } from "./packets.ts";

const INFO = ["INVALID", "NEW", "ESTABLISHED", "REPLY", "RELATED", "RELATED_REPLY", "FULL"];
const FLAGS: Record<string, number> = {
  syn: SYN,
  synack: SYN | ACK,
  ack: ACK,
  data: ACK | PSH,
  fin: FIN | ACK,
  rst: RST,
  rstack: RST | ACK,
  none: 0,
};

/**
 * Two well-behaved ends: keeps their sequence numbers, so that a walk is written as packets alone.
 * "orig data 100" sends 100 bytes; "orig ack seq=+5" shifts a number; "wait 10" lets seconds pass.
 */
class Walk {
  readonly ct: Conntrack;
  now = 1000;
  readonly next: [number, number] = [1000, 5000];
  readonly acked: [number, number] = [0, 0];
  entry = -1;

  constructor(settings: Partial<ConntrackSettings> = {}) {
    this.ct = table({ settings });
  }

  send(line: string): string {
    const [who, what, ...rest] = line.trim().split(/\s+/);
    if (who === "wait") {
      this.now = (this.now + Number(what) * 1000) | 0;
      return "";
    }
    const dir = who === "orig" ? 0 : 1;
    const shift = (name: string): number =>
      Number(rest.find((r) => r.startsWith(`${name}=`))?.slice(name.length + 1) ?? 0);
    const flags = FLAGS[what];
    const data = what === "data" ? Number(rest[0]) : 0;
    const win = rest.find((r) => r.startsWith("win="));
    const p = tcp({
      flags,
      seq: this.next[dir] + shift("seq"),
      ack: (flags & ACK) !== 0 ? this.next[1 - dir] + shift("ack") : 0,
      data,
      ...(win === undefined ? {} : { win: Number(win.slice(4)) }),
      ...(dir === 0 ? {} : reversed({})),
    });
    if (!rest.includes("again")) this.next[dir] += data + ((flags & (SYN | FIN)) !== 0 ? 1 : 0);
    const info = pass(this.ct, p, this.now);
    if (p.ct >= 0) this.entry = p.ct;
    const state = TCP_STATE_NAMES[this.ct.tcpState(this.entry)];
    const left = this.ct.timeoutLeft(this.entry, this.now) / 1000;
    const assured = (this.ct.status(this.entry) & IPS_ASSURED) !== 0 ? " assured" : "";
    return `${INFO[info]} ${state} ${left}${assured}`;
  }
}

/** Each line: packet -> classification, state, seconds left, assured. */
function walk(script: string, settings: Partial<ConntrackSettings> = {}): Walk {
  const w = new Walk(settings);
  for (const line of script.trim().split("\n")) {
    const [step, expected] = line.split("->").map((s) => s.trim());
    const got = w.send(step);
    if (expected !== undefined) expect(`${step} -> ${got}`).toBe(`${step} -> ${expected}`);
  }
  return w;
}

const OPEN = `
  orig syn
  reply synack
  orig ack
`;

describe("TCP state walks", () => {
  test("open, data, close by the client", () => {
    walk(`
      orig syn        -> NEW SYN_SENT 120
      reply synack    -> REPLY SYN_RECV 60
      orig ack        -> ESTABLISHED ESTABLISHED 432000 assured
      orig data 100   -> ESTABLISHED ESTABLISHED 300 assured
      reply ack       -> REPLY ESTABLISHED 432000 assured
      reply data 50   -> REPLY ESTABLISHED 300 assured
      orig ack        -> ESTABLISHED ESTABLISHED 432000 assured
      orig fin        -> ESTABLISHED FIN_WAIT 120 assured
      reply ack       -> REPLY CLOSE_WAIT 60 assured
      reply fin       -> REPLY LAST_ACK 30 assured
      orig ack        -> ESTABLISHED TIME_WAIT 120 assured
    `);
  });

  test("close by the server, FINs crossing", () => {
    walk(`
      ${OPEN}
      reply fin       -> REPLY FIN_WAIT 120 assured
      orig fin        -> ESTABLISHED LAST_ACK 30 assured
      reply ack       -> REPLY TIME_WAIT 120 assured
    `);
  });

  test("kube-proxy's timeouts", () => {
    walk(
      `
      orig syn        -> NEW SYN_SENT 120
      reply synack    -> REPLY SYN_RECV 60
      orig ack        -> ESTABLISHED ESTABLISHED 86400 assured
      orig fin        -> ESTABLISHED FIN_WAIT 120 assured
      reply ack       -> REPLY CLOSE_WAIT 3600 assured
    `,
      { tcpTimeoutEstablished: 86_400, tcpTimeoutCloseWait: 3600 },
    );
  });

  test("a repeated SYN does not renew the timeout, and stays NEW", () => {
    walk(`
      orig syn        -> NEW SYN_SENT 120
      wait 50
      orig syn again seq=-1 -> NEW SYN_SENT 70
      wait 69
      orig syn again seq=-1 -> NEW SYN_SENT 1
      wait 1
      orig syn again seq=-1 -> NEW SYN_SENT 120
    `);
  });

  test("simultaneous open", () => {
    walk(`
      orig syn        -> NEW SYN_SENT 120
      reply syn       -> REPLY SYN_SENT2 120
      orig synack seq=-1 again -> ESTABLISHED SYN_RECV 60
      reply ack       -> REPLY ESTABLISHED 432000 assured
    `);
  });

  test("a SYN reopens a connection in TIME_WAIT as a new one", () => {
    const w = walk(`
      ${OPEN}
      orig fin
      reply fin
      orig ack        -> ESTABLISHED TIME_WAIT 120 assured
      orig syn        -> NEW SYN_SENT 120
    `);
    expect(w.ct.total).toBe(1);
    expect(w.ct.status(w.entry) & IPS_ASSURED).toBe(0);
  });

  test("after a RST only the side that sent it may reopen", () => {
    walk(`
      ${OPEN}
      orig rst        -> ESTABLISHED CLOSE 10 assured
      orig syn        -> NEW SYN_SENT 120
    `);
    walk(`
      ${OPEN}
      reply rst       -> REPLY CLOSE 10 assured
      orig syn        -> ESTABLISHED CLOSE 10 assured
      reply synack    -> REPLY SYN_RECV 60 assured
    `);
  });

  test("the server may reopen from TIME_WAIT: roles are swapped", () => {
    const w = walk(`
      ${OPEN}
      orig fin
      reply fin
      orig ack
      reply syn       -> NEW SYN_SENT 120
    `);
    expect(w.ct.src(w.entry, 0)).toBe(reversed({}).src);
  });

  test("an ignored SYN and the SYN-ACK that proves it right", () => {
    walk(`
      ${OPEN}
      orig syn seq=+700000  -> ESTABLISHED ESTABLISHED 432000 assured
      reply synack ack=+700000 -> REPLY SYN_RECV 60 assured
      orig ack seq=+700000  -> ESTABLISHED ESTABLISHED 432000 assured
    `);
  });

  test("a challenge ACK in LAST_ACK is not the last ACK", () => {
    walk(`
      ${OPEN}
      orig fin
      reply fin       -> REPLY LAST_ACK 30 assured
      orig syn seq=+900000 again -> ESTABLISHED LAST_ACK 30 assured
      reply ack       -> REPLY LAST_ACK 30 assured
      orig ack        -> ESTABLISHED TIME_WAIT 120 assured
    `);
  });

  test("three repetitions of an acknowledgement, and a window of zero, shorten the timeout", () => {
    walk(`
      ${OPEN}
      orig ack        -> ESTABLISHED ESTABLISHED 432000 assured
      orig ack        -> ESTABLISHED ESTABLISHED 432000 assured
      orig ack        -> ESTABLISHED ESTABLISHED 300 assured
      reply ack       -> REPLY ESTABLISHED 432000 assured
      reply ack win=0 -> REPLY ESTABLISHED 300 assured
    `);
  });

  test("what does not fit the state is invalid", () => {
    walk(`
      orig syn
      orig ack        -> INVALID SYN_SENT 120
      orig fin        -> INVALID SYN_SENT 120
      orig synack     -> INVALID SYN_SENT 120
      reply fin       -> INVALID SYN_SENT 120
    `);
    const w = new Walk();
    expect(pass(w.ct, tcp({ flags: SYN | ACK }), 0)).toBe(CT_INVALID);
    expect(pass(w.ct, tcp({ flags: FIN | ACK }), 0)).toBe(CT_INVALID);
    expect(pass(w.ct, tcp({ flags: RST }), 0)).toBe(CT_INVALID);
    expect(packet.ct).toBe(-1);
    expect(w.ct.total).toBe(0);
  });

  test.each([
    ["SYN FIN", SYN | FIN],
    ["SYN RST", SYN | RST],
    ["FIN alone", FIN],
    ["FIN RST ACK", FIN | RST | ACK],
    ["none", 0],
    ["PSH", PSH],
    ["URG", URG],
    ["RST URG", RST | URG],
    ["everything", 0x3f],
  ])("illegal flags: %s", (_, flags) => {
    expect(pass(table(), tcp({ flags }), 0)).toBe(CT_INVALID);
  });

  test.each([
    ["SYN ECE CWR", SYN | 0xc0],
    ["SYN URG", SYN | URG],
    ["ACK PSH URG", ACK | PSH | URG],
  ])("legal flags: %s", (_, flags) => {
    expect(pass(table(), tcp({ flags }), 0)).toBe(CT_NEW);
  });
});

describe("TCP loose pickup", () => {
  test("an ACK in the middle is taken for established, for 300 s until it is answered", () => {
    walk(`
      orig ack        -> NEW ESTABLISHED 300
      orig data 10    -> NEW ESTABLISHED 300
      reply ack       -> REPLY ESTABLISHED 300
      orig ack        -> ESTABLISHED ESTABLISHED 300 assured
      reply ack       -> REPLY ESTABLISHED 432000 assured
    `);
  });

  test("stays liberal with a server whose handshake was missed and comes again", () => {
    walk(`
      orig ack
      orig syn seq=+700000     -> NEW ESTABLISHED 300
      reply synack ack=+700000 -> REPLY SYN_RECV 60
      orig ack seq=+700000     -> ESTABLISHED ESTABLISHED 432000 assured
      reply ack seq=+9000000   -> REPLY ESTABLISHED 432000 assured
      orig ack seq=+9000000    -> INVALID ESTABLISHED 432000 assured
    `);
  });

  test("with tcpLoose off it is invalid", () => {
    const ct = table({ settings: { tcpLoose: false } });
    expect(pass(ct, tcp({ flags: ACK }), 0)).toBe(CT_INVALID);
    expect(ct.total).toBe(0);
    expect(pass(ct, tcp({ flags: SYN }), 0)).toBe(CT_NEW);
  });
});

describe("TCP RST", () => {
  test("the only answer to a SYN deletes the entry at once, and is still translated by it", () => {
    const w = new Walk();
    w.send("orig syn");
    const entry = w.entry;
    expect(w.ct.total).toBe(1);
    expect(w.send("reply rstack").split(" ")[0]).toBe("REPLY");
    expect(packet.ct).toBe(entry);
    expect(w.ct.dst(entry, 0)).toBe(reversed({}).src);
    expect(w.ct.total).toBe(0);
    expect(w.send("orig syn").split(" ")[0]).toBe("NEW");
    expect(w.ct.total).toBe(1);
  });

  test("before what the other side acknowledged: invalid, unless ignored", () => {
    const script = `
      ${OPEN}
      orig data 100
      reply ack
      orig rst seq=-50`;
    walk(`${script} -> INVALID ESTABLISHED 432000 assured`);
    walk(`${script} -> ESTABLISHED ESTABLISHED 10 assured`, { tcpIgnoreInvalidRst: true });
  });

  test("in window but not exact: stays established for a challenge, with the timeout of CLOSE", () => {
    walk(`
      ${OPEN}
      orig rst seq=+50 -> ESTABLISHED ESTABLISHED 10 assured
      reply ack       -> REPLY ESTABLISHED 300 assured
    `);
  });

  test("right behind its own data: closes", () => {
    walk(`
      ${OPEN}
      orig data 19
      orig rst        -> ESTABLISHED CLOSE 10 assured
    `);
  });

  test("number 0 before the handshake is over: the answer to a SYN that was let through", () => {
    walk(`
      orig syn
      reply synack
      orig rst seq=-1001 -> ESTABLISHED CLOSE 10
    `);
    walk(`
      orig syn
      reply synack
      orig rst seq=-1000 -> INVALID SYN_RECV 60
    `);
  });

  test("far out of window: invalid", () => {
    walk(`
      ${OPEN}
      orig rst seq=+900000 -> INVALID ESTABLISHED 432000 assured
    `);
  });

  test("once closing, any RST closes", () => {
    walk(`
      ${OPEN}
      orig fin
      reply rst seq=+5000000 -> REPLY CLOSE 10 assured
    `);
  });

  test("invalid RSTs from both sides shorten the timeout", () => {
    walk(`
      ${OPEN}
      orig rst seq=+900000  -> INVALID ESTABLISHED 432000 assured
      reply rst seq=+900000 -> INVALID ESTABLISHED 300 assured
    `);
  });
});

test("classification by direction", () => {
  const w = new Walk();
  const classify = (line: string): number => {
    w.send(line);
    return packet.ctInfo;
  };
  expect(classify("orig syn")).toBe(CT_NEW);
  expect(packet.ctDir).toBe(0);
  expect(classify("reply synack")).toBe(CT_ESTABLISHED_REPLY);
  expect(packet.ctDir).toBe(1);
  expect(classify("orig ack")).toBe(CT_ESTABLISHED);
});
