import { PARSE_L4_BAD, PARSE_L4_SHORT, PARSE_OK, type ParseResult, PROTO_TCP } from "../packet.ts";
import { setI32, setU16 } from "./bytes.ts";
import { pseudoHeaderSum, sum16 } from "./checksum.ts";

// The TCP header (RFC 9293, section 3.1): offsets in bytes.
export const TCP_SPORT = 0;
export const TCP_DPORT = 2;
export const TCP_SEQ = 4;
export const TCP_ACK_NUMBER = 8;
/** Data offset in the high nibble, in 32-bit words. */
export const TCP_DATA_OFFSET = 12;
export const TCP_FLAGS = 13;
export const TCP_WINDOW = 14;
export const TCP_CHECKSUM = 16;
const TCP_URGENT = 18;
/** Length of a header without options; options start here. */
export const TCP_HEADER_MIN = 20;

export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
export const TCP_URG = 0x20;
export const TCP_ECE = 0x40;
export const TCP_CWR = 0x80;

/** Header length in bytes. */
export function tcpHeaderLength(b: Uint8Array, l4: number): number {
  return (b[l4 + TCP_DATA_OFFSET] >> 4) << 2;
}

/** The one length test: after PARSE_OK the header and its options may be read unchecked. */
export function checkTcp(b: Uint8Array, l4: number, l4len: number): ParseResult {
  if (l4len < TCP_HEADER_MIN) return PARSE_L4_SHORT;
  const header = tcpHeaderLength(b, l4);
  return header < TCP_HEADER_MIN || header > l4len ? PARSE_L4_BAD : PARSE_OK;
}

/** @param l4len bytes of TCP header and payload */
export function tcpChecksumOk(b: Uint8Array, l4: number, l4len: number, src: number, dst: number): boolean {
  return sum16(b, l4, l4len, pseudoHeaderSum(src, dst, PROTO_TCP, l4len)) === 0xffff;
}

/** Writes a header of 20 bytes; its checksum is 0 until {@link writeTcpChecksum}. */
export function writeTcpHeader(
  b: Uint8Array,
  l4: number,
  sport: number,
  dport: number,
  seq: number,
  ack: number,
  flags: number,
  window: number,
): void {
  setU16(b, l4 + TCP_SPORT, sport);
  setU16(b, l4 + TCP_DPORT, dport);
  setI32(b, l4 + TCP_SEQ, seq);
  setI32(b, l4 + TCP_ACK_NUMBER, ack);
  b[l4 + TCP_DATA_OFFSET] = (TCP_HEADER_MIN >> 2) << 4;
  b[l4 + TCP_FLAGS] = flags;
  setU16(b, l4 + TCP_WINDOW, window);
  setU16(b, l4 + TCP_CHECKSUM, 0);
  setU16(b, l4 + TCP_URGENT, 0);
}

/** @param l4len bytes of TCP header and payload */
export function writeTcpChecksum(b: Uint8Array, l4: number, l4len: number, src: number, dst: number): void {
  setU16(b, l4 + TCP_CHECKSUM, 0);
  setU16(b, l4 + TCP_CHECKSUM, ~sum16(b, l4, l4len, pseudoHeaderSum(src, dst, PROTO_TCP, l4len)));
}
