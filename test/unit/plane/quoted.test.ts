import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import { quotedDport, quotedDst, quotedSport, quotedSrc } from "../../../src/plane/nat/quoted.ts";
import { rewriteQuoted } from "../../../src/plane/nat/rewrite.ts";
import { PARSE_OK, Packet } from "../../../src/plane/packet.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import { ip } from "./packets.ts";
import { build, cutOut, read16, type Spec, VNET } from "./slowPacket.ts";

/**
 * rewriteQuoted() against its twin: the error about the translated packet, built from nothing. An ICMP error quotes a
 * packet from its IP header on and may be cut anywhere behind the first 8 bytes of its layer 4 header.
 */

const AT = 128;
const CANARY = 0xa5;
const TCP_CHECKSUM = 16;

/** An ICMP error that quotes the first `cut` bytes of a packet. */
function error(inner: Uint8Array, cut: number): Uint8Array {
  return build({
    protocol: 1,
    src: ip("10.0.2.32"),
    dst: ip("10.0.1.32"),
    type: 3,
    code: 1,
    payload: inner.slice(VNET, VNET + cut),
  });
}

interface Ends {
  src: number;
  dst: number;
  sport: number;
  dport: number;
}

function rewritten(bytes: Uint8Array, to: Ends): { done: boolean; bytes: Uint8Array } {
  const arena = new Uint8Array(AT + bytes.length + 64).fill(CANARY);
  arena.set(bytes, AT - VNET);
  const p = new Packet(arena);
  expect(parsePacket(p, AT, bytes.length - VNET)).toBe(PARSE_OK);
  expect(p.icmpError).toBe(1);
  const done = rewriteQuoted(p, to.src, to.dst, to.sport, to.dport);
  const end = AT + bytes.length - VNET;
  expect(arena.subarray(0, AT - VNET).every((x) => x === CANARY)).toBe(true);
  expect(arena.subarray(end).every((x) => x === CANARY)).toBe(true);
  return { done, bytes: arena.slice(AT - VNET, end) };
}

const address = fc
  .integer({ min: 0, max: 65_535 })
  .chain((n) => fc.constantFrom(ip("172.20.0.0") + n, ip("192.168.0.0") + n, ip("10.0.0.0") + n));
const port = fc.integer({ min: 0, max: 65_535 });
const ends: fc.Arbitrary<Ends> = fc.record({ src: address, dst: address, sport: port, dport: port });
const inner: fc.Arbitrary<Spec> = fc.record({
  protocol: fc.constantFrom(6, 17, 1),
  src: address,
  dst: address,
  sport: port,
  dport: port,
  ttl: fc.integer({ min: 0, max: 255 }),
  id: port,
  options: fc.constantFrom(new Uint8Array(0), Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0)),
  payload: fc.uint8Array({ minLength: 10, maxLength: 40 }),
  unsummed: fc.boolean(),
});

describe("the packet that an ICMP error quotes", () => {
  it("is translated as if the error had been about the translated packet, wherever it is cut", () => {
    fc.assert(
      fc.property(inner, ends, (s, to) => {
        const before = build(s);
        const after = build({ ...s, ...to });
        const ihl = 20 + (s.options?.length ?? 0);
        for (let cut = ihl + 8; cut <= before.length - VNET; cut++) {
          const { done, bytes } = rewritten(error(before, cut), to);
          expect(done).toBe(true);
          expect(packetProblem(bytes)).toBeNull();
          const expected = after.slice();
          // Half a checksum cannot be corrected, and stays.
          const check = VNET + ihl + TCP_CHECKSUM;
          if (s.protocol === 6 && cut === ihl + TCP_CHECKSUM + 1) expected[check] = before[check];
          expect(bytes).toEqual(error(expected, cut));
        }
      }),
      { seed: 21, numRuns: 150 },
    );
  });

  it("of SCTP changes its ports alone: what its checksum covers is not there to be summed", () => {
    fc.assert(
      fc.property(inner, ends, (s, to) => {
        const before = build({ ...s, protocol: 132 });
        for (let cut = 20 + (s.options?.length ?? 0) + 8; cut <= before.length - VNET; cut++) {
          const { done, bytes } = rewritten(error(before, cut), to);
          expect(done).toBe(true);
          expect(packetProblem(bytes)).toBeNull();
          const expected = build({ ...s, ...to, protocol: 132 });
          const check = VNET + 20 + (s.options?.length ?? 0) + 8;
          expected.set(before.subarray(check, check + 4), check);
          expect(bytes).toEqual(error(expected, cut));
        }
      }),
      { seed: 22, numRuns: 60 },
    );
  });

  it("is left alone, and said to be no packet, when less than 8 bytes of layer 4 are there", () => {
    fc.assert(
      fc.property(inner, ends, (s, to) => {
        const before = build(s);
        const least = 20 + (s.options?.length ?? 0) + 8;
        for (let cut = 0; cut < least; cut++) {
          const whole = error(before, cut);
          const { done, bytes } = rewritten(whole, to);
          expect(done).toBe(false);
          expect(bytes).toEqual(whole);
        }
      }),
      { seed: 23, numRuns: 40 },
    );
  });

  it("that is no IPv4 packet is left alone", () => {
    const before = build({ protocol: 17, src: 1, dst: 2, sport: 3, dport: 4, payload: new Uint8Array(60) });
    for (const first of [0x65, 0x40, 0x44, 0x35]) {
      const bad = before.slice();
      bad[VNET] = first;
      const whole = error(bad, 60);
      const { done, bytes } = rewritten(whole, { src: 5, dst: 6, sport: 7, dport: 8 });
      expect(done).toBe(false);
      expect(bytes).toEqual(whole);
    }
  });

  it("that is a later fragment gets new addresses and keeps its bytes", () => {
    const s: Spec = {
      protocol: 17,
      src: ip("10.0.0.1"),
      dst: ip("10.0.0.2"),
      sport: 3,
      dport: 4,
      payload: new Uint8Array(92).fill(9),
    };
    const to: Ends = { src: ip("192.168.9.9"), dst: ip("172.20.1.1"), sport: 7, dport: 8 };
    const { bytes } = rewritten(error(cutOut(build(s), 40, 80), 60), to);
    const moved = cutOut(build({ ...s, src: to.src, dst: to.dst }), 40, 80);
    expect(bytes).toEqual(error(moved, 60));
  });

  it("is read as far as it reaches, and as 0 behind its end", () => {
    fc.assert(
      fc.property(inner, (s) => {
        const before = build(s);
        const ihl = 20 + (s.options?.length ?? 0);
        for (let cut = 20; cut <= before.length - VNET; cut++) {
          const bytes = error(before, cut);
          const arena = new Uint8Array(AT + bytes.length + 8).fill(CANARY);
          arena.set(bytes, AT - VNET);
          const p = new Packet(arena);
          parsePacket(p, AT, bytes.length - VNET);
          const sportEnd = ihl + (s.protocol === 1 ? 6 : 2);
          expect(quotedSrc(p)).toBe(s.src);
          expect(quotedDst(p)).toBe(s.dst);
          expect(quotedSport(p)).toBe(cut >= sportEnd ? s.sport : 0);
          expect(quotedDport(p)).toBe(cut >= ihl + 4 ? read16(before, VNET + ihl + 2) : 0);
        }
      }),
      { seed: 24, numRuns: 60 },
    );
  });
});
