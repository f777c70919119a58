import { formatAddress } from "../../plane/wire/address.ts";
import type { ClusterState, PodState } from "../clusterState.ts";
import { matchesLabels } from "../kube/labels.ts";
import type { ServiceState } from "../serviceStates.ts";
import { ClusterResolver } from "./clusterResolver.ts";
import { DNS_NAMESPACE, DNS_SERVICE } from "./implicitObjects.ts";
import type { DnsEndpoint, DnsObjects, DnsPort, DnsService } from "./objects.ts";
import type { Resolver } from "./records.ts";
import { clusterDnsAddress, dnsMode, vpcDomain } from "./settings.ts";
import { type NamedMachine, VpcResolver } from "./vpcResolver.ts";
import { ClusterZone } from "./zone.ts";

/** Namespaces that every cluster has. */
const BUILT_IN_NAMESPACES = ["default", "kube-node-lease", "kube-public", DNS_NAMESPACE];

/** Whether an EndpointSlice has the pod's hostname (endpointslice/util, ShouldSetHostname). */
function hostnameIn(service: ServiceState, pod: PodState | undefined): string | null {
  const { namespace, name } = service.object.metadata;
  const { hostname, subdomain } = pod?.desired.spec ?? {};
  return hostname !== undefined && subdomain === name && pod?.desired.namespace === namespace ? hostname : null;
}

/** Endpoints of a service without ports: EndpointSlices have their addresses all the same. */
function portlessEndpoints(service: ServiceState, pods: readonly PodState[]): DnsEndpoint[] {
  const { metadata, spec } = service.object;
  const { selector } = spec;
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  return pods
    .filter(({ desired }) => desired.namespace === metadata.namespace && matchesLabels(selector, desired.labels))
    .filter(({ ready }) => ready || spec.publishNotReadyAddresses)
    .map((pod) => ({ address: formatAddress(pod.place.address), hostname: hostnameIn(service, pod), ports: [] }));
}

/** Endpoints that are ready, each address once with all its ports. */
function endpointsOf(service: ServiceState, pods: ReadonlyMap<string, PodState>): DnsEndpoint[] {
  if (service.ports.length === 0) return portlessEndpoints(service, [...pods.values()]);
  const found = new Map<string, { address: string; hostname: string | null; ports: DnsPort[] }>();
  for (const { port, all } of service.ports)
    for (const { address, pod, ready, port: number } of all) {
      if (!ready) continue;
      const key = `${address} ${pod ?? ""}`;
      const hostname = pod === null ? null : hostnameIn(service, pods.get(pod));
      const endpoint = found.get(key) ?? { address: formatAddress(address), hostname, ports: [] };
      endpoint.ports.push({ name: port.name ?? "", protocol: port.protocol, port: number });
      found.set(key, endpoint);
    }
  return [...found.values()];
}

function dnsService(service: ServiceState, pods: ReadonlyMap<string, PodState>): DnsService {
  const { metadata, spec } = service.object;
  const isAlias = spec.type === "ExternalName";
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    clusterIP: service.clusterIP === null ? null : formatAddress(service.clusterIP),
    externalName: isAlias ? (spec.externalName ?? "") : null,
    ports: spec.ports.map(({ name, protocol, port }) => ({ name: name ?? "", protocol, port })),
    endpoints: isAlias ? [] : endpointsOf(service, pods),
  };
}

/** @param namespaces names of the Namespace objects; those that hold something exist without one. */
export function dnsObjects(state: ClusterState, namespaces: readonly string[]): DnsObjects {
  const pods = new Map(state.pods.map((pod) => [pod.desired.key, pod]));
  return {
    namespaces: new Set([
      ...BUILT_IN_NAMESPACES,
      ...namespaces,
      ...state.services.map((s) => s.object.metadata.namespace),
      ...[...state.pods, ...state.waiting].map((p) => p.desired.namespace),
    ]),
    services: state.services.map((service) => dnsService(service, pods)),
    pods: state.pods.map(({ desired, place }) => ({
      namespace: desired.namespace,
      address: formatAddress(place.address),
    })),
  };
}

/** Hosts first: a name that a host and a node have is the host's. */
function machines(state: ClusterState): NamedMachine[] {
  return [
    ...state.hosts.map(({ spec, address }) => ({
      name: spec.name,
      address: formatAddress(address),
      inVpc: spec.subnet !== undefined,
    })),
    ...state.nodes.map(({ spec, address }) => ({ name: spec.name, address: formatAddress(address), inVpc: true })),
  ];
}

/** The two resolvers of a lab. */
export interface LabResolvers {
  /** At the cluster DNS address. */
  readonly cluster: Resolver;
  /** The VPC's. */
  readonly vpc: Resolver;
}

/**
 * @param serial counts the cluster's changes
 * @param namespaces names of the Namespace objects
 */
export function labResolvers(state: ClusterState, serial: number, namespaces: readonly string[]): LabResolvers {
  const { lab } = state;
  const { clusterDomain, ttl, pods } = lab.spec.cluster.dns;
  const vpc = new VpcResolver(vpcDomain(lab), machines(state));
  const nameserver =
    dnsMode(lab) === "none" ? null : { name: `${DNS_SERVICE}.${DNS_NAMESPACE}.svc`, address: clusterDnsAddress(lab) };
  const zone = new ClusterZone({
    objects: dnsObjects(state, namespaces),
    domain: clusterDomain,
    ttl,
    pods,
    serial,
    nameserver,
    upstream: vpc,
  });
  return { cluster: new ClusterResolver(zone, vpc), vpc };
}
