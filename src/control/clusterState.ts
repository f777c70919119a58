import { parseAddress } from "../plane/wire/address.ts";
import type { ClusterIpam, PodPlace } from "./clusterIpam.ts";
import { podSubnetGap } from "./ipam/podSubnets.ts";
import type { AddressStats } from "./ipam/types.ts";
import type { DesiredPod } from "./kube/deployments.ts";
import type { AddressedPod } from "./kube/endpoints.ts";
import type { SchedulerNode } from "./kube/scheduler.ts";
import type { LabEni } from "./labEni.ts";
import { clusterCni, hasExternalSnat } from "./nodeSnat.ts";
import { objectsOfKind } from "./objects/byKind.ts";
import type { CniSettings } from "./objects/cniEnv.ts";
import type { Lab, LabHost, LabNode } from "./objects/lab.ts";
import { type PolicyObjects, policyObjects } from "./policy/settings.ts";
import type { ServiceState, ServiceStates } from "./serviceStates.ts";
import type { State } from "./state.ts";
import type { NatGateway, VpcModel } from "./vpc/model.ts";
import { natGatewayKey } from "./vpc/publicAddresses.ts";
import type { SubnetAddresses } from "./vpc/subnet.ts";

export interface NodeState {
  readonly spec: LabNode;
  readonly scheduler: SchedulerNode;
  readonly enis: readonly LabEni[];
  readonly addresses: AddressStats;
  /** int32 */
  readonly address: number;
  /** int32, 0: none. */
  readonly publicAddress: number;
  /** What leaves the VPC keeps its source: AWS_VPC_K8S_CNI_EXTERNALSNAT, or snatPolicy Disabled of its NodeClass. */
  readonly externalSnat: boolean;
}

export interface HostState {
  readonly spec: LabHost;
  /** int32 */
  readonly address: number;
  /** int32, 0: none. */
  readonly publicAddress: number;
}

export interface NatGatewayState {
  readonly spec: NatGateway;
  /** Private address, int32. */
  readonly address: number;
  /** Elastic IP address, int32; 0: none. */
  readonly publicAddress: number;
}

export interface PodState {
  readonly desired: DesiredPod;
  readonly place: PodPlace;
  /** Whether it serves and does not terminate. */
  readonly ready: boolean;
  /** Its Ready condition: its containers run and their probes succeed. */
  readonly serving: boolean;
  /** It has been deleted, and its processes have not ended yet. */
  readonly terminating: boolean;
}

/** A pod that does not run yet. */
export interface WaitingPodState {
  readonly desired: DesiredPod;
  /** null: the scheduler has found none with room. */
  readonly node: string | null;
  /** The scheduler's message, or what the CNI's last ADD said. */
  readonly reason: string;
  readonly terminating: boolean;
}

/** What a cluster is at one moment: compile() and the views read nothing else. */
export interface ClusterState {
  readonly lab: Lab;
  readonly model: VpcModel;
  readonly cni: CniSettings;
  readonly nodes: readonly NodeState[];
  readonly hosts: readonly HostState[];
  readonly natGateways: readonly NatGatewayState[];
  /** Pods that have an address. */
  readonly pods: readonly PodState[];
  readonly waiting: readonly WaitingPodState[];
  readonly services: readonly ServiceState[];
  /** Names of the Namespace objects. */
  readonly namespaces: readonly string[];
  readonly subnets: ReadonlyMap<string, SubnetAddresses>;
  /** Network policies, and how they are enforced. */
  readonly policy: PolicyObjects;
}

function podStates(state: State, ipam: ClusterIpam) {
  const pods: PodState[] = [];
  const waiting: WaitingPodState[] = [];
  const { nodes, pending } = state.placements;
  for (const { desired, readySince, deletedAt } of state.controllers.pods) {
    const { key } = desired;
    const placement = nodes.get(key);
    const place = placement === undefined ? null : ipam.place(key, placement);
    const serving = readySince !== null;
    const terminating = deletedAt !== null;
    if (place !== null) pods.push({ desired, place, ready: serving && !terminating, serving, terminating });
    else {
      const reason = pending.get(key) ?? waitingFor(state, ipam, key, placement?.node);
      waiting.push({ desired, node: placement?.node ?? null, reason, terminating });
    }
  }
  return { pods, waiting };
}

/** What the CNI said last, and what it does not say: that no subnet of pods is in the node's zone. */
function waitingFor({ lab, objects }: State, ipam: ClusterIpam, pod: string, name: string | undefined): string {
  const node = lab.spec.nodes.find((n) => n.name === name);
  const gap = node === undefined ? null : podSubnetGap(lab, node, objects);
  const said = ipam.waitingFor(pod);
  return gap === null ? said : `${said} (${gap})`;
}

/** @param services those of the last state; changed. */
export function clusterState(state: State, ipam: ClusterIpam, services: ServiceStates): ClusterState {
  const { lab, model, primaries, publicAddresses } = state;
  const cni = clusterCni(lab);
  const { pods, waiting } = podStates(state, ipam);
  const addressed = pods.map(
    (pod): AddressedPod => ({
      desired: pod.desired,
      address: pod.place.address,
      node: pod.place.node,
      ready: pod.serving,
      terminating: pod.terminating,
    }),
  );
  return {
    lab,
    model,
    cni,
    nodes: lab.spec.nodes.map((spec, i) => ({
      spec,
      scheduler: state.nodes[i],
      enis: ipam.enis(spec.name),
      addresses: ipam.stats(spec.name),
      address: primaries.get(spec.name) ?? 0,
      publicAddress: publicAddresses.get(spec.name) ?? 0,
      externalSnat: hasExternalSnat(lab, cni, spec, state.objects),
    })),
    hosts: lab.spec.hosts.map((spec) => ({
      spec,
      address: parseAddress(spec.address) ?? 0,
      publicAddress: publicAddresses.get(spec.name) ?? 0,
    })),
    natGateways: model.natGateways.map((spec) => ({
      spec,
      address: state.natGateways.get(spec.name) ?? 0,
      publicAddress: publicAddresses.get(natGatewayKey(spec.name)) ?? 0,
    })),
    pods,
    waiting,
    services: services.update(state, addressed),
    namespaces: objectsOfKind(state.objects, "Namespace").map((o) => o.metadata.name),
    subnets: ipam.subnets(),
    policy: policyObjects(lab, state.objects),
  };
}
