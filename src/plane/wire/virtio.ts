import { VNET_BEFORE, VNET_F_NEEDS_CSUM } from "../packet.ts";
import { getU16LE, setU16LE } from "./bytes.ts";

/*
 * virtio_net_hdr (virtio 1.2, section 5.1.6; include/uapi/linux/virtio_net.h), which a TUN opened with IFF_VNET_HDR
 * puts in front of every packet. Offsets inside it count from the first byte after it, which here is the IP header.
 *
 *   0       1          2         4          6            8             10
 *   | flags | gso_type | hdr_len | gso_size | csum_start | csum_offset |
 *
 * The 16-bit fields are in the host's byte order, and Node's Linux machines are little endian.
 */
const FLAGS = 0;
const GSO_TYPE = 1;
const HDR_LEN = 2;
const GSO_SIZE = 4;
const CSUM_START = 6;
const CSUM_OFFSET = 8;

export function vnetFlags(b: Uint8Array, off: number): number {
  return b[off + FLAGS];
}

/** gso_type with the ECN bit as it is. */
export function vnetGsoType(b: Uint8Array, off: number): number {
  return b[off + GSO_TYPE];
}

/** Length of all headers of a GSO packet, in bytes: a hint, which nobody may trust. */
export function vnetHdrLen(b: Uint8Array, off: number): number {
  return getU16LE(b, off + HDR_LEN);
}

/** Payload bytes of each segment that a GSO packet is to be cut into. */
export function vnetGsoSize(b: Uint8Array, off: number): number {
  return getU16LE(b, off + GSO_SIZE);
}

/** First byte that the checksum covers, counted from the IP header. */
export function vnetCsumStart(b: Uint8Array, off: number): number {
  return getU16LE(b, off + CSUM_START);
}

/** Place of the checksum field, counted from csum_start. */
export function vnetCsumOffset(b: Uint8Array, off: number): number {
  return getU16LE(b, off + CSUM_OFFSET);
}

/** Writes all six fields. */
export function writeVnet(
  b: Uint8Array,
  off: number,
  flags: number,
  gsoType: number,
  hdrLen: number,
  gsoSize: number,
  csumStart: number,
  csumOffset: number,
): void {
  b[off + FLAGS] = flags;
  b[off + GSO_TYPE] = gsoType;
  setU16LE(b, off + HDR_LEN, hdrLen);
  setU16LE(b, off + GSO_SIZE, gsoSize);
  setU16LE(b, off + CSUM_START, csumStart);
  setU16LE(b, off + CSUM_OFFSET, csumOffset);
}

/** Writes the header of a plain packet: no offload, all checksums complete. */
export function clearVnet(b: Uint8Array, off: number): void {
  b.fill(0, off, off + VNET_BEFORE);
}

/** Marks the checksum as complete and leaves the GSO fields. */
export function clearNeedsCsum(b: Uint8Array, off: number): void {
  b[off + FLAGS] &= ~VNET_F_NEEDS_CSUM;
  setU16LE(b, off + CSUM_START, 0);
  setU16LE(b, off + CSUM_OFFSET, 0);
}
