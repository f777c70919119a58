import {
  FRAG_DF,
  FRAG_MF,
  FRAG_OFFSET_MASK,
  type Packet,
  PROTO_TCP,
  VNET_BEFORE,
  VNET_F_NEEDS_CSUM,
  VNET_GSO_NONE,
} from "./packet.ts";
import { HEADROOM } from "./vector.ts";
import { getI32, getU16, setI32, setU16 } from "./wire/bytes.ts";
import { completeChecksum, pseudoHeaderSum, sum16, writeIpv4HeaderChecksum } from "./wire/checksum.ts";
import { IP_DST, IP_FRAG, IP_HEADER_MIN, IP_ID, IP_SRC, IP_TOTAL_LENGTH } from "./wire/ipv4.ts";
import { TCP_CHECKSUM, TCP_FLAGS, TCP_SEQ } from "./wire/tcp.ts";
import { UDP_CHECKSUM, UDP_HEADER, UDP_LENGTH } from "./wire/udp.ts";

/**
 * Cutting packets: a GSO super-packet into the segments it stands for, and a packet into fragments. Both write their
 * pieces into scratch space of the arena; the packet itself stays where it is.
 */

/** Where pieces go. The plane implements it: space from its scratch region, and what is done with a finished piece. */
export interface PieceSink {
  /** Arena offset of the next piece's IP header, with HEADROOM in front; -1 when there is no room left. */
  allocate(length: number): number;
  piece(offset: number, length: number): void;
}

const IPOPT_COPIED = 0x80;
const IPOPT_END = 0;
const IPOPT_NOOP = 1;
const TCP_FIN = 0x01;
const TCP_PSH = 0x08;
const TCP_CWR = 0x80;
const UDP_ZERO = 0xffff;

/** Size that an MTU is compared with: that of one segment for a GSO packet, of the packet otherwise. */
export function sizeOnWire(p: Packet): number {
  if (p.gsoType === VNET_GSO_NONE) return p.len;
  return Math.min(p.len, p.gsoSize + p.gsoHeader + p.ihl);
}

/** Whether a packet has to be cut for an MTU, must not be (and is too large), or fits: 1, -1, 0. */
export function fits(p: Packet, mtu: number): number {
  if (sizeOnWire(p) > mtu) {
    if ((p.frag & FRAG_DF) !== 0 && p.fragDf === 0) return -1;
    return p.fragMax > mtu && p.fragDf === 1 ? -1 : 1;
  }
  return p.fragMax > 0 && p.len > p.fragMax ? 1 : 0;
}

/**
 * Cuts a GSO super-packet into finished segments (tcp_gso_segment and __udp_gso_segment in net/ipv4): sequence numbers
 * and IP identifiers go up, FIN and PSH stay with the last, CWR with the first, every checksum is complete.
 *
 * @returns number of segments, or 0 if the scratch space did not suffice (then nothing may be sent)
 */
export function segment(p: Packet, sink: PieceSink): number {
  const b = p.buf;
  const headers = p.ihl + p.gsoHeader;
  const payload = p.len - headers;
  const count = Math.max(1, Math.ceil(payload / p.gsoSize));
  const id = getU16(b, p.off + IP_ID);
  let made = 0;
  for (let at = 0; made < count; at += p.gsoSize) {
    const size = Math.min(p.gsoSize, payload - at);
    const length = headers + size;
    const out = sink.allocate(length);
    if (out < 0) return 0;
    b.fill(0, out - VNET_BEFORE, out);
    b.copyWithin(out, p.off, p.off + headers);
    b.copyWithin(out + headers, p.off + headers + at, p.off + headers + at + size);
    setU16(b, out + IP_TOTAL_LENGTH, length);
    setU16(b, out + IP_ID, (id + made) & 0xffff);
    writeIpv4HeaderChecksum(b, out, p.ihl);
    const l4 = out + p.ihl;
    const l4len = p.gsoHeader + size;
    const last = made === count - 1;
    let field: number;
    if (p.protocol === PROTO_TCP) {
      setI32(b, l4 + TCP_SEQ, (getI32(b, p.l4 + TCP_SEQ) + at) | 0);
      if (!last) b[l4 + TCP_FLAGS] &= ~(TCP_FIN | TCP_PSH);
      if (made > 0) b[l4 + TCP_FLAGS] &= ~TCP_CWR;
      field = l4 + TCP_CHECKSUM;
    } else {
      setU16(b, l4 + UDP_LENGTH, UDP_HEADER + size);
      field = l4 + UDP_CHECKSUM;
    }
    setU16(b, field, 0);
    const pseudo = pseudoHeaderSum(getI32(b, out + IP_SRC), getI32(b, out + IP_DST), p.protocol, l4len);
    const check = ~sum16(b, l4, l4len, pseudo) & 0xffff;
    setU16(b, field, check === 0 && p.protocol !== PROTO_TCP ? UDP_ZERO : check);
    sink.piece(out, length);
    made++;
  }
  return made;
}

