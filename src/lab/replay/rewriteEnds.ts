import { quotedDport, quotedDst, quotedSport, quotedSrc } from "../../plane/nat/quoted.ts";
import { rewriteQuoted, writeBack } from "../../plane/nat/rewrite.ts";
import {
  FRAG_ANY,
  FRAG_OFFSET_MASK,
  PARSE_OK,
  Packet,
  PROTO_ICMP,
  PROTO_TCP,
  PROTO_UDP,
  VNET_BEFORE,
} from "../../plane/packet.ts";
import { getU16, setU16 } from "../../plane/wire/bytes.ts";
import { update16 } from "../../plane/wire/checksum.ts";
import { ICMP_HEADER } from "../../plane/wire/icmp.ts";
import { IP_HEADER_MIN, IP_PROTOCOL } from "../../plane/wire/ipv4.ts";
import { parsePacket } from "../../plane/wire/parse.ts";
import { TCP_CHECKSUM } from "../../plane/wire/tcp.ts";
import { UDP_CHECKSUM } from "../../plane/wire/udp.ts";
import type { Tuple } from "./tuple.ts";

const SPORT = 0;
const DPORT = 2;
const PORTS = 4;
const TTL_MAX = 255;
/** A UDP checksum that comes out as 0 is written as its other form (RFC 768). */
const UDP_ZERO = 0xffff;

/** Addresses and ports that a packet is to have instead of its own. Of an ICMP query `sport` alone is one: its identifier. */
export type Ends = Pick<Tuple, "src" | "sport" | "dst" | "dport">;

/**
 * Gives a packet other addresses and ports and corrects its checksums for that, as NAT does: a right one stays right, a
 * wrong one wrong.
 *
 * @param bytes with the virtio_net_hdr in front; changed in place
 * @param hops that are added to its TTL
 * @returns whether the packet could be read; otherwise it is as it was
 */
export function rewriteEnds(bytes: Uint8Array, ends: Ends, hops = 0): boolean {
  const p = parsed(bytes);
  if (p === null) return false;
  if ((p.frag & FRAG_ANY) !== 0 && (p.frag & FRAG_OFFSET_MASK) === 0) rewriteFirstPiece(p, ends);
  p.src = ends.src;
  p.dst = ends.dst;
  p.sport = ends.sport;
  if (p.protocol !== PROTO_ICMP) p.dport = ends.dport;
  p.ttl = Math.min(TTL_MAX, p.ttl + hops);
  writeBack(p);
  return true;
}

/**
 * Gives an ICMP error other addresses, and the packet that it quotes other ends.
 *
 * @returns whether it is an ICMP error with a quotation that can be read
 */
export function rewriteError(bytes: Uint8Array, src: number, dst: number, quoted: Ends, hops = 0): boolean {
  const p = parsed(bytes);
  if (p === null || p.icmpError !== 1) return false;
  if (!rewriteQuoted(p, quoted.src, quoted.dst, quoted.sport, quoted.dport)) return false;
  p.src = src;
  p.dst = dst;
  p.ttl = Math.min(TTL_MAX, p.ttl + hops);
  writeBack(p);
  return true;
}

/** The tuple of the packet that an ICMP error quotes, or null: it is none. @param bytes from the IP header on */
export function quotedTuple(bytes: Uint8Array): Tuple | null {
  const whole = new Uint8Array(VNET_BEFORE + bytes.length);
  whole.set(bytes, VNET_BEFORE);
  const p = parsed(whole);
  if (p === null || p.icmpError !== 1 || p.l4len < ICMP_HEADER + IP_HEADER_MIN) return null;
  const protocol = whole[p.l4 + ICMP_HEADER + IP_PROTOCOL];
  const sport = quotedSport(p);
  // What quotes a query quotes its type and code where others have ports.
  const kind = whole[p.l4 + ICMP_HEADER + ((whole[p.l4 + ICMP_HEADER] & 0x0f) << 2)] << 8;
  const dport = protocol === PROTO_ICMP ? kind : quotedDport(p);
  return { protocol, src: quotedSrc(p), sport, dst: quotedDst(p), dport };
}

function parsed(bytes: Uint8Array): Packet | null {
  // Packet wants bytes of its own buffer, which these are.
  const p = new Packet(bytes as Uint8Array<ArrayBuffer>);
  return parsePacket(p, VNET_BEFORE, bytes.length - VNET_BEFORE) === PARSE_OK ? p : null;
}

/**
 * The plane never translates a fragment's ports, and so leaves them: they are changed here. The addresses, and the checksum
 * for them, are {@link writeBack}'s.
 */
function rewriteFirstPiece(p: Packet, ends: Ends): void {
  const b = p.buf;
  if ((p.protocol !== PROTO_TCP && p.protocol !== PROTO_UDP) || p.l4len < PORTS) return;
  const field = p.l4 + (p.protocol === PROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
  if (p.protocol === PROTO_UDP && getU16(b, field) === 0) {
    setU16(b, p.l4 + SPORT, ends.sport);
    setU16(b, p.l4 + DPORT, ends.dport);
    return;
  }
  let check = getU16(b, field);
  check = update16(check, getU16(b, p.l4 + SPORT), ends.sport);
  check = update16(check, getU16(b, p.l4 + DPORT), ends.dport);
  setU16(b, p.l4 + SPORT, ends.sport);
  setU16(b, p.l4 + DPORT, ends.dport);
  setU16(b, field, p.protocol === PROTO_UDP && check === 0 ? UDP_ZERO : check);
}
