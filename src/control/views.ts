import { formatAddress } from "../plane/wire/address.ts";
import type { ClusterState } from "./clusterState.ts";
import { eniName, hostEniName } from "./entityNames.ts";
import { cidrText } from "./vpc/cidr.ts";
import { slotText } from "./vpc/eni.ts";
import { instanceType, maxPods, usableSlots } from "./vpc/instanceTypes.ts";

export interface PodView {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly address: string;
  /** `node-1/eth0` */
  readonly eni: string;
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
  /** hostNetwork pods included. */
  readonly pods: number;
  /** Pod addresses that its slots can still give. */
  readonly freePodAddresses: number;
  /** eni-max-pods.txt's number for secondary IPs. */
  readonly maxPods: number;
}

export interface EniView {
  /** `node-1/eth0`, `rds/eth0` */
  readonly name: string;
  readonly subnet: string;
  readonly address: string;
  readonly publicAddress: string | null;
  /** Secondary addresses and /28 prefixes. */
  readonly assigned: readonly string[];
  /** Slots that can hold one of those; null for a host. */
  readonly slots: number | null;
  /** Pods whose address it has. */
  readonly pods: number;
}

export interface SubnetView {
  readonly name: string;
  readonly availabilityZone: string;
  readonly cidrBlock: string;
  readonly routeTable: string;
  readonly mapPublicIpOnLaunch: boolean;
  readonly freeAddresses: number;
  /** Aligned /28 blocks that prefix delegation could take. */
  readonly freePrefixes: number;
}

export interface RouteView {
  readonly routeTable: string;
  readonly main: boolean;
  readonly destination: string;
  readonly target: string;
  /** Subnets that use the table. */
  readonly subnets: readonly string[];
}

const textOrNull = (address: number): string | null => (address === 0 ? null : formatAddress(address));

export function podViews(state: ClusterState): PodView[] {
  return state.pods.map(({ desired, place, ready }) => ({
    namespace: desired.namespace,
    name: desired.name,
    node: place.node,
    address: formatAddress(place.address),
    eni: eniName(place.node, place.deviceNumber),
    hostNetwork: place.hostNetwork,
    ready,
    deployment: desired.owner.kind === "Deployment" ? desired.owner.metadata.name : null,
  }));
}

export function serviceViews(state: ClusterState): ServiceView[] {
  return state.services.map(({ object, clusterIP, ports }) => ({
    namespace: object.metadata.namespace,
    name: object.metadata.name,
    type: object.spec.type,
    clusterIP: clusterIP === null ? null : formatAddress(clusterIP),
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
  return state.nodes.map(({ spec, enis, address, publicAddress, freePodAddresses }) => {
    const type = instanceType(spec.instanceType);
    return {
      name: spec.name,
      instanceType: spec.instanceType,
      availabilityZone: state.model.subnets.get(spec.subnet)?.availabilityZone ?? "",
      subnet: spec.subnet,
      address: formatAddress(address),
      publicAddress: textOrNull(publicAddress),
      enis: enis.length,
      maxEnis: Math.min(type?.enis ?? 0, state.cni.maxEni ?? Number.POSITIVE_INFINITY),
      pods: state.pods.filter((p) => p.place.node === spec.name).length,
      freePodAddresses,
      maxPods: type === null ? 0 : maxPods(type, false),
    };
  });
}

export function eniViews(state: ClusterState): EniView[] {
  const views: EniView[] = [];
  for (const node of state.nodes) {
    const type = instanceType(node.spec.instanceType);
    for (const eni of node.enis)
      views.push({
        name: eniName(node.spec.name, eni.deviceNumber),
        subnet: eni.subnet,
        address: formatAddress(eni.address),
        publicAddress: eni.deviceNumber === 0 ? textOrNull(node.publicAddress) : null,
        assigned: eni.slots.map(slotText),
        slots: type === null ? 0 : usableSlots(type),
        pods: state.pods.filter(
          ({ place }) => !place.hostNetwork && place.node === node.spec.name && place.deviceNumber === eni.deviceNumber,
        ).length,
      });
  }
  for (const { spec, publicAddress } of state.hosts) {
    if (spec.subnet === undefined) continue;
    views.push({
      name: hostEniName(spec.name),
      subnet: spec.subnet,
      address: spec.address,
      publicAddress: textOrNull(publicAddress),
      assigned: [],
      slots: null,
      pods: 0,
    });
  }
  return views;
}

export function subnetViews(state: ClusterState): SubnetView[] {
  return [...state.model.subnets.values()].map((subnet) => ({
    name: subnet.name,
    availabilityZone: subnet.availabilityZone,
    cidrBlock: cidrText(subnet.cidr),
    routeTable: subnet.routeTable,
    mapPublicIpOnLaunch: subnet.mapPublicIpOnLaunch,
    freeAddresses: state.subnets.get(subnet.name)?.freeAddresses ?? 0,
    freePrefixes: state.subnets.get(subnet.name)?.freePrefixes ?? 0,
  }));
}

export function routeViews(state: ClusterState): RouteView[] {
  const subnets = [...state.model.subnets.values()];
  return state.model.routeTables.flatMap((table) =>
    table.routes.map((route) => ({
      routeTable: table.name,
      main: table.main,
      destination: cidrText(route.destination),
      target: route.targetText,
      subnets: subnets.filter((s) => s.routeTable === table.name).map((s) => s.name),
    })),
  );
}
