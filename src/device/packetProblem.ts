/**
 * What a receiver would object to in a packet: the slow twin of the plane's checksum code. Nothing here is
 * shared with the plane, not even constants, so that one mistake cannot hide in both.
 *
 * virtio 1.2, section 5.1.6: with NEEDS_CSUM the checksum field holds the uncomplemented, folded sum of the
 * pseudo-header, and the receiver adds everything from csum_start to the end of the packet. Linux puts the length of
 * the whole super-packet into that pseudo-header for TCP (net/ipv4/tcp_ipv4.c, __tcp_v4_send_check: skb->len) and for
 * UDP (net/ipv4/udp.c, udp_send_skb), and takes it out again when it segments (tcp_offload.c and udp_offload.c). So a
 * GSO packet verifies as one large packet.
 */

const VNET = 10;
const IP = VNET;
const IP_MIN = 20;

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const SCTP = 132;

/** Where a protocol keeps its checksum, and how long its header is at least. */
const LAYER4: Record<number, { name: string; checksum: number; header: number }> = {
  [ICMP]: { name: "ICMP", checksum: 2, header: 8 },
  [TCP]: { name: "TCP", checksum: 16, header: 20 },
  [UDP]: { name: "UDP", checksum: 6, header: 8 },
  [SCTP]: { name: "SCTP", checksum: 8, header: 12 },
};

/** GSO type (without the ECN bit) and the protocol that it belongs to. */
const GSO_PROTOCOL: Record<number, number> = { 1: TCP, 3: UDP, 5: UDP };

/** ICMP types whose payload quotes a packet (RFC 792): unreachable, source quench, redirect, time, parameter. */
const ICMP_ERRORS = [3, 4, 5, 11, 12];

/** @param bytes virtio_net_hdr and IPv4 packet. @returns what is wrong with it, or null. */
export function packetProblem(bytes: Uint8Array): string | null {
  if (bytes.length < VNET + IP_MIN) return "shorter than an IPv4 header";
  const headerLength = (bytes[IP] & 15) * 4;
  if (bytes[IP] >> 4 !== 4) return "not IPv4";
  if (headerLength < IP_MIN || IP + headerLength > bytes.length) return "bad IPv4 header length";
  if (big16(bytes, IP + 2) !== bytes.length - VNET) return "IPv4 total length is not the packet's length";
  if (sum(bytes, IP, IP + headerLength) !== 0xffff) return "bad IPv4 header checksum";
  const fragment = big16(bytes, IP + 6) & 0x3fff;
  if (fragment !== 0) return (bytes[0] & 1) !== 0 || bytes[1] !== 0 ? "fragment with an offload" : null;
  const protocol = bytes[IP + 9];
  const layer4 = LAYER4[protocol];
  const start = IP + headerLength;
  if (layer4 && start + layer4.header > bytes.length) return `shorter than its ${layer4.name} header`;
  return offloadProblem(bytes, protocol, start) ?? checksumProblem(completed(bytes), protocol, start);
}

/** The virtio_net_hdr must describe this very packet. Its 16-bit fields are little-endian here. */
function offloadProblem(bytes: Uint8Array, protocol: number, start: number): string | null {
  const needsChecksum = (bytes[0] & 1) !== 0;
  const gso = bytes[1] & 0x7f;
  if (gso !== 0) {
    if (GSO_PROTOCOL[gso] !== protocol) return `GSO type ${gso} on protocol ${protocol}`;
    if (!needsChecksum) return "GSO without NEEDS_CSUM";
    if (little16(bytes, 4) === 0) return "GSO size 0";
  }
  if (needsChecksum) {
    if (protocol !== TCP && protocol !== UDP) return `NEEDS_CSUM on protocol ${protocol}`;
    if (VNET + little16(bytes, 6) !== start) return "csum_start is not the layer 4 header";
    if (little16(bytes, 8) !== LAYER4[protocol].checksum) return "csum_offset is not the checksum field";
  }
  return null;
}

/** A copy whose checksum is finished by the virtio rule. */
function completed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  if ((bytes[0] & 1) === 0) return copy;
  const start = VNET + little16(bytes, 6);
  const field = start + little16(bytes, 8);
  let checksum = ~sum(bytes, start, bytes.length) & 0xffff;
  // UDP: 0 on the wire means that there is none (RFC 768).
  if (checksum === 0 && bytes[IP + 9] === UDP) checksum = 0xffff;
  copy[field] = checksum >> 8;
  copy[field + 1] = checksum & 0xff;
  return copy;
}

function checksumProblem(bytes: Uint8Array, protocol: number, start: number): string | null {
  const end = bytes.length;
  switch (protocol) {
    case TCP:
      return sum(bytes, start, end, pseudoHeader(bytes, end - start)) === 0xffff ? null : "bad TCP checksum";
    case UDP:
      if (big16(bytes, start + 4) !== end - start) return "UDP length is not the datagram's length";
      if (big16(bytes, start + 6) === 0) return null;
      return sum(bytes, start, end, pseudoHeader(bytes, end - start)) === 0xffff ? null : "bad UDP checksum";
    case ICMP:
      if (sum(bytes, start, end) !== 0xffff) return "bad ICMP checksum";
      return ICMP_ERRORS.includes(bytes[start]) ? quotedProblem(bytes.subarray(start + 8)) : null;
    case SCTP:
      return crc32c(bytes, start) === little32(bytes, start + 8) ? null : "bad SCTP checksum";
    default:
      return null;
  }
}

/** The header that an ICMP error quotes must be whole: NAT rewrites its addresses and so its checksum. */
function quotedProblem(quoted: Uint8Array): string | null {
  const headerLength = (quoted[0] & 15) * 4;
  if (quoted.length < IP_MIN || headerLength < IP_MIN || headerLength > quoted.length)
    return "ICMP error quotes no packet";
  return sum(quoted, 0, headerLength) === 0xffff ? null : "bad IPv4 header checksum in the packet an ICMP error quotes";
}

/** Source, destination, protocol and length (RFC 9293, section 3.1). */
function pseudoHeader(bytes: Uint8Array, length: number): number {
  return sum(bytes, IP + 12, IP + 20, bytes[IP + 9] + length);
}

/** Folded one's complement sum of the 16-bit words of [from, to), an odd last byte padded with 0 (RFC 1071). */
function sum(bytes: Uint8Array, from: number, to: number, initial = 0): number {
  let total = initial;
  for (let i = from; i < to; i += 2) total += bytes[i] * 256 + (i + 1 < to ? bytes[i + 1] : 0);
  while (total > 0xffff) total = (total % 0x10000) + Math.floor(total / 0x10000);
  return total;
}

/** CRC32c bit by bit over an SCTP packet whose checksum field counts as 0 (RFC 9260, section 6.8 and appendix A). */
function crc32c(bytes: Uint8Array, start: number): number {
  let crc = 0xffffffff;
  for (let i = start; i < bytes.length; i++) {
    crc ^= i >= start + 8 && i < start + 12 ? 0 : bytes[i];
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function big16(bytes: Uint8Array, at: number): number {
  return bytes[at] * 256 + bytes[at + 1];
}

function little16(bytes: Uint8Array, at: number): number {
  return bytes[at] + bytes[at + 1] * 256;
}

function little32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}
