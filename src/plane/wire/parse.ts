import {
  FRAG_ANY,
  FRAG_OFFSET_MASK,
  PARSE_ADDRESS,
  PARSE_CHECKSUM,
  PARSE_L4_SHORT,
  PARSE_OK,
  PARSE_OPTIONS,
  PARSE_VNET,
  type Packet,
  type ParseResult,
  PROTO_ICMP,
  PROTO_SCTP,
  PROTO_TCP,
  PROTO_UDP,
  VNET_BEFORE,
  VNET_F_NEEDS_CSUM,
  VNET_GSO_ECN,
  VNET_GSO_NONE,
  VNET_GSO_TCPV4,
  VNET_GSO_UDP_L4,
} from "../packet.ts";
import { getI32, getU16 } from "./bytes.ts";
import { ipv4HeaderChecksumOk } from "./checksum.ts";
import { checkIcmp, ICMP_HEADER, ICMP_ID, ICMP_TYPE, icmpIsError, icmpIsQuery } from "./icmp.ts";
import {
  checkIpv4Lengths,
  IP_DST,
  IP_FRAG,
  IP_HEADER_MIN,
  IP_PROTOCOL,
  IP_SRC,
  IP_TOTAL_LENGTH,
  IP_TTL,
  ipHeaderLength,
  optionsOk,
} from "./ipv4.ts";
import { checkSctp, SCTP_DPORT, SCTP_HEADER, SCTP_SPORT } from "./sctp.ts";
import { checkTcp, TCP_CHECKSUM, TCP_DPORT, TCP_HEADER_MIN, TCP_SPORT, tcpHeaderLength } from "./tcp.ts";
import { checkUdp, UDP_CHECKSUM, UDP_DPORT, UDP_HEADER, UDP_SPORT } from "./udp.ts";
import { vnetCsumOffset, vnetCsumStart, vnetFlags, vnetGsoSize, vnetGsoType } from "./virtio.ts";

const ADDRESS_ANY = 0;
const ADDRESS_BROADCAST = -1;
/** 224.0.0.0/4, as the upper four bits of an address. */
const MULTICAST_NIBBLE = 0xe;
const NIBBLE_SHIFT = 28;
/** Checksum bytes at csum_start + csum_offset. */
const CHECKSUM_FIELD = 2;

/**
 * Fills `p` from the `len` bytes at `off` of its buffer and the virtio_net_hdr in front of them. What follows the total
 * length is cut off. After PARSE_OK every header that the Packet points at lies
 * inside the packet and may be read unchecked; after anything else, fields past the failed test are of no meaning.
 *
 * Tests are those of ip_rcv_core() and ip_route_input_slow() (net/ipv4), of virtio_net_hdr_to_skb()
 * (include/linux/virtio_net.h), and of conntrack's error handlers for layer 4. 127.0.0.0/8 is routing's to judge.
 */
export function parsePacket(p: Packet, off: number, len: number): ParseResult {
  const b = p.buf;
  p.off = off;
  p.len = len;
  p.sport = 0;
  p.dport = 0;
  p.gsoHeader = 0;
  p.icmpError = 0;
  p.mark = 0;
  p.ct = -1;
  p.ctDir = 0;
  p.ctInfo = 0;
  p.fragMax = 0;
  p.fragDf = 0;
  const lengths = checkIpv4Lengths(b, off, len);
  if (lengths !== PARSE_OK) return lengths;

  const ihl = ipHeaderLength(b, off);
  const total = getU16(b, off + IP_TOTAL_LENGTH);
  p.len = total;
  p.ihl = ihl;
  p.l4 = off + ihl;
  p.l4len = total - ihl;
  p.protocol = b[off + IP_PROTOCOL];
  p.src = getI32(b, off + IP_SRC);
  p.dst = getI32(b, off + IP_DST);
  p.ttl = b[off + IP_TTL];
  p.frag = getU16(b, off + IP_FRAG);
  if (!ipv4HeaderChecksumOk(b, off, ihl)) return PARSE_CHECKSUM;
  if (ihl > IP_HEADER_MIN && !optionsOk(b, off, ihl)) return PARSE_OPTIONS;
  if (!addressesOk(p.src, p.dst)) return PARSE_ADDRESS;

  const fragment = (p.frag & FRAG_ANY) !== 0;
  if (!readVnet(p, b, fragment)) return PARSE_VNET;
  return fragment ? checkFragment(p) : readLayer4(p, b);
}

