/** {@link PacketBlock.flags}: the packet comes to the interface's end (a pod gets it), epb_flags bits 0 and 1. */
export const FLAG_IN = 1;
/** The interface's end sent it. */
export const FLAG_OUT = 2;

const NOTHING = new Uint8Array(0);

/**
 * A packet that is to be written. One object is filled again for every packet, so that nothing is allocated; the writers
 * only read it, and keep nothing of it after the call.
 */
export class PacketBlock {
  /** Number that `PcapngWriter.addInterface` gave. */
  interface = 0;
  /** Seconds since 1970, 0..2^32-1. */
  seconds = 0;
  /** 0..999,999,999. */
  nanoseconds = 0;
  /** Where the packet stands: `captured` bytes from `offset` on, IP without any link-layer header. */
  bytes: Uint8Array = NOTHING;
  offset = 0;
  captured = 0;
  /** Bytes that the packet has on the wire, at least `captured`. */
  length = 0;
  /** {@link FLAG_IN}, {@link FLAG_OUT}, or 0 for neither. */
  flags = 0;
  /** One number for a packet wherever it is seen, 1..2^53-1; 0 for none. */
  packetId = 0;
  /** The packet went no further from here. */
  dropped = false;
  /** Packets of this interface that were lost between the one before and this; 0 for none. */
  dropCount = 0;
  /** What `encodeComment` made, reused as often as it fits; null for none. */
  comment: Int32Array | null = null;
}
