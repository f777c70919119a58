import { describe, expect, it } from "vitest";
import { MemoryDevice } from "../../../src/device/memory.ts";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import { VerifyDevice } from "../../../src/device/verify.ts";
import { HEADROOM, PacketVector, SLOT_SIZE } from "../../../src/plane/vector.ts";

const VNET = 10;
const IP_HEADER = 20;
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** Packets that Linux 6.18 gave to a TUN device, virtio_net_hdr first: 10.9.0.1 talks to 10.9.0.2. */
const FROM_LINUX = {
  "UDP, sum left to us": "0100000000001400060045000024c9ed400040115cc70a0900010a090002bb88003500101436706f64706c616e65",
  "UDP to be segmented":
    "01051c000a00140006004500003bc9ee400040115caf0a0900010a090002bb8800350027144d706f64706c616e653a206578706c61696e73206576657279207061636b6574",
  "ICMP echo request": "0000000000000000000045000024f11d4000400135a70a0900010a0900020800cf471ca700010001020304050607",
  "ICMP port unreachable":
    "0000000000000000000045c00038f1280000400174c80a0900010a0900020303d5e3000000004500001c12344000401114890a0900020a0900011388138900080000",
  "TCP SYN, sum left to us":
    "010000000000140010004500003c6d4340004006b9640a0900010a09000293c400500c0d3e2c00000000a002ff7014430000020402180402080a38a5bc4d000000000103030a",
};
const UDP_WITHOUT_SUM = "0000000000000000000045000024dc29400040114a8b0a0900010a0900029912003500100000706f64706c616e65";
const LAST_FRAGMENT = "000000000000000000004500001c12340045401154440a0900010a090002706f64706c616e65";
/** 32 zeros have the CRC32c aa 36 91 8a (RFC 3720, appendix B.4); as an SCTP packet its checksum field counts as 0. */
const SCTP =
  "000000000000000000004500003412344000408413fe0a0900010a0900020000000000000000aa36918a0000000000000000000000000000000000000000";

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

describe("packetProblem", () => {
  it.each(Object.entries({ ...FROM_LINUX, UDP_WITHOUT_SUM, SCTP, LAST_FRAGMENT }))("accepts %s", (_, hex) => {
    expect(packetProblem(bytesOf(hex))).toBeNull();
  });

  it.each(Object.entries({ ...FROM_LINUX, SCTP }))("sees damage of %s", (_, hex) => {
    const whole = bytesOf(hex);
    // Where the sum is left to the receiver, the field covers the pseudo-header alone: the rest cannot be wrong yet.
    const partial = whole[0] === 1;
    const checksum = VNET + IP_HEADER + whole[8];
    const damageable = partial ? [...range(VNET, VNET + IP_HEADER), checksum, checksum + 1] : range(VNET, whole.length);
    for (const i of damageable) {
      const damaged = whole.slice();
      damaged[i] ^= 0x5a;
      expect(packetProblem(damaged), `byte ${i}`).not.toBeNull();
    }
  });

  const udp = FROM_LINUX["UDP, sum left to us"];
  it.each([
    [
      "a changed address whose header sum was adapted, but not the layer 4 sum",
      2 * (VNET + 10),
      "5cc60a090002",
      /UDP checksum/,
    ],
    ["a finished sum that still says NEEDS_CSUM", 2 * (VNET + 26), "ffff", /UDP checksum/],
    ["a csum_start beside the header", 12, "1500", /csum_start/],
    ["a csum_offset beside the field", 16, "1000", /csum_offset/],
    ["NEEDS_CSUM lost", 0, "00", /UDP checksum/],
    ["TCP segmentation on UDP", 2, "01", /GSO type 1 on protocol 17/],
    ["segments of no size", 2, "05", /GSO size 0/],
  ])("objects to %s", (_, at, replacement, problem) => {
    const hex = udp.slice(0, at) + replacement + udp.slice(at + replacement.length);
    expect(packetProblem(bytesOf(hex))).toMatch(problem);
  });

  it("objects to a packet cut short anywhere", () => {
    const whole = bytesOf(udp);
    for (let length = 0; length < whole.length; length++) {
      expect(packetProblem(whole.slice(0, length)), `${length} bytes`).not.toBeNull();
    }
  });
});

describe("VerifyDevice", () => {
  it("counts, keeps the first ten bad packets, and lets all of them through untouched", () => {
    const inner = new MemoryDevice("eth0", 1500, 0);
    const device = new VerifyDevice(inner);
    const vector = new PacketVector(new Uint8Array(14 * SLOT_SIZE), 14);
    const good = bytesOf(FROM_LINUX["ICMP echo request"]);
    const bad = good.slice();
    bad[bad.length - 1] ^= 1;
    for (let i = 0; i < 14; i++) {
      const offset = i * SLOT_SIZE + HEADROOM;
      vector.arena.set(i < 2 ? good : bad, offset - VNET);
      vector.push(0, offset, good.length - VNET);
    }
    expect(device.write(vector, 0, 14)).toBe(14);
    expect(device).toMatchObject({ verified: 2, bad: 12 });
    expect(device.kept).toEqual(
      Array.from({ length: 10 }, () => ({ problem: "bad ICMP checksum", hex: Buffer.from(bad).toString("hex") })),
    );
    expect(inner.drain()).toEqual([good, good, ...Array.from({ length: 12 }, () => bad)]);
  });
});
