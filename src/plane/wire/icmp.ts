import { PARSE_L4_SHORT, PARSE_OK, type ParseResult } from "../packet.ts";
import { setI32, setU16 } from "./bytes.ts";
import { checksum, sum16 } from "./checksum.ts";

// The ICMP header (RFC 792): offsets in bytes.
export const ICMP_TYPE = 0;
export const ICMP_CODE = 1;
export const ICMP_CHECKSUM = 2;
/** Queries: identifier. */
export const ICMP_ID = 4;
/** Queries: sequence number. */
export const ICMP_SEQ = 6;
/** Fragmentation needed: MTU of the next hop (RFC 1191, section 4). */
export const ICMP_MTU = 6;
/** Length of the header; the data or the quoted packet starts here. */
export const ICMP_HEADER = 8;

// Types (include/uapi/linux/icmp.h).
export const ICMP_ECHO_REPLY = 0;
export const ICMP_DEST_UNREACH = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;
const ICMP_TIMESTAMP = 13;
const ICMP_TIMESTAMP_REPLY = 14;
const ICMP_INFO_REQUEST = 15;
const ICMP_INFO_REPLY = 16;
const ICMP_ADDRESS_MASK = 17;
const ICMP_ADDRESS_MASK_REPLY = 18;

// Codes of ICMP_DEST_UNREACH.
export const ICMP_NET_UNREACH = 0;
export const ICMP_HOST_UNREACH = 1;
export const ICMP_PROTOCOL_UNREACH = 2;
export const ICMP_PORT_UNREACH = 3;
export const ICMP_FRAG_NEEDED = 4;
export const ICMP_ADMIN_PROHIBITED = 13;

// Codes of ICMP_TIME_EXCEEDED.
export const ICMP_TTL_EXCEEDED = 0;
export const ICMP_REASSEMBLY_EXCEEDED = 1;

/** Types that quote the packet they complain about: those that icmp_error of nf_conntrack_proto_icmp.c looks into. */
export function icmpIsError(type: number): boolean {
  switch (type) {
    case ICMP_DEST_UNREACH:
    case ICMP_SOURCE_QUENCH:
    case ICMP_REDIRECT:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
      return true;
    default:
      return false;
  }
}

/** Types that ask and so may begin a conntrack entry (valid_new in nf_conntrack_proto_icmp.c). */
export function icmpIsRequest(type: number): boolean {
  return icmpReplyOf(type) >= 0;
}

/** Type that answers a request, or -1 when `type` is no request. */
export function icmpReplyOf(type: number): number {
  switch (type) {
    case ICMP_ECHO:
      return ICMP_ECHO_REPLY;
    case ICMP_TIMESTAMP:
      return ICMP_TIMESTAMP_REPLY;
    case ICMP_INFO_REQUEST:
      return ICMP_INFO_REPLY;
    case ICMP_ADDRESS_MASK:
      return ICMP_ADDRESS_MASK_REPLY;
    default:
      return -1;
  }
}

/** Type of the request that a reply answers, or -1 when `type` is no reply. */
export function icmpRequestOf(type: number): number {
  switch (type) {
    case ICMP_ECHO_REPLY:
      return ICMP_ECHO;
    case ICMP_TIMESTAMP_REPLY:
      return ICMP_TIMESTAMP;
    case ICMP_INFO_REPLY:
      return ICMP_INFO_REQUEST;
    case ICMP_ADDRESS_MASK_REPLY:
      return ICMP_ADDRESS_MASK;
    default:
      return -1;
  }
}

/** Requests and replies: the types that carry an identifier. */
export function icmpIsQuery(type: number): boolean {
  return icmpReplyOf(type) >= 0 || icmpRequestOf(type) >= 0;
}

/** The one length test: after PARSE_OK the 8 bytes of the header may be read unchecked. */
export function checkIcmp(l4len: number): ParseResult {
  return l4len < ICMP_HEADER ? PARSE_L4_SHORT : PARSE_OK;
}

/** @param l4len bytes of ICMP header and data */
export function icmpChecksumOk(b: Uint8Array, l4: number, l4len: number): boolean {
  return sum16(b, l4, l4len, 0) === 0xffff;
}

/**
 * Writes a header; its checksum is 0 until {@link writeIcmpChecksum}.
 * @param rest the second 32-bit word: identifier << 16 | sequence number, or an error's unused word or MTU
 */
export function writeIcmpHeader(b: Uint8Array, l4: number, type: number, code: number, rest: number): void {
  b[l4 + ICMP_TYPE] = type;
  b[l4 + ICMP_CODE] = code;
  setU16(b, l4 + ICMP_CHECKSUM, 0);
  setI32(b, l4 + ICMP_ID, rest);
}

/** @param l4len bytes of ICMP header and data */
export function writeIcmpChecksum(b: Uint8Array, l4: number, l4len: number): void {
  setU16(b, l4 + ICMP_CHECKSUM, 0);
  setU16(b, l4 + ICMP_CHECKSUM, checksum(b, l4, l4len));
}
