import { parseAddress } from "../plane/wire/address.ts";
import type { ClusterIpam, PodPlace } from "./clusterIpam.ts";
import type { AddressStats } from "./ipam/types.ts";
import type { DesiredPod } from "./kube/deployments.ts";
import { type AddressedPod, type ResolvedEndpoint, resolveEndpoints } from "./kube/endpoints.ts";
import { servicePortKey } from "./kube/nodePorts.ts";
import type { SchedulerNode } from "./kube/scheduler.ts";
import type { LabEni } from "./labEni.ts";
import { type CniSettings, cniSettings } from "./objects/cniEnv.ts";
import { objectKey } from "./objects/kinds.ts";
import type { Lab, LabHost, LabNode } from "./objects/lab.ts";
import type { Service, ServicePort } from "./objects/service.ts";
import { type State, servicesOf, slicesIn } from "./state.ts";
import type { VpcModel } from "./vpc/model.ts";
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
}

export interface HostState {
  readonly spec: LabHost;
  /** int32 */
  readonly address: number;
  /** int32, 0: none. */
  readonly publicAddress: number;
}

export interface PodState {
  readonly desired: DesiredPod;
  readonly place: PodPlace;
  readonly ready: boolean;
}

/** A pod that does not run yet. */
export interface WaitingPodState {
  readonly desired: DesiredPod;
  /** null: the scheduler has found none with room. */
  readonly node: string | null;
  /** The scheduler's message, or what the CNI's last ADD said. */
  readonly reason: string;
}

interface ServicePortState {
  /** `svc/default/api:80/TCP` */
  readonly key: string;
  readonly port: ServicePort;
  /** 0: none. */
  readonly nodePort: number;
  readonly endpoints: readonly ResolvedEndpoint[];
}

interface ServiceState {
  readonly key: string;
  readonly object: Service;
  /** int32; null: headless or ExternalName, no packet is translated for it. */
  readonly clusterIP: number | null;
  readonly ports: readonly ServicePortState[];
}

/** What a cluster is at one moment: compile() and the views read nothing else. */
export interface ClusterState {
  readonly lab: Lab;
  readonly model: VpcModel;
  readonly cni: CniSettings;
  readonly nodes: readonly NodeState[];
  readonly hosts: readonly HostState[];
  /** Pods that have an address. */
  readonly pods: readonly PodState[];
  readonly waiting: readonly WaitingPodState[];
  readonly services: readonly ServiceState[];
  readonly subnets: ReadonlyMap<string, SubnetAddresses>;
}

function podStates(state: State, ipam: ClusterIpam, notReady: ReadonlySet<string>) {
  const pods: PodState[] = [];
  const waiting: WaitingPodState[] = [];
  const { nodes, pending } = state.placements;
  for (const desired of state.pods) {
    const { key } = desired;
    const placement = nodes.get(key);
    const place = placement === undefined ? null : ipam.place(key, placement);
    if (place !== null) pods.push({ desired, place, ready: !notReady.has(key) });
    else {
      const reason = pending.get(key) ?? ipam.waitingFor(key);
      waiting.push({ desired, node: placement?.node ?? null, reason });
    }
  }
  return { pods, waiting };
}

/** @param notReady keys of the pods whose processes do not serve. */
export function clusterState(state: State, ipam: ClusterIpam, notReady: ReadonlySet<string>): ClusterState {
  const { lab, model, primaries, publicAddresses } = state;
  const { pods, waiting } = podStates(state, ipam, notReady);
  const addressed: AddressedPod[] = pods.map(({ desired, place, ready }) => ({
    desired,
    ready,
    address: place.address,
  }));
  const slices = slicesIn(state.objects);
  return {
    lab,
    model,
    cni: cniSettings(lab.spec.cluster.cni.env),
    nodes: lab.spec.nodes.map((spec, i) => ({
      spec,
      scheduler: state.nodes[i],
      enis: ipam.enis(spec.name),
      addresses: ipam.stats(spec.name),
      address: primaries.get(spec.name) ?? 0,
      publicAddress: publicAddresses.get(spec.name) ?? 0,
    })),
    hosts: lab.spec.hosts.map((spec) => ({
      spec,
      address: parseAddress(spec.address) ?? 0,
      publicAddress: publicAddresses.get(spec.name) ?? 0,
    })),
    pods,
    waiting,
    services: servicesOf(state.objects).map((object) => ({
      key: objectKey(object),
      object,
      clusterIP: state.clusterIPs.get(objectKey(object)) ?? null,
      ports: object.spec.ports.map((port) => {
        const key = servicePortKey(object, port);
        return {
          key,
          port,
          nodePort: state.nodePorts.get(key) ?? 0,
          endpoints: resolveEndpoints(object, port, addressed, slices),
        };
      }),
    })),
    subnets: ipam.subnets(),
  };
}
