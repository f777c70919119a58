import { FRAG_MF, FRAG_OFFSET_MASK, PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../../plane/packet.ts";
import { getI32, getU16 } from "../../plane/wire/bytes.ts";
import { ipv4HeaderChecksumOk } from "../../plane/wire/checksum.ts";
import { ICMP_CODE, ICMP_HEADER, ICMP_ID, ICMP_TYPE, icmpIsQuery } from "../../plane/wire/icmp.ts";
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
import { TCP_DPORT, TCP_FLAGS, TCP_SPORT } from "../../plane/wire/tcp.ts";
import { formatIpv6 } from "./ipv6Address.ts";
import { icmp6Info, icmpInfo, tcpInfo } from "./packetInfo.ts";

/** What a packet says of itself, as far as its bytes can be read: the facts that a line of `trace` has beside the decision. */
export interface PacketFacts {
  /** 4, 6, or 0: neither. */
  readonly version: 4 | 6 | 0;
  /** IP protocol (IPv6: next header); -1: unreadable. */
  readonly protocol: number;
  /** IPv4 addresses as int32; 0 for anything else. */
  readonly src: number;
  readonly dst: number;
  /**
   * As in a conntrack tuple: ports in host order; of an ICMP query its identifier and type << 8 | code; 0 where there are
   * none, or none are readable.
   */
  readonly sport: number;
  readonly dport: number;
  /** IPv6 addresses as text; null for anything else. */
  readonly ipv6: { readonly source: string; readonly destination: string } | null;
  /** Bytes of IP that its header states; where that is unreadable, the bytes that are there. */
  readonly length: number;
  /** tcpdump's words: `S`, `P.`, `echo request`, `frag 1480`; "" where there is nothing to say. */
  readonly info: string;
}

// The fixed header of IPv6 (RFC 8200, section 3): offsets in bytes.
const IP6_PAYLOAD_LENGTH = 4;
const IP6_NEXT_HEADER = 6;
const IP6_SRC = 8;
const IP6_DST = 24;
const IP6_HEADER = 40;
const IP_VERSION_6 = 6;
/** IPv6's next header of ICMP (RFC 4443). */
export const PROTO_ICMPV6 = 58;
/** Ports, in TCP, UDP and SCTP alike. */
const PORTS = 4;

/**
 * Reads a packet. Never throws, whatever the bytes are, and reads none behind `offset + captured`.
 *
 * @param bytes with the packet's IP header at `offset`
 * @param captured bytes that are there from `offset` on; the packet may have been longer
 */
export function packetFacts(bytes: Uint8Array, offset: number, captured: number): PacketFacts {
  const there = Math.max(0, Math.min(captured, bytes.length - offset));
  if (there === 0) return unreadable(0, "empty");
  const version = bytes[offset] >> 4;
  if (version === IP_VERSION_6) return ipv6Facts(bytes, offset, there);
  if (version !== IP_VERSION_4) return unreadable(there, `ip version ${version}`);
  if (there < IP_HEADER_MIN) return { ...unreadable(there, `truncated ip, ${there} bytes`), version: 4 };
  return ipv4Facts(bytes, offset, there);
}

function unreadable(length: number, info: string): PacketFacts {
  return { version: 0, protocol: -1, src: 0, dst: 0, sport: 0, dport: 0, ipv6: null, length, info };
}

function ipv4Facts(b: Uint8Array, off: number, there: number): PacketFacts {
  const protocol = b[off + IP_PROTOCOL];
  const src = getI32(b, off + IP_SRC);
  const dst = getI32(b, off + IP_DST);
  const total = getU16(b, off + IP_TOTAL_LENGTH);
  const ihl = ipHeaderLength(b, off);
  const facts = (sport: number, dport: number, info: string, length = total): PacketFacts => ({
    version: 4,
    protocol,
    src,
    dst,
    sport,
    dport,
    ipv6: null,
    length,
    info,
  });
  if (ihl < IP_HEADER_MIN) return facts(0, 0, `bad ip header length ${ihl}`);
  if (total < ihl) return facts(0, 0, `bad ip length ${total}`, there);
  if (ihl > there) return facts(0, 0, "truncated ip options");
  const sum = ipv4HeaderChecksumOk(b, off, ihl) ? "" : "bad ip checksum";
  const frag = getU16(b, off + IP_FRAG);
  const start = (frag & FRAG_OFFSET_MASK) << 3;
  const piece = start > 0 || (frag & FRAG_MF) !== 0 ? `frag ${start}${(frag & FRAG_MF) === 0 ? "" : "+"}` : "";
  if (start > 0) return facts(0, 0, words(piece, sum));
  const l4 = layer4(b, off + ihl, Math.min(there, total) - ihl, total > there, protocol);
  return facts(l4.sport, l4.dport, words(l4.info, piece, sum));
}

interface Layer4 {
  readonly sport: number;
  readonly dport: number;
  readonly info: string;
}

/** @param here bytes that can be read; @param cut whether the packet had more than these */
function layer4(b: Uint8Array, at: number, here: number, cut: boolean, protocol: number): Layer4 {
  const short = cut ? "truncated" : "short";
  if (protocol === PROTO_ICMP) {
    if (here < ICMP_TYPE + 2) return { sport: 0, dport: 0, info: `${short} icmp` };
    const type = b[at + ICMP_TYPE];
    const code = b[at + ICMP_CODE];
    const id = icmpIsQuery(type) && here >= ICMP_HEADER ? getU16(b, at + ICMP_ID) : 0;
    return { sport: id, dport: (type << 8) | code, info: words(icmpInfo(type, code), here < ICMP_HEADER ? short : "") };
  }
  if (protocol === PROTO_ICMPV6)
    return { sport: 0, dport: 0, info: here > ICMP_TYPE ? icmp6Info(b[at + ICMP_TYPE]) : `${short} icmp6` };
  if (protocol !== PROTO_TCP && protocol !== PROTO_UDP && protocol !== PROTO_SCTP)
    return { sport: 0, dport: 0, info: "" };
  if (here < PORTS) return { sport: 0, dport: 0, info: `${short} header` };
  const sport = getU16(b, at + TCP_SPORT);
  const dport = getU16(b, at + TCP_DPORT);
  if (protocol !== PROTO_TCP) return { sport, dport, info: "" };
  return { sport, dport, info: here > TCP_FLAGS ? tcpInfo(b[at + TCP_FLAGS]) : `${short} header` };
}

function ipv6Facts(b: Uint8Array, off: number, there: number): PacketFacts {
  if (there < IP6_HEADER) return { ...unreadable(there, `truncated ipv6, ${there} bytes`), version: 6 };
  const protocol = b[off + IP6_NEXT_HEADER];
  const payload = getU16(b, off + IP6_PAYLOAD_LENGTH);
  const l4 = layer4(b, off + IP6_HEADER, Math.min(there - IP6_HEADER, payload), payload > there - IP6_HEADER, protocol);
  return {
    version: 6,
    protocol,
    src: 0,
    dst: 0,
    sport: l4.sport,
    dport: l4.dport,
    ipv6: { source: formatIpv6(b, off + IP6_SRC), destination: formatIpv6(b, off + IP6_DST) },
    length: IP6_HEADER + payload,
    info: l4.info,
  };
}

function words(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(", ");
}
