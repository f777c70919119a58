import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import { fragment, type PieceSink, pieceBytes, segment, sizeOnWire } from "../../../src/plane/fragment.ts";
import { PARSE_OK, Packet } from "../../../src/plane/packet.ts";
import { HEADROOM } from "../../../src/plane/vector.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import { Bench, DEV, type Sent } from "./bench.ts";
import { Dice } from "./dice.ts";
import { ip } from "./packets.ts";
import { build, cutOut, read16, type Spec, VNET } from "./slowPacket.ts";

const AT = 128;
const ROOM = 1 << 20;

/** A packet in an arena of its own, and a sink that keeps copies of its pieces. */
class Cutter implements PieceSink {
  readonly arena = new Uint8Array(AT + 65_536 + ROOM).fill(0xa5);
  readonly p = new Packet(this.arena);
  readonly pieces: Uint8Array[] = [];
  #next = AT + 65_536;
  #left: number;

  constructor(bytes: Uint8Array, left = 10_000) {
    this.#left = left;
    this.arena.set(bytes, AT - VNET);
    expect(parsePacket(this.p, AT, bytes.length - VNET)).toBe(PARSE_OK);
  }

  allocate(length: number): number {
    if (this.#left-- === 0) return -1;
    const at = this.#next + HEADROOM;
    this.#next += pieceBytes(length);
    return at;
  }

  piece(offset: number, length: number): void {
    expect(this.arena.subarray(offset + length, this.#next).every((x) => x === 0xa5)).toBe(true);
    this.pieces.push(this.arena.slice(offset - VNET, offset + length));
  }
}

const base = (protocol: number, payload: Uint8Array): Spec => ({
  protocol,
  src: ip("192.168.1.2"),
  dst: ip("172.20.3.4"),
  sport: 4000,
  dport: 80,
  id: 0xfffe,
  payload,
  seq: 0x7fff_ff00,
});

/** The segments of a super-packet, each built as if it had been sent alone. */
function slowSegments(s: Spec, size: number): Uint8Array[] {
  const payload = s.payload ?? new Uint8Array(0);
  const count = Math.max(1, Math.ceil(payload.length / size));
  return Array.from({ length: count }, (_, i) => {
    let flags = s.flags ?? 0;
    if (i < count - 1) flags &= 0xff - 0x01 - 0x08;
    if (i > 0) flags &= 0x7f;
    return build({
      ...s,
      offload: "none",
      payload: payload.slice(i * size, (i + 1) * size),
      id: ((s.id ?? 0) + i) % 65536,
      seq: ((s.seq ?? 0) + i * size) | 0,
      flags,
    });
  });
}

const options = fc.constantFrom(new Uint8Array(0), Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0), Uint8Array.of(0x94, 4, 0, 0));

describe("segment()", () => {
  it("gives the segments that the sender would have sent: numbers, flags, identifiers, lengths, checksums", () => {
    const superPacket = fc.record({
      protocol: fc.constantFrom(6, 17),
      length: fc.integer({ min: 0, max: 6000 }),
      size: fc.integer({ min: 1, max: 1500 }),
      flags: fc.integer({ min: 0, max: 255 }),
      seq: fc.integer(),
      id: fc.integer({ min: 65_000, max: 65_535 }),
      df: fc.boolean(),
      options,
      tcpOptions: fc.constantFrom(new Uint8Array(0), Uint8Array.of(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8)),
    });
    fc.assert(
      fc.property(superPacket, fc.integer(), (o, seed) => {
        const size = Math.max(o.size, Math.ceil(o.length / 60));
        const spec: Spec = { ...base(o.protocol, new Dice(seed).bytes(o.length)), ...o, offload: size };
        const cutter = new Cutter(build(spec));
        expect(segment(cutter.p, cutter)).toBe(cutter.pieces.length);
        expect(cutter.pieces).toEqual(slowSegments(spec, size));
        for (const piece of cutter.pieces) expect(packetProblem(piece)).toBeNull();
      }),
      { seed: 51, numRuns: 400 },
    );
  });

  it("cuts at the boundaries of the segment size", () => {
    for (const [length, count] of [
      [1447, 1],
      [1448, 1],
      [1449, 2],
      [2896, 2],
      [2897, 3],
    ]) {
      const c = new Cutter(build({ ...base(6, new Uint8Array(length)), offload: 1448 }));
      expect(segment(c.p, c)).toBe(count);
    }
  });

  it("says 0 when the space does not suffice", () => {
    const c = new Cutter(build({ ...base(6, new Uint8Array(5000)), offload: 1448 }), 2);
    expect(segment(c.p, c)).toBe(0);
  });

  it("a UDP segment whose checksum comes out as 0 has 0xffff", () => {
    const size = 20;
    const spec = { ...base(17, new Uint8Array(60)), offload: size };
    // The first segment's last word makes its sum 0xffff.
    const check = read16(slowSegments(spec, size)[0], VNET + 26);
    const payload = new Uint8Array(60);
    payload.set([check >> 8, check & 255], 18);
    const c = new Cutter(build({ ...spec, payload }));
    segment(c.p, c);
    expect(read16(c.pieces[0], VNET + 26)).toBe(0xffff);
    expect(c.pieces).toEqual(slowSegments({ ...spec, payload }, size));
  });
});

/** Options of type 7 (record route) are the first fragment's alone; 0x94 (router alert) is copied. */
function slowFragments(whole: Uint8Array, mtu: number, df: boolean): Uint8Array[] {
  const ihl = (whole[VNET] & 15) * 4;
  const end = whole.length - VNET - ihl;
  const step = Math.floor((mtu - ihl) / 8) * 8;
  const given = whole.slice(VNET + 20, VNET + ihl);
  const later = given[0] === 7 ? Uint8Array.from(given, (x, i) => (i < given[1] ? 1 : x)) : given;
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < end; at += step) pieces.push(cutOut(whole, at, Math.min(end, at + step), later, df));
  return pieces;
}

describe("fragment()", () => {
  it("gives pieces of at most the MTU in multiples of 8, each with its offset, MF and options", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(6, 17, 1, 132, 47),
        fc.integer({ min: 1, max: 6000 }),
        fc.integer({ min: 68, max: 1500 }),
        options,
        fc.boolean(),
        fc.boolean(),
        (protocol, length, mtu, opts, df, partial) => {
          const spec: Spec = { ...base(protocol, new Dice(length).bytes(length)), options: opts };
          const complete = build(spec);
          const offload = partial && (protocol === 6 || protocol === 17) ? ("partial" as const) : ("none" as const);
          const c = new Cutter(build({ ...spec, offload }));
          expect(fragment(c.p, mtu, df, c)).toBe(c.pieces.length);
          for (const piece of c.pieces) expect(piece.length - VNET).toBeLessThanOrEqual(mtu);
          expect(c.pieces).toEqual(slowFragments(complete, mtu, df));
        },
      ),
      { seed: 52, numRuns: 400 },
    );
  });

  it("cuts a fragment further: offsets go on from its own, and MF stays", () => {
    const whole = build(base(17, new Dice(1).bytes(2992)));
    const middle = new Cutter(cutOut(whole, 1000, 2000));
    fragment(middle.p, 420, false, middle);
    expect(middle.pieces).toEqual([cutOut(whole, 1000, 1400), cutOut(whole, 1400, 1800), cutOut(whole, 1800, 2000)]);
    const last = new Cutter(cutOut(whole, 2000, 3000));
    fragment(last.p, 820, false, last);
    expect(last.pieces).toEqual([cutOut(whole, 2000, 2800), cutOut(whole, 2800, 3000)]);
  });

  it("says 0 when the space does not suffice, and when the MTU leaves no room for 8 bytes", () => {
    const bytes = build(base(17, new Uint8Array(3000)));
    const c = new Cutter(bytes, 1);
    expect(fragment(c.p, 1500, false, c)).toBe(0);
    const tiny = new Cutter(bytes);
    expect(fragment(tiny.p, 27, false, tiny)).toBe(0);
    expect(tiny.pieces).toEqual([]);
  });
});

