import { type PieceSink, segment } from "../fragment.ts";
import { PARSE_OK, Packet, VNET_BEFORE, VNET_F_NEEDS_CSUM } from "../packet.ts";
import { completeChecksum } from "../wire/checksum.ts";
import { ipHeaderLength } from "../wire/ipv4.ts";
import { parsePacket } from "../wire/parse.ts";
import { clearVnet, vnetFlags } from "../wire/virtio.ts";
import { AT_DEVICE, DIRECTION_IN, pointNumber } from "./impairmentRow.ts";
import type { Lane } from "./lane.ts";

const BITS = 8;
const DEVICE_IN = pointNumber(AT_DEVICE, 0, DIRECTION_IN);
/** Of a point's number: what it is of, and the direction. */
const KIND = 3;

/** Changes bits of packets, and says what can be done with them then. */
export class Corruption {
  /** The packet that is forwarded. */
  readonly #p: Packet;
  /** A super-packet that is cut, and a packet that was changed and is not the one that is forwarded. */
  readonly #whole: Packet;
  readonly #changed: Packet;

  constructor(p: Packet) {
    this.#p = p;
    this.#whole = new Packet(p.buf);
    this.#changed = new Packet(p.buf);
  }

  /**
   * Turns one bit behind a packet's IP header round.
   *
   * @returns byte * 8 + bit, the byte counted from the IP header; -1: there is nothing behind that.
   */
  flip(lane: Lane, offset: number, length: number): number {
    const { buf } = this.#p;
    const ihl = ipHeaderLength(buf, offset);
    if (length <= ihl) return -1;
    const byte = ihl + lane.place(length - ihl);
    const bit = lane.place(BITS);
    flipBit(buf, offset, length, byte, bit);
    lane.countCorrupted();
    return (byte << 3) | bit;
  }

  /** Whether a changed packet is still one that the walk can read. What is handed to a device is not read any more. */
  isReadable(lane: Lane, offset: number, length: number): boolean {
    const good = parsePacket(offset === this.#p.off ? this.#p : this.#changed, offset, length) === PARSE_OK;
    return good || (lane.point & KIND) === DEVICE_IN;
  }

  /** Cuts a super-packet. @returns segments, or 0 without room for all of them */
  segment(offset: number, length: number, sink: PieceSink): number {
    parsePacket(this.#whole, offset, length);
    return segment(this.#whole, sink);
  }
}

/**
 * Turns one bit of a packet round, as it happens on a wire: behind everything that the sender does. A checksum that was left
 * to a device is summed before (netem_enqueue() does the same), and nobody vouches for it any more.
 *
 * @param byte counted from the IP header
 */
function flipBit(b: Uint8Array, offset: number, length: number, byte: number, bit: number): void {
  const vnet = offset - VNET_BEFORE;
  if ((vnetFlags(b, vnet) & VNET_F_NEEDS_CSUM) !== 0) completeChecksum(b, vnet, offset, length);
  clearVnet(b, vnet);
  b[offset + byte] ^= 1 << bit;
}
