import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  FRAG_ANY,
  FRAG_DF,
  FRAG_MF,
  PARSE_ADDRESS,
  PARSE_CHECKSUM,
  PARSE_IHL,
  PARSE_IPV6,
  PARSE_L4_BAD,
  PARSE_L4_SHORT,
  PARSE_LENGTH,
  PARSE_OK,
  PARSE_OPTIONS,
  PARSE_SHORT,
  PARSE_VERSION,
  PARSE_VNET,
  Packet,
  PROTO_ICMP,
  PROTO_SCTP,
  PROTO_TCP,
  PROTO_UDP,
  VNET_F_NEEDS_CSUM,
  VNET_GSO_ECN,
  VNET_GSO_NONE,
  VNET_GSO_TCPV4,
  VNET_GSO_TCPV6,
  VNET_GSO_UDP,
  VNET_GSO_UDP_L4,
} from "../../../src/plane/packet.ts";
import { setU16 } from "../../../src/plane/wire/bytes.ts";
import { writeIpv4HeaderChecksum } from "../../../src/plane/wire/checksum.ts";
import { describePacket } from "../../../src/plane/wire/describe.ts";
import { icmpIsError, icmpIsQuery, icmpIsRequest, icmpReplyOf, icmpRequestOf } from "../../../src/plane/wire/icmp.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import { TCP_DATA_OFFSET } from "../../../src/plane/wire/tcp.ts";
import { UDP_LENGTH } from "../../../src/plane/wire/udp.ts";
import {
  clearVnet,
  vnetCsumOffset,
  vnetCsumStart,
  vnetFlags,
  vnetGsoSize,
  vnetGsoType,
  vnetHdrLen,
  writeVnet,
} from "../../../src/plane/wire/virtio.ts";
import { sumTwin } from "./checksumTwin.ts";
import { ip, L4, type Made, make, makePartial, OFF, packetOf, setTotalLength, VNET } from "./packets.ts";

const SRC = ip("172.31.1.16");
const DST = ip("192.168.0.17");

function result(m: Made, len = m.len): number {
  return parsePacket(packetOf(m), OFF, len);
}

function parsed(m: Made, len = m.len): Packet {
  const p = packetOf(m);
  expect(parsePacket(p, OFF, len)).toBe(PARSE_OK);
  return p;
}

/** A valid packet of `ihl` bytes of header whose options are given. */
function withOptions(options: number[]): Made {
  const plain = make({ protocol: PROTO_UDP, payload: [1, 2] });
  const len = plain.len + options.length;
  const b = new Uint8Array(OFF + len);
  b.set(plain.b.subarray(OFF, L4), OFF);
  b.set(options, L4);
  b.set(plain.b.subarray(L4, OFF + plain.len), L4 + options.length);
  b[OFF] = 0x40 | ((20 + options.length) / 4);
  setU16(b, OFF + 2, len);
  writeIpv4HeaderChecksum(b, OFF, 20 + options.length);
  return { b, len };
}

