const WINDOW_MS = 1000;

interface Window {
  began: number;
  count: number;
}

/**
 * The VPC resolver's limit for queries that are no packets of the plane: CoreDNS's own, and those of machines. So many a
 * second of each ENI, the rest is dropped, and nobody is told (VPC user guide, "Amazon DNS quotas": 1024). Seconds are
 * counted one by one; AWS does not say how it counts them. Pods' packets are the plane's to count (plane/resolverMeter.ts).
 */
export class QueryMeter {
  readonly #windows = new Map<string, Window>();
  readonly #dropped = new Map<string, number>();
  /** Queries a second; 0: no limit. */
  limit = 0;

  /** Queries that were over the limit so far, by ENI. */
  get dropped(): ReadonlyMap<string, number> {
    return this.#dropped;
  }

  /**
   * @param eni the query leaves by
   * @param now milliseconds
   * @returns whether it gets through.
   */
  admits(eni: string, now: number): boolean {
    if (this.limit === 0) return true;
    let window = this.#windows.get(eni);
    if (window === undefined || now - window.began >= WINDOW_MS) {
      window = { began: now, count: 0 };
      this.#windows.set(eni, window);
    }
    if (++window.count <= this.limit) return true;
    this.#dropped.set(eni, (this.#dropped.get(eni) ?? 0) + 1);
    return false;
  }
}
