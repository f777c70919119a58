import { fragment, fragmentAsBefore, type PieceSink, segment } from "./fragment.ts";
import { Packet, VNET_GSO_NONE } from "./packet.ts";
import type { Reassembly } from "./reassembly.ts";
import { parsePacket } from "./wire/parse.ts";

/** Kind of pieces that are finished: they go to a device, not into the work queue. */
export const PIECES_FOR_DEVICE = 0;

/** What is cut, and where pieces go. The context implements it. */
interface Forwarding {
  readonly arena: Uint8Array<ArrayBuffer>;
  readonly p: Packet;
  readonly reassembly: Reassembly;
  allocate(length: number): number;
  /** A finished piece for a device. */
  pushPiece(device: number, offset: number, length: number): void;
  /** A piece that goes on as work of a kind. */
  queue(kind: number, arg: number, offset: number, length: number): void;
}

/** Cuts the packet that is being forwarded, and sends its pieces on. */
export class Cutter implements PieceSink {
  readonly #c: Forwarding;
  /** Second packet object, for segments that must be fragmented in turn. */
  readonly #segment: Packet;
  readonly #segments: PieceSink;
  #kind = PIECES_FOR_DEVICE;
  #arg = 0;
  #limit = 0;
  /** Pieces that the last {@link cut} made. */
  pieces = 0;

  constructor(c: Forwarding) {
    this.#c = c;
    this.#segment = new Packet(c.arena);
    this.#segments = {
      allocate: (length) => c.allocate(length),
      piece: (offset, length) => this.#fragmentSegment(offset, length),
    };
  }

  /**
   * Pieces of `limit` bytes at most: of a reassembled packet its original fragments if they all fit (`mtu`), of a GSO
   * super-packet its segments, each of them in fragments where it is larger.
   *
   * @param kind WORK_* or PIECES_FOR_DEVICE
   * @param arg ENI or device
   * @returns whether there was room for all of them
   */
  cut(kind: number, arg: number, limit: number, mtu: number): boolean {
    const { p, reassembly } = this.#c;
    this.#kind = kind;
    this.#arg = arg;
    this.#limit = limit;
    this.pieces = 0;
    let made: number;
    if (p.gsoType !== VNET_GSO_NONE) made = segment(p, this.#segments);
    else if (p.fragMax === 0 || p.fragMax > mtu) made = fragment(p, limit, p.fragDf === 1, this);
    else made = fragmentAsBefore(p, reassembly.lastEnds, reassembly.lastCount, this);
    return made > 0;
  }

  allocate(length: number): number {
    return this.#c.allocate(length);
  }

  piece(offset: number, length: number): void {
    this.pieces++;
    if (this.#kind === PIECES_FOR_DEVICE) this.#c.pushPiece(this.#arg, offset, length);
    else this.#c.queue(this.#kind, this.#arg, offset, length);
  }

  #fragmentSegment(offset: number, length: number): void {
    if (length <= this.#limit) {
      this.piece(offset, length);
      return;
    }
    const s = this.#segment;
    parsePacket(s, offset, length);
    fragment(s, this.#limit, false, this);
  }
}