describe("parsePacket fills the Packet", () => {
  it("of TCP, and resets what belongs to one packet only", () => {
    const m = make({ src: SRC, dst: DST, sport: 40000, dport: 443, payload: [1, 2, 3], frag: FRAG_DF });
    const p = packetOf(m);
    Object.assign(p, { mark: 5, ct: 7, ctDir: 1, ctInfo: 3, fragMax: 9, fragDf: 1, icmpError: 1, ingress: 3, id: 4 });
    Object.assign(p, { gsoHeader: 20, gsoSize: 99, gsoType: 1 });
    expect(parsePacket(p, OFF, m.len)).toBe(PARSE_OK);
    expect(p).toMatchObject({ off: OFF, len: 43, ihl: 20, l4: L4, l4len: 23, protocol: PROTO_TCP, src: SRC, dst: DST });
    expect(p).toMatchObject({ sport: 40000, dport: 443, ttl: 64, frag: FRAG_DF, vnetFlags: 0, gsoType: 0, gsoSize: 0 });
    expect(p).toMatchObject({
      gsoHeader: 0,
      icmpError: 0,
      mark: 0,
      ct: -1,
      ctDir: 0,
      ctInfo: 0,
      fragMax: 0,
      fragDf: 0,
    });
    expect(p).toMatchObject({ ingress: 3, id: 4 });
  });

  it("of UDP and SCTP", () => {
    expect(parsed(make({ protocol: PROTO_UDP, sport: 5353, dport: 53 }))).toMatchObject({ sport: 5353, dport: 53 });
    expect(parsed(make({ protocol: PROTO_SCTP, sport: 2905, dport: 38412 }))).toMatchObject({
      sport: 2905,
      dport: 38412,
    });
  });

  it("of ICMP as a conntrack tuple", () => {
    const icmp = (type: number, code: number) =>
      parsed(make({ protocol: PROTO_ICMP, type, code, rest: 0xbeef0001 | 0 }));
    for (const type of [0, 8, 13, 14, 15, 16, 17, 18]) {
      expect(icmp(type, 0)).toMatchObject({ sport: 0xbeef, dport: type << 8, icmpError: 0 });
    }
    for (const type of [3, 4, 5, 11, 12])
      expect(icmp(type, 1)).toMatchObject({ sport: 0, dport: (type << 8) | 1, icmpError: 1 });
    for (const type of [1, 9, 10, 200])
      expect(icmp(type, 2)).toMatchObject({ sport: 0, dport: (type << 8) | 2, icmpError: 0 });
  });

  it("of a protocol without ports, whatever its payload", () => {
    expect(parsed(make({ protocol: 47, payload: [1] }))).toMatchObject({ protocol: 47, sport: 0, dport: 0, l4len: 1 });
    expect(parsed(make({ protocol: 47 }))).toMatchObject({ l4len: 0 });
  });

  it("of a fragment, without its ports", () => {
    for (const frag of [FRAG_MF, FRAG_MF | 5, 5]) {
      expect(parsed(make({ frag, payload: [1, 2, 3, 4] }))).toMatchObject({ frag, sport: 0, dport: 0 });
      expect(parsed(make({ protocol: PROTO_ICMP, type: 3, frag }))).toMatchObject({ sport: 0, dport: 0, icmpError: 0 });
    }
  });

  it("of options in the header", () => {
    expect(parsed(withOptions([0x94, 4, 0, 0]))).toMatchObject({ ihl: 24, l4: L4 + 4, l4len: 10, sport: 40000 });
  });

  it("cuts off what follows the total length", () => {
    expect(parsed(make({ payload: [1, 2] }), 58)).toMatchObject({ len: 42, l4len: 22 });
  });

  it("of GSO super-packets", () => {
    const tcp = make({ src: SRC, dst: DST, payload: new Uint8Array(4000) });
    tcp.b[L4 + TCP_DATA_OFFSET] = 0x80;
    makePartial(tcp, PROTO_TCP, SRC, DST, VNET_GSO_TCPV4 | VNET_GSO_ECN, 1448);
    expect(parsed(tcp)).toMatchObject({
      vnetFlags: VNET_F_NEEDS_CSUM,
      gsoType: VNET_GSO_TCPV4,
      gsoSize: 1448,
      gsoHeader: 32,
    });
    const udp = make({ protocol: PROTO_UDP, src: SRC, dst: DST, payload: new Uint8Array(4000) });
    makePartial(udp, PROTO_UDP, SRC, DST, VNET_GSO_UDP_L4, 1472);
    expect(parsed(udp)).toMatchObject({ gsoType: VNET_GSO_UDP_L4, gsoSize: 1472, gsoHeader: 8 });
  });
});

