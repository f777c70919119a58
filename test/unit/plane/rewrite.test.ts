import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import { writeBack } from "../../../src/plane/nat/rewrite.ts";
import { FRAG_ANY, PARSE_OK, Packet, PROTO_ICMP } from "../../../src/plane/packet.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import { ip } from "./packets.ts";
import { build, cutOut, read16, type Spec, sum, VNET } from "./slowPacket.ts";

/**
 * writeBack() corrects checksums for what changed; its twin builds the translated packet from nothing. Both must give
 * the same bytes, to the last bit.
 */

interface Change {
  src: number;
  dst: number;
  sport: number;
  dport: number;
  ttl: number;
}

const AT = 128;
const WITH_PORTS = [1, 6, 17, 132];

/** As toEqual, and fast where nothing differs. */
function same(bytes: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(bytes, expected) !== 0) expect(bytes).toEqual(expected);
}

/** The packet after the plane's translation. What lies around it must stay as it was. */
function translated(bytes: Uint8Array, to: Change): Uint8Array {
  const arena = new Uint8Array(AT + bytes.length + 64).fill(0xa5);
  arena.set(bytes, AT - VNET);
  const p = new Packet(arena);
  expect(parsePacket(p, AT, bytes.length - VNET)).toBe(PARSE_OK);
  p.src = to.src;
  p.dst = to.dst;
  p.ttl = to.ttl;
  // As conntrack leaves it: protocols without ports and fragments have 0, an ICMP query its type for a port.
  if ((p.frag & FRAG_ANY) === 0 && WITH_PORTS.includes(p.protocol)) {
    p.sport = to.sport;
    if (p.protocol !== PROTO_ICMP) p.dport = to.dport;
  }
  writeBack(p);
  const end = AT + bytes.length - VNET;
  expect(arena.subarray(0, AT - VNET).every((x) => x === 0xa5)).toBe(true);
  expect(arena.subarray(end).every((x) => x === 0xa5)).toBe(true);
  return arena.slice(AT - VNET, end);
}

const address = fc.oneof(
  fc.integer({ min: 0, max: 65535 }).map((n) => ip("172.20.0.0") + n),
  fc.integer({ min: 0, max: 65535 }).map((n) => ip("192.168.0.0") + n),
  fc.integer({ min: 0, max: 0xffffff }).map((n) => ip("10.0.0.0") + n),
  fc.constantFrom(ip("127.255.255.255"), ip("128.0.0.0"), ip("0.0.0.1"), ip("223.255.255.255"), ip("1.0.0.0")),
);
const port = fc.oneof(fc.integer({ min: 0, max: 65535 }), fc.constantFrom(0, 1, 255, 256, 0x8000, 0xffff));
const change: fc.Arbitrary<Change> = fc.record({
  src: address,
  dst: address,
  sport: port,
  dport: port,
  ttl: fc.integer({ min: 0, max: 255 }),
});
const options = fc.constantFrom(
  new Uint8Array(0),
  Uint8Array.of(1, 1, 1, 0),
  Uint8Array.of(0x94, 4, 0, 0),
  Uint8Array.of(7, 39, 4, ...new Array(36).fill(0), 0),
);
const common = {
  src: address,
  dst: address,
  sport: port,
  dport: port,
  ttl: fc.integer({ min: 1, max: 255 }),
  tos: fc.integer({ min: 0, max: 255 }),
  id: fc.integer({ min: 0, max: 65535 }),
  df: fc.boolean(),
  options,
};
const payload = fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ minLength: 600, maxLength: 1500 }));
const offload: fc.Arbitrary<"none" | "partial" | number> = fc.constantFrom<("none" | "partial" | number)[]>(
  "none",
  "partial",
  100,
  1448,
);
const tcp: fc.Arbitrary<Spec> = fc.record({
  ...common,
  protocol: fc.constant(6),
  payload,
  offload,
  seq: fc.integer(),
  ack: fc.integer(),
  flags: fc.integer({ min: 0, max: 255 }),
  tcpOptions: fc.constantFrom(new Uint8Array(0), Uint8Array.of(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8)),
});
const udp: fc.Arbitrary<Spec> = fc
  .record({ ...common, protocol: fc.constant(17), payload, offload, unsummed: fc.boolean() })
  .map((s) => ({ ...s, unsummed: s.unsummed && s.offload === "none" }));
