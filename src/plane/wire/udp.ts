import { PARSE_L4_BAD, PARSE_L4_SHORT, PARSE_OK, type ParseResult, PROTO_UDP } from "../packet.ts";
import { getU16, setU16 } from "./bytes.ts";
import { pseudoHeaderSum, sum16 } from "./checksum.ts";

// The UDP header (RFC 768): offsets in bytes.
export const UDP_SPORT = 0;
export const UDP_DPORT = 2;
/** Header and payload in bytes. */
export const UDP_LENGTH = 4;
export const UDP_CHECKSUM = 6;
export const UDP_HEADER = 8;

/** The checksum field of a datagram without checksum; a computed 0 travels as {@link UDP_CHECKSUM_ZERO}. */
const UDP_CHECKSUM_NONE = 0;
export const UDP_CHECKSUM_ZERO = 0xffff;

/** The one length test: after PARSE_OK the header may be read unchecked, and its length field lies inside the packet. */
export function checkUdp(b: Uint8Array, l4: number, l4len: number): ParseResult {
  if (l4len < UDP_HEADER) return PARSE_L4_SHORT;
  const length = getU16(b, l4 + UDP_LENGTH);
  return length < UDP_HEADER || length > l4len ? PARSE_L4_BAD : PARSE_OK;
}

/** True also for a datagram without checksum. Covers the bytes that the length field states. */
export function udpChecksumOk(b: Uint8Array, l4: number, src: number, dst: number): boolean {
  if (getU16(b, l4 + UDP_CHECKSUM) === UDP_CHECKSUM_NONE) return true;
  const length = getU16(b, l4 + UDP_LENGTH);
  return sum16(b, l4, length, pseudoHeaderSum(src, dst, PROTO_UDP, length)) === 0xffff;
}

/** Writes a header without checksum; {@link writeUdpChecksum} adds it. @param length header and payload in bytes */
export function writeUdpHeader(b: Uint8Array, l4: number, sport: number, dport: number, length: number): void {
  setU16(b, l4 + UDP_SPORT, sport);
  setU16(b, l4 + UDP_DPORT, dport);
  setU16(b, l4 + UDP_LENGTH, length);
  setU16(b, l4 + UDP_CHECKSUM, UDP_CHECKSUM_NONE);
}

/** Covers the bytes that the length field states. */
export function writeUdpChecksum(b: Uint8Array, l4: number, src: number, dst: number): void {
  const length = getU16(b, l4 + UDP_LENGTH);
  setU16(b, l4 + UDP_CHECKSUM, UDP_CHECKSUM_NONE);
  const sum = sum16(b, l4, length, pseudoHeaderSum(src, dst, PROTO_UDP, length));
  setU16(b, l4 + UDP_CHECKSUM, sum === 0xffff ? UDP_CHECKSUM_ZERO : ~sum);
}
