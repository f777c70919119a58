import { type HostPort, UsedHostPorts } from "./hostPorts.ts";
import type { SchedulerNode } from "./scheduler.ts";

/** What a pod takes of a node besides a place. */
export interface PodNeeds {
  /** One of vpc.amazonaws.com/pod-eni. */
  readonly branchEni: boolean;
  readonly hostPorts: readonly HostPort[];
}

interface Room {
  pods: number;
  branchEnis: number;
  readonly hostPorts: UsedHostPorts;
}

/**
 * What each node can still take: pods (kubelet's --max-pods), branch ENIs (vpc.amazonaws.com/pod-eni), host ports. A pod has
 * its ports until it is gone, as it has its place.
 */
export class NodeRoom {
  readonly #limits = new Map<string, SchedulerNode>();
  readonly #used = new Map<string, Room>();

  constructor(nodes: readonly SchedulerNode[]) {
    for (const node of nodes) {
      this.#limits.set(node.name, node);
      this.#used.set(node.name, { pods: node.systemPods, branchEnis: 0, hostPorts: new UsedHostPorts() });
    }
  }

  take(node: string, needs: PodNeeds): void {
    const used = this.#used.get(node);
    if (used === undefined) return;
    used.pods++;
    if (needs.branchEni) used.branchEnis++;
    used.hostPorts.take(needs.hostPorts);
  }

  /** What the node lacks for one more pod, in the scheduler's words, or null: nothing. */
  lack(node: string, needs: PodNeeds): string | null {
    const limits = this.#limits.get(node);
    const used = this.#used.get(node);
    if (limits === undefined || used === undefined) return "no such node";
    if (used.pods >= limits.maxPods) {
      const system = limits.systemPods === 0 ? "" : `, ${limits.systemPods} of them aws-node and kube-proxy`;
      return `Too many pods (${used.pods} of ${limits.maxPods}${system})`;
    }
    if (needs.branchEni && used.branchEnis >= limits.branchEnis)
      return `Insufficient vpc.amazonaws.com/pod-eni (${used.branchEnis} of ${limits.branchEnis} branch ENIs)`;
    return used.hostPorts.conflict(needs.hostPorts);
  }
}
