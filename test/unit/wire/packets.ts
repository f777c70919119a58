import {
  Packet,
  PROTO_ICMP,
  PROTO_SCTP,
  PROTO_TCP,
  PROTO_UDP,
  VNET_BEFORE,
  VNET_F_NEEDS_CSUM,
} from "../../../src/plane/packet.ts";
import { HEADROOM } from "../../../src/plane/vector.ts";
import { parseAddress } from "../../../src/plane/wire/address.ts";
import { setU16 } from "../../../src/plane/wire/bytes.ts";
import { pseudoHeaderSum, writeIpv4HeaderChecksum } from "../../../src/plane/wire/checksum.ts";
import { ICMP_HEADER, writeIcmpChecksum, writeIcmpHeader } from "../../../src/plane/wire/icmp.ts";
import { IP_HEADER_MIN, IP_TOTAL_LENGTH, writeIpv4Header } from "../../../src/plane/wire/ipv4.ts";
import { SCTP_HEADER, writeSctpChecksum, writeSctpHeader } from "../../../src/plane/wire/sctp.ts";
import {
  TCP_ACK,
  TCP_CHECKSUM,
  TCP_HEADER_MIN,
  writeTcpChecksum,
  writeTcpHeader,
} from "../../../src/plane/wire/tcp.ts";
import { UDP_CHECKSUM, UDP_HEADER, writeUdpChecksum, writeUdpHeader } from "../../../src/plane/wire/udp.ts";
import { writeVnet } from "../../../src/plane/wire/virtio.ts";

export const OFF = HEADROOM;
export const VNET = OFF - VNET_BEFORE;
export const L4 = OFF + IP_HEADER_MIN;

export function ip(text: string): number {
  const a = parseAddress(text);
  if (a === null) throw new Error(`bad address ${text}`);
  return a;
}

/** A packet in a buffer of its own, at OFF, with a plain vnet header in front. */
export interface Made {
  b: Uint8Array<ArrayBuffer>;
  len: number;
}

export interface Fields {
  src?: number;
  dst?: number;
  protocol?: number;
  sport?: number;
  dport?: number;
  payload?: ArrayLike<number>;
  frag?: number;
  flags?: number;
  seq?: number;
  ack?: number;
  /** ICMP: type, code, and second word. */
  type?: number;
  code?: number;
  rest?: number;
}

const HEADERS: Record<number, number> = {
  [PROTO_TCP]: TCP_HEADER_MIN,
  [PROTO_UDP]: UDP_HEADER,
  [PROTO_ICMP]: ICMP_HEADER,
  [PROTO_SCTP]: SCTP_HEADER,
};

/** Makes a valid packet; TCP unless `protocol` says otherwise. */
export function make(f: Fields = {}): Made {
  const { src = ip("172.31.1.16"), dst = ip("192.168.0.17"), protocol = PROTO_TCP, payload = [] } = f;
  const { sport = 40000, dport = 80, frag = 0 } = f;
  const header = HEADERS[protocol] ?? 0;
  const l4len = header + payload.length;
  const len = IP_HEADER_MIN + l4len;
  const b = new Uint8Array(OFF + len + 16);
  b.set(Array.from(payload), L4 + header);
  writeIpv4Header(b, OFF, 0, len, 0x1234, frag, 64, protocol, src, dst);
  if (protocol === PROTO_TCP) {
    writeTcpHeader(b, L4, sport, dport, f.seq ?? 1, f.ack ?? 2, f.flags ?? TCP_ACK, 64240);
    writeTcpChecksum(b, L4, l4len, src, dst);
  } else if (protocol === PROTO_UDP) {
    writeUdpHeader(b, L4, sport, dport, l4len);
    writeUdpChecksum(b, L4, src, dst);
  } else if (protocol === PROTO_ICMP) {
    writeIcmpHeader(b, L4, f.type ?? 8, f.code ?? 0, f.rest ?? 0x00070001);
    writeIcmpChecksum(b, L4, l4len);
  } else if (protocol === PROTO_SCTP) {
    writeSctpHeader(b, L4, sport, dport, 0xcafe);
    writeSctpChecksum(b, L4, l4len);
  }
  return { b, len };
}

/** Turns a TCP or UDP packet into what a TUN with offloads delivers: the checksum is left to the receiver. */
export function makePartial(m: Made, protocol: number, src: number, dst: number, gsoType = 0, gsoSize = 0): void {
  const offset = protocol === PROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
  setU16(m.b, L4 + offset, pseudoHeaderSum(src, dst, protocol, m.len - IP_HEADER_MIN));
  writeVnet(
    m.b,
    VNET,
    VNET_F_NEEDS_CSUM,
    gsoType,
    IP_HEADER_MIN + (HEADERS[protocol] ?? 0),
    gsoSize,
    IP_HEADER_MIN,
    offset,
  );
}

/** Changes the total length and makes the header checksum right again. */
export function setTotalLength(m: Made, total: number): void {
  setU16(m.b, OFF + IP_TOTAL_LENGTH, total);
  writeIpv4HeaderChecksum(m.b, OFF, IP_HEADER_MIN);
}

export function packetOf(m: Made): Packet {
  return new Packet(m.b);
}
