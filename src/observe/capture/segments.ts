import { FRAG_ANY, PROTO_TCP, PROTO_UDP, VNET_GSO_ECN, VNET_GSO_TCPV4, VNET_GSO_UDP_L4 } from "../../plane/packet.ts";
import { MAX_PACKET } from "../../plane/vector.ts";
import { getI32, getU16, setI32, setU16 } from "../../plane/wire/bytes.ts";
import { pseudoHeaderSum, sum16, writeIpv4HeaderChecksum } from "../../plane/wire/checksum.ts";
import {
  IP_DST,
  IP_FRAG,
  IP_HEADER_MIN,
  IP_ID,
  IP_PROTOCOL,
  IP_SRC,
  IP_TOTAL_LENGTH,
  IP_VERSION_4,
  ipHeaderLength,
} from "../../plane/wire/ipv4.ts";
import {
  TCP_CHECKSUM,
  TCP_CWR,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER_MIN,
  TCP_PSH,
  TCP_SEQ,
  tcpHeaderLength,
} from "../../plane/wire/tcp.ts";
import { UDP_CHECKSUM, UDP_CHECKSUM_ZERO, UDP_HEADER, UDP_LENGTH } from "../../plane/wire/udp.ts";
import { copyBytes } from "./blockBuffer.ts";

/*
 * Packets of a kernel with offloads, as a wire would carry them. Captures are cut to a snap length, so that much of a
 * super-packet's payload, and with it most checksums, cannot be known. Where that is so the field is 0: readers do not
 * check the sum of a packet that they do not have whole.
 */

/**
 * Takes a packet: `captured` bytes of it from `offset` on, which has `length` on the wire. The bytes are good until the
 * call returns.
 */
export type SegmentSink = (bytes: Uint8Array, offset: number, captured: number, length: number) => void;

/** Cuts super-packets. Its segments stand in one buffer, one after the other. */
export class SegmentCutter {
  readonly #segment = new Uint8Array(MAX_PACKET);

  /**
   * Cuts a GSO super-packet of IPv4 into the segments it stands for, as tcp_gso_segment and __udp_gso_segment (net/ipv4) do:
   * sequence numbers and IP identifiers go up, FIN and PSH stay with the last, CWR with the first, lengths and checksums
   * are each segment's own. A segment has the payload that was captured of it, at least its headers.
   *
   * What is no super-packet, or was captured without all of its headers, goes to the sink as it is.
   *
   * @param b the packet's IP header stands at `offset`, and `captured` bytes of it follow
   * @param length IP total length of the super-packet
   * @param gsoType, gsoSize of its virtio_net_hdr
   * @returns number of packets that the sink got
   */
  cut(
    b: Uint8Array,
    offset: number,
    captured: number,
    length: number,
    gsoType: number,
    gsoSize: number,
    sink: SegmentSink,
  ): number {
    const headers = headerBytes(b, offset, captured, length, gsoType & ~VNET_GSO_ECN);
    if (headers === 0 || gsoSize === 0 || length > MAX_PACKET) {
      sink(b, offset, captured, length);
      return 1;
    }
    const payload = length - headers;
    const count = Math.max(1, Math.ceil(payload / gsoSize));
    for (let i = 0; i < count; i++) {
      const at = i * gsoSize;
      const size = Math.min(gsoSize, payload - at);
      const known = Math.max(0, Math.min(size, captured - headers - at));
      this.#write(b, offset, headers, at, size, known, i, i === count - 1);
      sink(this.#segment, 0, headers + known, headers + size);
    }
    return count;
  }

  /** Writes segment `i`: `size` bytes of the payload from `at` on, of which the first `known` were captured. */
  #write(
    b: Uint8Array,
    offset: number,
    headers: number,
    at: number,
    size: number,
    known: number,
    i: number,
    last: boolean,
  ): void {
    const out = this.#segment;
    copyBytes(b, offset, headers, out, 0);
    copyBytes(b, offset + headers + at, known, out, headers);
    const ihl = ipHeaderLength(out, 0);
    setU16(out, IP_TOTAL_LENGTH, headers + size);
    setU16(out, IP_ID, getU16(b, offset + IP_ID) + i);
    writeIpv4HeaderChecksum(out, 0, ihl);
    if (out[IP_PROTOCOL] === PROTO_TCP) {
      setI32(out, ihl + TCP_SEQ, getI32(out, ihl + TCP_SEQ) + at);
      if (!last) out[ihl + TCP_FLAGS] &= ~(TCP_FIN | TCP_PSH);
      if (i > 0) out[ihl + TCP_FLAGS] &= ~TCP_CWR;
    } else {
      setU16(out, ihl + UDP_LENGTH, UDP_HEADER + size);
    }
    finishChecksum(out, 0, headers + known, headers + size);
  }
}

/**
 * Completes the TCP or UDP checksum of a packet whose sender left it to the device (VNET_F_NEEDS_CSUM), in place, so that
 * programs find it right. Without all of the packet the field becomes 0.
 *
 * @param captured bytes of the packet that stand at `offset`; @param length IP total length
 * @returns false if nothing was done: no such packet, or the field was not captured
 */
export function finishChecksum(b: Uint8Array, offset: number, captured: number, length: number): boolean {
  if (captured < IP_HEADER_MIN || b[offset] >> 4 !== IP_VERSION_4) return false;
  const ihl = ipHeaderLength(b, offset);
  const protocol = b[offset + IP_PROTOCOL];
  const place = protocol === PROTO_TCP ? TCP_CHECKSUM : protocol === PROTO_UDP ? UDP_CHECKSUM : -1;
  if (ihl < IP_HEADER_MIN || place < 0 || ihl + place + 2 > captured || captured > length) return false;
  if ((getU16(b, offset + IP_FRAG) & FRAG_ANY) !== 0) return false;
  const field = offset + ihl + place;
  setU16(b, field, 0);
  if (captured < length) return true;
  const l4len = length - ihl;
  const pseudo = pseudoHeaderSum(getI32(b, offset + IP_SRC), getI32(b, offset + IP_DST), protocol, l4len);
  const check = ~sum16(b, offset + ihl, l4len, pseudo) & 0xffff;
  setU16(b, field, check === 0 && protocol === PROTO_UDP ? UDP_CHECKSUM_ZERO : check);
  return true;
}

/** Bytes of the IP and layer 4 headers of a super-packet that can be cut; 0 for what cannot. */
function headerBytes(b: Uint8Array, offset: number, captured: number, length: number, gsoType: number): number {
  if (captured < IP_HEADER_MIN || captured > length || b[offset] >> 4 !== IP_VERSION_4) return 0;
  const ihl = ipHeaderLength(b, offset);
  const protocol = b[offset + IP_PROTOCOL];
  if (ihl < IP_HEADER_MIN || (getU16(b, offset + IP_FRAG) & FRAG_ANY) !== 0) return 0;
  if (gsoType === VNET_GSO_UDP_L4 && protocol === PROTO_UDP) {
    return ihl + UDP_HEADER <= captured ? ihl + UDP_HEADER : 0;
  }
  if (gsoType !== VNET_GSO_TCPV4 || protocol !== PROTO_TCP || ihl + TCP_HEADER_MIN > captured) return 0;
  const header = tcpHeaderLength(b, offset + ihl);
  return header >= TCP_HEADER_MIN && ihl + header <= captured ? ihl + header : 0;
}