describe("parsePacket refuses", () => {
  it("what is too short, of another version, or of a bad length", () => {
    const m = make({ payload: [1, 2] });
    for (let len = 0; len < 20; len++) expect(result(m, len)).toBe(PARSE_SHORT);
    expect(result(m, m.len - 1)).toBe(PARSE_LENGTH);
    const first = (byte: number, len = m.len) => {
      const other = make({ payload: [1, 2] });
      other.b[OFF] = byte;
      return result(other, len);
    };
    expect(first(0x60)).toBe(PARSE_IPV6);
    for (const version of [0, 1, 5, 7, 15]) expect(first((version << 4) | 5)).toBe(PARSE_VERSION);
    for (const ihl of [0, 1, 4]) expect(first(0x40 | ihl)).toBe(PARSE_IHL);
    expect(first(0x4f, 59)).toBe(PARSE_IHL);
    for (const total of [0, 19, m.len + 1, 65535]) {
      const other = make({ payload: [1, 2] });
      setTotalLength(other, total);
      expect(result(other)).toBe(PARSE_LENGTH);
    }
  });

  it("a wrong header checksum, before it believes the rest", () => {
    const m = make();
    m.b[OFF + 10] ^= 1;
    expect(result(m)).toBe(PARSE_CHECKSUM);
    const o = withOptions([0x94, 1, 0, 0]);
    o.b[OFF + 10] ^= 1;
    expect(result(o)).toBe(PARSE_CHECKSUM);
  });

  it("malformed options", () => {
    expect(result(withOptions([0x94, 1, 0, 0]))).toBe(PARSE_OPTIONS);
    expect(result(withOptions([1, 1, 1, 7]))).toBe(PARSE_OPTIONS);
    expect(result(withOptions([0x94, 9, 0, 0]))).toBe(PARSE_OPTIONS);
  });

  it.each([
    ["224.0.0.5", "10.0.0.1", PARSE_ADDRESS],
    ["239.255.255.255", "10.0.0.1", PARSE_ADDRESS],
    ["255.255.255.255", "10.0.0.1", PARSE_ADDRESS],
    ["10.0.0.1", "0.0.0.0", PARSE_ADDRESS],
    ["0.0.0.0", "0.0.0.0", PARSE_ADDRESS],
    ["0.0.0.0", "10.0.0.1", PARSE_ADDRESS],
    ["0.0.0.0", "255.255.255.255", PARSE_OK],
    ["0.0.0.0", "224.0.0.22", PARSE_OK],
    ["223.255.255.255", "10.0.0.1", PARSE_OK],
    ["240.0.0.1", "10.0.0.1", PARSE_OK],
    ["10.0.0.1", "224.0.0.5", PARSE_OK],
    ["127.0.0.1", "127.0.0.1", PARSE_OK],
  ])("or accepts addresses: %s to %s", (src, dst, want) => {
    expect(result(make({ src: ip(src), dst: ip(dst) }))).toBe(want);
  });

  it("layer 4 headers that are not all there", () => {
    const shortest: [number, number][] = [
      [PROTO_TCP, 20],
      [PROTO_UDP, 8],
      [PROTO_ICMP, 8],
      [PROTO_SCTP, 12],
    ];
    for (const [protocol, header] of shortest) {
      for (const frag of [0, FRAG_MF]) {
        const m = make({ protocol, frag });
        expect(result(m)).toBe(PARSE_OK);
        setTotalLength(m, 20 + header - 1);
        expect(result(m)).toBe(PARSE_L4_SHORT);
      }
      // A later fragment may be any length.
      const later = make({ protocol, frag: 3 });
      setTotalLength(later, 21);
      expect(result(later)).toBe(PARSE_OK);
    }
  });

  it("a TCP data offset or UDP length that is not inside the packet", () => {
    const tcp = make({ payload: [0, 0, 0, 0] });
    const offset = (words: number) => {
      tcp.b[L4 + TCP_DATA_OFFSET] = words << 4;
      return result(tcp);
    };
    expect([4, 0, 7, 15].map(offset)).toEqual(Array(4).fill(PARSE_L4_BAD));
    expect([5, 6].map(offset)).toEqual([PARSE_OK, PARSE_OK]);
    const udp = make({ protocol: PROTO_UDP, payload: [1, 2] });
    const length = (n: number) => {
      setU16(udp.b, L4 + UDP_LENGTH, n);
      return result(udp);
    };
    expect([0, 7, 11, 65535].map(length)).toEqual(Array(4).fill(PARSE_L4_BAD));
    expect([8, 9, 10].map(length)).toEqual(Array(3).fill(PARSE_OK));
    // A first fragment carries the length of the whole datagram.
    const first = make({ protocol: PROTO_UDP, payload: [1, 2], frag: FRAG_MF });
    setU16(first.b, L4 + UDP_LENGTH, 4000);
    expect(result(first)).toBe(PARSE_OK);
  });
});

