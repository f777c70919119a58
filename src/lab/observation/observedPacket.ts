import type { DecisionText } from "./observerMessages.ts";
import {
  POINT_BYTES,
  POINT_ID,
  POINT_KEPT,
  POINT_LENGTH,
  POINT_OFFLOAD,
  POINT_PLACE,
  POINT_STATUS,
  POINT_TIME,
} from "./records.ts";
import type { RingReader } from "./ring.ts";

/** A decision's texts as an observer keeps them. */
export interface KeptText extends DecisionText {
  /** The comment of a packet's block. */
  readonly encoded: Int32Array;
}

/** A packet at a place: a record in the ring, valid until the call that shows it returns. Used again and again. */
export class Sighting {
  /** IN, ENI_OUT, ENI_IN or OUT of records.ts. */
  kind = 0;
  /** Number of the packet; 0: not known. */
  id = 0;
  /** Nanoseconds since the session's origin. */
  time = 0;
  /** Device, or ENI. */
  place = 0;
  /** Where its bytes are. */
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  kept = 0;
  /** Bytes that it has. */
  length = 0;
  /** virtio_net_hdr. */
  flags = 0;
  gsoType = 0;
  gsoSize = 0;
  /** OUT: bytes written, or a negated errno. */
  status = 0;

  /** @param at byte offset of the record */
  load(ring: RingReader, at: number): void {
    const { words, doubles } = ring;
    const w = at >> 2;
    const offload = words[w + POINT_OFFLOAD];
    this.kind = ring.kind;
    this.id = doubles[(w + POINT_ID) >> 1];
    this.time = doubles[(w + POINT_TIME) >> 1];
    this.place = words[w + POINT_PLACE];
    this.bytes = ring.bytes;
    this.offset = at + POINT_BYTES;
    this.kept = words[w + POINT_KEPT];
    this.length = words[w + POINT_LENGTH];
    this.flags = offload & 0xff;
    this.gsoType = (offload >> 8) & 0xff;
    this.gsoSize = offload >>> 16;
    this.status = words[w + POINT_STATUS];
  }
}

/** A packet with everything but its outputs, which come later. Used again and again. */
export class ObservedPacket {
  id = 0;
  /** int32 */
  flow = 0;
  dropped = false;
  text: KeptText | null = null;
  /** Where it was read, then the ENIs in order: the first `count` of them. */
  readonly sightings: Sighting[] = [];
  count = 0;

  /** The next sighting, to be filled. */
  next(): Sighting {
    if (this.count === this.sightings.length) this.sightings.push(new Sighting());
    return this.sightings[this.count++];
  }
}

/** Takes what an observer reads. */
export interface ObservedPackets {
  packet(packet: ObservedPacket): void;
  /** @param text null: the packet's decision is not known, or not any more */
  output(sighting: Sighting, text: KeptText | null): void;
}
