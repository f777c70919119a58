const NONE = -1;
/** Small, because a lab has a table for every ENI of every node. */
const INITIAL_CELLS = 64;
/** An entry holds a base in 26 bits, so that it and its complement are int32. */
const MAX_CELLS = 2 ** 26;
/** The largest block covers the 24 bits below a direct table of 8. */
const MAX_ORDER = 24;

/**
 * Cells (int32) in power-of-two blocks. Growth doubles; a freed block waits in the list of its size class, linked
 * through its own first cell. Control-plane work only, except that lookups read {@link cells}.
 */
export class BlockPool {
  /** The cells. Replaced when the pool grows: read it again after every change. */
  cells: Int32Array<ArrayBuffer>;
  #used = 0;
  /** First free block of each size class, or NONE. */
  readonly #free = new Int32Array(MAX_ORDER + 1).fill(NONE);

  constructor() {
    this.cells = new Int32Array(INITIAL_CELLS);
  }

  /** Index of a block of 2^order cells; what they hold is undefined. Throws RangeError when the pool is full. */
  allocate(order: number): number {
    const freed = this.#free[order];
    if (freed !== NONE) {
      this.#free[order] = this.cells[freed];
      return freed;
    }
    const base = this.#used;
    const end = base + (1 << order);
    if (end > this.cells.length) this.#grow(end);
    this.#used = end;
    return base;
  }

  release(base: number, order: number): void {
    this.cells[base] = this.#free[order];
    this.#free[order] = base;
  }

  /** Forgets all blocks. */
  reset(): void {
    this.#used = 0;
    this.#free.fill(NONE);
  }

  /** Gives back what growth reserved beyond the last block. */
  trim(): void {
    this.cells = this.cells.slice(0, Math.max(this.#used, INITIAL_CELLS));
  }

  #grow(atLeast: number): void {
    if (atLeast > MAX_CELLS) throw new RangeError(`the lookup structure would take more than ${MAX_CELLS} cells`);
    let size = this.cells.length;
    while (size < atLeast) size *= 2;
    const cells = new Int32Array(Math.min(size, MAX_CELLS));
    cells.set(this.cells);
    this.cells = cells;
  }
}