/**
 * Cuts the packet into fragments of at most `mtu` bytes (RFC 791, 3.2; net/ipv4/ip_output.c, ip_do_fragment). A packet
 * that still needs its checksum gets it first. Options that are not marked "copied" stay with the first fragment. A
 * packet that is a fragment already is cut further. With `df` each piece carries DF, as Linux does for a datagram whose
 * fragments had it.
 *
 * @returns number of fragments, or 0 if the scratch space did not suffice
 */
export function fragment(p: Packet, mtu: number, df: boolean, sink: PieceSink): number {
  const b = p.buf;
  if ((p.vnetFlags & VNET_F_NEEDS_CSUM) !== 0) {
    completeChecksum(b, p.off - VNET_BEFORE, p.off, p.len);
    p.vnetFlags = 0;
  }
  const was = getU16(b, p.off + IP_FRAG);
  const start = was & FRAG_OFFSET_MASK;
  const step = (mtu - p.ihl) & ~7;
  if (step <= 0) return 0;
  const payload = p.len - p.ihl;
  let made = 0;
  for (let at = 0; at < payload; at += step) {
    const size = Math.min(step, payload - at);
    const more = at + size < payload || (was & FRAG_MF) !== 0;
    if (!writeFragment(p, at, size, (start + (at >> 3)) | (more ? FRAG_MF : 0) | (df ? FRAG_DF : 0), sink)) return 0;
    made++;
  }
  return made;
}

/**
 * Cuts a reassembled packet into the fragments that it came as (ip_do_fragment's fast path, which keeps the list of
 * fragments, and sets no DF).
 *
 * @param ends where in the payload each fragment ends, in ascending order
 * @returns number of fragments, or 0 if the scratch space did not suffice
 */
export function fragmentAsBefore(p: Packet, ends: Int32Array, count: number, sink: PieceSink): number {
  let at = 0;
  for (let i = 0; i < count; i++) {
    const end = ends[i];
    if (!writeFragment(p, at, end - at, (at >> 3) | (i + 1 < count ? FRAG_MF : 0), sink)) return 0;
    at = end;
  }
  return count;
}

/** Writes `size` bytes of the payload from `at` on as a fragment with the flags and offset given; false without space. */
function writeFragment(p: Packet, at: number, size: number, frag: number, sink: PieceSink): boolean {
  const b = p.buf;
  const length = p.ihl + size;
  const out = sink.allocate(length);
  if (out < 0) return false;
  b.fill(0, out - VNET_BEFORE, out);
  b.copyWithin(out, p.off, p.off + p.ihl);
  b.copyWithin(out + p.ihl, p.l4 + at, p.l4 + at + size);
  if (at > 0 && p.ihl > IP_HEADER_MIN) blankUncopiedOptions(b, out, p.ihl);
  setU16(b, out + IP_FRAG, frag);
  setU16(b, out + IP_TOTAL_LENGTH, length);
  writeIpv4HeaderChecksum(b, out, p.ihl);
  sink.piece(out, length);
  return true;
}

/** Overwrites options that only the first fragment carries with no-ops (net/ipv4/ip_options.c, ip_options_fragment). */
function blankUncopiedOptions(b: Uint8Array, ip: number, ihl: number): void {
  let o = ip + IP_HEADER_MIN;
  const end = ip + ihl;
  while (o < end) {
    const type = b[o];
    if (type === IPOPT_END) return;
    const size = type === IPOPT_NOOP ? 1 : b[o + 1];
    if (type !== IPOPT_NOOP && size < 2) return;
    if ((type & IPOPT_COPIED) === 0) b.fill(IPOPT_NOOP, o, Math.min(o + size, end));
    o += size;
  }
}

/** Arena bytes that a piece of a length takes. */
export function pieceBytes(length: number): number {
  return (HEADROOM + length + 63) & ~63;
}
