import { getU16, setU16 } from "./bytes.ts";
import { clearNeedsCsum, vnetCsumOffset, vnetCsumStart } from "./virtio.ts";

/*
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 *
 * One's complement has two zeros, 0x0000 and 0xffff. Folding a sum of which at least one term is not zero gives
 * 1..0xffff, so a computed *checksum* (its complement) is 0..0xfffe. Everything here keeps to that choice, so that an
 * incremental update gives the very bits that a recomputation would.
 */
const ONES = 0xffff;

// Two offsets of the protocols above this file, which import it: IPv4's checksum field, and UDP's, by which a csum_offset
// tells UDP from TCP.
const IP_CHECKSUM_FIELD = 10;
const UDP_CHECKSUM_FIELD = 6;

/** Adds the carries back in until 16 bits are left. `sum` is 0..2^31-1. */
function fold(sum: number): number {
  const once = (sum & ONES) + (sum >>> 16);
  return (once & ONES) + (once >>> 16);
}

/**
 * One's complement sum of `len` bytes, folded and *not* complemented; an odd last byte counts as a high byte.
 * @param initial a folded sum to start from, 0..0xffff; @returns 0..0xffff
 */
export function sum16(b: Uint8Array, off: number, len: number, initial: number): number {
  // High and low bytes add up apart: one load and one addition a byte, no shifts, and 16 MB before int32 overflows.
  let high0 = 0;
  let low0 = 0;
  let high1 = 0;
  let low1 = 0;
  const end = off + len;
  let i = off;
  for (const stop = end - 15; i < stop; i += 16) {
    high0 += b[i] + b[i + 2] + b[i + 4] + b[i + 6];
    low0 += b[i + 1] + b[i + 3] + b[i + 5] + b[i + 7];
    high1 += b[i + 8] + b[i + 10] + b[i + 12] + b[i + 14];
    low1 += b[i + 9] + b[i + 11] + b[i + 13] + b[i + 15];
  }
  for (const stop = end - 1; i < stop; i += 2) {
    high0 += b[i];
    low0 += b[i + 1];
  }
  if (i < end) high0 += b[i];
  const high = high0 + high1;
  // 256 * high, with its own carry already folded.
  return fold(((high & 0xff) << 8) + (high >>> 8) + low0 + low1 + initial);
}

/** The Internet checksum of `len` bytes, as it stands in a header. */
export function checksum(b: Uint8Array, off: number, len: number): number {
  return ~sum16(b, off, len, 0) & ONES;
}

/** Complement of a folded sum; a sum of 0 stands for its twin 0xffff, as it would in a recomputation. */
function complement(sum: number): number {
  return sum === 0 ? 0 : ~sum & ONES;
}

/**
 * Checksum field after a 16-bit word under it changed: HC' = ~(~HC + ~m + m'), RFC 1624 equation 3.
 * Gives what a recomputation would, 0..0xfffe. A UDP caller leaves a field of 0 (no checksum) alone and writes 0xffff for
 * a returned 0 (RFC 768).
 */
export function update16(check: number, oldV: number, newV: number): number {
  return complement(fold((~check & ONES) + (~oldV & ONES) + newV));
}

/** {@link update16} for 32 bits that start at an even offset, such as an IPv4 address. */
export function update32(check: number, oldI32: number, newI32: number): number {
  return complement(fold((~check & ONES) + swapTerm(oldI32, newI32)));
}

/**
 * The same for the checksum field of a NEEDS_CSUM packet: that field holds the uncomplemented sum of the pseudo header,
 * so it changes for addresses only, never for ports.
 */
export function updatePartial32(check: number, oldI32: number, newI32: number): number {
  return fold(check + swapTerm(oldI32, newI32));
}

/** ~old + new, in 16-bit halves; at most 18 bits. */
function swapTerm(oldI32: number, newI32: number): number {
  return (~oldI32 >>> 16) + (~oldI32 & ONES) + (newI32 >>> 16) + (newI32 & ONES);
}

/**
 * Sum of the TCP and UDP pseudo header (RFC 9293 section 3.1), folded and not complemented.
 * @param length bytes of the layer 4 header and payload
 */
export function pseudoHeaderSum(src: number, dst: number, protocol: number, length: number): number {
  return fold((src >>> 16) + (src & ONES) + (dst >>> 16) + (dst & ONES) + protocol + length);
}

/** @param ihl header length in bytes, 20..60 */
export function ipv4HeaderChecksumOk(b: Uint8Array, off: number, ihl: number): boolean {
  let sum = 0;
  for (let i = off, end = off + ihl; i < end; i += 4) sum += getU16(b, i) + getU16(b, i + 2);
  return fold(sum) === ONES;
}

/** @param ihl header length in bytes, 20..60 */
export function writeIpv4HeaderChecksum(b: Uint8Array, off: number, ihl: number): void {
  setU16(b, off + IP_CHECKSUM_FIELD, 0);
  setU16(b, off + IP_CHECKSUM_FIELD, checksum(b, off, ihl));
}

/**
 * Completes the layer 4 checksum of a packet with NEEDS_CSUM and clears the flag, as skb_checksum_help()
 * (net/core/dev.c) does. The field itself holds the pseudo header's sum, so summing from csum_start on is all there is.
 * Not for GSO packets, whose segments each need their own. `parsePacket` has checked csum_start and csum_offset.
 * @param vnetOff offset of the virtio_net_hdr; @param ipOff of the IP header; @param len IP total length
 */
export function completeChecksum(b: Uint8Array, vnetOff: number, ipOff: number, len: number): void {
  const start = vnetCsumStart(b, vnetOff);
  const offset = vnetCsumOffset(b, vnetOff);
  const check = checksum(b, ipOff + start, len - start);
  setU16(b, ipOff + start + offset, check === 0 && offset === UDP_CHECKSUM_FIELD ? ONES : check);
  clearNeedsCsum(b, vnetOff);
}
