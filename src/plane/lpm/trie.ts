import { LPM_MISS } from "./entry.ts";

/** No node. */
export const NIL = 0;
const ROOT = 1;
const INITIAL_NODES = 64;
const ADDRESS_BITS = 32;

/**
 * The exact prefixes of a table: a binary trie, one bit a level, in two typed arrays. It is what the lookup structure is
 * painted from; lookups never touch it. Nodes exist exactly where a prefix or a longer one does.
 */
export class PrefixTrie {
  /** Children of node n at 2n (bit 0) and 2n + 1 (bit 1), NIL for none. A free node links to the next at 2n. */
  child: Int32Array<ArrayBuffer>;
  /** Value of the prefix that ends at node n, or LPM_MISS. */
  value: Int32Array<ArrayBuffer>;
  /** Number of prefixes. */
  size = 0;
  readonly root = ROOT;
  #used = ROOT + 1;
  #free = NIL;
  /** Nodes from the root to the last one visited by delete(). */
  readonly #path = new Int32Array(ADDRESS_BITS + 1);

  constructor() {
    this.child = new Int32Array(2 * INITIAL_NODES);
    this.value = new Int32Array(INITIAL_NODES);
    this.value[ROOT] = LPM_MISS;
  }

  /** Adds or replaces; host bits of `prefix` are zero. @returns the value it had, or LPM_MISS */
  set(prefix: number, length: number, value: number): number {
    let node = ROOT;
    for (let depth = 0; depth < length; depth++) {
      const slot = 2 * node + bitAt(prefix, depth);
      let next = this.child[slot];
      if (next === NIL) {
        next = this.#allocate();
        this.child[slot] = next;
      }
      node = next;
    }
    const before = this.value[node];
    if (before === LPM_MISS) this.size++;
    this.value[node] = value;
    return before;
  }

  /** Takes a prefix out, and the nodes that only led to it. @returns false if it was not there */
  delete(prefix: number, length: number): boolean {
    const path = this.#path;
    let node = ROOT;
    path[0] = ROOT;
    for (let depth = 0; depth < length; depth++) {
      node = this.child[2 * node + bitAt(prefix, depth)];
      if (node === NIL) return false;
      path[depth + 1] = node;
    }
    if (this.value[node] === LPM_MISS) return false;
    this.value[node] = LPM_MISS;
    this.size--;
    for (let depth = length; depth > 0; depth--) {
      const dead = path[depth];
      if (this.value[dead] !== LPM_MISS || this.hasChildren(dead)) break;
      this.child[2 * path[depth - 1] + bitAt(prefix, depth - 1)] = NIL;
      this.child[2 * dead] = this.#free;
      this.#free = dead;
    }
    return true;
  }

  /** Value in force at `node`, of whose parent it is `above`. NIL takes its parent's. */
  valueBelow(node: number, above: number): number {
    const own = node === NIL ? LPM_MISS : this.value[node];
    return own === LPM_MISS ? above : own;
  }

  hasChildren(node: number): boolean {
    return (this.child[2 * node] | this.child[2 * node + 1]) !== NIL;
  }

  /** Value of exactly this prefix, or LPM_MISS. */
  get(prefix: number, length: number): number {
    let node = ROOT;
    for (let depth = 0; depth < length; depth++) {
      node = this.child[2 * node + bitAt(prefix, depth)];
      if (node === NIL) return LPM_MISS;
    }
    return this.value[node];
  }

  /** Length of the longest prefix of `address` that is shorter than `below`, or -1. */
  matchLength(address: number, below: number): number {
    let node = ROOT;
    let best = -1;
    for (let depth = 0; depth < below && node !== NIL; depth++) {
      if (this.value[node] !== LPM_MISS) best = depth;
      if (depth === ADDRESS_BITS) break;
      node = this.child[2 * node + bitAt(address, depth)];
    }
    return best;
  }

  /** Levels below `node`, counted up to `cap`. */
  height(node: number, cap: number): number {
    if (cap === 0) return 0;
    const left = this.child[2 * node];
    const right = this.child[2 * node + 1];
    const a = left === NIL ? 0 : 1 + this.height(left, cap - 1);
    if (a === cap || right === NIL) return a;
    const b = 1 + this.height(right, cap - 1);
    return Math.max(a, b);
  }

  /** Nodes `depth` levels below `node` that have children, counted up to `limit`. */
  countInner(node: number, depth: number, limit: number): number {
    if (node === NIL) return 0;
    if (depth === 0) return this.hasChildren(node) ? 1 : 0;
    const left = this.countInner(this.child[2 * node], depth - 1, limit);
    return left >= limit ? left : left + this.countInner(this.child[2 * node + 1], depth - 1, limit - left);
  }

  /** All prefixes, by address (unsigned), then length. */
  forEach(fn: (prefix: number, length: number, value: number) => void): void {
    this.#visit(ROOT, 0, 0, fn);
  }

  #visit(
    node: number,
    prefix: number,
    length: number,
    fn: (prefix: number, length: number, value: number) => void,
  ): void {
    if (node === NIL) return;
    if (this.value[node] !== LPM_MISS) fn(prefix, length, this.value[node]);
    if (length === ADDRESS_BITS) return;
    this.#visit(this.child[2 * node], prefix, length + 1, fn);
    this.#visit(this.child[2 * node + 1], prefix | (1 << (ADDRESS_BITS - 1 - length)), length + 1, fn);
  }

  clear(): void {
    this.#used = ROOT + 1;
    this.#free = NIL;
    this.size = 0;
    this.child[2 * ROOT] = NIL;
    this.child[2 * ROOT + 1] = NIL;
    this.value[ROOT] = LPM_MISS;
  }

  /** A node without children and value. */
  #allocate(): number {
    let node = this.#free;
    if (node !== NIL) {
      this.#free = this.child[2 * node];
    } else {
      node = this.#used++;
      if (node === this.value.length) this.#grow();
    }
    this.child[2 * node] = NIL;
    this.child[2 * node + 1] = NIL;
    this.value[node] = LPM_MISS;
    return node;
  }

  #grow(): void {
    const child = new Int32Array(2 * this.child.length);
    child.set(this.child);
    this.child = child;
    const value = new Int32Array(2 * this.value.length);
    value.set(this.value);
    this.value = value;
  }
}

/** Bit of an address at a depth, 0 being the most significant. */
export function bitAt(address: number, depth: number): number {
  return (address >>> (ADDRESS_BITS - 1 - depth)) & 1;
}
