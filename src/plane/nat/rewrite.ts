import {
  FRAG_ANY,
  FRAG_OFFSET_MASK,
  type Packet,
  PROTO_ICMP,
  PROTO_SCTP,
  PROTO_TCP,
  PROTO_UDP,
  VNET_F_NEEDS_CSUM,
} from "../packet.ts";
import { getI32, getU16, setI32, setU16 } from "../wire/bytes.ts";
import { checksum, update16, update32, updatePartial32 } from "../wire/checksum.ts";
import { ICMP_CHECKSUM, ICMP_HEADER, ICMP_ID, icmpIsError, icmpIsQuery } from "../wire/icmp.ts";
import { IP_CHECKSUM, IP_DST, IP_FRAG, IP_HEADER_MIN, IP_PROTOCOL, IP_SRC, IP_TTL } from "../wire/ipv4.ts";
import { SCTP_HEADER, writeSctpChecksum } from "../wire/sctp.ts";
import { TCP_CHECKSUM, TCP_HEADER_MIN } from "../wire/tcp.ts";
import { UDP_CHECKSUM, UDP_HEADER } from "../wire/udp.ts";

const SPORT = 0;
const DPORT = 2;
/** Bytes of its layer 4 header that an ICMP error quotes at least (RFC 792). */
const QUOTED_L4 = 8;
/** A UDP checksum of 0 on the wire means "none"; a computed 0 is sent as its other form (RFC 768). */
const UDP_ZERO = 0xffff;

/**
 * Writes the packet's current addresses, ports and TTL into its bytes and corrects the checksums for what changed
 * (RFC 1624). With NEEDS_CSUM the layer 4 field holds the uncomplemented pseudo-header sum, which changes with the
 * addresses only: the ports are summed later by whoever completes it.
 */
export function writeBack(p: Packet): void {
  const b = p.buf;
  const ip = p.off;
  const oldSrc = getI32(b, ip + IP_SRC);
  const oldDst = getI32(b, ip + IP_DST);
  let headerCheck = getU16(b, ip + IP_CHECKSUM);
  const addressesChange = oldSrc !== p.src || oldDst !== p.dst;
  if (addressesChange) {
    headerCheck = update32(headerCheck, oldSrc, p.src);
    headerCheck = update32(headerCheck, oldDst, p.dst);
    setI32(b, ip + IP_SRC, p.src);
    setI32(b, ip + IP_DST, p.dst);
  }
  setU16(b, ip + IP_CHECKSUM, headerCheck);
  writeTtl(p);
  // Only the first fragment carries the layer 4 header.
  if ((p.frag & FRAG_OFFSET_MASK) !== 0) return;
  switch (p.protocol) {
    case PROTO_TCP:
      writeBackPorts(p, p.l4 + TCP_CHECKSUM, TCP_HEADER_MIN, oldSrc, oldDst, addressesChange);
      break;
    case PROTO_UDP:
      writeBackPorts(p, p.l4 + UDP_CHECKSUM, UDP_HEADER, oldSrc, oldDst, addressesChange);
      break;
    case PROTO_SCTP:
      writeBackSctp(p);
      break;
    case PROTO_ICMP:
      writeBackIcmp(p);
      break;
    default:
      break;
  }
}

/** Writes the packet's current TTL alone into its bytes. */
export function writeTtl(p: Packet): void {
  const b = p.buf;
  const ip = p.off;
  const old = b[ip + IP_TTL];
  if (old === p.ttl) return;
  const protocol = b[ip + IP_PROTOCOL];
  const check = getU16(b, ip + IP_CHECKSUM);
  setU16(b, ip + IP_CHECKSUM, update16(check, (old << 8) | protocol, (p.ttl << 8) | protocol));
  b[ip + IP_TTL] = p.ttl;
}

function writeBackPorts(
  p: Packet,
  field: number,
  header: number,
  oldSrc: number,
  oldDst: number,
  addresses: boolean,
): void {
  const b = p.buf;
  // A fragment (whose ports the parser left at 0) keeps its ports, and may end before its checksum.
  const whole = (p.frag & FRAG_ANY) === 0;
  if (p.l4len < header) return;
  const oldSport = getU16(b, p.l4 + SPORT);
  const oldDport = getU16(b, p.l4 + DPORT);
  const sport = whole ? p.sport : oldSport;
  const dport = whole ? p.dport : oldDport;
  if (!addresses && sport === oldSport && dport === oldDport) return;
  setU16(b, p.l4 + SPORT, sport);
  setU16(b, p.l4 + DPORT, dport);
  let check = getU16(b, field);
  if ((p.vnetFlags & VNET_F_NEEDS_CSUM) !== 0) {
    check = updatePartial32(check, oldSrc, p.src);
    setU16(b, field, updatePartial32(check, oldDst, p.dst));
    return;
  }
  if (p.protocol === PROTO_UDP && check === 0) return;
  check = update32(check, oldSrc, p.src);
  check = update32(check, oldDst, p.dst);
  check = update16(check, oldSport, sport);
  check = update16(check, oldDport, dport);
  setU16(b, field, p.protocol === PROTO_UDP && check === 0 ? UDP_ZERO : check);
}

