import { type Packet, PROTO_ICMP } from "../packet.ts";
import { getI32, getU16 } from "../wire/bytes.ts";
import { ICMP_HEADER, ICMP_ID } from "../wire/icmp.ts";
import { IP_DST, IP_HEADER_MIN, IP_PROTOCOL, IP_SRC } from "../wire/ipv4.ts";

/**
 * Readers of the packet that an ICMP error quotes. They read 0 where the quotation does not reach, so that a cut
 * quotation matches no address.
 */

function reaches(p: Packet, bytes: number): boolean {
  return p.l4 + ICMP_HEADER + bytes <= p.off + p.len;
}

function quotedL4(p: Packet): number {
  const ip = p.l4 + ICMP_HEADER;
  return ip + ((p.buf[ip] & 15) << 2);
}

export function quotedSrc(p: Packet): number {
  return reaches(p, IP_HEADER_MIN) ? getI32(p.buf, p.l4 + ICMP_HEADER + IP_SRC) : 0;
}

export function quotedDst(p: Packet): number {
  return reaches(p, IP_HEADER_MIN) ? getI32(p.buf, p.l4 + ICMP_HEADER + IP_DST) : 0;
}

/** Source port, or an ICMP query's identifier. */
export function quotedSport(p: Packet): number {
  const l4 = quotedL4(p);
  const at = p.buf[p.l4 + ICMP_HEADER + IP_PROTOCOL] === PROTO_ICMP ? l4 + ICMP_ID : l4;
  return at + 2 <= p.off + p.len ? getU16(p.buf, at) : 0;
}

export function quotedDport(p: Packet): number {
  const l4 = quotedL4(p);
  return l4 + 4 <= p.off + p.len ? getU16(p.buf, l4 + 2) : 0;
}