describe("parsePacket and the vnet header", () => {
  const vnet = (
    protocol: number,
    frag: number,
    ...fields: [flags: number, gso: number, size: number, start: number, offset: number]
  ) => {
    const m = make({ protocol, frag, payload: [1, 2, 3, 4] });
    const [flags, gso, size, start, offset] = fields;
    writeVnet(m.b, VNET, flags, gso, 40, size, start, offset);
    return result(m);
  };
  const CSUM = VNET_F_NEEDS_CSUM;

  it("reads and writes all six fields, little endian", () => {
    const b = new Uint8Array(14).fill(0xee);
    writeVnet(b, 2, 1, 0x81, 0x1234, 0x5678, 0x9abc, 0xdef0);
    expect([...b]).toEqual([0xee, 0xee, 1, 0x81, 0x34, 0x12, 0x78, 0x56, 0xbc, 0x9a, 0xf0, 0xde, 0xee, 0xee]);
    const read = [vnetFlags, vnetGsoType, vnetHdrLen, vnetGsoSize, vnetCsumStart, vnetCsumOffset].map((f) => f(b, 2));
    expect(read).toEqual([1, 0x81, 0x1234, 0x5678, 0x9abc, 0xdef0]);
    clearVnet(b, 2);
    expect([...b]).toEqual([0xee, 0xee, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xee, 0xee]);
  });

  it("accepts what the kernel sends", () => {
    expect(vnet(PROTO_TCP, 0, 0, VNET_GSO_NONE, 0, 0, 0)).toBe(PARSE_OK);
    expect(vnet(PROTO_TCP, 0, CSUM, VNET_GSO_NONE, 0, 20, 16)).toBe(PARSE_OK);
    expect(vnet(PROTO_UDP, 0, CSUM, VNET_GSO_NONE, 0, 20, 6)).toBe(PARSE_OK);
    expect(vnet(PROTO_TCP, 0, CSUM, VNET_GSO_TCPV4, 1, 20, 16)).toBe(PARSE_OK);
    expect(vnet(PROTO_TCP, 0, 2, VNET_GSO_TCPV4 | VNET_GSO_ECN, 1, 0, 0)).toBe(PARSE_OK);
    // Without the flag, start and offset mean nothing.
    expect(vnet(PROTO_TCP, 0, 0, VNET_GSO_NONE, 0, 9, 9)).toBe(PARSE_OK);
  });

  it("refuses checksum offsets that are not the transport's", () => {
    expect(vnet(PROTO_TCP, 0, CSUM, VNET_GSO_NONE, 0, 20, 6)).toBe(PARSE_VNET);
    expect(vnet(PROTO_UDP, 0, CSUM, VNET_GSO_NONE, 0, 20, 16)).toBe(PARSE_VNET);
    expect(vnet(PROTO_TCP, 0, CSUM, VNET_GSO_NONE, 0, 0, 16)).toBe(PARSE_VNET);
    expect(vnet(PROTO_TCP, 0, CSUM, VNET_GSO_NONE, 0, 24, 16)).toBe(PARSE_VNET);
    expect(vnet(PROTO_TCP, 0, CSUM, VNET_GSO_NONE, 0, 65535, 65535)).toBe(PARSE_VNET);
    expect(vnet(PROTO_ICMP, 0, CSUM, VNET_GSO_NONE, 0, 20, 2)).toBe(PARSE_VNET);
    expect(vnet(PROTO_SCTP, 0, CSUM, VNET_GSO_NONE, 0, 20, 8)).toBe(PARSE_VNET);
    for (const frag of [FRAG_MF, 4]) expect(vnet(PROTO_TCP, frag, CSUM, VNET_GSO_NONE, 0, 20, 16)).toBe(PARSE_VNET);
    // The field would lie behind the packet's end.
    const m = make({ protocol: PROTO_TCP });
    writeVnet(m.b, VNET, CSUM, 0, 0, 0, 20, 16);
    setTotalLength(m, 37);
    expect(result(m)).toBe(PARSE_VNET);
  });

  it("refuses GSO that is unknown, without a size, on a fragment, or of another protocol", () => {
    for (const gso of [2, VNET_GSO_UDP, VNET_GSO_TCPV6, 6, 0x20, 0x40, VNET_GSO_ECN]) {
      expect(vnet(PROTO_TCP, 0, CSUM, gso, 100, 20, 16)).toBe(PARSE_VNET);
      expect(vnet(PROTO_UDP, 0, CSUM, gso, 100, 20, 6)).toBe(PARSE_VNET);
    }
    expect(vnet(PROTO_TCP, 0, CSUM, VNET_GSO_TCPV4, 0, 20, 16)).toBe(PARSE_VNET);
    expect(vnet(PROTO_UDP, 0, CSUM, VNET_GSO_TCPV4, 100, 20, 6)).toBe(PARSE_VNET);
    expect(vnet(PROTO_TCP, 0, CSUM, VNET_GSO_UDP_L4, 100, 20, 16)).toBe(PARSE_VNET);
    for (const frag of [FRAG_MF, 4]) {
      expect(vnet(PROTO_TCP, frag, 0, VNET_GSO_TCPV4, 100, 0, 0)).toBe(PARSE_VNET);
      expect(vnet(PROTO_UDP, frag, 0, VNET_GSO_UDP_L4, 100, 0, 0)).toBe(PARSE_VNET);
    }
  });
});