/** SCTP's CRC32c covers the packet without a pseudo-header: addresses do not matter, ports do (RFC 9260, 6.8). */
function writeBackSctp(p: Packet): void {
  const b = p.buf;
  if (p.l4len < SCTP_HEADER || (p.frag & FRAG_ANY) !== 0) return;
  if (getU16(b, p.l4 + SPORT) === p.sport && getU16(b, p.l4 + DPORT) === p.dport) return;
  setU16(b, p.l4 + SPORT, p.sport);
  setU16(b, p.l4 + DPORT, p.dport);
  writeSctpChecksum(b, p.l4, p.l4len);
}

/** A query's identifier is its port. An error has none: its quoted packet is translated by {@link rewriteQuoted}. */
function writeBackIcmp(p: Packet): void {
  if (p.icmpError === 1 || p.l4len < ICMP_HEADER || (p.frag & FRAG_ANY) !== 0) return;
  const b = p.buf;
  if (!icmpIsQuery(p.dport >> 8)) return;
  const old = getU16(b, p.l4 + ICMP_ID);
  if (old === p.sport) return;
  setU16(b, p.l4 + ICMP_ID, p.sport);
  setU16(b, p.l4 + ICMP_CHECKSUM, update16(getU16(b, p.l4 + ICMP_CHECKSUM), old, p.sport));
}

/**
 * Translates the packet that an ICMP error quotes: its addresses and, as far as the quotation reaches, its ports and
 * layer 4 checksum (nf_nat_icmp_reply_translation in net/netfilter/nf_nat_proto.c); then sums the ICMP message anew.
 * The quotation may be cut anywhere after 8 bytes of its layer 4 header. Returns false if it is no packet at all.
 */
export function rewriteQuoted(p: Packet, src: number, dst: number, sport: number, dport: number): boolean {
  const b = p.buf;
  const ip = p.l4 + ICMP_HEADER;
  const end = p.off + p.len;
  if (ip + IP_HEADER_MIN > end) return false;
  const ihl = (b[ip] & 15) << 2;
  const l4 = ip + ihl;
  if (b[ip] >> 4 !== 4 || ihl < IP_HEADER_MIN || l4 + QUOTED_L4 > end) return false;
  const oldSrc = getI32(b, ip + IP_SRC);
  const oldDst = getI32(b, ip + IP_DST);
  setI32(b, ip + IP_SRC, src);
  setI32(b, ip + IP_DST, dst);
  let headerCheck = getU16(b, ip + IP_CHECKSUM);
  headerCheck = update32(headerCheck, oldSrc, src);
  setU16(b, ip + IP_CHECKSUM, update32(headerCheck, oldDst, dst));
  const protocol = b[ip + IP_PROTOCOL];
  const first = (getU16(b, ip + IP_FRAG) & FRAG_OFFSET_MASK) === 0;
  if (first && (protocol === PROTO_TCP || protocol === PROTO_UDP || protocol === PROTO_SCTP)) {
    const field = protocol === PROTO_TCP ? l4 + TCP_CHECKSUM : l4 + UDP_CHECKSUM;
    const oldSport = getU16(b, l4 + SPORT);
    const oldDport = getU16(b, l4 + DPORT);
    setU16(b, l4 + SPORT, sport);
    setU16(b, l4 + DPORT, dport);
    const reaches = protocol !== PROTO_SCTP && field + 2 <= end;
    if (reaches && !(protocol === PROTO_UDP && getU16(b, field) === 0)) {
      let check = getU16(b, field);
      check = update32(check, oldSrc, src);
      check = update32(check, oldDst, dst);
      check = update16(check, oldSport, sport);
      check = update16(check, oldDport, dport);
      setU16(b, field, protocol === PROTO_UDP && check === 0 ? UDP_ZERO : check);
    }
  } else if (first && protocol === PROTO_ICMP && !icmpIsError(b[l4])) {
    const old = getU16(b, l4 + ICMP_ID);
    setU16(b, l4 + ICMP_ID, sport);
    setU16(b, l4 + ICMP_CHECKSUM, update16(getU16(b, l4 + ICMP_CHECKSUM), old, sport));
  }
  setU16(b, p.l4 + ICMP_CHECKSUM, 0);
  setU16(b, p.l4 + ICMP_CHECKSUM, checksum(b, p.l4, p.l4len));
  return true;
}
