/** ipamd's loop: look at the pool, sleep, reconcile, sleep; milliseconds (ipPoolMonitorInterval). */
export const TICK = 5000;
const HALF = TICK / 2;

/**
 * When the monitor of a daemon ticks. It sleeps half a tick before it looks at the pool and half a tick before it reconciles
 * with the metadata, so whatever takes time moves all later ticks. Times are whole milliseconds on the timeline.
 *
 * ```
 *  anchor          reconcile         pool          reconcile         pool
 *    |---- 2.5 s ----|---- 2.5 s ----|---- 2.5 s ----|---- 2.5 s ----|
 * ```
 */
export class TickGrid {
  #anchor: number;

  /** The daemon has started: the pool is first looked at half a tick later. */
  constructor(now: number) {
    this.#anchor = Math.ceil(now) - HALF;
  }

  /** Looking at the pool has taken until now. */
  poolDone(now: number): void {
    this.#anchor = Math.ceil(now);
  }

  /** Reconciling has taken until now. */
  reconcileDone(now: number): void {
    this.#anchor = Math.ceil(now) - HALF;
  }

  /** What happens at a moment. */
  at(time: number): "pool" | "reconcile" | null {
    const since = time - this.#anchor;
    if (since <= 0) return null;
    if (since % TICK === 0) return "pool";
    return since % TICK === HALF && since > 0 ? "reconcile" : null;
  }

  /** The first look at the pool at `from` or later, and after `now`. */
  pool(from: number, now: number): number {
    return this.#first(from, now, this.#anchor + TICK);
  }

  /** The first reconciliation at `from` or later, and after `now`. */
  reconcile(from: number, now: number): number {
    return this.#first(from, now, this.#anchor + HALF);
  }

  /** The first reconciliation at `from` or later, however long ago. */
  firstReconcile(from: number): number {
    return this.#first(from, Number.NEGATIVE_INFINITY, this.#anchor + HALF);
  }

  #first(from: number, now: number, first: number): number {
    const earliest = Math.max(from, first);
    const tick = first + Math.ceil((earliest - first) / TICK) * TICK;
    if (tick > now) return tick;
    return first + (Math.floor((now - first) / TICK) + 1) * TICK;
  }
}
