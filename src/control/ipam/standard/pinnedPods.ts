/**
 * Pods that must have an address of one ENI (`podplane.dev/eni: eth1`) and wait for it. AWS has no such thing: it is
 * podplane's own, so that a lab can say which path a pod's packets take. While such a pod waits, the pool counts as low for
 * that ENI, and what it waits for is not given back.
 */
export class PinnedPods {
  readonly #waiting = new Map<string, number>();

  /** @returns whether the pod did not wait for this ENI before. */
  wait(pod: string, deviceNumber: number): boolean {
    if (this.#waiting.get(pod) === deviceNumber) return false;
    this.#waiting.set(pod, deviceNumber);
    return true;
  }

  /** The pod has its address, or is gone. False: it did not wait. */
  done(pod: string): boolean {
    return this.#waiting.delete(pod);
  }

  /** Whether a pod waits for an ENI. */
  waitsFor(deviceNumber: number): boolean {
    return this.#waiting.size > 0 && [...this.#waiting.values()].includes(deviceNumber);
  }

  /** Device numbers of ENIs that pods wait for, lowest first, with the number of pods. */
  byEni(): [deviceNumber: number, pods: number][] {
    const pods = new Map<number, number>();
    for (const number of this.#waiting.values()) pods.set(number, (pods.get(number) ?? 0) + 1);
    return [...pods].sort(([a], [b]) => a - b);
  }
}
