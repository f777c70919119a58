const WORD_BITS = 32;
const WORD_SHIFT = 5;
const WORD_MASK = WORD_BITS - 1;

/** Number of bits that are set, of 32. */
export function bitCount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Position of the lowest bit that is set; the word is not 0. */
export function lowestBit(word: number): number {
  return WORD_MASK - Math.clz32(word & -word);
}

/**
 * A set of numbers from 0 to `capacity - 1` that finds its next member in two steps: `#full` has a bit for every word of
 * `#words` that is not 0. A /16's 4096 blocks are 128 words under 4.
 */
export class BitSet {
  readonly #words: Int32Array;
  readonly #full: Int32Array;
  #size = 0;

  constructor(capacity: number) {
    this.#words = new Int32Array(Math.ceil(capacity / WORD_BITS));
    this.#full = new Int32Array(Math.ceil(this.#words.length / WORD_BITS));
  }

  get size(): number {
    return this.#size;
  }

  has(member: number): boolean {
    return ((this.#words[member >> WORD_SHIFT] >>> (member & WORD_MASK)) & 1) === 1;
  }

  set(member: number, present: boolean): void {
    if (this.has(member) === present) return;
    const at = member >> WORD_SHIFT;
    this.#words[at] ^= 1 << (member & WORD_MASK);
    this.#size += present ? 1 : -1;
    const bit = 1 << (at & WORD_MASK);
    if (this.#words[at] === 0) this.#full[at >> WORD_SHIFT] &= ~bit;
    else this.#full[at >> WORD_SHIFT] |= bit;
  }

  /** The lowest member that is not below `from`, or -1. */
  next(from: number): number {
    const first = from >> WORD_SHIFT;
    if (first >= this.#words.length) return -1;
    const rest = this.#words[first] & (-1 << (from & WORD_MASK));
    if (rest !== 0) return (first << WORD_SHIFT) + lowestBit(rest);
    // The word after `first` is the first one wanted; its bit may begin a word of #full.
    let mask = -1 << ((first + 1) & WORD_MASK);
    for (let i = (first + 1) >> WORD_SHIFT; i < this.#full.length; i++, mask = -1) {
      const found = this.#full[i] & mask;
      if (found === 0) continue;
      const at = (i << WORD_SHIFT) + lowestBit(found);
      return (at << WORD_SHIFT) + lowestBit(this.#words[at]);
    }
    return -1;
  }

  /** Number of members below `end`. */
  countBelow(end: number): number {
    const last = end >> WORD_SHIFT;
    let count = 0;
    for (let i = 0; i < last; i++) count += bitCount(this.#words[i]);
    const rest = end & WORD_MASK;
    return rest === 0 ? count : count + bitCount(this.#words[last] & ~(-1 << rest));
  }

  /** The member that `index` others are below; `0 <= index < size`. */
  at(index: number): number {
    let left = index;
    let i = 0;
    for (let count = bitCount(this.#words[0]); count <= left; count = bitCount(this.#words[++i])) left -= count;
    let word = this.#words[i];
    for (; left > 0; left--) word &= word - 1;
    return (i << WORD_SHIFT) + lowestBit(word);
  }
}