describe("ICMP types", () => {
  it("are error, request, reply or neither, and requests and replies belong together", () => {
    for (let type = 0; type < 256; type++) {
      const kinds = [icmpIsError(type), icmpIsRequest(type), icmpRequestOf(type) >= 0].filter(Boolean).length;
      expect(kinds).toBe([0, 3, 4, 5, 8, 11, 12, 13, 14, 15, 16, 17, 18].includes(type) ? 1 : 0);
      expect(icmpIsQuery(type)).toBe(icmpIsRequest(type) || icmpRequestOf(type) >= 0);
      if (icmpIsRequest(type)) expect(icmpRequestOf(icmpReplyOf(type))).toBe(type);
    }
    expect([8, 13, 15, 17].map(icmpReplyOf)).toEqual([0, 14, 16, 18]);
  });
});

/** What must hold for the bytes of any packet that was accepted. */
function expectSound(p: Packet, off: number, len: number): void {
  const b = p.buf;
  expect(b[off] >> 4).toBe(4);
  expect(p.len).toBeLessThanOrEqual(len);
  expect(p.ihl).toBeGreaterThanOrEqual(20);
  expect(p.l4).toBe(off + p.ihl);
  expect(p.l4 + p.l4len).toBe(off + p.len);
  expect(sumTwin(b.subarray(off, off + p.ihl))).toBe(0xffff);
  const fragment = (p.frag & FRAG_ANY) !== 0;
  if (fragment) expect([p.sport, p.dport, p.gsoSize]).toEqual([0, 0, 0]);
  else if (p.protocol === PROTO_TCP) expect((b[p.l4 + 12] >> 4) * 4).toBeLessThanOrEqual(p.l4len);
  else if (p.protocol === PROTO_UDP) expect(b[p.l4 + 4] * 256 + b[p.l4 + 5]).toBeLessThanOrEqual(p.l4len);
  if (p.gsoSize !== 0) expect(p.gsoHeader).toBeGreaterThan(0);
  else expect(p.gsoType).toBe(VNET_GSO_NONE);
  if (p.vnetFlags & VNET_F_NEEDS_CSUM) {
    const field = p.off + vnetCsumStart(b, off - 10) + vnetCsumOffset(b, off - 10);
    expect(field + 2).toBeLessThanOrEqual(off + p.len);
  }
}

describe("parsePacket on hostile bytes", () => {
  const OFFSET = 10;

  it("never throws, and what it accepts is sound: random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(130), (bytes, len) => {
        const b = new Uint8Array(OFFSET + bytes.length);
        b.set(bytes, OFFSET);
        const p = new Packet(b);
        const n = Math.min(len, bytes.length);
        expect(describePacket(b, OFFSET, n)).toBeTypeOf("string");
        if (parsePacket(p, OFFSET, n) === PARSE_OK) expectSound(p, OFFSET, n);
      }),
      { seed: 30, numRuns: 3000 },
    );
  });

  it("never throws, and what it accepts is sound: valid packets with a few bytes changed", () => {
    const edit = fc.tuple(fc.nat(80), fc.nat(255));
    const start = fc.record({
      protocol: fc.constantFrom(PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_SCTP, 47),
      payload: fc.uint8Array({ maxLength: 40 }),
      type: fc.constantFrom(0, 3, 8, 11),
      frag: fc.constantFrom(0, 0, FRAG_MF, 7),
    });
    const accepted = { count: 0 };
    fc.assert(
      fc.property(
        start,
        fc.array(edit, { maxLength: 4 }),
        fc.boolean(),
        fc.boolean(),
        fc.nat(90),
        (f, edits, fix, gso, len) => {
          const m = make(f);
          if (gso)
            makePartial(m, f.protocol, SRC, DST, f.protocol === PROTO_TCP ? VNET_GSO_TCPV4 : VNET_GSO_UDP_L4, 100);
          for (const [at, value] of edits) m.b[VNET + (at % (m.len + 10))] = value;
          if (fix) writeIpv4HeaderChecksum(m.b, OFF, Math.max(20, (m.b[OFF] & 15) * 4));
          const n = len < 60 ? m.len : Math.min(len, m.b.length - OFF);
          const p = packetOf(m);
          expect(describePacket(m.b, OFF, n)).toBeTypeOf("string");
          if (parsePacket(p, OFF, n) !== PARSE_OK) return;
          accepted.count++;
          expectSound(p, OFF, n);
        },
      ),
      { seed: 31, numRuns: 5000 },
    );
    // The property would hold for a parser that accepts nothing.
    expect(accepted.count).toBeGreaterThan(500);
  });
});
