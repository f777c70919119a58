import { PARSE_L4_SHORT, PARSE_OK, type ParseResult } from "../packet.ts";
import { setI32, setU16 } from "./bytes.ts";
import { CRC32C_START, crc32cUpdate } from "./crc32c.ts";

// The SCTP common header (RFC 9260, section 3.1): offsets in bytes.
export const SCTP_SPORT = 0;
export const SCTP_DPORT = 2;
export const SCTP_TAG = 4;
export const SCTP_CHECKSUM = 8;
/** Length of the common header; the first chunk starts here. */
export const SCTP_HEADER = 12;

/** The one length test: after PARSE_OK the common header may be read unchecked. */
export function checkSctp(l4len: number): ParseResult {
  return l4len < SCTP_HEADER ? PARSE_L4_SHORT : PARSE_OK;
}

/** Writes the common header; its checksum is 0 until {@link writeSctpChecksum}. @param tag verification tag */
export function writeSctpHeader(b: Uint8Array, l4: number, sport: number, dport: number, tag: number): void {
  setU16(b, l4 + SCTP_SPORT, sport);
  setU16(b, l4 + SCTP_DPORT, dport);
  setI32(b, l4 + SCTP_TAG, tag);
  setI32(b, l4 + SCTP_CHECKSUM, 0);
}

/** Four zero bytes: the checksum field while the checksum is computed. */
const ZERO_FIELD = new Uint8Array(4);

/** CRC32c of an SCTP packet whose checksum field counts as zero. */
function sctpCrc(b: Uint8Array, off: number, len: number): number {
  const before = crc32cUpdate(CRC32C_START, b, off, SCTP_CHECKSUM);
  const field = crc32cUpdate(before, ZERO_FIELD, 0, ZERO_FIELD.length);
  return ~crc32cUpdate(field, b, off + SCTP_HEADER, len - SCTP_HEADER);
}

/** There is no pseudo header. @param off offset of the common header; @param len its bytes and the chunks', at least 12 */
export function sctpChecksumOk(b: Uint8Array, off: number, len: number): boolean {
  const crc = sctpCrc(b, off, len);
  const at = off + SCTP_CHECKSUM;
  return (b[at] | (b[at + 1] << 8) | (b[at + 2] << 16) | (b[at + 3] << 24)) === crc;
}

/** Writes the checksum, least significant byte first, as appendix A's byte swap comes out. */
export function writeSctpChecksum(b: Uint8Array, off: number, len: number): void {
  const crc = sctpCrc(b, off, len);
  const at = off + SCTP_CHECKSUM;
  b[at] = crc;
  b[at + 1] = crc >> 8;
  b[at + 2] = crc >> 16;
  b[at + 3] = crc >> 24;
}
