import { parseAddress } from "../../plane/wire/address.ts";
import { compareNames } from "../near.ts";
import {
  type EndpointSlice,
  MANAGED_BY_LABEL,
  SELECTOR_CONTROLLER,
  SERVICE_NAME_LABEL,
} from "../objects/endpointSlice.ts";
import type { Service, ServicePort } from "../objects/service.ts";
import type { DesiredPod } from "./deployments.ts";
import { matchesLabels } from "./labels.ts";

/** A pod with its address: its own, or its node's for a hostNetwork pod. */
export interface AddressedPod {
  readonly desired: DesiredPod;
  /** int32 */
  readonly address: number;
  readonly ready: boolean;
}

/** Where packets to a service's port can go. */
export interface ResolvedEndpoint {
  /** int32 */
  readonly address: number;
  readonly port: number;
  /** Key of the pod, or null for an address that a slice names. */
  readonly pod: string | null;
}

/** The slices that belong to a service; those that would only repeat what its selector says are left out. */
export function slicesOf(service: Service, slices: readonly EndpointSlice[]): EndpointSlice[] {
  const { name, namespace } = service.metadata;
  return slices.filter(({ metadata }) => {
    if (metadata.namespace !== namespace || metadata.labels[SERVICE_NAME_LABEL] !== name) return false;
    return service.spec.selector === undefined || metadata.labels[MANAGED_BY_LABEL] !== SELECTOR_CONTROLLER;
  });
}

/** The pod's port behind a service's port (endpointslice controller, FindPort); null: the pod has none of that name. */
function targetPortOf(pod: DesiredPod, port: ServicePort): number | null {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target;
  for (const container of pod.spec.containers)
    for (const p of container.ports) if (p.name === target && p.protocol === port.protocol) return p.containerPort;
  return null;
}

function podEndpoints(service: Service, port: ServicePort, pods: readonly AddressedPod[]): ResolvedEndpoint[] {
  const { selector, publishNotReadyAddresses } = service.spec;
  // An empty selector selects nothing by itself: its endpoints are the slices'.
  if (selector === undefined || Object.keys(selector).length === 0) return [];
  const found: ResolvedEndpoint[] = [];
  for (const { desired, address, ready } of pods) {
    if (desired.namespace !== service.metadata.namespace || !matchesLabels(selector, desired.labels)) continue;
    const target = targetPortOf(desired, port);
    if (target !== null && (ready || publishNotReadyAddresses)) found.push({ address, port: target, pod: desired.key });
  }
  return found.sort((a, b) => compareNames(a.pod ?? "", b.pod ?? ""));
}

function sliceEndpoints(port: ServicePort, slices: readonly EndpointSlice[]): ResolvedEndpoint[] {
  const ready: ResolvedEndpoint[] = [];
  const leaving: ResolvedEndpoint[] = [];
  for (const slice of slices) {
    if (slice.addressType !== "IPv4") continue;
    const target = slice.ports.find((p) => p.name === (port.name ?? "") && p.protocol === port.protocol);
    if (target === undefined) continue;
    for (const { addresses, conditions } of slice.endpoints) {
      // kube-proxy takes the first address of an endpoint alone.
      const address = parseAddress(addresses[0]);
      if (address === null) continue;
      const endpoint = { address, port: target.port, pod: null };
      if (conditions.ready && !conditions.terminating) ready.push(endpoint);
      else if (conditions.terminating && (conditions.serving ?? conditions.ready)) leaving.push(endpoint);
    }
  }
  // With nothing ready kube-proxy falls back to what is on its way out and still serves.
  return ready.length > 0 ? ready : leaving;
}

/**
 * The endpoints of one port of a service: ready pods that its selector names, in the order of their names, then what its
 * EndpointSlices say. An address and port counts once.
 */
export function resolveEndpoints(
  service: Service,
  port: ServicePort,
  pods: readonly AddressedPod[],
  slices: readonly EndpointSlice[],
): ResolvedEndpoint[] {
  const seen = new Set<string>();
  return [...podEndpoints(service, port, pods), ...sliceEndpoints(port, slicesOf(service, slices))].filter((e) => {
    const key = `${e.address}:${e.port}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
