import { hashWords } from "../conntrack/hash.ts";
import { VNET_BEFORE } from "../packet.ts";
import { T_DUE, T_NOW } from "./lane.ts";

/**
 * Bytes that packets may wait in. Our own choice: as many super-packets as the default limit of one point. Memory is taken
 * from the system as it is used, the lowest blocks first.
 */
const HELD_BYTES = 64 << 20;
const BLOCK_BYTES = 1024;
const BLOCK_WORDS = BLOCK_BYTES >> 2;
const BLOCKS = HELD_BYTES / BLOCK_BYTES;
const NONE = -1;
/** Bytes in front of the IP header that are kept: the vnet header, and what brings them to a whole word. */
const BEFORE = (VNET_BEFORE + 3) & ~3;

/**
 * Packets that wait until they are due: their bytes in chains of blocks, and a heap by due time. A packet is known by its
 * first block.
 *
 * ```text
 *   heap   [ 7, 0, 12 ]          ids, the next one due in front; of equal times the one that came first
 *   next     7 -> 8 -> 9   0   12 -> 3
 *   words  | block 0 | block 1 | ...
 * ```
 */
export class HeldPackets {
  readonly #words = new Int32Array(HELD_BYTES >> 2);
  readonly #arena: Int32Array;
  /** The next block of a packet, or of the free ones. */
  readonly #next = new Int32Array(BLOCKS);
  #free = 0;
  #freeCount = BLOCKS;
  readonly #due = new Float64Array(BLOCKS);
  readonly #order = new Float64Array(BLOCKS);
  readonly #point = new Int32Array(BLOCKS);
  readonly #length = new Int32Array(BLOCKS);
  readonly #hops = new Int32Array(BLOCKS);
  readonly #packet = new Float64Array(BLOCKS);
  readonly #heap = new Int32Array(BLOCKS);
  #taken = 0;
  /** Packets that wait. */
  count = 0;

  // What take() gave: see hold().
  point = 0;
  length = 0;
  hops = 0;
  packet = 0;

  /** @param arena where packets come from and go to; they lie at multiples of four there */
  constructor(arena: Uint8Array<ArrayBuffer>) {
    this.#arena = new Int32Array(arena.buffer, arena.byteOffset, arena.byteLength >> 2);
    for (let block = 0; block < BLOCKS; block++) this.#next[block] = block + 1 < BLOCKS ? block + 1 : NONE;
  }

