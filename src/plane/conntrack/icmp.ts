import type { Packet } from "../packet.ts";
import { FRAG_OFFSET_MASK, PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import { getI32, getU16 } from "../wire/bytes.ts";
import type { Entries } from "./entries.ts";
import { DIR_ORIGINAL, TRACK_ACCEPT, TRACK_INVALID } from "./info.ts";

// ICMP types (RFC 792, RFC 950).
const ECHO_REPLY = 0;
const DESTINATION_UNREACHABLE = 3;
const SOURCE_QUENCH = 4;
const REDIRECT = 5;
const ECHO = 8;
const TIME_EXCEEDED = 11;
const PARAMETER_PROBLEM = 12;
const TIMESTAMP = 13;
const TIMESTAMP_REPLY = 14;
const INFO_REQUEST = 15;
const INFO_REPLY = 16;
const ADDRESS = 17;
const ADDRESS_REPLY = 18;

/** Types above the last known one must be discarded (RFC 1122, section 3.2.2). */
export const MAX_ICMP_TYPE = ADDRESS_REPLY;
const NO_INVERSE = 0xff;

const INVERSE = new Uint8Array(MAX_ICMP_TYPE + 1).fill(NO_INVERSE);
INVERSE[ECHO] = ECHO_REPLY;
INVERSE[ECHO_REPLY] = ECHO;
INVERSE[TIMESTAMP] = TIMESTAMP_REPLY;
INVERSE[TIMESTAMP_REPLY] = TIMESTAMP;
INVERSE[INFO_REQUEST] = INFO_REPLY;
INVERSE[INFO_REPLY] = INFO_REQUEST;
INVERSE[ADDRESS] = ADDRESS_REPLY;
INVERSE[ADDRESS_REPLY] = ADDRESS;

// The ICMP header, and the IPv4 header that an error quotes.
const ICMP_HEADER = 8;
const ICMP_ID = 4;
const IP_HEADER = 20;
const IP_FRAG = 6;
const IP_PROTOCOL = 9;
const IP_SRC = 12;
const IP_DST = 16;
/** Ports are the first four bytes of TCP, UDP and SCTP alike. */
const PORTS = 4;

/** Words of a tuple as {@link readQuoted} writes it. */
export const QUOTED_PROTOCOL = 0;
export const QUOTED_SRC = 1;
export const QUOTED_DST = 2;
export const QUOTED_PORTS = 3;
export const QUOTED_WORDS = 4;

/** Whether messages of this type quote the packet that caused them (icmp_is_err). */
export function isIcmpError(type: number): boolean {
  return (
    type === DESTINATION_UNREACHABLE ||
    type === SOURCE_QUENCH ||
    type === REDIRECT ||
    type === TIME_EXCEEDED ||
    type === PARAMETER_PROBLEM
  );
}

/** A query's "port" (type << 8 | code) as its answer has it, or -1 for messages that have no opposite. */
export function invertIcmp(dport: number): number {
  const type = dport >>> 8;
  if (type > MAX_ICMP_TYPE || INVERSE[type] === NO_INVERSE) return -1;
  return (INVERSE[type] << 8) | (dport & 0xff);
}

/** Tracks a query or its answer (nf_conntrack_proto_icmp.c): only requests create entries, answers do not end them. */
export function trackIcmp(ct: Entries, entry: number, now: number): number {
  const type = ct.dport(entry, DIR_ORIGINAL) >>> 8;
  if (type !== ECHO && type !== TIMESTAMP && type !== INFO_REQUEST && type !== ADDRESS) return TRACK_INVALID;
  ct.refresh(entry, now, ct.timeouts.icmp);
  return TRACK_ACCEPT;
}

/**
 * Reads the packet that an ICMP error quotes and writes the tuple of the packets that the error is an answer to: the
 * quoted one, inverted (nf_conntrack_inet_error). A quote may end after 8 bytes of its layer 4 header (RFC 792).
 *
 * @returns false when the quote is too short, a later fragment, or cannot be inverted.
 */
export function readQuoted(p: Packet, out: Int32Array): boolean {
  const buf = p.buf;
  const end = p.l4 + p.l4len;
  const ip = p.l4 + ICMP_HEADER;
  if (ip + IP_HEADER > end) return false;
  const l4 = ip + (buf[ip] & 0x0f) * 4;
  if (buf[ip] >>> 4 !== 4 || l4 < ip + IP_HEADER || l4 > end) return false;
  if ((getU16(buf, ip + IP_FRAG) & FRAG_OFFSET_MASK) !== 0) return false;
  const protocol = buf[ip + IP_PROTOCOL];
  let ports = 0;
  if (protocol === PROTO_TCP || protocol === PROTO_UDP || protocol === PROTO_SCTP) {
    if (l4 + PORTS > end) return false;
    ports = (getU16(buf, l4 + 2) << 16) | getU16(buf, l4);
  } else if (protocol === PROTO_ICMP) {
    if (l4 + ICMP_HEADER > end) return false;
    const inverse = invertIcmp(getU16(buf, l4));
    if (inverse < 0) return false;
    ports = (getU16(buf, l4 + ICMP_ID) << 16) | inverse;
  }
  out[QUOTED_PROTOCOL] = protocol;
  out[QUOTED_SRC] = getI32(buf, ip + IP_DST);
  out[QUOTED_DST] = getI32(buf, ip + IP_SRC);
  out[QUOTED_PORTS] = ports;
  return true;
}
