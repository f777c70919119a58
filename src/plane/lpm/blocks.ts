import { baseOf, cellOf, entryOf, LPM_MISS, MISS_ENTRY, spanOf } from "./entry.ts";
import { BlockPool } from "./pool.ts";
import { bitAt, NIL, type PrefixTrie } from "./trie.ts";

/** Bits that a block may cover whatever it holds: /25 below a direct table of 18, at most 128 cells for one prefix. */
const PLAIN_SPAN = 7;
/** A block takes one level more while at least one in GROW_ONE_IN of its cells would be a pointer ... */
const GROW_ONE_IN = 8;
/** ... and gives one back when fewer than one in SHRINK_ONE_IN were: far apart, so that no change flips it to and fro. */
const SHRINK_ONE_IN = 32;
/** A uniform block is two cells: its value, and how many direct slots share it. */
const UNIFORM_ORDER = 1;
/** The block of an entry that stands in the direct table and not in a cell. */
const IN_DIRECT = -1;

/**
 * The structure that lookups read, painted from the trie of exact prefixes. A slot of the direct table has a block of its
 * own when a longer prefix lies below it, and shares a uniform block otherwise; a cell is a pointer to a deeper block
 * when a prefix longer than its own block reaches lies below it. Both hold before and after every change.
 */
export class BlockTree {
  readonly directBits: number;
  /** Entry of each direct slot. */
  readonly direct: Int32Array<ArrayBuffer>;
  readonly #trie: PrefixTrie;
  readonly #pool = new BlockPool();
  /** Base of the uniform block of each value that fills whole direct slots. */
  readonly #uniform = new Map<number, number>();

  constructor(directBits: number, trie: PrefixTrie) {
    this.directBits = directBits;
    this.direct = new Int32Array(2 ** directBits);
    this.#trie = trie;
    this.rebuild();
  }

  /** The pool's cells; another array after a change that made the pool grow. */
  get cells(): Int32Array<ArrayBuffer> {
    return this.#pool.cells;
  }

  /** Paints everything anew. */
  rebuild(): void {
    const trie = this.#trie;
    this.#pool.reset();
    this.#uniform.clear();
    const miss = this.#pool.allocate(0);
    this.#pool.cells[miss] = LPM_MISS;
    this.direct.fill(MISS_ENTRY);
    this.#buildDirect(trie.root, 0, 0, trie.value[trie.root]);
    this.#pool.trim();
  }

  /** Repaints after `prefix/length` was added to the trie, got another value, or was taken out. */
  changed(prefix: number, length: number): void {
    const trie = this.#trie;
    const bits = this.directBits;
    const stop = Math.min(length, bits);
    let node = trie.root;
    let value = trie.value[node];
    for (let depth = 0; depth < stop && node !== NIL; depth++) {
      node = trie.child[2 * node + bitAt(prefix, depth)];
      value = trie.valueBelow(node, value);
    }
    const slot = prefix >>> (32 - bits);
    if (length > bits) this.#changedBelow(prefix, length, slot, node, value);
    else if (node === NIL) this.#setUniform(slot, 1 << (bits - length), value);
    else this.#paintDirect(node, bits - length, slot, value);
  }

  /** The same for a prefix longer than the direct table; `node` and `value` are those of its slot. */
  #changedBelow(prefix: number, length: number, slot: number, slotNode: number, slotValue: number): void {
    const trie = this.#trie;
    let entry = this.direct[slot];
    if (slotNode === NIL || !trie.hasChildren(slotNode)) {
      this.#setUniform(slot, 1, slotValue);
      return;
    }
    if (spanOf(entry) === 0) {
      this.#replace(IN_DIRECT, slot, entry, slotNode, slotValue);
      return;
    }
    let holder = IN_DIRECT;
    let node = slotNode;
    let value = slotValue;
    let depth = this.directBits;
    for (;;) {
      const end = depth + spanOf(entry);
      const stop = Math.min(length, end);
      let below = node;
      let belowValue = value;
      for (let d = depth; d < stop && below !== NIL; d++) {
        below = trie.child[2 * below + bitAt(prefix, d)];
        belowValue = trie.valueBelow(below, belowValue);
      }
      const cell = cellOf(entry, prefix, depth);
      if (length <= end && below !== NIL) {
        this.#paint(cell, end - length, below, belowValue);
        return;
      }
      const deeper = length > end && below !== NIL && trie.hasChildren(below);
      const leaf = this.cells[cell];
      if (deeper && leaf < LPM_MISS) {
        holder = cell;
        node = below;
        value = belowValue;
        depth = end;
        entry = ~leaf;
        continue;
      }
      if (deeper) {
        // A new pointer: it may be the one that makes a wider block worth its cells.
        if (this.#spanFor(node) > spanOf(entry)) this.#replace(holder, slot, entry, node, value);
        else this.#point(cell, below, belowValue);
        return;
      }
      // What reached below here is gone.
      if (leaf < LPM_MISS) this.#freeBlock(~leaf);
      this.cells.fill(belowValue, cell, cell + (1 << (end - stop)));
      if (this.#tooWide(node, spanOf(entry))) this.#replace(holder, slot, entry, node, value);
      return;
    }
  }

  /** Puts a newly built block where `entry` stands: in a cell, or in a direct slot. */
  #replace(holder: number, slot: number, entry: number, node: number, value: number): void {
    const built = this.#build(node, value);
    this.#free(entry);
    if (holder === IN_DIRECT) this.direct[slot] = built;
    else this.cells[holder] = ~built;
  }

