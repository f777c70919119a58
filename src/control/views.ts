import { formatAddress } from "../plane/wire/address.ts";
import type { ClusterState } from "./clusterState.ts";
import { hostEniName, natGatewayEniName } from "./entityNames.ts";
import type { AgentEni } from "./ipam/types.ts";
import type { DesiredPod } from "./kube/deployments.ts";
import { loadBalancerIPs, type Service } from "./objects/service.ts";
import { type SubnetRangeView, type SubnetReservationView, subnetRanges, subnetReservations } from "./subnetRanges.ts";
import { cidrSize, cidrText } from "./vpc/cidr.ts";
import { slotText } from "./vpc/eni.ts";
import { instanceType, usableSlots } from "./vpc/instanceTypes.ts";

type PodStatus = "Running" | "ContainerCreating" | "Pending" | "Terminating";

export interface PodView {
  readonly namespace: string;
  readonly name: string;
  /** `Pending`: no node has room; `ContainerCreating`: it has a node and no address yet; `Running`; `Terminating`. */
  readonly status: PodStatus;
  /** What it waits for, in the words of the scheduler or of the CNI's last ADD; null: it runs. */
  readonly reason: string | null;
  /** null: Pending. */
  readonly node: string | null;
  /** null: it has none yet. */
  readonly address: string | null;
  /** `node-1/eth0`; null: it has no address yet. */
  readonly eni: string | null;
  readonly hostNetwork: boolean;
  readonly ready: boolean;
  /** Deployment that it belongs to, or null. */
  readonly deployment: string | null;
}

export interface ServiceView {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  /** null: headless or ExternalName. */
  readonly clusterIP: string | null;
  /** Addresses and host names of its load balancer, then its external IPs; an ExternalName's name. */
  readonly external: readonly string[];
  /** null: it has none. */
  readonly healthCheckNodePort: number | null;
  readonly ports: readonly ServicePortView[];
}

interface ServicePortView {
  readonly name: string | null;
  readonly protocol: string;
  readonly port: number;
  readonly targetPort: number | string;
  readonly nodePort: number | null;
  /** How many endpoints take part. */
  readonly endpoints: number;
}

export interface EndpointView {
  /** `svc/default/api:80` */
  readonly service: string;
  readonly protocol: string;
  /** `pod/default/api-1`, or null for an address that an EndpointSlice names. */
  readonly pod: string | null;
  readonly address: string;
  readonly port: number;
}

export interface NodeView {
  readonly name: string;
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly subnet: string;
  readonly address: string;
  readonly publicAddress: string | null;
  readonly enis: number;
  readonly maxEnis: number;
  /** Pods that have been given to it, those that wait for an address and hostNetwork ones included. */
  readonly pods: number;
  /** Pods beside those, which a lab does not show and maxPods counts: aws-node and kube-proxy in Standard mode. */
  readonly systemPods: number;
  /** kubelet's --max-pods. */
  readonly maxPods: number;
  /** Addresses at the node that a pod could have at once. */
  readonly warm: number;
  /** Addresses that were given back less than the cooldown ago. */
  readonly cooling: number;
  /** Pods with a branch ENI of their own. */
  readonly branchEnis: number;
  /** 0: the node's pods can have none. */
  readonly maxBranchEnis: number;
}

export interface EniView {
  /** `node-1/eth0`, `node-1/vlan.eth.1`, `rds/eth0` */
  readonly name: string;
  readonly kind: AgentEni["kind"];
  readonly subnet: string;
  readonly address: string;
  readonly publicAddress: string | null;
  /** Secondary addresses and /28 prefixes. */
  readonly assigned: readonly string[];
  /** Slots that can hold one of those; null for a host or a branch ENI. */
  readonly slots: number | null;
  /** Pods whose address it has. */
  readonly pods: number;
  /** Addresses that were given back less than the cooldown ago. */
  readonly cooling: number;
  /** Addresses that a pod could have at once. */
  readonly free: number;
}

export interface SubnetView {
  readonly name: string;
  readonly vpc: string;
  readonly availabilityZone: string;
  readonly cidrBlock: string;
  readonly routeTable: string;
  readonly mapPublicIpOnLaunch: boolean;
  readonly freeAddresses: number;
  /** Aligned /28 blocks that prefix delegation could take. */
  readonly freePrefixes: number;
  readonly ranges: readonly SubnetRangeView[];
  readonly reservations: readonly SubnetReservationView[];
}

const textOrNull = (address: number): string | null => (address === 0 ? null : formatAddress(address));

export function podViews(state: ClusterState): PodView[] {
  const view = ({ desired, ready }: { desired: DesiredPod; ready: boolean }) => ({
    namespace: desired.namespace,
    name: desired.name,
    ready,
    hostNetwork: desired.spec.hostNetwork,
    deployment: desired.owner.kind === "Deployment" ? desired.owner.metadata.name : null,
  });
  const running = state.pods.map(
    ({ desired, place, serving, terminating }): PodView => ({
      ...view({ desired, ready: serving }),
      status: terminating ? "Terminating" : "Running",
      reason: null,
      node: place.node,
      address: formatAddress(place.address),
      eni: place.eni,
    }),
  );
  const waiting = state.waiting.map(
    ({ desired, node, reason, terminating }): PodView => ({
      ...view({ desired, ready: false }),
      status: terminating ? "Terminating" : node === null ? "Pending" : "ContainerCreating",
      reason,
      node,
      address: null,
      eni: null,
    }),
  );
  return [...running, ...waiting];
}

