import { tcpInfo } from "../../observe/trace/packetInfo.ts";
import { FRAG_MF, FRAG_OFFSET_MASK, PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../../plane/packet.ts";
import { formatAddress } from "../../plane/wire/address.ts";
import { getI32, getU16 } from "../../plane/wire/bytes.ts";
import { ICMP_HEADER, ICMP_ID, icmpIsError, icmpIsQuery } from "../../plane/wire/icmp.ts";
import {
  IP_DST,
  IP_FRAG,
  IP_HEADER_MIN,
  IP_PROTOCOL,
  IP_SRC,
  IP_TOTAL_LENGTH,
  IP_VERSION_4,
  ipHeaderLength,
} from "../../plane/wire/ipv4.ts";
import { SCTP_HEADER } from "../../plane/wire/sctp.ts";
import { TCP_ACK_NUMBER, TCP_FLAGS, TCP_HEADER_MIN, TCP_SEQ, tcpHeaderLength } from "../../plane/wire/tcp.ts";
import { UDP_HEADER } from "../../plane/wire/udp.ts";

/** Something that a packet of the capture and what came out in the replay do not have in common. */
export interface Difference {
  readonly field:
    | "protocol"
    | "source"
    | "source port"
    | "destination"
    | "destination port"
    | "fragment"
    | "length"
    | "sequence number"
    | "acknowledgement"
    | "flags"
    | "options"
    | "icmp"
    | "payload"
    /** It did not come out at all. */
    | "verdict";
  readonly captured: string;
  readonly replayed: string;
}

/** How a captured packet compares with what came out. */
export interface Comparison {
  /** Number of the captured packet. */
  readonly packet: number;
  /** Nothing differs: addresses, ports, flags, sequence numbers, options and payload, as far as it was captured. */
  readonly equal: boolean;
  readonly differences: readonly Difference[];
}

const SPORT = 0;
const DPORT = 2;
const UNIT = 8;

interface Fields {
  readonly bytes: Uint8Array;
  /** Bytes that are there, no further than the packet's own length. */
  readonly end: number;
  readonly length: number;
  readonly protocol: number;
  readonly l4: number;
  readonly fragment: string;
  /** Where the payload begins; the end where its header is not there as a whole. */
  readonly payload: number;
}

function fieldsOf(bytes: Uint8Array): Fields | null {
  if (bytes.length < IP_HEADER_MIN || bytes[0] >> 4 !== IP_VERSION_4) return null;
  const ihl = ipHeaderLength(bytes, 0);
  const stated = getU16(bytes, IP_TOTAL_LENGTH);
  const length = stated >= ihl ? stated : bytes.length;
  const end = Math.min(length, bytes.length);
  const frag = getU16(bytes, IP_FRAG);
  const start = (frag & FRAG_OFFSET_MASK) * UNIT;
  const fragment = start === 0 && (frag & FRAG_MF) === 0 ? "" : `${start}${(frag & FRAG_MF) === 0 ? "" : "+"}`;
  const protocol = bytes[IP_PROTOCOL];
  const l4 = Math.min(ihl, end);
  return {
    bytes,
    end,
    length,
    protocol,
    l4,
    fragment,
    payload: Math.min(end, l4 + header(bytes, l4, end, protocol, start)),
  };
}

function header(b: Uint8Array, l4: number, end: number, protocol: number, start: number): number {
  if (start !== 0) return 0;
  if (protocol === PROTO_TCP) return end - l4 < TCP_HEADER_MIN ? end - l4 : tcpHeaderLength(b, l4);
  if (protocol === PROTO_UDP) return UDP_HEADER;
  if (protocol === PROTO_ICMP) return ICMP_HEADER;
  return protocol === PROTO_SCTP ? SCTP_HEADER : 0;
}

const hasPorts = (protocol: number): boolean =>
  protocol === PROTO_TCP || protocol === PROTO_UDP || protocol === PROTO_SCTP;

/**
 * Compares a captured packet with what came out where it was captured. What routers change on the way (TTL, checksums) and
 * what a sender may choose (the IP identification) is not compared.
 *
 * @param captured from its IP header on, as much as was captured
 * @param replayed from its IP header on, whole
 */
export function comparison(packet: number, captured: Uint8Array, replayed: Uint8Array): Comparison {
  const differences = differencesOf(captured, replayed);
  return { packet, equal: differences.length === 0, differences };
}

function differencesOf(captured: Uint8Array, replayed: Uint8Array): Difference[] {
  const a = fieldsOf(captured);
  const b = fieldsOf(replayed);
  if (a === null || b === null) return samePrefix(captured, 0, captured.length, replayed, 0) ? [] : [unreadable];
  const list: Difference[] = [];
  const differ = (field: Difference["field"], x: string | number, y: string | number): void => {
    if (x !== y) list.push({ field, captured: String(x), replayed: String(y) });
  };
  const address = (f: Fields, at: number): string => formatAddress(getI32(f.bytes, at));
  differ("protocol", a.protocol, b.protocol);
  differ("source", address(a, IP_SRC), address(b, IP_SRC));
  differ("destination", address(a, IP_DST), address(b, IP_DST));
  differ("fragment", a.fragment, b.fragment);
  differ("length", a.length, b.length);
  const first = a.fragment === b.fragment && (a.fragment === "" || a.fragment.startsWith("0"));
  if (a.protocol === b.protocol && first) compareLayer4(a, b, differ);
  if (!samePrefix(a.bytes, a.payload, a.end, b.bytes, b.payload) && !isError(a))
    list.push({ field: "payload", captured: `${a.end - a.payload} bytes`, replayed: "others" });
  return list;
}

const unreadable: Difference = { field: "payload", captured: "no IPv4 packet", replayed: "another packet" };

type Differ = (field: Difference["field"], a: string | number, b: string | number) => void;

function compareLayer4(a: Fields, b: Fields, differ: Differ): void {
  const both = (size: number): boolean => a.l4 + size <= a.end && b.l4 + size <= b.end;
  const word = (f: Fields, at: number): number => getI32(f.bytes, f.l4 + at) >>> 0;
  const half = (f: Fields, at: number): number => getU16(f.bytes, f.l4 + at);
  if (hasPorts(a.protocol) && both(DPORT + 2)) {
    differ("source port", half(a, SPORT), half(b, SPORT));
    differ("destination port", half(a, DPORT), half(b, DPORT));
  }
  if (a.protocol === PROTO_TCP && both(TCP_HEADER_MIN)) {
    differ("sequence number", word(a, TCP_SEQ), word(b, TCP_SEQ));
    differ("acknowledgement", word(a, TCP_ACK_NUMBER), word(b, TCP_ACK_NUMBER));
    differ("flags", tcpInfo(a.bytes[a.l4 + TCP_FLAGS]), tcpInfo(b.bytes[b.l4 + TCP_FLAGS]));
    differ("options", options(a), options(b));
  }
  if (a.protocol === PROTO_ICMP && both(ICMP_HEADER)) {
    const text = (f: Fields): string => {
      const type = f.bytes[f.l4];
      const rest = icmpIsQuery(type) ? `number ${half(f, ICMP_ID + 2)}` : `0x${word(f, ICMP_ID).toString(16)}`;
      return `type ${type} code ${f.bytes[f.l4 + 1]} ${rest}`;
    };
    differ("icmp", text(a), text(b));
    if (icmpIsQuery(a.bytes[a.l4])) differ("source port", half(a, ICMP_ID), half(b, ICMP_ID));
    else if (isError(a) && isError(b)) compareQuoted(a, b, differ);
  }
}

function options(f: Fields): string {
  return Buffer.from(f.bytes.subarray(Math.min(f.payload, f.l4 + TCP_HEADER_MIN), f.payload)).toString("hex");
}

function isError(f: Fields): boolean {
  return f.protocol === PROTO_ICMP && f.fragment === "" && f.l4 + ICMP_HEADER <= f.end && icmpIsError(f.bytes[f.l4]);
}

/** Of the packets that two errors quote, what tells their flows: how much an error quotes is its sender's choice. */
function compareQuoted(a: Fields, b: Fields, differ: Differ): void {
  const text = (f: Fields): string => {
    const at = f.l4 + ICMP_HEADER;
    if (at + IP_HEADER_MIN > f.end) return "nothing";
    const l4 = at + ipHeaderLength(f.bytes, at);
    const protocol = f.bytes[at + IP_PROTOCOL];
    const [src, dst] = [formatAddress(getI32(f.bytes, at + IP_SRC)), formatAddress(getI32(f.bytes, at + IP_DST))];
    if (!hasPorts(protocol) || l4 + DPORT + 2 > f.end) return `protocol ${protocol} ${src} -> ${dst}`;
    return `protocol ${protocol} ${src}:${getU16(f.bytes, l4)} -> ${dst}:${getU16(f.bytes, l4 + DPORT)}`;
  };
  differ("payload", text(a), text(b));
}

/** Whether b has at its place all that there is of a. */
function samePrefix(a: Uint8Array, from: number, to: number, b: Uint8Array, at: number): boolean {
  if (b.length - at < to - from) return false;
  for (let i = from; i < to; i++) if (a[i] !== b[at + i - from]) return false;
  return true;
}

/** Fields that a translation may have drawn anew, and by which two packets are still the same one. */
const TRANSLATED: ReadonlySet<string> = new Set(["source", "source port", "destination", "destination port"]);

/** Whether what came out is the captured packet but for addresses and ports. */
export function isSamePacket({ differences }: Comparison): boolean {
  return differences.every((d) => TRANSLATED.has(d.field));
}
