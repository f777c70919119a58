import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PARSE_OK, Packet } from "../../../src/plane/packet.ts";
import { SERVICE_MODE_IPTABLES, SERVICE_MODE_NFTABLES } from "../../../src/plane/rows.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import { layer4ChecksumOk } from "../../../src/plane/wire/verify.ts";
import { Bench, DEV, VIP } from "./bench.ts";
import { ip, tcp, udp } from "./packets.ts";
import { build, cutUp, type Spec, VNET } from "./slowPacket.ts";

/** A wrong layer 4 checksum is INVALID to conntrack where a packet comes in (nf_conntrack_checksum). */

const CLIENT = "10.0.1.32";
const API = "10.0.2.32";
const IP_HEADER = 20;

function parsed(bytes: Uint8Array): Packet {
  const p = new Packet(Uint8Array.from(bytes));
  expect(parsePacket(p, VNET, bytes.length - VNET)).toBe(PARSE_OK);
  return p;
}

const specs: fc.Arbitrary<Spec> = fc.record({
  protocol: fc.constantFrom(1, 6, 17, 132),
  src: fc.integer({ min: 0x0a00_0001, max: 0x0aff_ffff }),
  dst: fc.integer({ min: 0x0a00_0001, max: 0x0aff_ffff }),
  sport: fc.integer({ min: 1, max: 0xffff }),
  dport: fc.integer({ min: 1, max: 0xffff }),
  payload: fc.uint8Array({ minLength: 0, maxLength: 200 }),
});

describe("the checksum of layer 4", () => {
  it("is right in packets summed from scratch, and wrong once a bit of layer 4 is another", () => {
    fc.assert(
      fc.property(specs, fc.nat(), fc.integer({ min: 0, max: 7 }), (spec, place, bit) => {
        const bytes = build(spec);
        expect(layer4ChecksumOk(parsed(bytes))).toBe(true);
        const length = bytes.length - VNET - IP_HEADER;
        const at = place % length;
        // What changes a packet's lengths is the parser's to find.
        fc.pre(!(spec.protocol === 17 && at >= 4 && at < 6) && !(spec.protocol === 6 && at === 12));
        bytes[VNET + IP_HEADER + at] ^= 1 << bit;
        const none = spec.protocol === 17 && bytes[VNET + IP_HEADER + 6] === 0 && bytes[VNET + IP_HEADER + 7] === 0;
        expect(layer4ChecksumOk(parsed(bytes))).toBe(none);
      }),
      { seed: 31, numRuns: 2000 },
    );
  });

  it("of UDP may be missing, and of other protocols is not looked for", () => {
    const spec = { src: ip(CLIENT), dst: ip(API), sport: 1, dport: 2, payload: new Uint8Array(9).fill(7) };
    expect(layer4ChecksumOk(parsed(build({ ...spec, protocol: 17, unsummed: true })))).toBe(true);
    expect(layer4ChecksumOk(parsed(build({ ...spec, protocol: 47 })))).toBe(true);
  });

  it("is not summed where the sender left it to a device: whatever the payload is", () => {
    const bytes = udp(`${CLIENT}:1`, `${API}:7`, "payload", { partial: true });
    bytes[bytes.length - 1] ^= 1;
    expect(layer4ChecksumOk(parsed(bytes))).toBe(true);
  });

  it("is summed once: a packet that was found right is not read again", () => {
    const p = parsed(udp(`${CLIENT}:1`, `${API}:7`, "payload"));
    expect(layer4ChecksumOk(p)).toBe(true);
    p.buf[p.off + p.len - 1] ^= 1;
    expect(layer4ChecksumOk(p)).toBe(true);
  });
});

function wrong(bytes: Uint8Array): Uint8Array {
  bytes[bytes.length - 1] ^= 1;
  return bytes;
}

