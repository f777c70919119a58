import { parseAddress } from "../../plane/wire/address.ts";
import { compareNames } from "../near.ts";
import {
  type EndpointSlice,
  MANAGED_BY_LABEL,
  SELECTOR_CONTROLLER,
  SERVICE_NAME_LABEL,
  type SliceEndpoint,
} from "../objects/endpointSlice.ts";
import { KINDS, objectKey } from "../objects/kinds.ts";
import { computesZoneHints, isProxied, type Service, type ServicePort } from "../objects/service.ts";
import { withValues } from "../overlay.ts";
import type { DesiredPod } from "./deployments.ts";
import type { ProxyEndpoint } from "./proxyPort.ts";
import { allocateZones, type ZoneShares } from "./topologyHints.ts";

/** A pod with its address: its own, or its node's for a hostNetwork pod. */
export interface AddressedPod {
  readonly desired: DesiredPod;
  /** int32 */
  readonly address: number;
  readonly node: string;
  /** Whether its Ready condition is true. */
  readonly ready: boolean;
  /** Whether it is being deleted. */
  readonly terminating: boolean;
}

/** Zones of the cluster's nodes, and their shares of its CPUs. */
export interface Zones {
  readonly byNode: ReadonlyMap<string, string>;
  readonly shares: ZoneShares;
}

/** Slices by the key of the service they name. */
export type SliceIndex = ReadonlyMap<string, readonly EndpointSlice[]>;

const NONE: readonly EndpointSlice[] = [];
const NO_HINTS: readonly string[] = [];
/** A slice never changes: the key of its service is made once. */
const SERVICES = new WeakMap<EndpointSlice, string | null>();
/** Indices by the lists they were made of: several look at the same objects. */
const INDICES = new WeakMap<readonly EndpointSlice[], SliceIndex>();

/** Key of the service that a slice names, or null. */
export function serviceOfSlice(slice: EndpointSlice): string | null {
  const known = SERVICES.get(slice);
  if (known !== undefined) return known;
  const { namespace, labels } = slice.metadata;
  const service = labels[SERVICE_NAME_LABEL];
  const name = service === undefined ? null : `${KINDS.Service.prefix}/${namespace}/${service}`;
  SERVICES.set(slice, name);
  return name;
}

export function sliceIndex(slices: readonly EndpointSlice[]): SliceIndex {
  const known = INDICES.get(slices);
  if (known !== undefined) return known;
  const index = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const key = serviceOfSlice(slice);
    if (key === null) continue;
    const list = index.get(key);
    if (list === undefined) index.set(key, [slice]);
    else list.push(slice);
  }
  INDICES.set(slices, index);
  return index;
}

/**
 * Notes the index of slices some of which were replaced by ones of the same services, so that it need not be made anew.
 *
 * @param before slices of an index
 * @param replaced slices as they were, and as they are in `after`
 */
export function reindexSlices(
  before: readonly EndpointSlice[],
  after: readonly EndpointSlice[],
  replaced: ReadonlyMap<EndpointSlice, EndpointSlice>,
): void {
  const index = sliceIndex(before);
  const changed = new Map<string, readonly EndpointSlice[]>();
  for (const old of replaced.keys()) {
    const key = serviceOfSlice(old);
    if (key !== null)
      changed.set(
        key,
        (index.get(key) ?? NONE).map((slice) => replaced.get(slice) ?? slice),
      );
  }
  INDICES.set(after, withValues(index, changed));
}

/** The slices that belong to a service; those that would only repeat what its selector says are left out. */
export function slicesOf(service: Service, index: SliceIndex): readonly EndpointSlice[] {
  const all = index.get(objectKey(service)) ?? NONE;
  if (service.spec.selector === undefined) return all;
  const own = all.filter(({ metadata }) => metadata.labels[MANAGED_BY_LABEL] !== SELECTOR_CONTROLLER);
  return own.length === all.length ? all : own;
}

/** The pod's port behind a service's port (endpointslice controller, FindPort); null: the pod has none of that name. */
function targetPortOf(pod: DesiredPod, port: ServicePort): number | null {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target;
  for (const container of pod.spec.containers)
    for (const p of container.ports) if (p.name === target && p.protocol === port.protocol) return p.containerPort;
  return null;
}

/** The hints that the EndpointSlice controller gives a ready endpoint of a node (trafficdist.go). */
function nearHints(service: Service, node: string, zones: Zones): Pick<ProxyEndpoint, "zoneHints" | "nodeHints"> {
  const { trafficDistribution } = service.spec;
  const zone = zones.byNode.get(node) ?? "";
  return {
    zoneHints: trafficDistribution === undefined || zone === "" ? NO_HINTS : [zone],
    nodeHints: trafficDistribution === "PreferSameNode" ? [node] : NO_HINTS,
  };
}

