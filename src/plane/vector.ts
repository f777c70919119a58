/**
 * A vector of packets: descriptors into one shared arena. Whoever calls a device owns the vector and the bytes until
 * the call returns; a device keeps no reference to either.
 *
 * A descriptor points at the first byte of the IP header. The 10 bytes before it are the packet's virtio_net_hdr, and
 * {@link HEADROOM} bytes before it belong to the packet, so that a header can be put in front without a copy.
 */
export class PacketVector {
  readonly arena: Uint8Array<ArrayBuffer>;
  /** Arena offset of each packet's IP header. */
  readonly offset: Int32Array;
  /** Length in bytes of each packet, from the IP header on (the vnet header is not counted). */
  readonly length: Int32Array;
  /** Device index each packet came from or goes to. */
  readonly device: Int32Array;
  /** After a write: bytes written, or a negated errno. */
  readonly status: Int32Array;
  count = 0;

  constructor(arena: Uint8Array<ArrayBuffer>, capacity: number) {
    this.arena = arena;
    this.offset = new Int32Array(capacity);
    this.length = new Int32Array(capacity);
    this.device = new Int32Array(capacity);
    this.status = new Int32Array(capacity);
  }

  get capacity(): number {
    return this.offset.length;
  }

  /** Appends a packet. The caller has checked that `count < capacity`. */
  push(device: number, offset: number, length: number): void {
    const i = this.count++;
    this.device[i] = device;
    this.offset[i] = offset;
    this.length[i] = length;
  }
}

/** Bytes in front of each packet that belong to it: its vnet header, and room for an outer header. */
export const HEADROOM = 128;
/** Largest IPv4 packet, in bytes. */
export const MAX_PACKET = 65_535;
/** Bytes of arena that one packet takes: headroom, packet, rounded up to a cache line. */
export const SLOT_SIZE = HEADROOM + 65_536;

/** Arena offset of slot `slot`'s IP header. */
export function slotOffset(slot: number): number {
  return slot * SLOT_SIZE + HEADROOM;
}
