import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { PacketBlock } from "../../../src/observe/capture/packetBlock.ts";
import { PcapWriter } from "../../../src/observe/capture/pcapWriter.ts";
import { finishChecksum, SegmentCutter } from "../../../src/observe/capture/segments.ts";
import {
  VNET_GSO_ECN,
  VNET_GSO_NONE,
  VNET_GSO_TCPV4,
  VNET_GSO_TCPV6,
  VNET_GSO_UDP_L4,
} from "../../../src/plane/packet.ts";
import { Dice } from "../plane/dice.ts";
import { ip } from "../plane/packets.ts";
import { build, type Spec, VNET } from "../plane/slowPacket.ts";
import { Gathered, packet } from "./files.ts";
import { Tools } from "./tools.ts";

const OFFSET = 5;
const cutter = new SegmentCutter();

interface Piece {
  bytes: Uint8Array;
  length: number;
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

function cut(whole: Uint8Array, captured: number, gsoType: number, gsoSize: number): Piece[] {
  const pieces: Piece[] = [];
  const b = new Uint8Array(whole.length + 20).fill(0xa5);
  b.set(whole.subarray(0, captured), OFFSET);
  const before = b.slice();
  const count = cutter.cut(b, OFFSET, captured, whole.length, gsoType, gsoSize, (bytes, offset, size, length) => {
    pieces.push({ bytes: bytes.slice(offset, offset + size), length });
  });
  expect(count).toBe(pieces.length);
  expect(b).toEqual(before);
  return pieces;
}

/** The segments of a super-packet, each built as if it had been sent alone. */
function slowSegments(s: Spec, size: number): Uint8Array[] {
  const payload = s.payload ?? new Uint8Array(0);
  const count = Math.max(1, Math.ceil(payload.length / size));
  return Array.from({ length: count }, (_, i) => {
    let flags = s.flags ?? 0;
    if (i < count - 1) flags &= 0xff - 0x01 - 0x08;
    if (i > 0) flags &= 0x7f;
    const part = payload.slice(i * size, (i + 1) * size);
    return packet({
      ...s,
      offload: "none",
      payload: part,
      id: ((s.id ?? 0) + i) % 65536,
      seq: ((s.seq ?? 0) + i * size) | 0,
      flags,
    });
  });
}

const superPacket = fc.record({
  protocol: fc.constantFrom(6, 17),
  length: fc.integer({ min: 0, max: 6000 }),
  size: fc.integer({ min: 100, max: 1500 }),
  flags: fc.integer({ min: 0, max: 255 }),
  seq: fc.integer(),
  id: fc.integer({ min: 65_000, max: 65_535 }),
  options: fc.constantFrom(new Uint8Array(0), Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0)),
  tcpOptions: fc.constantFrom(new Uint8Array(0), Uint8Array.of(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8)),
});

const gsoOf = (protocol: number) => (protocol === 6 ? VNET_GSO_TCPV4 : VNET_GSO_UDP_L4);

describe("SegmentCutter", () => {
  it("gives the segments that the sender would have sent", () => {
    fc.assert(
      fc.property(superPacket, fc.integer(), (o, seed) => {
        const spec: Spec = { ...base(o.protocol, new Dice(seed).bytes(o.length)), ...o, offload: o.size };
        const whole = build(spec).slice(VNET);
        const pieces = cut(whole, whole.length, gsoOf(o.protocol) | (o.flags & VNET_GSO_ECN), o.size);
        expect(pieces.map((p) => p.bytes)).toEqual(slowSegments(spec, o.size));
        for (const p of pieces) expect(p.length).toBe(p.bytes.length);
      }),
      { seed: 71, numRuns: 80 },
    );
  });

  it("of a truncated packet: all headers, the payload that is there, and no checksum where it cannot be known", () => {
    fc.assert(
      fc.property(superPacket, fc.integer({ min: 68, max: 4000 }), fc.integer(), (o, snap, seed) => {
        const spec: Spec = { ...base(o.protocol, new Dice(seed).bytes(o.length)), ...o, offload: o.size };
        const whole = build(spec).slice(VNET);
        const captured = Math.min(snap, whole.length);
        const headers = whole.length - o.length;
        const expected = slowSegments(spec, o.size).map((segment, i) => {
          const known = Math.min(segment.length, Math.max(headers, captured - i * o.size));
          const bytes = segment.slice(0, known);
          if (known < segment.length) bytes.fill(0, fieldOf(bytes), fieldOf(bytes) + 2);
          return { bytes, length: segment.length };
        });
        expect(cut(whole, captured, gsoOf(o.protocol), o.size)).toEqual(expected);
      }),
      { seed: 72, numRuns: 80 },
    );
  });

  it("passes what it cannot cut as it is", () => {
    const whole = packet(base(6, new Uint8Array(3000)));
    const asIs = [{ bytes: whole, length: whole.length }];
    expect(cut(whole, whole.length, VNET_GSO_NONE, 0)).toEqual(asIs);
    expect(cut(whole, whole.length, VNET_GSO_TCPV4, 0)).toEqual(asIs);
    expect(cut(whole, whole.length, VNET_GSO_UDP_L4, 1000)).toEqual(asIs);
    expect(cut(whole, whole.length, VNET_GSO_TCPV6, 1000)).toEqual(asIs);
    for (const captured of [0, 1, 19, 20, 39]) {
      expect(cut(whole, captured, VNET_GSO_TCPV4, 1000)).toEqual([
        { bytes: whole.slice(0, captured), length: whole.length },
      ]);
    }
    const six = Uint8Array.from(whole);
    six[0] = 0x60;
    expect(cut(six, six.length, VNET_GSO_TCPV4, 1000)).toEqual([{ bytes: six, length: six.length }]);
  });

  it("never throws or makes bytes up, whatever it gets", () => {
    const dice = new Dice(73);
    for (let i = 0; i < 1500; i++) {
      const whole = dice.chance(0.5)
        ? packet(base(dice.pick([6, 17]), dice.bytes(dice.int(400))))
        : dice.bytes(dice.int(200));
      for (let n = dice.int(4); n > 0 && whole.length > 0; n--)
        whole[dice.int(Math.min(60, whole.length))] = dice.int(256);
      for (const piece of cut(whole, dice.int(whole.length + 1), dice.int(8), dice.int(300))) {
        expect(piece.bytes.length).toBeLessThanOrEqual(piece.length);
      }
    }
  });
});

