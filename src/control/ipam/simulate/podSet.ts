import type { Random } from "../../../plane/random.ts";

/** A pod of a simulated deployment. */
export interface SimulatedPod {
  /** `pod/default/web-1` */
  readonly key: string;
  readonly deployment: string;
  /** Of the deployment's template. */
  readonly revision: number;
  /** null: no node has room for it. */
  node: string | null;
  /** It has had its address. */
  started: boolean;
  /** It counts for its deployment. */
  available: boolean;
  /** It is being deleted. */
  going: boolean;
}

/** Pods in no particular order; adding, removing and drawing one takes the same time for any number of them. */
export class PodSet {
  readonly #pods: SimulatedPod[] = [];
  readonly #places = new Map<SimulatedPod, number>();

  get size(): number {
    return this.#pods.length;
  }

  add(pod: SimulatedPod): void {
    this.#places.set(pod, this.#pods.push(pod) - 1);
  }

  /** @returns whether it was there. */
  remove(pod: SimulatedPod): boolean {
    const place = this.#places.get(pod);
    if (place === undefined) return false;
    this.#places.delete(pod);
    const last = this.#pods.pop();
    if (last !== undefined && last !== pod) {
      this.#pods[place] = last;
      this.#places.set(last, place);
    }
    return true;
  }

  at(place: number): SimulatedPod {
    return this.#pods[place];
  }

  /** Any of them. The set is not empty. */
  draw(random: Random): SimulatedPod {
    return this.#pods[random.below(this.#pods.length)];
  }

  takeAll(): SimulatedPod[] {
    this.#places.clear();
    return this.#pods.splice(0);
  }
}
