import { pieceBytes } from "./fragment.ts";
import { HEADROOM } from "./vector.ts";

/** A region of the arena for packets that the plane makes itself, and for pieces of packets: all of one batch. */
export class Scratch {
  readonly #start: number;
  readonly #end: number;
  #at: number;

  /**
   * @param start arena offset of its first byte
   * @param bytes that belong to it
   */
  constructor(start: number, bytes: number) {
    this.#start = start;
    this.#end = start + bytes;
    this.#at = start;
  }

  /** Whether more than half of it is used. */
  get isHalfFull(): boolean {
    return (this.#at - this.#start) * 2 > this.#end - this.#start;
  }

  /** @returns arena offset for an IP header with HEADROOM in front and `length` bytes behind it; -1: there is no room. */
  allocate(length: number): number {
    const bytes = pieceBytes(length);
    if (this.#at + bytes > this.#end) return -1;
    const at = this.#at + HEADROOM;
    this.#at += bytes;
    return at;
  }

  /** Gives back what {@link allocate} gave last, and everything since. */
  release(at: number): void {
    this.#at = at - HEADROOM;
  }

  /** Gives back everything. */
  reset(): void {
    this.#at = this.#start;
  }
}
