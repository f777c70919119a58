import { parseAddress } from "../plane/wire/address.ts";
import type { DesiredPod } from "./kube/deployments.ts";
import { type AddressedPod, type ResolvedEndpoint, resolveEndpoints } from "./kube/endpoints.ts";
import { servicePortKey } from "./kube/nodePorts.ts";
import type { Placement } from "./kube/placement.ts";
import type { SchedulerNode } from "./kube/scheduler.ts";
import { type CniSettings, cniSettings } from "./objects/cniEnv.ts";
import { objectKey } from "./objects/kinds.ts";
import type { Lab, LabHost, LabNode } from "./objects/lab.ts";
import type { Service, ServicePort } from "./objects/service.ts";
import { type State, servicesOf, slicesIn } from "./state.ts";
import type { Eni } from "./vpc/eni.ts";
import type { VpcModel } from "./vpc/model.ts";

export interface NodeState {
  readonly spec: LabNode;
  readonly scheduler: SchedulerNode;
  readonly enis: readonly Eni[];
  /** int32 */
  readonly address: number;
  /** int32, 0: none. */
  readonly publicAddress: number;
  readonly freePodAddresses: number;
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
  readonly place: Placement;
  readonly ready: boolean;
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
  readonly pods: readonly PodState[];
  readonly services: readonly ServiceState[];
  readonly subnets: State["subnets"];
}

/** @param notReady keys of the pods whose processes do not serve. */
export function clusterState(state: State, notReady: ReadonlySet<string>): ClusterState {
  const { lab, model, placements, allocator, primaries, publicAddresses } = state;
  const pods: PodState[] = [];
  for (const desired of state.pods) {
    const place = placements.get(desired.key);
    if (place !== undefined) pods.push({ desired, place, ready: !notReady.has(desired.key) });
  }
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
      enis: allocator.enis(spec.name),
      address: primaries.get(spec.name) ?? 0,
      publicAddress: publicAddresses.get(spec.name) ?? 0,
      freePodAddresses: allocator.freePodAddresses(spec.name),
    })),
    hosts: lab.spec.hosts.map((spec) => ({
      spec,
      address: parseAddress(spec.address) ?? 0,
      publicAddress: publicAddresses.get(spec.name) ?? 0,
    })),
    pods,
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
    subnets: state.subnets,
  };
}
