import { FRAG_MF, FRAG_OFFSET_MASK, PARSE_OK, PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import { formatAddress } from "./address.ts";
import { getI32, getU16 } from "./bytes.ts";
import {
  ICMP_ADMIN_PROHIBITED,
  ICMP_CODE,
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_FRAG_NEEDED,
  ICMP_HEADER,
  ICMP_HOST_UNREACH,
  ICMP_ID,
  ICMP_MTU,
  ICMP_NET_UNREACH,
  ICMP_PARAMETER_PROBLEM,
  ICMP_PORT_UNREACH,
  ICMP_PROTOCOL_UNREACH,
  ICMP_REASSEMBLY_EXCEEDED,
  ICMP_REDIRECT,
  ICMP_SEQ,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  ICMP_TTL_EXCEEDED,
  ICMP_TYPE,
  icmpIsError,
  icmpIsQuery,
} from "./icmp.ts";
import {
  checkIpv4Lengths,
  IP_DST,
  IP_FRAG,
  IP_HEADER_MIN,
  IP_ID,
  IP_PROTOCOL,
  IP_SRC,
  IP_TOTAL_LENGTH,
  IP_VERSION_4,
  ipHeaderLength,
} from "./ipv4.ts";
import { SCTP_DPORT, SCTP_HEADER, SCTP_SPORT, SCTP_TAG } from "./sctp.ts";
import {
  TCP_ACK,
  TCP_ACK_NUMBER,
  TCP_CWR,
  TCP_DPORT,
  TCP_ECE,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER_MIN,
  TCP_PSH,
  TCP_RST,
  TCP_SEQ,
  TCP_SPORT,
  TCP_SYN,
  TCP_URG,
  TCP_WINDOW,
  tcpHeaderLength,
} from "./tcp.ts";
import { UDP_DPORT, UDP_HEADER, UDP_SPORT } from "./udp.ts";

/** TCP flags by tcpdump's letters and in its order (print-tcp.c). */
export const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [TCP_FIN, "F"],
  [TCP_SYN, "S"],
  [TCP_RST, "R"],
  [TCP_PSH, "P"],
  [TCP_ACK, "."],
  [TCP_URG, "U"],
  [TCP_ECE, "E"],
  [TCP_CWR, "W"],
];

const ICMP_NAMES: ReadonlyMap<number, string> = new Map([
  [ICMP_ECHO_REPLY, "echo reply"],
  [ICMP_DEST_UNREACH, "unreachable"],
  [ICMP_SOURCE_QUENCH, "source quench"],
  [ICMP_REDIRECT, "redirect"],
  [ICMP_ECHO, "echo request"],
  [ICMP_TIME_EXCEEDED, "time exceeded"],
  [ICMP_PARAMETER_PROBLEM, "parameter problem"],
]);

/** Names of a type's codes, at type << 8 | code. */
const ICMP_CODE_NAMES: ReadonlyMap<number, string> = new Map([
  [(ICMP_DEST_UNREACH << 8) | ICMP_NET_UNREACH, "net unreachable"],
  [(ICMP_DEST_UNREACH << 8) | ICMP_HOST_UNREACH, "host unreachable"],
  [(ICMP_DEST_UNREACH << 8) | ICMP_PROTOCOL_UNREACH, "protocol unreachable"],
  [(ICMP_DEST_UNREACH << 8) | ICMP_PORT_UNREACH, "port unreachable"],
  [(ICMP_DEST_UNREACH << 8) | ICMP_FRAG_NEEDED, "fragmentation needed"],
  [(ICMP_DEST_UNREACH << 8) | ICMP_ADMIN_PROHIBITED, "administratively prohibited"],
  [(ICMP_TIME_EXCEEDED << 8) | ICMP_TTL_EXCEEDED, "time exceeded in transit"],
  [(ICMP_TIME_EXCEEDED << 8) | ICMP_REASSEMBLY_EXCEEDED, "reassembly time exceeded"],
]);

/** Ports and sequence number: what an ICMP error quotes of TCP at the least (RFC 792: 8 bytes). */
const TCP_QUOTED = 8;

/**
 * One line in tcpdump's style for tests and traces; never throws, whatever the bytes are.
 * `10.0.1.16.40000 > 172.20.0.17.80: TCP [S], seq 1, win 64240, len 0`
 */
export function describePacket(b: Uint8Array, off: number, len: number): string {
  if (checkIpv4Lengths(b, off, len) !== PARSE_OK) return `malformed packet, ${len} bytes`;
  return describeIpv4(b, off, getU16(b, off + IP_TOTAL_LENGTH));
}