describe("a packet whose checksum is wrong", () => {
  const toService = () => wrong(tcp(`${CLIENT}:1`, `${VIP}:80`, "S", { seq: 1 }));
  const toPod = () => wrong(udp(`${CLIENT}:1`, `${API}:7`, "payload"));

  it("is dropped by kube-proxy's rule for INVALID in iptables mode", () => {
    const b = new Bench({ serviceMode: SERVICE_MODE_IPTABLES });
    expect(b.send(DEV.client, toService())).toEqual([]);
    expect(b.send(DEV.client, toPod())).toEqual([]);
    expect(b.drops("CHECKSUM_INVALID")).toBe(2);
    expect(b.plane.context.ct.total).toBe(0);
    expect(b.imbalance()).toBe(0);
  });

  it("goes on in nftables mode, and is not translated", () => {
    const b = new Bench({ serviceMode: SERVICE_MODE_NFTABLES });
    expect(b.send(DEV.client, toService())).toEqual([]);
    expect(b.drops("CHECKSUM_INVALID")).toBe(0);
    expect(b.send(DEV.client, toPod()).map(({ device }) => device)).toEqual(["api0"]);
    expect(b.plane.context.ct.total).toBe(0);
  });

  it("is translated where conntrack.checksum is off, and still wrong", () => {
    const b = new Bench({ serviceMode: SERVICE_MODE_IPTABLES, settings: { checksum: false } });
    const [out] = b.send(DEV.client, toService());
    expect(layer4ChecksumOk(parsed(out.bytes))).toBe(false);
    expect(b.plane.context.ct.total).toBeGreaterThan(0);
  });

  it("is translated where the node itself sends it, and found where it arrives", () => {
    const b = new Bench({ serviceMode: SERVICE_MODE_IPTABLES });
    expect(b.send(DEV.host0, wrong(tcp("10.0.1.10:1", `${VIP}:80`, "S", { seq: 1 })))).toEqual([]);
    // By the other node: untranslated it would not have left the VPC's first router.
    expect(b.drops("CHECKSUM_INVALID")).toBe(1);
    expect(b.drops("VPC_ADDRESS_UNASSIGNED") + b.drops("VPC_BLACKHOLE")).toBe(0);
  });

  it("is found in a datagram once its fragments are one", () => {
    const b = new Bench({ serviceMode: SERVICE_MODE_IPTABLES });
    const spec = { protocol: 17, src: ip(CLIENT), dst: ip(API), sport: 1, dport: 7, payload: new Uint8Array(2000) };
    for (const piece of cutUp(build({ ...spec, id: 1 }), 800)) b.send(DEV.client, piece);
    expect(b.drops("CHECKSUM_INVALID")).toBe(0);
    for (const piece of cutUp(wrong(build({ ...spec, id: 2 })), 800)) b.send(DEV.client, piece);
    expect(b.drops("CHECKSUM_INVALID")).toBe(1);
    expect(b.imbalance()).toBe(0);
  });
});

describe("a source route", () => {
  const option = (type: number) => Uint8Array.of(1, type, 7, 4, 10, 0, 1, 48);
  const spec = { protocol: 17, src: ip(CLIENT), dst: ip(API), sport: 1, dport: 7 };

  it("loose or strict, is not taken, and no connection comes of it", () => {
    const b = new Bench();
    for (const type of [0x83, 0x89]) expect(b.send(DEV.client, build({ ...spec, options: option(type) }))).toEqual([]);
    expect(b.drops("SOURCE_ROUTE")).toBe(2);
    expect(b.plane.context.ct.total).toBe(0);
  });

  it("is none where a byte that looks like it is behind the end, or inside another option", () => {
    const b = new Bench();
    const behindEnd = Uint8Array.of(1, 0, 0x83, 7);
    const inside = Uint8Array.of(7, 7, 8, 0x83, 0x83, 0x89, 0x89, 1);
    for (const options of [behindEnd, inside]) expect(b.send(DEV.client, build({ ...spec, options })).length).toBe(1);
  });
});
