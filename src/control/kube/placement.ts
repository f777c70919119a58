import type { PodAddressAllocator } from "../ipam/allocator.ts";
import { suggestion } from "../near.ts";
import { objectKey } from "../objects/kinds.ts";
import type { ObjectProblem } from "../objects/objectError.ts";
import { ENI_ANNOTATION } from "../objects/pod.ts";
import { deviceNumberOf } from "../vpc/eni.ts";
import type { DesiredPod } from "./deployments.ts";
import { nodeOrder, nodeRefusal, type SchedulerNode } from "./scheduler.ts";

/** Where a pod runs. */
export interface Placement {
  readonly node: string;
  readonly hostNetwork: boolean;
  /** int32; the node's primary address for a hostNetwork pod. */
  readonly address: number;
  /** Device number of the ENI that has the address; 0 for a hostNetwork pod. */
  readonly deviceNumber: number;
}

export type Placements = ReadonlyMap<string, Placement>;

export interface PlacementInput {
  readonly nodes: readonly SchedulerNode[];
  /** Primary addresses by node, int32. */
  readonly primaries: ReadonlyMap<string, number>;
  /** Changed: gets and gives back addresses. */
  readonly allocator: PodAddressAllocator;
  readonly before: Placements;
}

/** Device number that the pod's annotation asks for; null: any; undefined: the annotation is no interface's name. */
function wantedDevice(pod: DesiredPod): number | null | undefined {
  const text = pod.annotations[ENI_ANNOTATION];
  if (text === undefined) return null;
  return deviceNumberOf(text) ?? undefined;
}

function mayStay(pod: DesiredPod, place: Placement, nodes: readonly SchedulerNode[]): boolean {
  const { nodeName, hostNetwork } = pod.spec;
  if (hostNetwork !== place.hostNetwork) return false;
  const device = wantedDevice(pod);
  if (!hostNetwork && device !== null && device !== place.deviceNumber) return false;
  if (nodeName !== undefined) return nodeName === place.node;
  const node = nodes.find((n) => n.name === place.node);
  return node !== undefined && nodeRefusal(pod.spec, node) === null;
}

class Placer {
  readonly #input: PlacementInput;
  readonly #placements = new Map<string, Placement>();
  readonly #all = new Map<string, number>();
  readonly #byOwner = new Map<string, Map<string, number>>();

  constructor(input: PlacementInput) {
    this.#input = input;
  }

  get placements(): Placements {
    return this.#placements;
  }

  put(pod: DesiredPod, place: Placement): void {
    this.#placements.set(pod.key, place);
    const owner = this.#ownerCounts(pod);
    for (const counts of [this.#all, owner]) counts.set(place.node, (counts.get(place.node) ?? 0) + 1);
  }

  /** Finds a node and an address for a pod; the problem where there is none. */
  place(pod: DesiredPod, device: number | null): ObjectProblem | null {
    const { nodes } = this.#input;
    const { nodeName } = pod.spec;
    if (nodeName !== undefined) {
      const node = nodes.find((n) => n.name === nodeName);
      const path = [...pod.at, "spec", "nodeName"];
      if (node === undefined) {
        const hint = suggestion(
          nodeName,
          nodes.map((n) => n.name),
        );
        return { object: pod.owner, path, message: `expected a node of the lab, got "${nodeName}"; ${hint}` };
      }
      // A pod that names its node passes the scheduler by, taints included.
      const refusal = this.#try(pod, node.name, device);
      if (refusal === null) return null;
      return {
        object: pod.owner,
        path,
        message: `${pod.key} has no place on ${nodeName}: ${refusal}; move it, or use a larger instance type`,
      };
    }
    const reasons: string[] = [];
    for (const node of nodeOrder(nodes, { sameOwner: this.#ownerCounts(pod), all: this.#all })) {
      const refusal = nodeRefusal(pod.spec, node) ?? this.#try(pod, node.name, device);
      if (refusal === null) return null;
      reasons.push(`${node.name}: ${refusal}`);
    }
    const why = reasons.length === 0 ? "the lab has no nodes" : reasons.join("; ");
    return { object: pod.owner, path: [...pod.at, "spec"], message: `${pod.key} fits no node: ${why}` };
  }

  #try(pod: DesiredPod, node: string, device: number | null): string | null {
    const { allocator, primaries } = this.#input;
    if (pod.spec.hostNetwork) {
      this.put(pod, { node, hostNetwork: true, address: primaries.get(node) ?? 0, deviceNumber: 0 });
      return null;
    }
    const address = allocator.assign(pod.key, node, device);
    if (typeof address === "string") return `no free pod address: ${address}`;
    this.put(pod, { node, hostNetwork: false, ...address });
    return null;
  }

  #ownerCounts(pod: DesiredPod): Map<string, number> {
    const key = objectKey(pod.owner);
    const counts = this.#byOwner.get(key) ?? new Map<string, number>();
    this.#byOwner.set(key, counts);
    return counts;
  }
}

/**
 * Places pods: those that run and may stay do; then those that name their node, then the others, each in the order given.
 * Addresses of pods that go are free for those that come.
 */
export function placePods(pods: readonly DesiredPod[], input: PlacementInput, problems: ObjectProblem[]): Placements {
  const placer = new Placer(input);
  const staying = new Set<string>();
  for (const pod of pods) {
    const place = input.before.get(pod.key);
    if (place === undefined || !mayStay(pod, place, input.nodes)) continue;
    staying.add(pod.key);
    placer.put(pod, place);
  }
  for (const key of input.before.keys()) if (!staying.has(key)) input.allocator.release(key);

  const coming = pods.filter((pod) => !staying.has(pod.key));
  const pinned = coming.filter((pod) => pod.spec.nodeName !== undefined);
  for (const pod of [...pinned, ...coming.filter((p) => p.spec.nodeName === undefined)]) {
    const device = wantedDevice(pod);
    if (device === undefined) {
      const path = [...pod.at, "metadata", "annotations", ENI_ANNOTATION];
      const got = JSON.stringify(pod.annotations[ENI_ANNOTATION]);
      problems.push({
        object: pod.owner,
        path,
        message: `expected an interface such as eth1, got ${got}; write eth0, eth1, ...`,
      });
      continue;
    }
    const problem = placer.place(pod, device);
    if (problem !== null) problems.push(problem);
  }
  return placer.placements;
}
