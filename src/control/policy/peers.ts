import { matchesSelector } from "../kube/labels.ts";
import type { LabelSelector } from "../objects/deployment.ts";
import type { PolicyPeer } from "../objects/networkPolicy.ts";
import type { PolicyPod, PolicyWorld } from "./world.ts";

/** Who a policy's selectors name, in a world whose pods are sorted by their namespaces once. */
export class Peers {
  readonly world: PolicyWorld;
  readonly #byNamespace = new Map<string, PolicyPod[]>();

  constructor(world: PolicyWorld) {
    this.world = world;
    for (const pod of world.pods) {
      const list = this.#byNamespace.get(pod.namespace);
      if (list === undefined) this.#byNamespace.set(pod.namespace, [pod]);
      else list.push(pod);
    }
  }

  /** Names of the namespaces whose labels meet a selector. */
  namespaces(selector: LabelSelector): string[] {
    return [...this.world.namespaces].filter(([, labels]) => matchesSelector(selector, labels)).map(([name]) => name);
  }

  /** Namespaces that a peer is looked for in: the policy's own where it names none. */
  namespacesOf(peer: PolicyPeer, own: string): string[] {
    return peer.namespaceSelector === undefined ? [own] : this.namespaces(peer.namespaceSelector);
  }

  /** @param selector undefined: all pods */
  pods(namespace: string, selector: LabelSelector | undefined): PolicyPod[] {
    const pods = this.#byNamespace.get(namespace) ?? [];
    return selector === undefined ? pods : pods.filter((pod) => matchesSelector(selector, pod.labels));
  }
}