  /** Span of a new block for the prefixes below `node`. */
  #spanFor(node: number): number {
    let span = this.#trie.height(node, PLAIN_SPAN);
    if (span < PLAIN_SPAN) return span;
    for (;;) {
      const enough = 2 ** span / GROW_ONE_IN;
      if (this.#trie.countInner(node, span, enough) < enough) return span;
      span++;
    }
  }

  /** Whether a block of `span` bits has lost what made it that wide. */
  #tooWide(node: number, span: number): boolean {
    if (span <= PLAIN_SPAN) return this.#trie.height(node, span) < span;
    const enough = Math.floor(2 ** (span - 1) / SHRINK_ONE_IN);
    return this.#trie.countInner(node, span - 1, enough) < enough;
  }

  /** Makes a block for the prefixes below `node`, where `value` is in force. @returns its entry */
  #build(node: number, value: number): number {
    const span = this.#spanFor(node);
    const base = this.#pool.allocate(span);
    this.#fill(base, span, node, value);
    return entryOf(base, span);
  }

  /** Makes a cell point at a new block. */
  #point(cell: number, node: number, value: number): void {
    // `this.cells` is read after the building, which may have replaced it.
    const built = this.#build(node, value);
    this.cells[cell] = ~built;
  }

  /** Writes the 2^bits new cells of `node`, and the blocks below them. */
  #fill(cell: number, bits: number, node: number, value: number): void {
    const trie = this.#trie;
    if (bits === 0) {
      if (trie.hasChildren(node)) this.#point(cell, node, value);
      else this.cells[cell] = value;
      return;
    }
    const half = 1 << (bits - 1);
    for (let bit = 0; bit < 2; bit++) {
      const child = trie.child[2 * node + bit];
      const at = cell + bit * half;
      if (child === NIL) this.cells.fill(value, at, at + half);
      else this.#fill(at, bits - 1, child, trie.valueBelow(child, value));
    }
  }

  /** Gives the 2^bits cells of `node` a new value, except where a longer prefix shadows it. Blocks stay as they are. */
  #paint(cell: number, bits: number, node: number, value: number): void {
    const trie = this.#trie;
    const cells = this.cells;
    if (bits === 0) {
      const leaf = cells[cell];
      if (leaf < LPM_MISS) this.#paint(baseOf(~leaf), spanOf(~leaf), node, value);
      else cells[cell] = value;
      return;
    }
    const half = 1 << (bits - 1);
    for (let bit = 0; bit < 2; bit++) {
      const child = trie.child[2 * node + bit];
      const at = cell + bit * half;
      if (child === NIL) cells.fill(value, at, at + half);
      else if (trie.value[child] === LPM_MISS) this.#paint(at, bits - 1, child, value);
    }
  }

  /** {@link #paint} for the 2^bits direct slots of `node`. */
  #paintDirect(node: number, bits: number, slot: number, value: number): void {
    const trie = this.#trie;
    if (bits === 0) {
      const entry = this.direct[slot];
      if (spanOf(entry) === 0) this.#setUniform(slot, 1, value);
      else this.#paint(baseOf(entry), spanOf(entry), node, value);
      return;
    }
    const half = 1 << (bits - 1);
    for (let bit = 0; bit < 2; bit++) {
      const child = trie.child[2 * node + bit];
      const at = slot + bit * half;
      if (child === NIL) this.#setUniform(at, half, value);
      else if (trie.value[child] === LPM_MISS) this.#paintDirect(child, bits - 1, at, value);
    }
  }

  /** {@link #fill} for direct slots, from the root on. */
  #buildDirect(node: number, depth: number, slot: number, value: number): void {
    const trie = this.#trie;
    const bits = this.directBits - depth;
    if (node === NIL || !trie.hasChildren(node)) {
      this.#setUniform(slot, 1 << bits, value);
      return;
    }
    if (bits === 0) {
      this.direct[slot] = this.#build(node, value);
      return;
    }
    const left = trie.child[2 * node];
    const right = trie.child[2 * node + 1];
    this.#buildDirect(left, depth + 1, slot, trie.valueBelow(left, value));
    this.#buildDirect(right, depth + 1, slot + (1 << (bits - 1)), trie.valueBelow(right, value));
  }

  /** Gives `count` whole slots one value, and frees what they had. */
  #setUniform(slot: number, count: number, value: number): void {
    // Taken before the old ones are freed, so that a slot may get the value it had.
    const entry = this.#uniformEntry(value, count);
    for (let i = slot; i < slot + count; i++) {
      this.#free(this.direct[i]);
      this.direct[i] = entry;
    }
  }

  /** Entry of the uniform block of a value, for `count` more slots. */
  #uniformEntry(value: number, count: number): number {
    if (value === LPM_MISS) return MISS_ENTRY;
    let base = this.#uniform.get(value);
    if (base === undefined) {
      base = this.#pool.allocate(UNIFORM_ORDER);
      this.cells[base] = value;
      this.cells[base + 1] = 0;
      this.#uniform.set(value, base);
    }
    this.cells[base + 1] += count;
    return entryOf(base, 0);
  }

  /** Frees the block of an entry, or a direct slot's share of it. */
  #free(entry: number): void {
    if (entry === MISS_ENTRY) return;
    if (spanOf(entry) > 0) {
      this.#freeBlock(entry);
      return;
    }
    const base = baseOf(entry);
    this.cells[base + 1]--;
    if (this.cells[base + 1] > 0) return;
    this.#uniform.delete(this.cells[base]);
    this.#pool.release(base, UNIFORM_ORDER);
  }

  #freeBlock(entry: number): void {
    const base = baseOf(entry);
    const span = spanOf(entry);
    for (let cell = base; cell < base + (1 << span); cell++) {
      const leaf = this.cells[cell];
      if (leaf < LPM_MISS) this.#freeBlock(~leaf);
    }
    this.#pool.release(base, span);
  }
}
