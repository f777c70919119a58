import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP, VNET_BEFORE } from "../plane/packet.ts";
import { getI32, getU16, setI32, setU16 } from "../plane/wire/bytes.ts";
import { ICMP_CODE, ICMP_HEADER, ICMP_TYPE, icmpIsError, icmpReplyOf, writeIcmpChecksum } from "../plane/wire/icmp.ts";
import {
  IP_DST,
  IP_FRAG,
  IP_HEADER_MIN,
  IP_PROTOCOL,
  IP_SRC,
  ipHeaderLength,
  writeIpv4Header,
} from "../plane/wire/ipv4.ts";
import { SCTP_HEADER, writeSctpChecksum, writeSctpHeader } from "../plane/wire/sctp.ts";
import {
  TCP_ACK,
  TCP_ACK_NUMBER,
  TCP_DPORT,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER_MIN,
  TCP_RST,
  TCP_SEQ,
  TCP_SPORT,
  TCP_SYN,
  tcpHeaderLength,
  writeTcpChecksum,
  writeTcpHeader,
} from "../plane/wire/tcp.ts";

/** Packets that questions are about, and what a receiver answers to them. All have a virtio_net_hdr in front. */

/** TCP flags of a packet that a question may be about; all but a SYN belong to a connection, and so acknowledge. */
export const QUESTION_FLAGS = {
  SYN: TCP_SYN,
  "SYN-ACK": TCP_SYN | TCP_ACK,
  ACK: TCP_ACK,
  FIN: TCP_FIN | TCP_ACK,
  RST: TCP_RST | TCP_ACK,
} as const satisfies Record<string, number>;
export type QuestionFlags = keyof typeof QUESTION_FLAGS;

export interface PacketSpec {
  readonly protocol: number;
  readonly src: number;
  readonly sport: number;
  readonly dst: number;
  readonly dport: number;
  /** TCP_* bits. */
  readonly flags: number;
  readonly seq: number;
  readonly ack: number;
  /** Bytes of IP; 0: the smallest packet of its kind. */
  readonly size: number;
  readonly df: boolean;
  readonly ttl: number;
  readonly icmpType: number;
  readonly icmpCode: number;
}

const DF = 0x4000;
const TTL = 64;
const WINDOW = 0xffff;
const UDP_HEADER = 8;
const UDP_LENGTH = 4;
const UDP_CHECKSUM = 6;
const ICMP_ECHO = 8;
const IDENTIFIER = 1;
const SEQUENCE_SHIFT = 16;

// An INIT or INIT ACK chunk of 20 bytes: type, length, then tag, window, streams and first TSN (RFC 9260, 3.3.2).
const SCTP_INIT = 1;
const SCTP_INIT_ACK = 2;
const CHUNK_LENGTH = 20;
const CHUNK_TAG = SCTP_HEADER + 4;

/** Bytes of layer 4 that the smallest packet has: a datagram of four bytes, an echo of four. */
const SMALLEST: Readonly<Record<number, number>> = {
  [PROTO_TCP]: TCP_HEADER_MIN,
  [PROTO_UDP]: UDP_HEADER + 4,
  [PROTO_ICMP]: ICMP_HEADER + 4,
  [PROTO_SCTP]: SCTP_HEADER + CHUNK_LENGTH,
};

/** Bytes of IP that a packet of a protocol has at least. */
export function smallestSize(protocol: number, icmpType: number): number {
  const quotes = protocol === PROTO_ICMP && icmpIsError(icmpType);
  return IP_HEADER_MIN + (quotes ? ICMP_HEADER + IP_HEADER_MIN + UDP_HEADER : (SMALLEST[protocol] ?? 0));
}

/** Builds a packet. @param s its size is 0 or at least {@link smallestSize} */
export function buildPacket(s: PacketSpec): Uint8Array {
  const length = Math.max(s.size, smallestSize(s.protocol, s.icmpType));
  const bytes = new Uint8Array(VNET_BEFORE + length);
  const l4 = VNET_BEFORE + IP_HEADER_MIN;
  const rest = length - IP_HEADER_MIN;
  writeIpv4Header(bytes, VNET_BEFORE, 0, length, 1, s.df ? DF : 0, s.ttl, s.protocol, s.src, s.dst);
  switch (s.protocol) {
    case PROTO_TCP:
      writeTcpHeader(bytes, l4, s.sport, s.dport, s.seq, s.ack, s.flags, WINDOW);
      writeTcpChecksum(bytes, l4, rest, s.src, s.dst);
      break;
    case PROTO_UDP:
      setU16(bytes, l4, s.sport);
      setU16(bytes, l4 + 2, s.dport);
      setU16(bytes, l4 + UDP_LENGTH, rest);
      // No checksum: UDP over IPv4 may leave it out (RFC 768), and a question needs none.
      setU16(bytes, l4 + UDP_CHECKSUM, 0);
      break;
    case PROTO_SCTP:
      writeSctpHeader(bytes, l4, s.sport, s.dport, 0);
      writeInit(bytes, l4 + SCTP_HEADER, SCTP_INIT);
      writeSctpChecksum(bytes, l4, rest);
      break;
    default:
      writeIcmp(bytes, l4, rest, s);
  }
  return bytes;
}