/** What kubectl shows as EXTERNAL-IP (pkg/printers/internalversion, getServiceExternalIP). */
function externalNames(service: Service): string[] {
  const { type, externalIPs, externalName } = service.spec;
  if (type === "ExternalName") return externalName === undefined ? [] : [externalName];
  const ingress = type === "LoadBalancer" ? (service.status?.loadBalancer.ingress ?? []) : [];
  const balancer = ingress.length === 0 ? loadBalancerIPs(service) : ingress.flatMap((i) => i.ip ?? i.hostname ?? []);
  return [...new Set([...balancer, ...externalIPs])];
}

export function serviceViews(state: ClusterState): ServiceView[] {
  return state.services.map(({ object, clusterIP, healthCheckNodePort, ports }) => ({
    namespace: object.metadata.namespace,
    name: object.metadata.name,
    type: object.spec.type,
    clusterIP: clusterIP === null ? null : formatAddress(clusterIP),
    external: externalNames(object),
    healthCheckNodePort: healthCheckNodePort === 0 ? null : healthCheckNodePort,
    ports: ports.map(({ port, nodePort, endpoints }) => ({
      name: port.name ?? null,
      protocol: port.protocol,
      port: port.port,
      targetPort: port.targetPort ?? port.port,
      nodePort: nodePort === 0 ? null : nodePort,
      endpoints: endpoints.length,
    })),
  }));
}

export function endpointViews(state: ClusterState): EndpointView[] {
  return state.services.flatMap(({ key, ports }) =>
    ports.flatMap(({ port, endpoints }) =>
      endpoints.map((e) => ({
        service: `${key}:${port.port}`,
        protocol: port.protocol,
        pod: e.pod,
        address: formatAddress(e.address),
        port: e.port,
      })),
    ),
  );
}

export function nodeViews(state: ClusterState): NodeView[] {
  return state.nodes.map(({ spec, scheduler, addresses, address, publicAddress }) => ({
    name: spec.name,
    instanceType: spec.instanceType,
    availabilityZone: state.model.subnets.get(spec.subnet)?.availabilityZone ?? "",
    subnet: spec.subnet,
    address: formatAddress(address),
    publicAddress: textOrNull(publicAddress),
    enis: addresses.enis,
    maxEnis: addresses.maxEnis,
    pods:
      state.pods.filter((p) => p.place.node === spec.name).length +
      state.waiting.filter((p) => p.node === spec.name).length,
    systemPods: scheduler.systemPods,
    maxPods: scheduler.maxPods,
    warm: addresses.total - addresses.assigned - addresses.cooling,
    cooling: addresses.cooling,
    branchEnis: addresses.branch,
    maxBranchEnis: scheduler.branchEnis,
  }));
}

export function eniViews(state: ClusterState): EniView[] {
  const views: EniView[] = [];
  for (const node of state.nodes) {
    const type = instanceType(node.spec.instanceType);
    for (const eni of node.enis) {
      const pods = eni.assigned.length;
      const cooling = eni.cooling.length;
      const addresses = eni.forPods ? eni.slots.reduce((sum, slot) => sum + cidrSize(slot), 0) : 0;
      views.push({
        name: eni.name,
        kind: eni.kind,
        subnet: eni.subnet,
        address: formatAddress(eni.address),
        publicAddress: eni.kind === "primary" ? textOrNull(node.publicAddress) : null,
        assigned: eni.slots.map(slotText),
        slots: type === null || eni.kind === "branch" ? null : usableSlots(type),
        pods,
        cooling,
        free: Math.max(0, addresses - pods - cooling),
      });
    }
  }
  const noPods = { kind: "primary", assigned: [], slots: null, pods: 0, cooling: 0, free: 0 } as const;
  for (const { spec, publicAddress } of state.hosts) {
    const { subnet, address } = spec;
    if (subnet === undefined) continue;
    views.push({ ...noPods, name: hostEniName(spec.name), subnet, address, publicAddress: textOrNull(publicAddress) });
  }
  for (const { spec, address, publicAddress } of state.natGateways)
    views.push({
      ...noPods,
      name: natGatewayEniName(spec.name),
      subnet: spec.subnet,
      address: formatAddress(address),
      publicAddress: textOrNull(publicAddress),
    });
  return views;
}

export function subnetViews(state: ClusterState): SubnetView[] {
  return [...state.model.subnets.values()].map((subnet) => ({
    name: subnet.name,
    vpc: state.model.vpcs[subnet.vpc].name,
    availabilityZone: subnet.availabilityZone,
    cidrBlock: cidrText(subnet.cidr),
    routeTable: subnet.routeTable,
    mapPublicIpOnLaunch: subnet.mapPublicIpOnLaunch,
    freeAddresses: state.subnets.get(subnet.name)?.freeAddresses ?? 0,
    freePrefixes: state.subnets.get(subnet.name)?.freePrefixes ?? 0,
    ranges: subnetRanges(state, subnet.name),
    reservations: subnetReservations(state, subnet.name),
  }));
}
