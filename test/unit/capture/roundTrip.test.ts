import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CapturedPacket } from "../../../src/observe/capture/capturedPacket.ts";
import { readCapture } from "../../../src/observe/capture/captureReader.ts";
import { PcapngWriter } from "../../../src/observe/capture/pcapngWriter.ts";
import { PcapWriter } from "../../../src/observe/capture/pcapWriter.ts";
import { Dice } from "../plane/dice.ts";
import { block, captureError, Gathered, named, packet, SECTION } from "./files.ts";
import { join, SlowPcapng } from "./slowPcapng.ts";

const NAMES = ["pod/default/web-1", "node-1/eth0", "host/outside"];
const SNAP = 200;

/** What a file can hold of a packet: its time is later than the one before, its bytes end at the snap length. */
const packets = fc.array(
  fc.record({
    step: fc.bigInt({ min: 1n, max: 5_000_000_000n }),
    place: fc.integer({ min: 0, max: NAMES.length - 1 }),
    size: fc.integer({ min: 0, max: 1500 }),
    captured: fc.integer({ min: 20, max: SNAP }),
    direction: fc.constantFrom("in" as const, "out" as const, null),
    comment: fc.option(
      fc.string({ unit: "grapheme", maxLength: 60 }).filter((text) => !text.includes("\0")),
      { nil: null },
    ),
    packetId: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { nil: null }),
    dropped: fc.boolean(),
  }),
  { maxLength: 30 },
);

function made(list: typeof packets extends fc.Arbitrary<infer T> ? T : never, begin: bigint): CapturedPacket[] {
  let time = begin;
  return list.map(({ step, place, size, captured, ...rest }) => {
    time += step;
    const whole = packet({ protocol: 17, src: 1, dst: 2, payload: new Uint8Array(size) });
    return { ...rest, time, interface: NAMES[place], bytes: whole.slice(0, captured), length: whole.length };
  });
}

describe("what is written is read again", () => {
  it("pcapng", () => {
    fc.assert(
      fc.property(packets, fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n }), (list, begin) => {
        const out = new Gathered();
        const writer = new PcapngWriter(out.sink, SECTION, SNAP);
        const expected = made(list, begin);
        for (const name of NAMES) writer.addInterface(named(name));
        for (const p of expected) writer.packet(block(p, NAMES.indexOf(p.interface ?? "")));
        writer.flush();
        const capture = readCapture(out.bytes);
        expect(capture).toMatchObject({ damage: null, notes: [], total: list.length });
        expect(capture.packets).toEqual(expected.map((p, i) => ({ ...p, number: i + 1 })));
        expect(writer.written).toBe(out.bytes.length);
      }),
      { seed: 61, numRuns: 100 },
    );
  });

  it("pcap", () => {
    fc.assert(
      fc.property(packets, (list) => {
        const out = new Gathered();
        const writer = new PcapWriter(out.sink, SNAP);
        const expected = made(list, 1_700_000_000_000_000_000n);
        for (const p of expected) writer.packet(block(p, 0));
        writer.flush();
        const read = readCapture(out.bytes).packets;
        expect(read.map((p) => [p.time, p.bytes, p.length])).toEqual(expected.map((p) => [p.time, p.bytes, p.length]));
      }),
      { seed: 62, numRuns: 100 },
    );
  });
});

/** Every kind of block and frame, in one file of each format. */
function goodFiles(): Uint8Array[] {
  const ip = packet({ protocol: 6, src: 1, dst: 2, payload: new Uint8Array(20) });
  const files: Uint8Array[] = [];
  for (const little of [true, false]) {
    const s = new SlowPcapng(little);
    const head = join(
      s.section([[1, Uint8Array.of(65)]]),
      s.interface(1, 100, [
        [9, Uint8Array.of(9)],
        [14, s.u64(3n)],
      ]),
    );
    const others = [0, 9, 12, 113, 204, 276].map((linkType) => s.interface(linkType, 0, [[4, new Uint8Array(8)]]));
    const ethernet = join(
      new Uint8Array(12),
      Uint8Array.of(0x81, 0, 0, 1, 0x88, 0x64, 0x11, 0, 0, 1, 0, 70, 0, 0x21),
      ip,
    );
    const options = [
      [1, Uint8Array.of(66, 67)],
      [2, s.u32(1)],
      [5, s.u64(9n)],
      [7, new Uint8Array(9)],
    ] as const;
    files.push(
      join(
        head,
        ...others,
        s.block(4, s.options([[1, Uint8Array.of(1, 2, 3, 4, 65, 0)]])),
        s.enhanced(0, 7n, ethernet, 100, options),
        s.enhanced(1, 8n, join(s.u32(2), ip), 100, options),
        s.enhanced(2, 8n, join(Uint8Array.of(0xff, 3, 0, 0x21), ip), 100),
        s.enhanced(4, 8n, join(new Uint8Array(14), Uint8Array.of(8, 0), ip), 100),
        s.enhanced(6, 8n, join(Uint8Array.of(8, 0), new Uint8Array(18), ip), 100),
        s.obsolete(0, 0, 9n, ethernet, options),
        s.simple(ethernet, 90),
        s.block(5, s.u32(0, 0, 0), s.options([[5, s.u64(1n)]])),
      ),
    );
  }
  const out = new Gathered();
  const writer = new PcapWriter(out.sink, 100);
  for (let i = 0; i < 6; i++)
    writer.packet(block({ ...made([], 0n)[0], ...PLAIN, bytes: ip, length: 60, time: BigInt(i) }, 0));
  writer.flush();
  return [...files, out.bytes];
}

const PLAIN = { interface: null, direction: null, comment: null, packetId: null, dropped: false };

describe("damaged files", () => {
  it("never give anything but packets, notes, damage or a CaptureError, and end soon", () => {
    const dice = new Dice(63);
    const good = goodFiles();
    for (const file of good) expect(readCapture(file)).toMatchObject({ damage: null });
    const begin = performance.now();
    let refused = 0;
    let damaged = 0;
    for (let i = 0; i < 8_000; i++) {
      const file = dice.pick(good);
      const b = dice.chance(0.3) ? file.slice(0, dice.int(file.length)) : file.slice();
      for (let n = dice.int(6); n > 0 && b.length > 0; n--) {
        const at = dice.int(b.length);
        // Lengths and types are what hurts: extreme bytes more often than any.
        b[at] = dice.chance(0.5) ? dice.pick([0, 1, 4, 0x7f, 0x80, 0xff]) : dice.int(256);
      }
      const error = captureError(() => {
        const capture = readCapture(b);
        if (capture.damage !== null) {
          damaged++;
          expect(capture.damage.offset).toBeLessThanOrEqual(b.length);
        }
        expect(capture.total).toBeLessThan(20);
        for (const p of capture.packets) {
          expect(p.length >= p.bytes.length && p.time >= 0n && p.bytes.buffer === b.buffer).toBe(true);
        }
      });
      if (error !== null) refused++;
    }
    expect(refused).toBeGreaterThan(100);
    expect(damaged).toBeGreaterThan(400);
    expect(performance.now() - begin).toBeLessThan(20_000);
  });
});
