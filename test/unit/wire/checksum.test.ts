import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PROTO_TCP, PROTO_UDP, VNET_F_NEEDS_CSUM } from "../../../src/plane/packet.ts";
import { getI32, getU16, setI32, setU16 } from "../../../src/plane/wire/bytes.ts";
import {
  checksum,
  completeChecksum,
  ipv4HeaderChecksumOk,
  pseudoHeaderSum,
  sum16,
  update16,
  update32,
  updatePartial32,
  writeIpv4HeaderChecksum,
} from "../../../src/plane/wire/checksum.ts";
import { crc32c } from "../../../src/plane/wire/crc32c.ts";
import { icmpChecksumOk } from "../../../src/plane/wire/icmp.ts";
import {
  decrementTtl,
  IP_CHECKSUM,
  IP_DST,
  IP_HEADER_MIN,
  IP_SRC,
  IP_TOS,
  IP_TTL,
  optionsOk,
  writeIpv4Header,
} from "../../../src/plane/wire/ipv4.ts";
import { SCTP_CHECKSUM, sctpChecksumOk, writeSctpChecksum } from "../../../src/plane/wire/sctp.ts";
import { TCP_CHECKSUM, tcpChecksumOk, writeTcpChecksum } from "../../../src/plane/wire/tcp.ts";
import { UDP_CHECKSUM, UDP_CHECKSUM_ZERO, udpChecksumOk, writeUdpChecksum } from "../../../src/plane/wire/udp.ts";
import { vnetFlags } from "../../../src/plane/wire/virtio.ts";
import { checksumTwin, crc32cTwin, pseudoHeader, sumTwin } from "./checksumTwin.ts";
import { ip, L4, make, makePartial, OFF, VNET } from "./packets.ts";

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const u16 = fc.integer({ min: 0, max: 0xffff });
/** Random bytes, and the runs of 00 and ff where one's complement has its two zeros. */
const data = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc.array(fc.constantFrom(0, 0xff), { maxLength: 60 }).map((a) => Uint8Array.from(a)),
);

