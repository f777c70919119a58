import {
  type Packet,
  PROTO_ICMP,
  PROTO_SCTP,
  PROTO_TCP,
  PROTO_UDP,
  VNET_F_DATA_VALID,
  VNET_F_NEEDS_CSUM,
} from "../packet.ts";
import { getU16 } from "./bytes.ts";
import { pseudoHeaderSum, sum16 } from "./checksum.ts";
import { sctpChecksumOk } from "./sctp.ts";
import { UDP_CHECKSUM } from "./udp.ts";

/** Sum of a message with its right checksum in it (RFC 1071). */
const RIGHT = 0xffff;
const TRUSTED = VNET_F_NEEDS_CSUM | VNET_F_DATA_VALID;

/**
 * Whether the layer 4 checksum of a whole packet is right, as conntrack's trackers ask where nf_conntrack_checksum is on:
 * nf_ip_checksum() (net/netfilter/utils.c) for TCP, UDP and ICMP, sctp_error() for SCTP. Reads the payload only where it
 * has to: not where the sender's kernel left the checksum to a device (NEEDS_CSUM), where a device or this function found
 * it right before, or where UDP has none. Once found right, the packet is marked so: translation keeps a right checksum
 * right, and the next node does not sum again. Other protocols have none to look at.
 *
 * @param p parsed, no fragment, with the addresses that its bytes have
 */
export function layer4ChecksumOk(p: Packet): boolean {
  if ((p.vnetFlags & TRUSTED) !== 0) return true;
  if (!isRight(p)) return false;
  p.vnetFlags |= VNET_F_DATA_VALID;
  return true;
}

function isRight(p: Packet): boolean {
  const b = p.buf;
  switch (p.protocol) {
    case PROTO_UDP:
      if (getU16(b, p.l4 + UDP_CHECKSUM) === 0) return true;
      return sum16(b, p.l4, p.l4len, pseudoHeaderSum(p.src, p.dst, PROTO_UDP, p.l4len)) === RIGHT;
    case PROTO_TCP:
      return sum16(b, p.l4, p.l4len, pseudoHeaderSum(p.src, p.dst, PROTO_TCP, p.l4len)) === RIGHT;
    case PROTO_ICMP:
      return sum16(b, p.l4, p.l4len, 0) === RIGHT;
    case PROTO_SCTP:
      return sctpChecksumOk(b, p.l4, p.l4len);
    default:
      return true;
  }
}
