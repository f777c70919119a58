import { afterAll, describe, expect, it } from "vitest";
import { readCapture } from "../../../src/observe/capture/captureReader.ts";
import { ip } from "../plane/packets.ts";
import { captureError, packet } from "./files.ts";
import { join, SlowPcapng, text } from "./slowPcapng.ts";
import { Tools } from "./tools.ts";

const PACKET = packet({
  protocol: 17,
  src: ip("10.0.0.1"),
  dst: ip("10.0.0.2"),
  sport: 1,
  dport: 2,
  payload: new Uint8Array(5),
});
const LENGTH = PACKET.length;

const tools = new Tools();
afterAll(() => tools.remove());

/** Times of a file as tshark has them. Resolutions finer than a nanosecond are cut off there too. */
function tsharkTimes(bytes: Uint8Array): bigint[] {
  tools.write("times.pcapng", bytes);
  return tools.fields("times.pcapng", "frame.time_epoch").map(([t]) => BigInt(t.replace(".", "")));
}

describe.each([true, false])("readCapture() of pcapng, little endian: %s", (little) => {
  const s = new SlowPcapng(little);

  it("reads every option of an enhanced packet block", () => {
    const file = join(
      s.section([[1, text("comment")]]),
      s.interface(101, 96, [
        [2, text("pod/default/web-1")],
        [3, text("the pod")],
        [4, Uint8Array.of(10, 0, 0, 1, 255, 255, 0, 0)],
        [4, Uint8Array.of(10, 0, 0, 2, 255, 255, 255, 255)],
        [9, Uint8Array.of(9)],
      ]),
      s.enhanced(0, 1_700_000_000_123_456_789n, PACKET, 1500, [
        [1, text("why → here")],
        [2, s.u32(0x0000_0102)],
        [4, s.u64(12n)],
        [5, s.u64(77n)],
        [7, join(Uint8Array.of(1), s.u64(2n))],
        [1, text("twice\0")],
      ]),
    );
    const capture = readCapture(file);
    expect(capture.interfaces).toMatchObject([
      {
        name: "pod/default/web-1",
        description: "the pod",
        linkType: 101,
        snapLength: 96,
        lost: 12,
        addresses: [
          { address: ip("10.0.0.1"), mask: ip("255.255.0.0") },
          { address: ip("10.0.0.2"), mask: -1 },
        ],
      },
    ]);
    expect(capture.packets).toEqual([
      {
        number: 1,
        time: 1_700_000_000_123_456_789n,
        interface: "pod/default/web-1",
        bytes: PACKET,
        length: LENGTH,
        direction: "out",
        comment: "why → here\ntwice",
        packetId: 77,
        dropped: true,
      },
    ]);
  });

  it("reads verdicts: only those that drop", () => {
    const verdicts: [number, bigint, boolean][] = [
      [0, 2n, false],
      [1, 0n, false],
      [1, 2n, true],
      [2, 0n, true],
      [2, 1n, true],
      [2, 2n, false],
      [3, 2n, false],
    ];
    const packets = verdicts.map(([who, what]) =>
      s.enhanced(0, 0n, PACKET, LENGTH, [[7, join(Uint8Array.of(who), s.u64(what))]]),
    );
    const capture = readCapture(join(s.section(), s.interface(101, 0), ...packets));
    expect(capture.packets.map((p) => p.dropped)).toEqual(verdicts.map(([, , dropped]) => dropped));
  });

  it("reads times in any resolution, with an offset", () => {
    const clocks: [resolution: number | null, offset: bigint, ticks: bigint, expected: bigint][] = [
      [null, 0n, 1_700_000_000_123_456n, 1_700_000_000_123_456_000n],
      [6, 0n, 5n, 5_000n],
      [0, 0n, 1_700_000_000n, 1_700_000_000_000_000_000n],
      [3, 100n, 5n, 100_005_000_000n],
      [3, -2n, 5_000n, 3_000_000_000n],
      [12, 0n, 1_700_000_000_123_456n, 1_700_000_000_123n],
      [0x80 | 10, 0n, 1024n + 512n, 1_500_000_000n],
      [0x80 | 20, 1_700_000_000n, 1n, 1_700_000_000_000_000_953n],
      [0x80 | 32, 0n, (1_700_000_000n << 32n) | 1n, 1_700_000_000_000_000_000n],
    ];
    const interfaces = clocks.map(([resolution, offset]) =>
      s.interface(101, 0, [
        ...(resolution === null ? [] : [[9, Uint8Array.of(resolution)] as const]),
        ...(offset === 0n ? [] : [[14, s.u64(offset)] as const]),
      ]),
    );
    const packets = clocks.map(([, , ticks], i) => s.enhanced(i, ticks, PACKET, LENGTH));
    const file = join(s.section(), ...interfaces, ...packets);
    const times = readCapture(file).packets.map((p) => p.time);
    expect(times).toEqual(clocks.map(([, , , expected]) => expected));
    if (!little) expect(tsharkTimes(file)).toEqual(times);
  });

  it("keeps times between 1970 and 9999", () => {
    const file = join(
      s.section(),
      s.interface(101, 0, [[14, s.u64(-5n)]]),
      s.interface(101, 0, [[9, Uint8Array.of(0)]]),
      s.interface(101, 0, [[9, Uint8Array.of(127)]]),
      s.interface(101, 0, [[9, Uint8Array.of(255)]]),
      ...[0, 1, 2, 3].map((i) => s.enhanced(i, i === 0 ? 0n : 0xffff_ffff_ffff_ffffn, PACKET, LENGTH)),
    );
    const capture = readCapture(file);
    expect(capture.packets.map((p) => p.time)).toEqual([0n, 253_402_300_799_999_999_999n, 0n, 0n]);
    expect(capture.notes).toEqual([
      { what: "time before 1970 or after 9999, taken as the nearest in between", count: 2, firstPacket: 1 },
    ]);
  });

  it("reads simple and obsolete packet blocks, and skips blocks and options that it does not know", () => {
    const file = join(
      s.section(),
      s.block(0x7777, new Uint8Array(40)),
      s.interface(101, 28, [[0x4bad, new Uint8Array(7)]]),
      s.block(
        5,
        s.u32(0, 0, 0),
        s.options([
          [5, s.u64(3n)],
          [7, s.u64(4n)],
        ]),
      ),
      s.obsolete(0, 2, 9_000_000n, PACKET, [
        [2, s.u32(1)],
        [1, text("old")],
      ]),
      s.obsolete(0, 0xffff, 9_000_001n, PACKET),
      s.simple(PACKET.subarray(0, 28), LENGTH),
      s.block(0x8000_0001, new Uint8Array(0)),
    );
    const capture = readCapture(file);
    expect(capture.packets.map((p) => [p.time, p.direction, p.comment, p.bytes.length, p.length])).toEqual([
      [9_000_000_000n, "in", "old", LENGTH, LENGTH],
      [9_000_001_000n, null, null, LENGTH, LENGTH],
      [9_000_001_000n, null, null, 28, LENGTH],
    ]);
    expect(capture.interfaces[0].lost).toBe(7);
    expect(capture.notes).toEqual([
      { what: "simple packet, which has no time: that of the packet before was taken", count: 1, firstPacket: 3 },
    ]);
    if (little) return;
    tools.write("old.pcapng", file);
    expect(tools.fields("old.pcapng", "frame.cap_len", "frame.len", "ip.len")).toEqual(
      [LENGTH, LENGTH, 28].map((captured) => [`${captured}`, `${LENGTH}`, `${LENGTH}`]),
    );
  });

  it("notes packets of unknown interfaces, or longer than their block, and goes on", () => {
    const long = s.enhanced(0, 0n, PACKET, LENGTH);
    new DataView(long.buffer).setUint32(20, 1_000_000_000, little);
    const file = join(
      s.section(),
      s.simple(PACKET, LENGTH),
      s.interface(101, 0),
      s.enhanced(1, 0n, PACKET, LENGTH),
      long,
    );
    const capture = readCapture(join(file, s.enhanced(0, 0n, PACKET, LENGTH)));
    expect(capture.total).toBe(4);
    expect(capture.packets.map((p) => p.number)).toEqual([4]);
    expect(capture.notes).toEqual([
      { what: "packet of an interface that the file does not describe", count: 2, firstPacket: 1 },
      { what: "packet that claims more captured bytes than its block has", count: 1, firstPacket: 3 },
    ]);
  });

  it("reads sections one after the other, each with its own interfaces and byte order", () => {
    const other = new SlowPcapng(!little);
    const part = (x: SlowPcapng, name: string, linkType: number) =>
      join(x.section(), x.interface(linkType, 0, [[2, text(name)]]), x.enhanced(0, 5n, PACKET, LENGTH));
    const file = join(part(s, "one", 101), part(other, "two", 228), part(s, "three", 12));
    const capture = readCapture(file);
    expect(capture.packets.map((p) => p.interface)).toEqual(["one", "two", "three"]);
    expect(capture.packets.map((p) => p.time)).toEqual([5000n, 5000n, 5000n]);
    expect(capture.interfaces).toHaveLength(3);
  });

  it("reads names", () => {
    const record = (address: number[], names: string) => [1, join(Uint8Array.from(address), text(names))] as const;
    const capture = readCapture(
      join(
        s.section(),
        s.block(4, s.options([record([10, 0, 0, 1], "a\0b\0"), [2, new Uint8Array(20)], record([10, 0, 0, 2], "c\0")])),
        s.block(4, s.options([record([10, 0, 0, 1], "b\0d\0")])),
      ),
    );
    expect([...capture.names]).toEqual([
      [ip("10.0.0.1"), ["a", "b", "d"]],
      [ip("10.0.0.2"), ["c"]],
    ]);
  });

  it("ends at damage with its place, and keeps what stands before", () => {
    const good = join(s.section(), s.interface(101, 0), s.enhanced(0, 0n, PACKET, LENGTH));
    const at = good.length;
    const packetBlock = s.enhanced(0, 0n, PACKET, LENGTH);
    const changed = (place: number, value: number) => {
      const b = packetBlock.slice();
      new DataView(b.buffer).setUint32(place, value, little);
      return b;
    };
    const length = packetBlock.length;
    const cases: [Uint8Array, string][] = [
      [packetBlock.slice(0, 7), "the file ends inside a block's header"],
      [packetBlock.slice(0, 40), `the file ends inside a block: 40 of its ${length} bytes are there`],
      [changed(4, 0), "a block claims 0 bytes where it needs 32"],
      [changed(4, 0xffff_fff0), `the file ends inside a block: ${length} of its 4294967280 bytes are there`],
      [changed(4, length - 1), `a block claims ${length - 1} bytes, which is no multiple of 4`],
      [changed(length - 4, 5), `a block has two lengths, ${length} and 5`],
      [join(s.u32(0x0a0d0d0a, 28, 0, 0)), "a section without its byte-order magic"],
      [s.block(0x0a0d0d0a, s.u32(0x1a2b3c4d), s.u16(2, 0), s.u64(-1n)), "a section of version 2 where 1 was expected"],
    ];
    for (const [bytes, what] of cases) {
      const capture = readCapture(join(good, bytes));
      expect(capture.damage).toEqual({ message: `${what}, at byte ${at}`, offset: at });
      expect(capture.packets).toHaveLength(1);
    }
  });
});

describe("readCapture() of what is no capture", () => {
  it("says what it is and what to do", () => {
    const cases: [number[], RegExp][] = [
      [[], /the file is empty: a pcap or pcapng capture was expected/],
      [[1, 2], /has 2 bytes/],
      [[0x1f, 0x8b, 8, 0], /gzip file.*gunzip/],
      [[0x28, 0xb5, 0x2f, 0xfd], /zstd/],
      [[0x73, 0x6e, 0x6f, 0x6f, 0x70], /snoop.*editcap/],
      [[0x7f, 0x45, 0x4c, 0x46, 2], /begins with 7f 45 4c 46/],
      [[0xa1, 0xb2, 0xc3, 0xd4, 0, 2], /ends inside its own header: 6 of 24 bytes/],
      [[0xd4, 0xc3, 0xb2, 0xa1, 1, 0, 4, ...new Array(17).fill(0)], /pcap version 1 is not known/],
      [
        [0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 1, 2, 3, 4],
        /first block is damaged: a section without its byte-order magic, at byte 0/,
      ],
    ];
    for (const [bytes, message] of cases) {
      const error = captureError(() => readCapture(Uint8Array.from(bytes)));
      expect(error?.message).toMatch(message);
    }
  });
});
