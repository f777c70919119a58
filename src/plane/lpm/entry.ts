/*
 * An entry names a block of leaves: where it begins in the pool, and how far to shift the address bits that are left.
 *
 *   31                                5 4       0
 *   | base: index of its first cell    | shift   |     shift = 31 - n for a block of 2^n cells
 *
 * A leaf is a value, LPM_MISS, or, below LPM_MISS, the complement of the entry of a deeper block.
 */
const SHIFT_BITS = 5;
const SHIFT_MASK = 31;
const SHIFT_OF_ONE = 31;

/** No value: what a lookup gives where no prefix matches, and what a leaf or a trie node without a prefix holds. */
export const LPM_MISS = -1;

/** Entry of the pool's cell 0, which is always a miss. No other block begins there, so `~entry` is below LPM_MISS. */
export const MISS_ENTRY = SHIFT_OF_ONE;

/** Entry of the block of 2^span cells at `base`. */
export function entryOf(base: number, span: number): number {
  return (base << SHIFT_BITS) | (SHIFT_OF_ONE - span);
}

export function baseOf(entry: number): number {
  return entry >>> SHIFT_BITS;
}

/** Address bits that the block resolves; 0 for a uniform block. */
export function spanOf(entry: number): number {
  return SHIFT_OF_ONE - (entry & SHIFT_MASK);
}

/**
 * Cell of an address in the block of `entry`, which begins `depth` bits below the top.
 * In two shifts, because a span of 0 needs one by 32, which JavaScript takes for 0.
 */
export function cellOf(entry: number, address: number, depth: number): number {
  return (entry >>> SHIFT_BITS) + (((address << depth) >>> 1) >>> (entry & SHIFT_MASK));
}
