/** Packets that wait at most. */
const CAPACITY = 4096;

// What waits in the work queue, and what its argument is.
/** A packet that a node made itself (an ICMP error). Argument: node. */
export const WORK_NODE_OUT = 1;
/** A piece that leaves by an ENI. Argument: ENI. */
export const WORK_ENI_OUT = 2;
/** A packet at a subnet's router: an ICMP error that it made, a piece that a gateway cut. Argument: subnet. */
export const WORK_ROUTER = 3;
/** A packet that an impairment has let go: a copy, a segment. Argument: its point (impair/impairmentRow.ts). */
export const WORK_IMPAIRED = 4;

/** What arose from the packet that is being forwarded, and has a way of its own before it. First in, first out. */
export class WorkQueue {
  readonly #kinds = new Int32Array(CAPACITY);
  readonly #args = new Int32Array(CAPACITY);
  readonly #offsets = new Int32Array(CAPACITY);
  readonly #lengths = new Int32Array(CAPACITY);
  readonly #hops = new Int32Array(CAPACITY);
  #head = 0;
  #tail = 0;

  // What next() took.
  arg = 0;
  /** Arena offset of its IP header. */
  offset = 0;
  length = 0;
  /** Nodes and gateways that it has passed. */
  hops = 0;

  /** @returns whether there was room. */
  push(kind: number, arg: number, offset: number, length: number, hops: number): boolean {
    if (this.#tail === CAPACITY) return false;
    const i = this.#tail++;
    this.#kinds[i] = kind;
    this.#args[i] = arg;
    this.#offsets[i] = offset;
    this.#lengths[i] = length;
    this.#hops[i] = hops;
    return true;
  }

  /** Takes the next packet. @returns its kind, or 0: nothing waits. */
  next(): number {
    if (this.#head === this.#tail) {
      this.#head = this.#tail = 0;
      return 0;
    }
    const i = this.#head++;
    this.arg = this.#args[i];
    this.offset = this.#offsets[i];
    this.length = this.#lengths[i];
    this.hops = this.#hops[i];
    return this.#kinds[i];
  }

  reset(): void {
    this.#head = this.#tail = 0;
  }
}