describe("finishChecksum()", () => {
  it("completes a partial sum, and says so", () => {
    for (const protocol of [6, 17]) {
      const spec = base(protocol, new Dice(74).bytes(101));
      const partial = build({ ...spec, offload: "partial" }).slice(VNET);
      expect(partial).not.toEqual(packet(spec));
      expect(finishChecksum(partial, 0, partial.length, partial.length)).toBe(true);
      expect(partial).toEqual(packet(spec));
    }
  });

  it("writes 0xffff for a UDP sum of 0", () => {
    const check = packet(base(17, new Uint8Array(20)));
    const payload = new Uint8Array(20);
    payload.set(check.subarray(26, 28), 18);
    const partial = build({ ...base(17, payload), offload: "partial" }).slice(VNET);
    finishChecksum(partial, 0, partial.length, partial.length);
    expect([...partial.subarray(26, 28)]).toEqual([0xff, 0xff]);
  });

  it("is 0 without all of the packet, and leaves alone what it is not for", () => {
    const whole = packet(base(6, new Uint8Array(100)));
    const short = whole.slice(0, 60);
    expect(finishChecksum(short, 0, 60, whole.length)).toBe(true);
    expect([short[36], short[37]]).toEqual([0, 0]);
    const fragment = Uint8Array.from(whole);
    fragment[6] = 0x20;
    for (const b of [whole.slice(0, 37), packet({ ...base(1, new Uint8Array(9)), type: 8 }), fragment]) {
      const before = b.slice();
      expect(finishChecksum(b, 0, b.length, b.length === 37 ? whole.length : b.length)).toBe(false);
      expect(b).toEqual(before);
    }
  });
});

describe("tshark on cut packets", () => {
  const tools = new Tools();
  afterAll(() => tools.remove());

  it("finds checksums right and the stream whole", () => {
    const out = new Gathered();
    const writer = new PcapWriter(out.sink, 262_144);
    const p = new PacketBlock();
    for (const protocol of [6, 17]) {
      const spec: Spec = {
        ...base(protocol, new Uint8Array(40_000).fill(0x61)),
        offload: 1448,
        flags: 0x18,
        dport: 7000,
      };
      const whole = build(spec).slice(VNET);
      cutter.cut(whole, 0, whole.length, whole.length, gsoOf(protocol), 1448, (bytes, offset, captured, length) => {
        writer.packet(Object.assign(p, { bytes, offset, captured, length }));
      });
    }
    writer.flush();
    tools.write("cut.pcap", out.bytes);
    const check = ["-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
    const fields = [
      "ip.checksum.status",
      "tcp.checksum.status",
      "udp.checksum.status",
      "tcp.seq",
      "tcp.flags",
      "tcp.analysis.flags",
    ];
    const text = tools.run(
      "tshark",
      "-n",
      "-r",
      tools.path("cut.pcap"),
      ...check,
      "-T",
      "fields",
      ...fields.flatMap((f) => ["-e", f]),
    );
    const rows = text
      .replace(/\n$/, "")
      .split("\n")
      .map((line) => line.split("\t"));
    const good = "1";
    expect(rows).toEqual(
      Array.from({ length: 56 }, (_, i) => {
        if (i >= 28) return [good, "", good, "", "", ""];
        return [good, good, "", `${1 + i * 1448}`, i === 27 ? "0x0018" : "0x0010", ""];
      }),
    );
  });
});

/** Where the checksum stands in a TCP or UDP packet. */
function fieldOf(b: Uint8Array): number {
  return (b[0] & 15) * 4 + (b[9] === 6 ? 16 : 6);
}
