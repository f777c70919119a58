/**
 * What a probe says, from the answers to it: another answer counts once it came so many times in a row (kubernetes
 * pkg/kubelet/prober/worker.go, doProbe).
 */
export class ProbeCounter {
  readonly #successThreshold: number;
  readonly #failureThreshold: number;
  #last: boolean | null = null;
  #run = 0;

  constructor(thresholds: { readonly successThreshold: number; readonly failureThreshold: number }) {
    this.#successThreshold = thresholds.successThreshold;
    this.#failureThreshold = thresholds.failureThreshold;
  }

  /** One more answer. @returns what the probe says with it; null: nothing new, the answer has not come often enough. */
  add(success: boolean): boolean | null {
    if (success === this.#last) this.#run++;
    else {
      this.#last = success;
      this.#run = 1;
    }
    return this.#run < (success ? this.#successThreshold : this.#failureThreshold) ? null : success;
  }
}