  /**
   * Takes a packet in.
   *
   * @param point where it waits, and goes on
   * @param offset of its IP header in the arena
   * @param times T_DUE: when it is due (lane.ts)
   * @param packet its number (Context.packetId)
   * @returns whether there was room.
   */
  hold(point: number, offset: number, length: number, times: Float64Array, hops: number, packet: number): boolean {
    const words = (BEFORE + length + 3) >> 2;
    const blocks = Math.ceil(words / BLOCK_WORDS);
    if (blocks > this.#freeCount) return false;
    const id = this.#free;
    this.#freeCount -= blocks;
    let block = id;
    let from = (offset - BEFORE) >> 2;
    let left = words;
    for (let i = 1; ; i++) {
      const to = block * BLOCK_WORDS;
      const size = Math.min(left, BLOCK_WORDS);
      copyWords(this.#arena, from, this.#words, to, size);
      from += size;
      left -= size;
      if (i === blocks) break;
      block = this.#next[block];
    }
    this.#free = this.#next[block];
    this.#next[block] = NONE;
    this.#due[id] = times[T_DUE];
    this.#order[id] = this.#taken++;
    this.#point[id] = point;
    this.#length[id] = length;
    this.#hops[id] = hops;
    this.#packet[id] = packet;
    this.#rise(this.count++, id);
    return true;
  }

  /** Whether a packet is due. @param times T_NOW: by then */
  isDue(times: Float64Array): boolean {
    return this.count > 0 && this.#due[this.#heap[0]] <= times[T_NOW];
  }

  /** When the next packet is due, in microseconds; infinity: none waits. */
  get nextDue(): number {
    return this.count === 0 ? Number.POSITIVE_INFINITY : this.#due[this.#heap[0]];
  }

  /** Bytes of the next packet. */
  get nextLength(): number {
    return this.#length[this.#heap[0]];
  }

  /** Gives the next packet out, to `offset` in the arena (-1: its bytes are not wanted any more). */
  take(offset: number): void {
    const id = this.#heap[0];
    const last = this.#heap[--this.count];
    if (this.count > 0) this.#sink(0, last);
    if (offset >= 0) this.#copyOut(id, offset);
    this.#release(id);
  }

  /** Forgets all packets of a point. @returns how many there were. */
  forget(point: number): number {
    let kept = 0;
    const { count } = this;
    for (let i = 0; i < count; i++) {
      const id = this.#heap[i];
      if (this.#point[id] === point) this.#release(id);
      else this.#heap[kept++] = id;
    }
    this.count = kept;
    for (let i = (kept >> 1) - 1; i >= 0; i--) this.#sink(i, this.#heap[i]);
    return count - kept;
  }

  /** Continues a state hash with the packets that wait, in no order but the heap's. */
  fold(seed: number): number {
    let h = seed;
    for (let i = 0; i < this.count; i++) {
      const id = this.#heap[i];
      const facts = Float64Array.of(this.#due[id], this.#order[id], this.#packet[id]);
      h = hashWords(new Int32Array(facts.buffer), 0, 2 * facts.length, h);
      h = hashWords(Int32Array.of(this.#point[id], this.#length[id], this.#hops[id]), 0, 3, h);
      // A block's last packet left what lies behind this one's end.
      const words = (BEFORE + this.#length[id]) >> 2;
      let left = words;
      for (let block = id; left > 0; block = this.#next[block]) {
        const from = block * BLOCK_WORDS;
        h = hashWords(this.#words, from, from + Math.min(left, BLOCK_WORDS), h);
        left -= BLOCK_WORDS;
      }
    }
    return h;
  }

  #copyOut(id: number, offset: number): void {
    let to = (offset - BEFORE) >> 2;
    let left = (BEFORE + this.#length[id] + 3) >> 2;
    for (let block = id; left > 0; block = this.#next[block]) {
      const from = block * BLOCK_WORDS;
      const size = Math.min(left, BLOCK_WORDS);
      copyWords(this.#words, from, this.#arena, to, size);
      to += size;
      left -= size;
    }
  }

  /** Gives a packet's blocks back; the fields say what it was. */
  #release(id: number): void {
    this.point = this.#point[id];
    this.length = this.#length[id];
    this.hops = this.#hops[id];
    this.packet = this.#packet[id];
    let last = id;
    let blocks = 1;
    for (; this.#next[last] !== NONE; last = this.#next[last]) blocks++;
    this.#next[last] = this.#free;
    this.#free = id;
    this.#freeCount += blocks;
  }

  #isBefore(a: number, b: number): boolean {
    if (this.#due[a] !== this.#due[b]) return this.#due[a] < this.#due[b];
    return this.#order[a] < this.#order[b];
  }

  /** Puts a packet at a leaf of the heap, and up to its place. */
  #rise(leaf: number, id: number): void {
    let at = leaf;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(id, this.#heap[parent])) break;
      this.#heap[at] = this.#heap[parent];
      at = parent;
    }
    this.#heap[at] = id;
  }

  /** Puts a packet at a node of the heap, and down to its place. */
  #sink(node: number, id: number): void {
    let at = node;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.count) break;
      if (child + 1 < this.count && this.#isBefore(this.#heap[child + 1], this.#heap[child])) child++;
      if (!this.#isBefore(this.#heap[child], id)) break;
      this.#heap[at] = this.#heap[child];
      at = child;
    }
    this.#heap[at] = id;
  }
}

/** set() of a part would make a view of it for every packet. */
function copyWords(from: Int32Array, at: number, to: Int32Array, put: number, count: number): void {
  for (let i = 0; i < count; i++) to[put + i] = from[at + i];
}