describe("what is compared with an MTU", () => {
  it("is the size of one segment of a super-packet, and never more than the packet", () => {
    const c = new Cutter(
      build({ ...base(6, new Uint8Array(64_000)), offload: 1448, tcpOptions: new Uint8Array(12).fill(1) }),
    );
    expect(sizeOnWire(c.p)).toBe(1500);
    expect(sizeOnWire(new Cutter(build({ ...base(6, new Uint8Array(100)), offload: 1448 })).p)).toBe(140);
    expect(sizeOnWire(new Cutter(build(base(17, new Uint8Array(100)))).p)).toBe(128);
  });
});

describe("a packet over the MTU", () => {
  const sent = (b: Bench, s: Partial<Spec>): Sent[] => {
    const spec = { ...base(17, new Uint8Array(0)), src: ip("10.0.1.32"), dst: ip("10.0.2.32"), flags: 0x02, ...s };
    const out = b.send(DEV.client, build(spec));
    expect(b.imbalance()).toBe(0);
    for (const o of out) expect(packetProblem(o.bytes)).toBeNull();
    return out;
  };
  const tcpOptions = new Uint8Array(12).fill(1);

  it("is none when its segments fit: 64 KB of MSS 1448 pass an MTU of 1500 uncut", () => {
    const b = new Bench({ podMtu: 1500, eniMtu: 1500 });
    const spec = { protocol: 6, tcpOptions, payload: new Uint8Array(65_000), offload: 1448, df: true };
    const [out, ...more] = sent(b, spec);
    expect(more).toEqual([]);
    expect(out.bytes.length).toBe(VNET + 20 + 32 + 65_000);
    expect(out.bytes[1]).toBe(1);
    expect(sent(new Bench({ podMtu: 1500, eniMtu: 1500 }), { ...spec, offload: 1449 })[0].device).toBe("client");
  });

  it("with DF is answered once, with the MTU of the way out", () => {
    for (const s of [
      { protocol: 6, offload: 1461 },
      { protocol: 17, offload: 1473 },
      { protocol: 17, offload: "none" as const },
    ]) {
      const b = new Bench({ podMtu: 9001, eniMtu: 1500 });
      const out = sent(b, { ...s, payload: new Uint8Array(6000), df: true });
      expect(out).toHaveLength(1);
      expect(out[0].device).toBe("client");
      expect(read16(out[0].bytes, VNET + 20)).toBe(0x0304);
      expect(read16(out[0].bytes, VNET + 26)).toBe(1500);
      expect(b.reason).toBe("FRAGMENTATION_NEEDED");
    }
  });

  it("is exactly what is larger than it", () => {
    for (const [payload, count] of [
      [1472, 1],
      [1473, 2],
      [2952, 2],
      [2953, 3],
    ]) {
      const b = new Bench({ podMtu: 9001, eniMtu: 1500 });
      // The second node joins the pieces, and its pod's way cuts them again, no larger than they came.
      const out = sent(b, { payload: new Uint8Array(payload) });
      expect(out).toHaveLength(count);
      for (const o of out) expect(o.bytes.length - VNET).toBeLessThanOrEqual(1500);
      expect(
        sent(new Bench({ podMtu: 9001, eniMtu: 1500 }), { payload: new Uint8Array(payload), df: true })[0].device,
      ).toBe(count === 1 ? "api0" : "client");
    }
  });

  it("without DF is segmented first and each segment then fragmented", () => {
    const payload = new Dice(9).bytes(5000);
    const spec: Spec = { ...base(17, payload), src: ip("10.0.1.32"), dst: ip("10.0.1.48"), offload: 2000, id: 7 };
    const b = new Bench({ podMtu: 1500 });
    const out = b.send(DEV.client, build(spec)).map((o) => o.bytes);
    const expected = slowSegments({ ...spec, ttl: 63 }, 2000).flatMap((s) =>
      s.length - VNET > 1500 ? slowFragments(s, 1500, false) : [s],
    );
    expect(expected).toHaveLength(5);
    expect(out).toEqual(expected);
    expect(b.imbalance()).toBe(0);
  });

  it("gets its checksum before it is cut", () => {
    const payload = new Dice(10).bytes(3000);
    const spec: Spec = { ...base(17, payload), src: ip("10.0.1.32"), dst: ip("10.0.1.48") };
    const b = new Bench({ podMtu: 1500 });
    const out = b.send(DEV.client, build({ ...spec, offload: "partial" })).map((o) => o.bytes);
    expect(out).toEqual(slowFragments(build({ ...spec, ttl: 63 }), 1500, false));
  });
});
