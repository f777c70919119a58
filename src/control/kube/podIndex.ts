import type { AddressedPod } from "./endpoints.ts";
import { matchesLabels } from "./labels.ts";

type Labels = Readonly<Record<string, string>>;

const labelKey = (namespace: string, name: string, value: string): string => `${namespace}\0${name}\0${value}`;

/** The keys of an index by namespace and label that a pod of these labels is under. */
export function labelKeys(namespace: string, labels: Labels): string[] {
  return Object.entries(labels).map(([name, value]) => labelKey(namespace, name, value));
}

function same(a: AddressedPod, b: AddressedPod): boolean {
  const { desired: x } = a;
  const { desired: y } = b;
  const moved = a.address !== b.address || a.node !== b.node;
  if (moved || a.ready !== b.ready || a.terminating !== b.terminating) return false;
  return x === y || (x.key === y.key && x.labels === y.labels && x.spec === y.spec);
}

/** Pods by namespace and label, so that a selector costs what it selects; and which of them changed. */
export class PodIndex {
  readonly #pods = new Map<string, AddressedPod>();
  readonly #byLabel = new Map<string, Set<string>>();

  /**
   * Takes all pods that there are now.
   *
   * @returns those that came, went or changed: as they were and as they are.
   */
  update(pods: readonly AddressedPod[]): AddressedPod[] {
    const changed: AddressedPod[] = [];
    const left = new Set(this.#pods.keys());
    for (const pod of pods) {
      const { key } = pod.desired;
      left.delete(key);
      const old = this.#pods.get(key);
      if (old !== undefined && same(old, pod)) continue;
      if (old !== undefined) changed.push(this.#remove(old));
      this.#add(pod);
      changed.push(pod);
    }
    for (const key of left) {
      const old = this.#pods.get(key);
      if (old !== undefined) changed.push(this.#remove(old));
    }
    return changed;
  }

  /** The pods that an equality selector names; none for an empty one. */
  select(namespace: string, selector: Labels): AddressedPod[] {
    const sets = labelKeys(namespace, selector).map((key) => this.#byLabel.get(key));
    let smallest: ReadonlySet<string> | undefined;
    for (const set of sets) {
      if (set === undefined) return [];
      if (smallest === undefined || set.size < smallest.size) smallest = set;
    }
    const found: AddressedPod[] = [];
    for (const key of smallest ?? []) {
      const pod = this.#pods.get(key);
      if (pod !== undefined && matchesLabels(selector, pod.desired.labels)) found.push(pod);
    }
    return found;
  }

  #add(pod: AddressedPod): void {
    const { key, namespace, labels } = pod.desired;
    this.#pods.set(key, pod);
    for (const label of labelKeys(namespace, labels)) {
      const set = this.#byLabel.get(label);
      if (set === undefined) this.#byLabel.set(label, new Set([key]));
      else set.add(key);
    }
  }

  #remove(pod: AddressedPod): AddressedPod {
    const { key, namespace, labels } = pod.desired;
    this.#pods.delete(key);
    for (const label of labelKeys(namespace, labels)) {
      const set = this.#byLabel.get(label);
      set?.delete(key);
      if (set?.size === 0) this.#byLabel.delete(label);
    }
    return pod;
  }
}