/** Martians that no route can make good: a group or nobody as the source, nobody as the destination. */
function addressesOk(src: number, dst: number): boolean {
  if (src >>> NIBBLE_SHIFT === MULTICAST_NIBBLE || src === ADDRESS_BROADCAST || dst === ADDRESS_ANY) return false;
  // A host without an address may still speak to all: DHCP, IGMP.
  return src !== ADDRESS_ANY || dst === ADDRESS_BROADCAST || dst >>> NIBBLE_SHIFT === MULTICAST_NIBBLE;
}

/** Takes over flags and GSO fields; false when the header asks for what the packet is not. */
function readVnet(p: Packet, b: Uint8Array, fragment: boolean): boolean {
  const vnet = p.off - VNET_BEFORE;
  const flags = vnetFlags(b, vnet);
  const gso = vnetGsoType(b, vnet);
  p.vnetFlags = flags;
  p.gsoType = gso & ~VNET_GSO_ECN;
  p.gsoSize = 0;
  if (flags & VNET_F_NEEDS_CSUM) {
    const offset = vnetCsumOffset(b, vnet);
    if (fragment || vnetCsumStart(b, vnet) !== p.ihl || offset !== checksumField(p.protocol)) return false;
    if (offset + CHECKSUM_FIELD > p.l4len) return false;
  }
  // The ECN bit alone is no type: the whole byte decides, as in virtio_net_hdr_to_skb().
  if (gso === VNET_GSO_NONE) return true;
  if (p.gsoType === VNET_GSO_TCPV4) {
    if (p.protocol !== PROTO_TCP) return false;
  } else if (p.gsoType === VNET_GSO_UDP_L4) {
    if (p.protocol !== PROTO_UDP) return false;
  } else {
    return false;
  }
  p.gsoSize = vnetGsoSize(b, vnet);
  return p.gsoSize !== 0 && !fragment;
}

/** Offset of the checksum field that a protocol's offload may name, or -1. */
function checksumField(protocol: number): number {
  if (protocol === PROTO_TCP) return TCP_CHECKSUM;
  return protocol === PROTO_UDP ? UDP_CHECKSUM : -1;
}

/** Layer 4 of a fragment is not read; a first one must be long enough for the header (RFC 1858, section 3). */
function checkFragment(p: Packet): ParseResult {
  if ((p.frag & FRAG_OFFSET_MASK) !== 0) return PARSE_OK;
  return p.l4len < shortestHeader(p.protocol) ? PARSE_L4_SHORT : PARSE_OK;
}

function shortestHeader(protocol: number): number {
  switch (protocol) {
    case PROTO_TCP:
      return TCP_HEADER_MIN;
    case PROTO_UDP:
      return UDP_HEADER;
    case PROTO_ICMP:
      return ICMP_HEADER;
    case PROTO_SCTP:
      return SCTP_HEADER;
    default:
      return 0;
  }
}

function readLayer4(p: Packet, b: Uint8Array): ParseResult {
  const l4 = p.l4;
  let result: ParseResult = PARSE_OK;
  switch (p.protocol) {
    case PROTO_TCP:
      result = checkTcp(b, l4, p.l4len);
      if (result !== PARSE_OK) return result;
      p.sport = getU16(b, l4 + TCP_SPORT);
      p.dport = getU16(b, l4 + TCP_DPORT);
      if (p.gsoSize !== 0) p.gsoHeader = tcpHeaderLength(b, l4);
      return PARSE_OK;
    case PROTO_UDP:
      result = checkUdp(b, l4, p.l4len);
      if (result !== PARSE_OK) return result;
      p.sport = getU16(b, l4 + UDP_SPORT);
      p.dport = getU16(b, l4 + UDP_DPORT);
      if (p.gsoSize !== 0) p.gsoHeader = UDP_HEADER;
      return PARSE_OK;
    case PROTO_ICMP: {
      result = checkIcmp(p.l4len);
      if (result !== PARSE_OK) return result;
      const type = b[l4 + ICMP_TYPE];
      if (icmpIsQuery(type)) p.sport = getU16(b, l4 + ICMP_ID);
      // Type and code are one word on the wire.
      p.dport = getU16(b, l4 + ICMP_TYPE);
      if (icmpIsError(type)) p.icmpError = 1;
      return PARSE_OK;
    }
    case PROTO_SCTP:
      result = checkSctp(p.l4len);
      if (result !== PARSE_OK) return result;
      p.sport = getU16(b, l4 + SCTP_SPORT);
      p.dport = getU16(b, l4 + SCTP_DPORT);
      return PARSE_OK;
    default:
      return PARSE_OK;
  }
}
