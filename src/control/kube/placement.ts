import { parseAddress } from "../../plane/wire/address.ts";
import { suggestion } from "../near.ts";
import { objectKey } from "../objects/kinds.ts";
import type { ObjectProblem } from "../objects/objectError.ts";
import { ADDRESS_ANNOTATION, ENI_ANNOTATION } from "../objects/pod.ts";
import { deviceNumberOf } from "../vpc/eni.ts";
import type { DesiredPod } from "./deployments.ts";
import { hostPortsOf } from "./hostPorts.ts";
import { NodeRoom, type PodNeeds } from "./nodeRoom.ts";
import { nodeOrder, nodeRefusal, type SchedulerNode } from "./scheduler.ts";

/** Where a pod runs. Its address is the node daemon's business (ipam/). */
export interface Placement {
  readonly node: string;
  readonly hostNetwork: boolean;
}

/** Where the pods run, and why those do not that have to wait. */
export interface Placements {
  readonly nodes: ReadonlyMap<string, Placement>;
  /** Pods that no node has room for, with the scheduler's message. */
  readonly pending: ReadonlyMap<string, string>;
}

export const NO_PLACEMENTS: Placements = { nodes: new Map(), pending: new Map() };

export interface PlacementInput {
  readonly nodes: readonly SchedulerNode[];
  readonly before: Placements;
  /** Whether a pod gets a branch ENI of its own. */
  readonly takesBranchEni: (pod: DesiredPod) => boolean;
}

/** Device number that the pod's annotation asks for; null: any; undefined: the annotation is no interface's name. */
export function wantedDevice(pod: DesiredPod): number | null | undefined {
  const text = pod.annotations[ENI_ANNOTATION];
  if (text === undefined) return null;
  return deviceNumberOf(text) ?? undefined;
}

/** The address that the pod's annotation asks for, int32; null: any; undefined: the annotation is no address. */
export function wantedAddress(pod: DesiredPod): number | null | undefined {
  const text = pod.annotations[ADDRESS_ANNOTATION];
  if (text === undefined) return null;
  return parseAddress(text) ?? undefined;
}

function mayStay(pod: DesiredPod, place: Placement, nodes: readonly SchedulerNode[]): boolean {
  const { nodeName, hostNetwork } = pod.spec;
  if (hostNetwork !== place.hostNetwork) return false;
  if (nodeName !== undefined) return nodeName === place.node;
  const node = nodes.find((n) => n.name === place.node);
  return node !== undefined && nodeRefusal(pod.spec, node) === null;
}

/** Refusals of all nodes, for a person. The kinds that pass with time come as a pod that waits, the others as a problem. */
interface Refusals {
  readonly texts: string[];
  /** Whether a node would take the pod if it had room. */
  room: boolean;
}

class Placer {
  readonly #input: PlacementInput;
  readonly #nodes = new Map<string, Placement>();
  readonly #pending = new Map<string, string>();
  readonly #room: NodeRoom;
  readonly #all = new Map<string, number>();
  readonly #byOwner = new Map<string, Map<string, number>>();

  constructor(input: PlacementInput) {
    this.#input = input;
    this.#room = new NodeRoom(input.nodes);
  }

