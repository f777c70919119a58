const WINDOW_MS = 1000;

interface Window {
  began: number;
  count: number;
}

/**
 * The VPC resolver's limit: so many packets a second of each ENI, the rest is dropped, and nobody is told (VPC user guide,
 * "Amazon DNS quotas": 1024). Seconds are counted one by one; AWS does not say how it counts them.
 */
export class QueryMeter {
  readonly #limit: number;
  readonly #windows = new Map<string, Window>();
  #dropped = 0;

  /** @param limit queries a second; 0: no limit */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Queries that were over the limit so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * @param eni the query leaves by
   * @param now milliseconds
   * @returns whether it gets through.
   */
  admits(eni: string, now: number): boolean {
    if (this.#limit === 0) return true;
    let window = this.#windows.get(eni);
    if (window === undefined || now - window.began >= WINDOW_MS) {
      window = { began: now, count: 0 };
      this.#windows.set(eni, window);
    }
    if (++window.count <= this.#limit) return true;
    this.#dropped++;
    return false;
  }
}
