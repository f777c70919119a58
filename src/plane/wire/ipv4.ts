import {
  PARSE_IHL,
  PARSE_IPV6,
  PARSE_LENGTH,
  PARSE_OK,
  PARSE_SHORT,
  PARSE_VERSION,
  type ParseResult,
} from "../packet.ts";
import { getU16, setI32, setU16 } from "./bytes.ts";
import { update16, writeIpv4HeaderChecksum } from "./checksum.ts";

// The IPv4 header (RFC 791, section 3.1): offsets in bytes.
export const IP_TOS = 1;
export const IP_TOTAL_LENGTH = 2;
export const IP_ID = 4;
/** Flags and fragment offset: FRAG_* of ../packet.ts. */
export const IP_FRAG = 6;
export const IP_TTL = 8;
export const IP_PROTOCOL = 9;
export const IP_CHECKSUM = 10;
export const IP_SRC = 12;
export const IP_DST = 16;
/** Length of a header without options; options start here. */
export const IP_HEADER_MIN = 20;

const VERSION_IHL_20 = 0x45;
export const IP_VERSION_4 = 4;
const IP_VERSION_6 = 6;

// Options (RFC 791, section 3.1; include/uapi/linux/ip.h).
const IPOPT_END = 0;
const IPOPT_NOOP = 1;
/** Loose and strict source route. */
const IPOPT_LSRR = 0x83;
const IPOPT_SSRR = 0x89;
/** Type and length: the least an option of more than one byte has. */
const IPOPT_HEADER = 2;

/** Header length in bytes. */
export function ipHeaderLength(b: Uint8Array, off: number): number {
  return (b[off] & 0x0f) << 2;
}

/** The lengths of the header, in the order that ip_rcv_core() (net/ipv4/ip_input.c) tests them. */
export function checkIpv4Lengths(b: Uint8Array, off: number, len: number): ParseResult {
  if (len < IP_HEADER_MIN) return PARSE_SHORT;
  const version = b[off] >> 4;
  if (version !== IP_VERSION_4) return version === IP_VERSION_6 ? PARSE_IPV6 : PARSE_VERSION;
  const ihl = ipHeaderLength(b, off);
  if (ihl < IP_HEADER_MIN || ihl > len) return PARSE_IHL;
  const total = getU16(b, off + IP_TOTAL_LENGTH);
  return total < ihl || total > len ? PARSE_LENGTH : PARSE_OK;
}

/**
 * Whether the options are well formed, by the structural checks of __ip_options_compile() (net/ipv4/ip_options.c): each
 * is END, NOOP, or has a length of at least 2 that stays inside the header. What follows END is padding.
 * @param ihl header length in bytes, inside the packet
 */
export function optionsOk(b: Uint8Array, off: number, ihl: number): boolean {
  const end = off + ihl;
  let i = off + IP_HEADER_MIN;
  while (i < end) {
    const type = b[i];
    if (type === IPOPT_END) return true;
    if (type === IPOPT_NOOP) {
      i++;
      continue;
    }
    if (i + IPOPT_HEADER > end) return false;
    const length = b[i + 1];
    if (length < IPOPT_HEADER || i + length > end) return false;
    i += length;
  }
  return true;
}

/** Whether well-formed options have a source route. @param ihl header length in bytes */
export function hasSourceRoute(b: Uint8Array, off: number, ihl: number): boolean {
  const end = off + ihl;
  let i = off + IP_HEADER_MIN;
  while (i < end && b[i] !== IPOPT_END) {
    if (b[i] === IPOPT_LSRR || b[i] === IPOPT_SSRR) return true;
    i += b[i] === IPOPT_NOOP ? 1 : b[i + 1];
  }
  return false;
}

/**
 * Writes a header of 20 bytes with its checksum.
 * @param totalLength bytes of header and payload; @param frag flags and fragment offset as on the wire
 */
export function writeIpv4Header(
  b: Uint8Array,
  off: number,
  tos: number,
  totalLength: number,
  id: number,
  frag: number,
  ttl: number,
  protocol: number,
  src: number,
  dst: number,
): void {
  b[off] = VERSION_IHL_20;
  b[off + IP_TOS] = tos;
  setU16(b, off + IP_TOTAL_LENGTH, totalLength);
  setU16(b, off + IP_ID, id);
  setU16(b, off + IP_FRAG, frag);
  b[off + IP_TTL] = ttl;
  b[off + IP_PROTOCOL] = protocol;
  setI32(b, off + IP_SRC, src);
  setI32(b, off + IP_DST, dst);
  writeIpv4HeaderChecksum(b, off, IP_HEADER_MIN);
}

/** Takes one off the TTL, which the caller has seen to be above 0, and corrects the checksum. */
export function decrementTtl(b: Uint8Array, off: number): void {
  // The checksum covers words: TTL is the high byte of one, the protocol the low byte.
  const before = getU16(b, off + IP_TTL);
  b[off + IP_TTL]--;
  setU16(b, off + IP_CHECKSUM, update16(getU16(b, off + IP_CHECKSUM), before, getU16(b, off + IP_TTL)));
}