  get placements(): Placements {
    return { nodes: this.#nodes, pending: this.#pending };
  }

  put(pod: DesiredPod, place: Placement): void {
    this.#nodes.set(pod.key, place);
    this.#room.take(place.node, this.#needs(pod));
    const owner = this.#ownerCounts(pod);
    for (const counts of [this.#all, owner]) counts.set(place.node, (counts.get(place.node) ?? 0) + 1);
  }

  /** Finds a node for a pod, or lets it wait for room; the problem where time will not help. */
  place(pod: DesiredPod, device: number | null): ObjectProblem | null {
    const { nodeName } = pod.spec;
    return nodeName === undefined ? this.#schedule(pod, device) : this.#pin(pod, nodeName, device);
  }

  /**
   * A pod that names its node passes the scheduler by, taints included. kubelet still counts its pods and compares their host
   * ports; what it refuses it fails for good, here it waits until there is room.
   */
  #pin(pod: DesiredPod, nodeName: string, device: number | null): ObjectProblem | null {
    const { nodes } = this.#input;
    const node = nodes.find((n) => n.name === nodeName);
    const path = [...pod.at, "spec", "nodeName"];
    if (node === undefined) {
      const hint = suggestion(
        nodeName,
        nodes.map((n) => n.name),
      );
      return { object: pod.owner, path, message: `expected a node of the lab, got "${nodeName}"; ${hint}` };
    }
    const refusals: Refusals = { texts: [], room: false };
    if (this.#try(pod, node, device, refusals)) return null;
    const why = refusals.texts.join("; ");
    if (refusals.room) {
      this.#pending.set(pod.key, why);
      return null;
    }
    const message = `${pod.key} has no place on ${nodeName}: ${why}; move it, or use a larger instance type`;
    return { object: pod.owner, path, message };
  }

  #schedule(pod: DesiredPod, device: number | null): ObjectProblem | null {
    const { nodes } = this.#input;
    const refusals: Refusals = { texts: [], room: false };
    for (const node of nodeOrder(nodes, { sameOwner: this.#ownerCounts(pod), all: this.#all })) {
      const refusal = nodeRefusal(pod.spec, node);
      if (refusal !== null) refusals.texts.push(`${node.name}: ${refusal}`);
      else if (this.#try(pod, node, device, refusals)) return null;
    }
    if (refusals.room) {
      this.#pending.set(pod.key, `0/${nodes.length} nodes are available: ${refusals.texts.join("; ")}`);
      return null;
    }
    const why = refusals.texts.length === 0 ? "the lab has no nodes" : refusals.texts.join("; ");
    return { object: pod.owner, path: [...pod.at, "spec"], message: `${pod.key} fits no node: ${why}` };
  }

  #try(pod: DesiredPod, node: SchedulerNode, device: number | null, refusals: Refusals): boolean {
    const { hostNetwork } = pod.spec;
    if (!hostNetwork && device !== null && device >= node.maxEnis) {
      const text = `${pod.annotations[ENI_ANNOTATION]} is over the ${node.maxEnis} ENIs of ${node.instanceType}`;
      refusals.texts.push(`${node.name}: ${text}`);
      return false;
    }
    const lack = this.#room.lack(node.name, this.#needs(pod));
    if (lack !== null) {
      refusals.texts.push(`${node.name}: ${lack}`);
      refusals.room = true;
      return false;
    }
    this.put(pod, { node: node.name, hostNetwork });
    return true;
  }

  #needs(pod: DesiredPod): PodNeeds {
    return {
      branchEni: !pod.spec.hostNetwork && this.#input.takesBranchEni(pod),
      hostPorts: hostPortsOf(pod.spec),
    };
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
 * Room of pods that go is free for those that come.
 */
export function placePods(pods: readonly DesiredPod[], input: PlacementInput, problems: ObjectProblem[]): Placements {
  const placer = new Placer(input);
  const staying = new Set<string>();
  for (const pod of pods) {
    const place = input.before.nodes.get(pod.key);
    if (place === undefined || !mayStay(pod, place, input.nodes)) continue;
    staying.add(pod.key);
    placer.put(pod, place);
  }
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
    if (wantedAddress(pod) === undefined) {
      const path = [...pod.at, "metadata", "annotations", ADDRESS_ANNOTATION];
      const got = JSON.stringify(pod.annotations[ADDRESS_ANNOTATION]);
      const message = `expected an IPv4 address such as 10.0.1.20, got ${got}; write one of an ENI of the pod's node`;
      problems.push({ object: pod.owner, path, message });
      continue;
    }
    const problem = placer.place(pod, device);
    if (problem !== null) problems.push(problem);
  }
  return placer.placements;
}
