/** Delays between the end of a container and its next start, in milliseconds. */
export interface Backoff {
  /** After the first end. */
  firstMs: number;
  /** After the second end; each further one doubles it. */
  baseMs: number;
  maxMs: number;
  /** A container that ran this long starts from `firstMs` again. */
  resetMs: number;
}

/**
 * The kubelet's back-off (Kubernetes documentation, "Pod Lifecycle", restart policy: 10 s, 20 s, 40 s, ... 300 s, reset after
 * 10 minutes), except that the first restart comes sooner, because a lab's server often only waits for its peer.
 */
export const KUBELET_BACKOFF: Backoff = { firstMs: 1_000, baseMs: 10_000, maxMs: 300_000, resetMs: 600_000 };

/** Counts the restarts of one container. */
export class RestartDelay {
  readonly #backoff: Backoff;
  #nextMs: number | null = null;

  constructor(backoff: Backoff) {
    this.#backoff = backoff;
  }

  /** How long to wait now that the container has ended after `ranMs`. */
  next(ranMs: number): number {
    const { firstMs, baseMs, maxMs, resetMs } = this.#backoff;
    if (this.#nextMs === null || ranMs >= resetMs) {
      this.#nextMs = baseMs;
      return firstMs;
    }
    const delay = this.#nextMs;
    this.#nextMs = Math.min(delay * 2, maxMs);
    return delay;
  }
}
