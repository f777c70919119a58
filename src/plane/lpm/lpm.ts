import { formatCidr, maskOf } from "../wire/address.ts";
import { BlockTree } from "./blocks.ts";
import { cellOf, LPM_MISS, spanOf } from "./entry.ts";
import { PrefixTrie } from "./trie.ts";

export { LPM_MISS };

const ADDRESS_BITS = 32;
const MIN_DIRECT_BITS = 8;
/** 2^18 entries are 1 MB: what still fits a core's second-level cache. */
const MAX_DIRECT_BITS = 18;
/** Largest value: a leaf is an int32, and negative leaves mean something else. */
const MAX_VALUE = 0x7fffffff;
/** Loads of at least this many prefixes are put in order first; below, sorting costs more than it saves. */
const ORDER_FROM = 4096;
const ORDER_BITS = 16;

/**
 * Longest prefix match over IPv4: a direct table over the first bits, and blocks of leaves below it. A lookup takes two
 * dependent loads for the prefixes that a table is full of, and one more for each deeper level. A change repaints only
 * the cells whose best match it is or was. README.md has the picture.
 */
export class Lpm {
  readonly #directBits: number;
  readonly #directShift: number;
  readonly #trie = new PrefixTrie();
  readonly #blocks: BlockTree;
  /** The block tree's two arrays, one hop nearer. */
  readonly #direct: Int32Array<ArrayBuffer>;
  #cells: Int32Array<ArrayBuffer>;

  /** @param options.directBits bits of the direct table, 8..18; 18 for large tables, 8 or 10 for a node's */
  constructor(options: { directBits?: number } = {}) {
    const bits = options.directBits ?? MAX_DIRECT_BITS;
    if (!Number.isInteger(bits) || bits < MIN_DIRECT_BITS || bits > MAX_DIRECT_BITS) {
      throw new RangeError(`directBits is ${bits}, not ${MIN_DIRECT_BITS}..${MAX_DIRECT_BITS}`);
    }
    this.#directBits = bits;
    this.#directShift = ADDRESS_BITS - bits;
    this.#blocks = new BlockTree(bits, this.#trie);
    this.#direct = this.#blocks.direct;
    this.#cells = this.#blocks.cells;
  }

  /** Number of prefixes. */
  get size(): number {
    return this.#trie.size;
  }

  /** Bytes that the lookup structure has allocated; the store of exact prefixes is not counted. */
  get bytes(): number {
    return this.#direct.byteLength + this.#cells.byteLength;
  }

  /** Value of the longest prefix that holds `address` (int32), or LPM_MISS. */
  lookup(address: number): number {
    const entry = this.#direct[address >>> this.#directShift];
    const leaf = this.#cells[cellOf(entry, address, this.#directBits)];
    return leaf >= LPM_MISS ? leaf : this.#deeper(address, entry, leaf);
  }

  /** Looks the first `n` addresses up; `out` must have room for them. */
  lookupBatch(addresses: Int32Array, out: Int32Array, n: number): void {
    const direct = this.#direct;
    const cells = this.#cells;
    const bits = this.#directBits;
    const shift = this.#directShift;
    let i = 0;
    // Four chains of loads at a time: they wait for memory together.
    for (const stop = n - 3; i < stop; i += 4) {
      const a0 = addresses[i];
      const a1 = addresses[i + 1];
      const a2 = addresses[i + 2];
      const a3 = addresses[i + 3];
      const e0 = direct[a0 >>> shift];
      const e1 = direct[a1 >>> shift];
      const e2 = direct[a2 >>> shift];
      const e3 = direct[a3 >>> shift];
      const l0 = cells[cellOf(e0, a0, bits)];
      const l1 = cells[cellOf(e1, a1, bits)];
      const l2 = cells[cellOf(e2, a2, bits)];
      const l3 = cells[cellOf(e3, a3, bits)];
      out[i] = l0 >= LPM_MISS ? l0 : this.#deeper(a0, e0, l0);
      out[i + 1] = l1 >= LPM_MISS ? l1 : this.#deeper(a1, e1, l1);
      out[i + 2] = l2 >= LPM_MISS ? l2 : this.#deeper(a2, e2, l2);
      out[i + 3] = l3 >= LPM_MISS ? l3 : this.#deeper(a3, e3, l3);
    }
    for (; i < n; i++) out[i] = this.lookup(addresses[i]);
  }