const sctp: fc.Arbitrary<Spec> = fc.record({ ...common, protocol: fc.constant(132), payload });
const icmp: fc.Arbitrary<Spec> = fc.record({
  ...common,
  protocol: fc.constant(1),
  payload,
  type: fc.constantFrom(0, 8, 13, 14, 15, 16, 17, 18),
});
const other: fc.Arbitrary<Spec> = fc.record({ ...common, protocol: fc.constantFrom(47, 50, 2), payload });

/** The spec with the translation in it, as far as the protocol has what is translated. */
function apply(s: Spec, to: Change, ports: boolean): Spec {
  return { ...s, src: to.src, dst: to.dst, ttl: to.ttl, ...(ports ? { sport: to.sport, dport: to.dport } : {}) };
}

describe("a translated packet is the packet that its new addresses, ports and TTL would have given", () => {
  const whole = (spec: fc.Arbitrary<Spec>, seed: number): void => {
    fc.assert(
      fc.property(spec, change, (s, to) => {
        const bytes = build(s);
        expect(packetProblem(bytes)).toBeNull();
        const now = translated(bytes, to);
        expect(packetProblem(now)).toBeNull();
        same(now, build(apply(s, to, true)));
      }),
      { seed, numRuns: 1500 },
    );
  };
  it("TCP, complete, NEEDS_CSUM and GSO", () => whole(tcp, 11));
  it("UDP, complete, NEEDS_CSUM, GSO and without a checksum", () => whole(udp, 12));
  it("SCTP", () => whole(sctp, 13));
  it("ICMP queries", () => whole(icmp, 14));
  it("protocols without ports", () => whole(other, 15));

  it("UDP whose checksum comes out as 0, or was 0xffff for it, has 0xffff", () => {
    fc.assert(
      fc.property(udp, change, fc.boolean(), (s, to, before) => {
        const zero: Spec = { ...s, sport: 7, offload: "none", unsummed: false, payload: Uint8Array.of(0, 0) };
        // The last word is chosen so that the sum over one of the two packets is 0xffff.
        const aim = before ? zero : apply(zero, to, true);
        const check = read16(build(aim), VNET + 20 + (s.options?.length ?? 0) + 6);
        const spec = { ...zero, payload: Uint8Array.of(check >> 8, check & 255) };
        const bytes = build(spec);
        const expected = build(apply(spec, to, true));
        const summed = before ? bytes : expected;
        expect(read16(summed, VNET + 20 + (s.options?.length ?? 0) + 6)).toBe(0xffff);
        same(translated(bytes, to), expected);
        expect(packetProblem(expected)).toBeNull();
      }),
      { seed: 16, numRuns: 1500 },
    );
  });

  it("first fragments change their addresses and the checksum that covers them, later ones their addresses alone", () => {
    const spec = fc.oneof(tcp, udp, sctp, icmp, other).map((s) => ({ ...s, offload: "none" as const, df: false }));
    fc.assert(
      fc.property(spec, change, fc.integer({ min: 4, max: 12 }), (s, to, eighths) => {
        const long = { ...s, payload: new Uint8Array(200).fill(s.id ?? 0) };
        const before = build(long);
        const after = build(apply(long, to, false));
        const size = 8 * eighths;
        const end = before.length - VNET - 20 - (s.options?.length ?? 0);
        same(translated(cutOut(before, 0, size), to), cutOut(after, 0, size));
        // The last fragments' bytes are payload, which no translation touches.
        same(translated(cutOut(before, 120, end), to), cutOut(after, 120, end));
        same(translated(cutOut(before, 120, 160), to), cutOut(after, 120, 160));
      }),
      { seed: 17, numRuns: 1000 },
    );
  });

  it("nothing changed: not a bit changes, a UDP checksum of 0 included", () => {
    fc.assert(
      fc.property(fc.oneof(tcp, udp, sctp, icmp, other), (s) => {
        const bytes = build(s);
        const { src, dst, sport = 0, dport = 0, ttl = 0 } = s;
        same(translated(bytes, { src, dst, sport, dport, ttl }), bytes);
      }),
      { seed: 18, numRuns: 500 },
    );
  });

  it("the twin knows a right checksum when it sees one (RFC 1071, section 3)", () => {
    expect(sum(Uint8Array.of(0, 1, 0xf2, 3, 0xf4, 0xf5, 0xf6, 0xf7), 0, 8)).toBe(0xddf2);
  });
});