describe("sum16", () => {
  it("sums RFC 1071's example", () => {
    const b = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(sum16(b, 0, 8, 0)).toBe(0xddf2);
    expect(checksum(b, 0, 8)).toBe(0x220d);
  });

  it("does as the slow twin does, at any offset and length", () => {
    fc.assert(
      fc.property(data, fc.nat(3), u16, (bytes, pad, initial) => {
        const b = new Uint8Array(pad + bytes.length + 3).fill(0xa5);
        b.set(bytes, pad);
        expect(sum16(b, pad, bytes.length, 0)).toBe(sumTwin(bytes));
        expect(sum16(b, pad, bytes.length, initial)).toBe(sumTwin([initial >> 8, initial & 255, ...bytes]));
        expect(checksum(b, pad, bytes.length)).toBe(checksumTwin(bytes));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it.each([65_535, 200_001])("does not overflow on %i bytes", (length) => {
    const b = new Uint8Array(length).fill(0xff);
    expect(sum16(b, 0, b.length, 0xffff)).toBe(sumTwin([0xff, 0xff, ...b]));
  });
});

describe("incremental update", () => {
  it("passes RFC 1624's example, where RFC 1141's equation gave 0xffff", () => {
    expect(update16(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  it("equals a recomputation for every 16-bit and 32-bit change", () => {
    const words = fc.array(fc.oneof(u16, fc.constantFrom(0, 0xffff)), { minLength: 4, maxLength: 12 });
    fc.assert(
      fc.property(
        words,
        fc.nat(9),
        fc.oneof(int32, fc.constantFrom(0, -1)),
        fc.oneof(u16, fc.constantFrom(0, 0xffff)),
        (w, at, v32, v16) => {
          // A word that is never 0, as every pseudo header and IP header has: without it all data may be zero.
          const b = new Uint8Array(2 * w.length + 2);
          w.forEach((v, i) => {
            setU16(b, 2 * i, v);
          });
          setU16(b, 2 * w.length, 0x4500);
          const field = checksum(b, 0, b.length);
          const o = 2 * (at % (w.length - 1));
          const changed = b.slice();
          setI32(changed, o, v32);
          expect(update32(field, getI32(b, o), v32)).toBe(checksumTwin(changed));
          const small = b.slice();
          setU16(small, o, v16);
          expect(update16(field, getU16(b, o), v16)).toBe(checksumTwin(small));
        },
      ),
      { seed: 2, numRuns: 2000 },
    );
  });

  it("keeps the complemented checksum of a UDP packet valid, whichever zero it is written as", () => {
    // Payloads chosen so that the sum is 0xffff: the checksum is 0 and travels as 0xffff.
    const src = ip("192.168.7.1");
    const dst = ip("172.20.0.10");
    const m = make({ protocol: PROTO_UDP, src, dst, payload: [0, 0] });
    setU16(m.b, L4 + 8, getU16(m.b, L4 + UDP_CHECKSUM));
    writeUdpChecksum(m.b, L4, src, dst);
    expect(getU16(m.b, L4 + UDP_CHECKSUM)).toBe(UDP_CHECKSUM_ZERO);
    expect(udpChecksumOk(m.b, L4, src, dst)).toBe(true);
    const to = ip("10.0.2.33");
    const updated = update32(UDP_CHECKSUM_ZERO, dst, to);
    writeUdpChecksum(m.b, L4, src, to);
    expect(updated).toBe(getU16(m.b, L4 + UDP_CHECKSUM));
    expect(update32(updated, to, dst)).toBe(0);
    expect(update16(UDP_CHECKSUM_ZERO, 0x1234, 0x1234)).toBe(0);
    expect(update16(UDP_CHECKSUM_ZERO, 0xffff, 0)).toBe(0);
  });

  it("takes TTL down to 0 with a header checksum that equals a recomputation", () => {
    fc.assert(
      fc.property(int32, int32, u16, fc.integer({ min: 1, max: 255 }), (src, dst, id, ttl) => {
        const { b } = make({ src, dst });
        setU16(b, OFF + 4, id);
        b[OFF + IP_TTL] = ttl;
        writeIpv4HeaderChecksum(b, OFF, IP_HEADER_MIN);
        for (let left = ttl; left > 0; left--) decrementTtl(b, OFF);
        expect(b[OFF + IP_TTL]).toBe(0);
        expect(ipv4HeaderChecksumOk(b, OFF, IP_HEADER_MIN)).toBe(true);
        const field = getU16(b, OFF + IP_CHECKSUM);
        writeIpv4HeaderChecksum(b, OFF, IP_HEADER_MIN);
        expect(getU16(b, OFF + IP_CHECKSUM)).toBe(field);
      }),
      { seed: 3, numRuns: 100 },
    );
  });
});

describe("IPv4 header checksum", () => {
  it("is in a header that has every field in its place", () => {
    const b = new Uint8Array(22);
    writeIpv4Header(b, 1, 0xb8, 0x0102, 0x0304, 0x4005, 63, 17, ip("192.168.0.1"), ip("10.0.2.3"));
    const check = getU16(b, 1 + IP_CHECKSUM);
    const start = [0, 0x45, 0xb8, 1, 2, 3, 4, 0x40, 5, 63, 17];
    expect([...b]).toEqual([...start, check >> 8, check & 255, 192, 168, 0, 1, 10, 0, 2, 3, 0]);
    expect(sumTwin(b.subarray(1, 21))).toBe(0xffff);
    expect(b[1 + IP_TOS]).toBe(0xb8);
  });

  it("knows a header from the wire and every single-bit error in it", () => {
    // The worked example of Wikipedia's "Internet checksum".
    const hex = "45000073000040004011b861c0a80001c0a800c7";
    const b = Uint8Array.from(hex.match(/../g) ?? [], (x) => Number.parseInt(x, 16));
    expect(ipv4HeaderChecksumOk(b, 0, 20)).toBe(true);
    for (let bit = 0; bit < 160; bit++) {
      const at = bit >> 3;
      b[at] ^= 1 << (bit & 7);
      expect(ipv4HeaderChecksumOk(b, 0, 20)).toBe(false);
      b[at] ^= 1 << (bit & 7);
    }
    b.fill(0, 10, 12);
    writeIpv4HeaderChecksum(b, 0, 20);
    expect(getU16(b, 10)).toBe(0xb861);
  });
});

describe("pseudo header and NEEDS_CSUM", () => {
  it("sums the pseudo header as the twin does", () => {
    fc.assert(
      fc.property(int32, int32, fc.nat(255), u16, (src, dst, protocol, length) => {
        expect(pseudoHeaderSum(src, dst, protocol, length)).toBe(sumTwin(pseudoHeader(src, dst, protocol, length)));
      }),
      { seed: 4, numRuns: 500 },
    );
  });

  it.each([
    ["TCP", PROTO_TCP, TCP_CHECKSUM],
    ["UDP", PROTO_UDP, UDP_CHECKSUM],
  ])("%s: completing after any address changes gives the checksum of the new packet", (_name, protocol, field) => {
    fc.assert(
      fc.property(
        int32,
        int32,
        fc.array(fc.tuple(int32, int32), { maxLength: 4 }),
        data,
        u16,
        (s, d, hops, payload, port) => {
          let src = s;
          let dst = d;
          const m = make({ protocol, src, dst, payload });
          makePartial(m, protocol, src, dst);
          for (const [toSrc, toDst] of hops) {
            let check = getU16(m.b, L4 + field);
            check = updatePartial32(check, src, toSrc);
            check = updatePartial32(check, dst, toDst);
            setU16(m.b, L4 + field, check);
            expect(check).toBe(pseudoHeaderSum(toSrc, toDst, protocol, m.len - IP_HEADER_MIN));
            src = toSrc;
            dst = toDst;
          }
          // A port is summed later: changing it leaves the field alone.
          setU16(m.b, L4, port);
          setI32(m.b, OFF + IP_SRC, src);
          setI32(m.b, OFF + IP_DST, dst);
          completeChecksum(m.b, VNET, OFF, m.len);
          expect(vnetFlags(m.b, VNET) & VNET_F_NEEDS_CSUM).toBe(0);
          const completed = getU16(m.b, L4 + field);
          const l4 = m.b.slice(L4, OFF + m.len);
          expect(sumTwin([...pseudoHeader(src, dst, protocol, l4.length), ...l4])).toBe(0xffff);
          if (protocol === PROTO_TCP) writeTcpChecksum(m.b, L4, l4.length, src, dst);
          else writeUdpChecksum(m.b, L4, src, dst);
          expect(completed).toBe(getU16(m.b, L4 + field));
        },
      ),
      { seed: 5, numRuns: 300 },
    );
  });

  it("completes a UDP sum of 0xffff to 0xffff, and a TCP one to 0", () => {
    const src = ip("192.168.7.1");
    const dst = ip("172.20.0.10");
    const udp = make({ protocol: PROTO_UDP, src, dst, payload: [0, 0] });
    setU16(udp.b, L4 + 8, getU16(udp.b, L4 + UDP_CHECKSUM));
    makePartial(udp, PROTO_UDP, src, dst);
    completeChecksum(udp.b, VNET, OFF, udp.len);
    expect(getU16(udp.b, L4 + UDP_CHECKSUM)).toBe(0xffff);
    const tcp = make({ src, dst, payload: [0, 0] });
    setU16(tcp.b, L4 + 20, getU16(tcp.b, L4 + TCP_CHECKSUM));
    makePartial(tcp, PROTO_TCP, src, dst);
    completeChecksum(tcp.b, VNET, OFF, tcp.len);
    expect(getU16(tcp.b, L4 + TCP_CHECKSUM)).toBe(0);
    expect(tcpChecksumOk(tcp.b, L4, tcp.len - IP_HEADER_MIN, src, dst)).toBe(true);
  });
});

describe("layer 4 checksums", () => {
  it("accept what was written and refuse any changed byte", () => {
    const src = ip("172.31.1.16");
    const dst = ip("192.168.0.17");
    const payload = Uint8Array.from({ length: 31 }, (_, i) => i * 7);
    const ok: Record<number, (b: Uint8Array, len: number) => boolean> = {
      1: (b, len) => icmpChecksumOk(b, L4, len),
      6: (b, len) => tcpChecksumOk(b, L4, len, src, dst),
      17: (b) => udpChecksumOk(b, L4, src, dst),
      132: (b, len) => sctpChecksumOk(b, L4, len),
    };
    for (const [protocol, test] of Object.entries(ok)) {
      const { b, len } = make({ protocol: Number(protocol), src, dst, payload });
      expect(test(b, len - IP_HEADER_MIN)).toBe(true);
      for (let i = L4; i < OFF + len; i++) {
        b[i] ^= 0x40;
        expect(test(b, len - IP_HEADER_MIN), `protocol ${protocol}, byte ${i - L4}`).toBe(false);
        b[i] ^= 0x40;
      }
    }
  });

  it("take a UDP checksum of 0 as none", () => {
    const { b } = make({ protocol: PROTO_UDP, payload: [1, 2, 3] });
    setU16(b, L4 + UDP_CHECKSUM, 0);
    expect(udpChecksumOk(b, L4, 1, 2)).toBe(true);
  });
});

describe("crc32c", () => {
  const crc = (bytes: number[] | Uint8Array) => crc32c(Uint8Array.from(bytes), 0, bytes.length) >>> 0;

  it("knows the vectors of RFC 3720, appendix B.4", () => {
    expect(crc(Array.from("123456789", (c) => c.charCodeAt(0)))).toBe(0xe3069283);
    expect(crc(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc(Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc(Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
    expect(crc([])).toBe(0);
  });

  it("does as the bit-at-a-time twin does", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(7), (bytes, pad) => {
        const b = new Uint8Array(pad + bytes.length + 2).fill(0x77);
        b.set(bytes, pad);
        expect(crc32c(b, pad, bytes.length) >>> 0).toBe(crc32cTwin(bytes));
      }),
      { seed: 6, numRuns: 300 },
    );
  });

  it("is written least significant byte first, over a checksum field of zero", () => {
    const { b, len } = make({ protocol: 132, payload: [1, 2, 3, 4, 5] });
    b.fill(0x99, L4 + SCTP_CHECKSUM, L4 + SCTP_CHECKSUM + 4);
    writeSctpChecksum(b, L4, len - IP_HEADER_MIN);
    const zeroed = b.slice(L4, OFF + len);
    zeroed.fill(0, SCTP_CHECKSUM, SCTP_CHECKSUM + 4);
    const want = crc32cTwin(zeroed);
    expect([...b.slice(L4 + SCTP_CHECKSUM, L4 + SCTP_CHECKSUM + 4)]).toEqual([
      want & 255,
      (want >>> 8) & 255,
      (want >>> 16) & 255,
      want >>> 24,
    ]);
  });
});

describe("optionsOk", () => {
  const check = (...options: number[]) => {
    const b = new Uint8Array(20 + options.length + 8).fill(0xff);
    b.set(options, 20);
    return optionsOk(b, 0, 20 + options.length);
  };

  it("accepts well-formed options and whatever follows END", () => {
    expect(check()).toBe(true);
    expect(check(1, 1, 1, 0)).toBe(true);
    expect(check(0x94, 4, 0, 0)).toBe(true);
    expect(check(0x94, 4, 0, 0, 1, 0x44, 2, 0)).toBe(true);
    expect(check(0, 0x94, 0, 0xff)).toBe(true);
    expect(check(1, 1, 0x94, 2)).toBe(true);
  });

  it("refuses lengths under 2, past the header, or missing", () => {
    expect(check(0x94, 1, 0, 0)).toBe(false);
    expect(check(0x94, 0, 0, 0)).toBe(false);
    expect(check(0x94, 5, 0, 0)).toBe(false);
    expect(check(1, 1, 1, 0x94)).toBe(false);
    expect(check(0x94, 4, 0, 0, 7, 8, 0, 0)).toBe(false);
    // The option's type is the last byte of the buffer.
    const b = new Uint8Array(24).fill(1);
    b[23] = 0x94;
    expect(optionsOk(b, 0, 24)).toBe(false);
  });
});