  /** Follows the pointer `leaf`, found in the block of `entry`, down to a value. */
  #deeper(address: number, entry: number, leaf: number): number {
    const cells = this.#cells;
    let depth = this.#directBits;
    let block = entry;
    let next = leaf;
    while (next < LPM_MISS) {
      depth += spanOf(block);
      block = ~next;
      next = cells[cellOf(block, address, depth)];
    }
    return next;
  }

  /**
   * Adds or replaces a prefix. Throws RangeError for a length outside 0..32, host bits that are set, a value outside
   * 0..2^31-1, or when the structure would outgrow 256 MB (only load() mends the table then).
   */
  insert(prefix: number, length: number, value: number): void {
    checkPrefix(prefix, length);
    checkValue(value);
    if (this.#trie.set(prefix, length, value) !== value) this.#changed(prefix, length);
  }

  /** Removes a prefix. @returns false if it was not there; throws RangeError for the same prefixes as {@link insert} */
  delete(prefix: number, length: number): boolean {
    checkPrefix(prefix, length);
    if (!this.#trie.delete(prefix, length)) return false;
    this.#changed(prefix, length);
    return true;
  }

  #changed(prefix: number, length: number): void {
    this.#blocks.changed(prefix, length);
    this.#cells = this.#blocks.cells;
  }

  /** Value of exactly this prefix, or LPM_MISS. For control and views. */
  get(prefix: number, length: number): number {
    checkPrefix(prefix, length);
    return this.#trie.get(prefix, length);
  }

  /**
   * Length of the longest prefix that holds `address` and is shorter than `belowLength`, or -1. For explanations: given
   * its own result it finds the next-best match.
   */
  matchLength(address: number, belowLength = ADDRESS_BITS + 1): number {
    return this.#trie.matchLength(address, belowLength);
  }

  /** All prefixes, sorted by address (unsigned), then length. For control and views. */
  forEach(fn: (prefix: number, length: number, value: number) => void): void {
    this.#trie.forEach(fn);
  }

  /**
   * Replaces the whole content; of equal prefixes the last one counts. Throws RangeError as {@link insert} does, and for
   * a bad row leaves the table as it was.
   */
  load(prefixes: Int32Array, lengths: Uint8Array, values: Int32Array): void {
    const n = prefixes.length;
    if (lengths.length !== n || values.length !== n) throw new RangeError("the three arrays differ in length");
    for (let i = 0; i < n; i++) {
      checkPrefix(prefixes[i], lengths[i]);
      checkValue(values[i]);
    }
    this.#trie.clear();
    const order = n < ORDER_FROM ? undefined : orderByAddress(prefixes);
    for (let k = 0; k < n; k++) {
      const i = order === undefined ? k : order[k];
      this.#trie.set(prefixes[i], lengths[i], values[i]);
    }
    this.#blocks.rebuild();
    this.#cells = this.#blocks.cells;
  }
}

function checkPrefix(prefix: number, length: number): void {
  if (!Number.isInteger(length) || length < 0 || length > ADDRESS_BITS) {
    throw new RangeError(`prefix length ${length} is not 0..${ADDRESS_BITS}`);
  }
  if ((prefix & ~maskOf(length)) !== 0) throw new RangeError(`${formatCidr(prefix, length)} has host bits set`);
}

function checkValue(value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > MAX_VALUE) {
    throw new RangeError(`value ${value} is not 0..${MAX_VALUE}`);
  }
}

/**
 * Positions of the prefixes, sorted by their first 16 bits (a counting sort; equal ones keep their order). That much
 * order keeps the part of the trie that is being built in the first-level cache.
 */
function orderByAddress(prefixes: Int32Array): Int32Array {
  const next = new Int32Array(2 ** ORDER_BITS + 1);
  const shift = ADDRESS_BITS - ORDER_BITS;
  for (let i = 0; i < prefixes.length; i++) next[(prefixes[i] >>> shift) + 1]++;
  for (let k = 1; k < next.length; k++) next[k] += next[k - 1];
  const order = new Int32Array(prefixes.length);
  for (let i = 0; i < prefixes.length; i++) order[next[prefixes[i] >>> shift]++] = i;
  return order;
}