/** Conditions of a pod's endpoint (endpointslice/utils.go, podToEndpoint). */
function podEndpoint(service: Service, pod: AddressedPod, target: number, zones: Zones): ProxyEndpoint {
  const { desired, address, node, terminating } = pod;
  const { publishNotReadyAddresses } = service.spec;
  const serving = publishNotReadyAddresses || pod.ready;
  const ready = publishNotReadyAddresses || (serving && !terminating);
  const hints = ready ? nearHints(service, node, zones) : { zoneHints: NO_HINTS, nodeHints: NO_HINTS };
  return { address, port: target, pod: desired.key, node, ready, serving, terminating, ...hints };
}

/** Endpoints with the hints of topology mode Auto instead of any other. */
function withZoneHints(endpoints: readonly ProxyEndpoint[], zones: Zones): ProxyEndpoint[] {
  const ready = endpoints.filter((e) => e.ready);
  const given = allocateZones(
    ready.map((e) => zones.byNode.get(e.node ?? "") ?? ""),
    zones.shares,
  );
  let next = 0;
  return endpoints.map((e) => ({
    ...e,
    zoneHints: given === null || !e.ready ? NO_HINTS : [given[next++]],
    nodeHints: NO_HINTS,
  }));
}

/** @param pods those that the service's selector names */
function podEndpoints(service: Service, port: ServicePort, pods: readonly AddressedPod[], zones: Zones) {
  const found: ProxyEndpoint[] = [];
  for (const pod of pods) {
    const target = targetPortOf(pod.desired, port);
    if (target !== null) found.push(podEndpoint(service, pod, target, zones));
  }
  found.sort((a, b) => compareNames(a.pod ?? "", b.pod ?? ""));
  return computesZoneHints(service) ? withZoneHints(found, zones) : found;
}

const hintNames = (hints: readonly { name: string }[] | undefined): readonly string[] =>
  hints === undefined || hints.length === 0 ? NO_HINTS : hints.map((h) => h.name);

/** kube-proxy takes the first address of an endpoint alone (endpointslicecache.go, addEndpoints). */
function sliceEndpoint(endpoint: SliceEndpoint, port: number): ProxyEndpoint | null {
  const address = parseAddress(endpoint.addresses[0]);
  if (address === null) return null;
  const { conditions, hints, hostname, nodeName } = endpoint;
  return {
    address,
    port,
    pod: null,
    node: nodeName || null,
    ...(hostname ? { hostname } : {}),
    ready: conditions.ready,
    serving: conditions.serving,
    terminating: conditions.terminating,
    zoneHints: hintNames(hints?.forZones),
    nodeHints: hintNames(hints?.forNodes),
  };
}

function sliceEndpoints(port: ServicePort, slices: readonly EndpointSlice[]): ProxyEndpoint[] {
  const found: ProxyEndpoint[] = [];
  for (const slice of slices) {
    if (slice.addressType !== "IPv4" || !isProxied(slice.metadata.labels)) continue;
    const target = slice.ports.find((p) => p.name === (port.name ?? "") && p.protocol === port.protocol);
    if (target === undefined) continue;
    for (const endpoint of slice.endpoints) {
      const made = sliceEndpoint(endpoint, target.port);
      if (made !== null) found.push(made);
    }
  }
  return found;
}

/** An address and port counts once, where it is first. */
function withoutRepeats(endpoints: ProxyEndpoint[]): ProxyEndpoint[] {
  const seen = new Set<number>();
  const unique = endpoints.filter(({ address, port }) => {
    const key = (address >>> 0) * 65_536 + port;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  return unique.length === endpoints.length ? endpoints : unique;
}

/**
 * The endpoints of one port of a service, those that no node may use included: pods that its selector names, in the order
 * of their names, then what its EndpointSlices say.
 *
 * @param pods those that the service's selector names: none for an empty one, whose endpoints are the slices'.
 */
export function resolveEndpoints(
  service: Service,
  port: ServicePort,
  pods: readonly AddressedPod[],
  slices: readonly EndpointSlice[],
  zones: Zones,
): ProxyEndpoint[] {
  return withoutRepeats([...podEndpoints(service, port, pods, zones), ...sliceEndpoints(port, slices)]);
}

/** Those that take part: what is ready, or else what is on its way out and still serves. Topology is left aside. */
export function endpointsInUse(endpoints: readonly ProxyEndpoint[]): readonly ProxyEndpoint[] {
  if (endpoints.every((e) => e.ready)) return endpoints;
  const ready = endpoints.filter((e) => e.ready);
  return ready.length > 0 ? ready : endpoints.filter((e) => e.serving && e.terminating);
}