/** @param available bytes that are there: less than the total length when an ICMP error quotes a packet's beginning */
function describeIpv4(b: Uint8Array, off: number, available: number): string {
  const ihl = ipHeaderLength(b, off);
  const src = formatAddress(getI32(b, off + IP_SRC));
  const dst = formatAddress(getI32(b, off + IP_DST));
  const protocol = b[off + IP_PROTOCOL];
  const frag = getU16(b, off + IP_FRAG);
  const l4 = off + ihl;
  const here = available - ihl;
  const whole = getU16(b, off + IP_TOTAL_LENGTH) - ihl;
  const start = (frag & FRAG_OFFSET_MASK) << 3;
  const more = (frag & FRAG_MF) !== 0;
  if (start !== 0 || more) {
    const id = getU16(b, off + IP_ID);
    return `${src} > ${dst}: fragment ${start}-${start + whole}${more ? "+" : ""} of id ${id}, protocol ${protocol}`;
  }
  const ports = (s: number, d: number) => `${src}.${getU16(b, l4 + s)} > ${dst}.${getU16(b, l4 + d)}`;
  if (protocol === PROTO_TCP && here >= TCP_QUOTED) {
    return `${ports(TCP_SPORT, TCP_DPORT)}: TCP ${describeTcp(b, l4, here, whole)}`;
  }
  if (protocol === PROTO_UDP && here >= UDP_HEADER) {
    return `${ports(UDP_SPORT, UDP_DPORT)}: UDP len ${whole - UDP_HEADER}`;
  }
  if (protocol === PROTO_SCTP && here >= SCTP_HEADER) {
    const tag = getI32(b, l4 + SCTP_TAG) >>> 0;
    return `${ports(SCTP_SPORT, SCTP_DPORT)}: SCTP tag ${tag}, len ${whole - SCTP_HEADER}`;
  }
  if (protocol === PROTO_ICMP && here >= ICMP_HEADER) return `${src} > ${dst}: ICMP ${describeIcmp(b, l4, here)}`;
  return `${src} > ${dst}: protocol ${protocol}, len ${whole}`;
}

function describeTcp(b: Uint8Array, l4: number, here: number, whole: number): string {
  const seq = getI32(b, l4 + TCP_SEQ) >>> 0;
  if (here < TCP_HEADER_MIN) return `seq ${seq}`;
  const flags = b[l4 + TCP_FLAGS];
  let letters = "";
  for (const [flag, letter] of FLAG_LETTERS) if (flags & flag) letters += letter;
  const ack = flags & TCP_ACK ? `, ack ${getI32(b, l4 + TCP_ACK_NUMBER) >>> 0}` : "";
  const window = getU16(b, l4 + TCP_WINDOW);
  return `[${letters || "none"}], seq ${seq}${ack}, win ${window}, len ${whole - tcpHeaderLength(b, l4)}`;
}

function describeIcmp(b: Uint8Array, l4: number, here: number): string {
  const type = b[l4 + ICMP_TYPE];
  const code = b[l4 + ICMP_CODE];
  const name = icmpName(type, code);
  const numbers = `type ${type} code ${code}`;
  if (icmpIsQuery(type)) {
    const id = getU16(b, l4 + ICMP_ID);
    return `${name} (${numbers}), id ${id}, seq ${getU16(b, l4 + ICMP_SEQ)}, len ${here - ICMP_HEADER}`;
  }
  if (!icmpIsError(type)) return `${name} (${numbers}), len ${here - ICMP_HEADER}`;
  const mtu = type === ICMP_DEST_UNREACH && code === ICMP_FRAG_NEEDED ? `, mtu ${getU16(b, l4 + ICMP_MTU)}` : "";
  return `${name} (${numbers})${mtu}, for [${describeQuoted(b, l4 + ICMP_HEADER, here - ICMP_HEADER)}]`;
}

function icmpName(type: number, code: number): string {
  return ICMP_CODE_NAMES.get((type << 8) | code) ?? ICMP_NAMES.get(type) ?? "message";
}

function describeQuoted(b: Uint8Array, off: number, available: number): string {
  if (available < IP_HEADER_MIN || b[off] >> 4 !== IP_VERSION_4) return "malformed packet";
  const ihl = ipHeaderLength(b, off);
  if (ihl < IP_HEADER_MIN || ihl > available) return "malformed packet";
  // An error about an error is against RFC 1122, and following it would recurse as deep as the bytes say.
  if (b[off + IP_PROTOCOL] === PROTO_ICMP && available >= ihl + ICMP_HEADER && icmpIsError(b[off + ihl])) {
    return "an ICMP error";
  }
  return describeIpv4(b, off, available);
}
