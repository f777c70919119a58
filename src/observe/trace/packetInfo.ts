import { FLAG_LETTERS } from "../../plane/wire/describe.ts";
import {
  ICMP_ADMIN_PROHIBITED,
  ICMP_DEST_UNREACH,
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_FRAG_NEEDED,
  ICMP_HOST_UNREACH,
  ICMP_NET_UNREACH,
  ICMP_PARAMETER_PROBLEM,
  ICMP_PORT_UNREACH,
  ICMP_PROTOCOL_UNREACH,
  ICMP_REASSEMBLY_EXCEEDED,
  ICMP_REDIRECT,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
} from "../../plane/wire/icmp.ts";

const BYTE = 256;

const TCP_WORDS: readonly string[] = Array.from(
  { length: BYTE },
  (_, flags) => FLAG_LETTERS.map(([flag, letter]) => (flags & flag ? letter : "")).join("") || "none",
);

/** TCP's flags as tcpdump writes them: `S`, `S.`, `P.`; `none`. */
export function tcpInfo(flags: number): string {
  return TCP_WORDS[flags & 0xff];
}

const ICMP_TYPES: Readonly<Record<number, string>> = {
  [ICMP_ECHO_REPLY]: "echo reply",
  [ICMP_DEST_UNREACH]: "unreachable",
  [ICMP_SOURCE_QUENCH]: "source quench",
  [ICMP_REDIRECT]: "redirect",
  [ICMP_ECHO]: "echo request",
  [ICMP_TIME_EXCEEDED]: "time exceeded",
  [ICMP_PARAMETER_PROBLEM]: "parameter problem",
};

const UNREACHABLE: Readonly<Record<number, string>> = {
  [ICMP_NET_UNREACH]: "net unreachable",
  [ICMP_HOST_UNREACH]: "host unreachable",
  [ICMP_PROTOCOL_UNREACH]: "protocol unreachable",
  [ICMP_PORT_UNREACH]: "port unreachable",
  [ICMP_FRAG_NEEDED]: "need to frag",
  [ICMP_ADMIN_PROHIBITED]: "admin prohibited",
};

/** What an ICMP message is, in tcpdump's words (print-icmp.c): `echo request`, `port unreachable`. */
export function icmpInfo(type: number, code: number): string {
  if (type === ICMP_DEST_UNREACH && UNREACHABLE[code] !== undefined) return UNREACHABLE[code];
  if (type === ICMP_TIME_EXCEEDED && code === ICMP_REASSEMBLY_EXCEEDED) return "reassembly time exceeded";
  return ICMP_TYPES[type] ?? `type ${type} code ${code}`;
}

/** ICMPv6's types that a machine sends by itself, and echo (RFC 4443, RFC 4861, RFC 3810). */
const ICMP6_TYPES: Readonly<Record<number, string>> = {
  1: "unreachable",
  2: "packet too big",
  3: "time exceeded",
  128: "echo request",
  129: "echo reply",
  133: "router solicitation",
  134: "router advertisement",
  135: "neighbor solicitation",
  136: "neighbor advertisement",
  143: "multicast listener report v2",
};

/** What an ICMPv6 message is, in tcpdump's words (print-icmp6.c). */
export function icmp6Info(type: number): string {
  return ICMP6_TYPES[type] ?? `type ${type}`;
}
