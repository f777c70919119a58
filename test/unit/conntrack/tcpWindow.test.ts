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
import { ACK, FIN, packet, pass, reversed, type Segment, SYN, table, tcp } from "./packets.ts";

const NOP = 1;
const wscale = (shift: number): number[] => [NOP, 3, 3, shift];
const SACK_PERM = [NOP, NOP, 4, 2];
const sackBlocks = (...edges: number[]): number[] => [
  NOP,
  NOP,
  5,
  2 + edges.length * 4,
  ...edges.flatMap((e) => [e >>> 24, (e >>> 16) & 255, (e >>> 8) & 255, e & 255]),
];

const orig = (ct: Conntrack, s: Segment): number => pass(ct, tcp(s), 1000);
const reply = (ct: Conntrack, s: Segment): number => pass(ct, tcp({ ...s, ...reversed({}) }), 1000);

interface Opening {
  window?: number;
  options?: number[];
  replyOptions?: number[];
  settings?: Partial<ConntrackSettings>;
  seq?: number;
}

/** An open connection: the client's next number is seq + 1 (default 1001), the server's 5001. */
function open(o: Opening = {}): Conntrack {
  const ct = table(o.settings === undefined ? {} : { settings: o.settings });
  const win = o.window ?? 1000;
  const seq = o.seq ?? 1000;
  expect(orig(ct, { flags: SYN, seq, win, options: o.options ?? [] })).toBe(CT_NEW);
  const synack = { flags: SYN | ACK, seq: 5000, ack: seq + 1, win, options: o.replyOptions ?? o.options ?? [] };
  expect(reply(ct, synack)).toBe(CT_ESTABLISHED_REPLY);
  expect(orig(ct, { flags: ACK, seq: seq + 1, ack: 5001, win })).toBe(CT_ESTABLISHED);
  return ct;
}

