import type { CapturedPacket } from "../../observe/capture/capturedPacket.ts";
import { type PacketFacts, packetFacts } from "../../observe/trace/packetFacts.ts";
import { FRAG_ANY, FRAG_OFFSET_MASK } from "../../plane/packet.ts";
import { getU16 } from "../../plane/wire/bytes.ts";
import { IP_FRAG, IP_HEADER_MIN, IP_ID } from "../../plane/wire/ipv4.ts";
import { type Tuple, tupleOf } from "./tuple.ts";

/** Tuples of fragments: the first piece of a datagram has its ports, wherever in the capture it stands. */
export class Pieces {
  readonly #first = new Map<string, Tuple>();

  constructor(packets: readonly CapturedPacket[]) {
    for (const { bytes } of packets) this.#learn(bytes, packetFacts(bytes, 0, bytes.length));
  }

  /** The tuple of a packet; a fragment's is its datagram's, as far as the capture has the first piece. */
  tupleOf(facts: PacketFacts, bytes: Uint8Array): Tuple | null {
    const own = tupleOf(facts);
    if (own === null || bytes.length < IP_HEADER_MIN || (getU16(bytes, IP_FRAG) & FRAG_OFFSET_MASK) === 0) return own;
    return this.#first.get(datagram(own, bytes)) ?? own;
  }

  #learn(bytes: Uint8Array, facts: PacketFacts): void {
    const own = tupleOf(facts);
    if (own === null) return;
    const frag = getU16(bytes, IP_FRAG);
    if ((frag & FRAG_ANY) !== 0 && (frag & FRAG_OFFSET_MASK) === 0) this.#first.set(datagram(own, bytes), own);
  }
}

function datagram({ protocol, src, dst }: Tuple, bytes: Uint8Array): string {
  return `${protocol}/${src}/${dst}/${getU16(bytes, IP_ID)}`;
}
