import { hashWords } from "./conntrack/hash.ts";

const SECOND_MS = 1000;

/**
 * Packets that each ENI sends to the VPC's resolver, second by second; AWS says 1024 packets a second and not how seconds
 * are counted (VPC user guide, "Amazon DNS quotas").
 */
export class ResolverMeter {
  #began = new Int32Array(0);
  #count = new Int32Array(0);

  /**
   * @param limit packets a second
   * @param now ms
   * @param counts false: a question, which changes nothing
   */
  admits(eni: number, limit: number, now: number, counts: boolean): boolean {
    if (eni >= this.#count.length) this.#grow(eni + 1);
    const fresh = this.#count[eni] === 0 || ((now - this.#began[eni]) | 0) >= SECOND_MS;
    const before = fresh ? 0 : this.#count[eni];
    if (counts) {
      if (fresh) this.#began[eni] = now;
      this.#count[eni] = before < limit ? before + 1 : before;
    }
    return before < limit;
  }

  /** Continues a state hash with what was counted. A question may have made room for ENIs that sent nothing. */
  fold(seed: number): number {
    let used = this.#count.length;
    while (used > 0 && this.#count[used - 1] === 0) used--;
    return hashWords(this.#began, 0, used, hashWords(this.#count, 0, used, seed));
  }

  #grow(size: number): void {
    const length = Math.max(size, this.#count.length * 2);
    const [began, count] = [new Int32Array(length), new Int32Array(length)];
    began.set(this.#began);
    count.set(this.#count);
    this.#began = began;
    this.#count = count;
  }
}