function writeInit(b: Uint8Array, chunk: number, type: number): void {
  b[chunk] = type;
  setU16(b, chunk + 2, CHUNK_LENGTH);
  setI32(b, chunk + 4, 1);
  setI32(b, chunk + 8, WINDOW);
  setU16(b, chunk + 12, 1);
  setU16(b, chunk + 14, 1);
  setI32(b, chunk + 16, 1);
}

function writeIcmp(b: Uint8Array, l4: number, length: number, s: PacketSpec): void {
  b[l4 + ICMP_TYPE] = s.icmpType;
  b[l4 + ICMP_CODE] = s.icmpCode;
  if (icmpIsError(s.icmpType)) {
    // It is about a datagram that the destination might have sent.
    const quoted = l4 + ICMP_HEADER;
    writeIpv4Header(b, quoted, 0, IP_HEADER_MIN + UDP_HEADER, 1, DF, TTL, PROTO_UDP, s.dst, s.src);
    setU16(b, quoted + IP_HEADER_MIN, s.dport);
    setU16(b, quoted + IP_HEADER_MIN + 2, s.sport);
    setU16(b, quoted + IP_HEADER_MIN + UDP_LENGTH, UDP_HEADER);
  } else setI32(b, l4 + 4, (IDENTIFIER << SEQUENCE_SHIFT) | 1);
  writeIcmpChecksum(b, l4, length);
}

/**
 * What a receiver answers to a packet: a SYN-ACK or an acknowledgement, a datagram, the reply to a query, an INIT ACK.
 *
 * @param packet as its receiver sees it
 * @returns null: it answers nothing
 */
export function answerTo(packet: Uint8Array): Uint8Array | null {
  const l4 = VNET_BEFORE + ipHeaderLength(packet, VNET_BEFORE);
  const protocol = packet[VNET_BEFORE + IP_PROTOCOL];
  const fragment = getU16(packet, VNET_BEFORE + IP_FRAG);
  const spec: PacketSpec = {
    protocol,
    src: getI32(packet, VNET_BEFORE + IP_DST),
    dst: getI32(packet, VNET_BEFORE + IP_SRC),
    sport: getU16(packet, l4 + TCP_DPORT),
    dport: getU16(packet, l4 + TCP_SPORT),
    flags: 0,
    seq: 0,
    ack: 0,
    size: 0,
    df: (fragment & DF) !== 0,
    ttl: TTL,
    icmpType: ICMP_ECHO,
    icmpCode: 0,
  };
  if (protocol === PROTO_UDP) return buildPacket(spec);
  if (protocol === PROTO_TCP) return segmentTo(packet, l4, spec);
  if (protocol === PROTO_ICMP) return replyTo(packet, l4, spec);
  return protocol === PROTO_SCTP ? initAckTo(packet, l4, spec) : null;
}

function segmentTo(packet: Uint8Array, l4: number, spec: PacketSpec): Uint8Array | null {
  const flags = packet[l4 + TCP_FLAGS];
  if ((flags & TCP_RST) !== 0) return null;
  const phantom = ((flags & TCP_SYN) !== 0 ? 1 : 0) + ((flags & TCP_FIN) !== 0 ? 1 : 0);
  const payload = packet.length - l4 - tcpHeaderLength(packet, l4);
  const ack = (getI32(packet, l4 + TCP_SEQ) + payload + phantom) | 0;
  const isFirst = (flags & (TCP_SYN | TCP_ACK)) === TCP_SYN;
  const seq = (flags & TCP_ACK) !== 0 ? getI32(packet, l4 + TCP_ACK_NUMBER) : 0;
  return buildPacket({ ...spec, flags: isFirst ? TCP_SYN | TCP_ACK : TCP_ACK, seq, ack });
}

function replyTo(packet: Uint8Array, l4: number, spec: PacketSpec): Uint8Array | null {
  const type = icmpReplyOf(packet[l4 + ICMP_TYPE]);
  if (type < 0) return null;
  const answer = buildPacket({ ...spec, icmpType: type, icmpCode: packet[l4 + ICMP_CODE] });
  const to = VNET_BEFORE + IP_HEADER_MIN;
  setI32(answer, to + 4, getI32(packet, l4 + 4));
  writeIcmpChecksum(answer, to, answer.length - to);
  return answer;
}

function initAckTo(packet: Uint8Array, l4: number, spec: PacketSpec): Uint8Array | null {
  if (packet[l4 + SCTP_HEADER] !== SCTP_INIT) return null;
  const answer = buildPacket(spec);
  const to = VNET_BEFORE + IP_HEADER_MIN;
  writeSctpHeader(answer, to, spec.sport, spec.dport, getI32(packet, l4 + CHUNK_TAG));
  writeInit(answer, to + SCTP_HEADER, SCTP_INIT_ACK);
  writeSctpChecksum(answer, to, answer.length - to);
  return answer;
}
