import {
  FRAG_ANY,
  PROTO_ICMP,
  PROTO_SCTP,
  PROTO_TCP,
  PROTO_UDP,
  VNET_BEFORE,
  VNET_F_NEEDS_CSUM,
  VNET_GSO_TCPV4,
} from "../../plane/packet.ts";
import { MAX_PACKET } from "../../plane/vector.ts";
import { getI32, getU16, setU16 } from "../../plane/wire/bytes.ts";
import { pseudoHeaderSum, writeIpv4HeaderChecksum } from "../../plane/wire/checksum.ts";
import { ICMP_HEADER, writeIcmpChecksum } from "../../plane/wire/icmp.ts";
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
import { SCTP_HEADER, writeSctpChecksum } from "../../plane/wire/sctp.ts";
import { TCP_CHECKSUM, TCP_HEADER_MIN, tcpHeaderLength, writeTcpChecksum } from "../../plane/wire/tcp.ts";
import { UDP_CHECKSUM, UDP_HEADER, UDP_LENGTH, writeUdpChecksum } from "../../plane/wire/udp.ts";
import { writeVnet } from "../../plane/wire/virtio.ts";

/** A packet of a capture as it is put into the plane. */
export interface ReplayBytes {
  /** With its virtio_net_hdr in front. */
  readonly bytes: Uint8Array;
  /** Bytes of IP that the capture has of it; behind them are zeros. */
  readonly captured: number;
  /** What was done to make it whole, for people. */
  readonly notes: readonly string[];
}

/** What {@link replayBytes} reads of a captured packet. */
export interface CapturedBytes {
  readonly bytes: Uint8Array;
  readonly length: number;
}

/**
 * Makes a captured packet one that can be sent again:
 *
 * - what follows its total length (an Ethernet frame's padding) is cut off
 * - what the snap length cut off is zeros, and its checksum is made anew, so that its headers still have a verdict
 * - a checksum that the sender's kernel left to its device (tcpdump shows it as wrong) is marked as unfinished
 * - a TCP packet over the sender's MTU was a super-packet, and is one again
 *
 * Everything else stays as it is, malformed packets first of all.
 *
 * @param mtu of the device that is to send it, in bytes
 */
export function replayBytes(packet: CapturedBytes, mtu: number): ReplayBytes {
  const there = packet.bytes;
  const isIpv4 = there.length >= IP_HEADER_MIN && there[0] >> 4 === IP_VERSION_4;
  const ihl = isIpv4 ? ipHeaderLength(there, 0) : 0;
  const stated = isIpv4 ? getU16(there, IP_TOTAL_LENGTH) : 0;
  const onWire = Math.min(packet.length, MAX_PACKET);
  // Of a header that is not there as a whole nothing can be made up: it is too short, and dropped as that.
  if (ihl < IP_HEADER_MIN || ihl > there.length) return asItIs(there.subarray(0, MAX_PACKET), onWire);
  // A super-packet over 64 KiB states no length (Linux's BIG TCP), and some captures on the sender state 0 for any.
  const length = stated >= IP_HEADER_MIN && stated <= onWire ? stated : onWire;
  const captured = Math.min(there.length, length);
  const bytes = new Uint8Array(VNET_BEFORE + length);
  bytes.set(there.subarray(0, captured), VNET_BEFORE);
  const notes: string[] = [];
  if (stated === 0) {
    setU16(bytes, VNET_BEFORE + IP_TOTAL_LENGTH, length);
    writeIpv4HeaderChecksum(bytes, VNET_BEFORE, ihl);
    notes.push(`its header states no length: taken as ${length} bytes`);
  }
  if (captured < length) {
    finishChecksum(bytes, ihl, length - ihl);
    notes.push(`${captured} of ${length} bytes were captured: the others are zeros`);
  }
  offload(bytes, ihl, length, mtu);
  return { bytes, captured, notes };
}

function asItIs(there: Uint8Array, onWire: number): ReplayBytes {
  const bytes = new Uint8Array(VNET_BEFORE + there.length);
  bytes.set(there, VNET_BEFORE);
  const notes =
    there.length < onWire ? [`${there.length} of ${onWire} bytes were captured, too few for its header`] : [];
  return { bytes, captured: there.length, notes };
}

/** Writes a right layer 4 checksum where the header has room for one. */
function finishChecksum(b: Uint8Array, ihl: number, l4len: number): void {
  const ip = VNET_BEFORE;
  const l4 = ip + ihl;
  if ((getU16(b, ip + IP_FRAG) & FRAG_ANY) !== 0) return;
  const src = getI32(b, ip + IP_SRC);
  const dst = getI32(b, ip + IP_DST);
  const protocol = b[ip + IP_PROTOCOL];
  if (protocol === PROTO_TCP && l4len >= TCP_HEADER_MIN) writeTcpChecksum(b, l4, l4len, src, dst);
  else if (protocol === PROTO_UDP && l4len >= UDP_HEADER && getU16(b, l4 + UDP_LENGTH) <= l4len) {
    if (getU16(b, l4 + UDP_CHECKSUM) !== 0) writeUdpChecksum(b, l4, src, dst);
  } else if (protocol === PROTO_ICMP && l4len >= ICMP_HEADER) writeIcmpChecksum(b, l4, l4len);
  else if (protocol === PROTO_SCTP && l4len >= SCTP_HEADER) writeSctpChecksum(b, l4, l4len);
}

/** The virtio_net_hdr that the sender's kernel had: an unfinished checksum, a super-packet. */
function offload(b: Uint8Array, ihl: number, length: number, mtu: number): void {
  const ip = VNET_BEFORE;
  const l4 = ip + ihl;
  const l4len = length - ihl;
  const protocol = b[ip + IP_PROTOCOL];
  if ((getU16(b, ip + IP_FRAG) & FRAG_ANY) !== 0) return;
  const isTcp = protocol === PROTO_TCP && l4len >= TCP_HEADER_MIN;
  if (!isTcp && !(protocol === PROTO_UDP && l4len >= UDP_HEADER)) return;
  const field = isTcp ? TCP_CHECKSUM : UDP_CHECKSUM;
  const pseudo = pseudoHeaderSum(getI32(b, ip + IP_SRC), getI32(b, ip + IP_DST), protocol, l4len);
  const header = isTcp ? tcpHeaderLength(b, l4) : 0;
  const payload = mtu - ihl - header;
  const isSuper = isTcp && length > mtu && header >= TCP_HEADER_MIN && header <= l4len && payload > 0;
  // GSO of the kernel takes unfinished checksums alone, so that a super-packet has one whatever its field holds.
  const unfinished = isSuper || getU16(b, l4 + field) === pseudo;
  if (!unfinished) return;
  if (isSuper) setU16(b, l4 + field, pseudo);
  writeVnet(
    b,
    0,
    VNET_F_NEEDS_CSUM,
    isSuper ? VNET_GSO_TCPV4 : 0,
    isSuper ? ihl + header : 0,
    isSuper ? payload : 0,
    ihl,
    field,
  );
}