describe("TCP window", () => {
  test("data up to the window's edge is valid, also across the end of the sequence space", () => {
    for (const seq of [1000, -500, 0x7fffff00]) {
      const ct = open({ seq });
      expect(orig(ct, { flags: ACK, seq: seq + 1, ack: 5001, data: 1000 })).toBe(CT_ESTABLISHED);
      expect(orig(ct, { flags: ACK, seq: seq + 1001, ack: 5001 })).toBe(CT_ESTABLISHED);
    }
  });

  test("a segment beyond the window is invalid", () => {
    const ct = open();
    expect(orig(ct, { flags: ACK, seq: 1001 + 3000, ack: 5001, data: 10 })).toBe(CT_INVALID);
    expect(packet.ct).toBe(-1);
  });

  test("a sender that overruns the window by less than a window passes, and its data may be acknowledged", () => {
    const ct = open();
    orig(ct, { flags: ACK, seq: 1001, ack: 5001, data: 1000 });
    expect(orig(ct, { flags: ACK, seq: 2002, ack: 5001, data: 500 })).toBe(CT_ESTABLISHED);
    expect(reply(ct, { flags: ACK, seq: 5001, ack: 2502, win: 1000 })).toBe(CT_ESTABLISHED_REPLY);
  });

  test("acknowledging what was never sent is invalid", () => {
    expect(orig(open(), { flags: ACK, seq: 1001, ack: 5002 })).toBe(CT_INVALID);
  });

  test("an old retransmission passes and changes nothing", () => {
    const ct = open();
    for (let seq = 1001; seq < 9001; seq += 1000) {
      orig(ct, { flags: ACK, seq, ack: 5001, data: 1000 });
      reply(ct, { flags: ACK, seq: 5001, ack: seq + 1000, win: 1000 });
    }
    const before = ct.words.slice();
    expect(orig(ct, { flags: ACK, seq: 1001, ack: 5001, data: 1000 })).toBe(CT_ESTABLISHED);
    expect(ct.words).toEqual(before);
  });

  /** Whether a segment of the client counted: it renewed the timeout. */
  function renews(ct: Conntrack, s: Segment): boolean {
    expect(pass(ct, tcp(s), 61_000)).toBe(CT_ESTABLISHED);
    return ct.timeoutLeft(packet.ct, 61_000) > 240_000;
  }

  test("after overrunning the window its first bytes may still be repeated", () => {
    for (const [seq, counts] of [
      [1001, true],
      [1000, false],
    ] as const) {
      const ct = open();
      orig(ct, { flags: ACK, seq: 1001, ack: 5001, data: 1400 });
      expect(renews(ct, { flags: ACK, seq, ack: 5001 })).toBe(counts);
    }
  });

  test("a closed window lets one byte pass, the probe", () => {
    for (const [seq, counts] of [
      [2002, true],
      [2003, false],
    ] as const) {
      const ct = open();
      orig(ct, { flags: ACK, seq: 1001, ack: 5001, data: 1000 });
      reply(ct, { flags: ACK, seq: 5001, ack: 2001, win: 0 });
      expect(renews(ct, { flags: ACK, seq, ack: 5001 })).toBe(counts);
    }
  });

  test("a FIN out of window changes no state", () => {
    const ct = open();
    expect(orig(ct, { flags: FIN | ACK, seq: 9001, ack: 5001 })).toBe(CT_INVALID);
    expect(orig(ct, { flags: ACK, seq: 1001, ack: 5001 })).toBe(CT_ESTABLISHED);
    expect(ct.tcpState(packet.ct)).toBe(3);
  });

  test("window scaling: both sides must ask for it", () => {
    const far = { flags: ACK, seq: 1001 + 60_000, ack: 5001, data: 100 };
    const scaled = open({ options: wscale(7) });
    reply(scaled, { flags: ACK, seq: 5001, ack: 1001, win: 1000 });
    expect(orig(scaled, far)).toBe(CT_ESTABLISHED);
    const oneSided = open({ options: wscale(7), replyOptions: [] });
    reply(oneSided, { flags: ACK, seq: 5001, ack: 1001, win: 1000 });
    expect(orig(oneSided, far)).toBe(CT_INVALID);
  });

  test("a scale above 14 counts as 14", () => {
    const ct = open({ options: wscale(200) });
    reply(ct, { flags: ACK, seq: 5001, ack: 1001, win: 2 });
    expect(orig(ct, { flags: ACK, seq: 1001 + (2 << 14), ack: 5001 })).toBe(CT_ESTABLISHED);
    expect(orig(ct, { flags: ACK, seq: 1001 + (2 << 14) + 40_000, ack: 5001 })).toBe(CT_INVALID);
  });

  test("SACK: the highest block counts where SACK was permitted", () => {
    for (const [options, expected] of [
      [SACK_PERM, CT_INVALID],
      [[], CT_ESTABLISHED_REPLY],
    ] as const) {
      const ct = open({ options: [...options] });
      // The client sent up to 1001; a block that ends above it acknowledges what was never sent.
      expect(reply(ct, { flags: ACK, seq: 5001, ack: 1001, options: sackBlocks(1500, 1600) })).toBe(expected);
    }
  });

  test("malformed options are skipped", () => {
    for (const options of [[3], [5, 0, 0, 0], [5, 200, 0, 0], [1, 1, 1, 4], [0, 3, 3, 7]]) {
      const ct = open({ options });
      expect(orig(ct, { flags: ACK, seq: 1001 + 60_000, ack: 5001 })).toBe(CT_INVALID);
    }
  });

  test("a GSO super-packet is one segment of all its bytes", () => {
    const ct = open({ options: wscale(7) });
    expect(orig(ct, { flags: ACK, seq: 1001, ack: 5001, data: 60_000 })).toBe(CT_ESTABLISHED);
    expect(reply(ct, { flags: ACK, seq: 5001, ack: 61_001 })).toBe(CT_ESTABLISHED_REPLY);
    expect(reply(ct, { flags: ACK, seq: 5001, ack: 61_002 })).toBe(CT_INVALID);
  });

  // kubernetes/kubernetes#74839: the node's table thinks that the server overran the client's window. Its answer is then
  // invalid, goes on untranslated, and the client answers a stranger's segment with a RST.
  test("the story of 74839: invalid without, and passed with tcpBeLiberal", () => {
    const story = (settings: Partial<ConntrackSettings>): number => {
      const ct = open({ settings });
      orig(ct, { flags: ACK, seq: 1001, ack: 5001, data: 100, win: 1000 });
      return reply(ct, { flags: ACK, seq: 5001 + 8000, ack: 1101, data: 1400 });
    };
    expect(story({})).toBe(CT_INVALID);
    expect(story({ tcpBeLiberal: true })).toBe(CT_ESTABLISHED_REPLY);
  });
});

test("a segment shorter than its header is invalid", () => {
  const p = tcp({ flags: SYN });
  p.buf[p.l4 + 12] = 0xf0;
  expect(pass(table(), p, 0)).toBe(CT_INVALID);
  p.buf[p.l4 + 12] = 0x40;
  expect(pass(table(), p, 0)).toBe(CT_INVALID);
});

test("ASSURED needs the ACK of the handshake", () => {
  const ct = table();
  orig(ct, { flags: SYN, seq: 1 });
  reply(ct, { flags: SYN | ACK, seq: 9, ack: 2 });
  expect(ct.status(packet.ct) & IPS_ASSURED).toBe(0);
  orig(ct, { flags: ACK, seq: 2, ack: 10 });
  expect(ct.status(packet.ct) & IPS_ASSURED).not.toBe(0);
});
