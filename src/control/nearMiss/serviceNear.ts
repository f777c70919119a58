import { FRONTEND_CLUSTER_IP, FRONTEND_NODE_PORT } from "../../plane/rows.ts";
import { formatAddress } from "../../plane/wire/address.ts";
import type { ClusterState } from "../clusterState.ts";
import type { Snapshot } from "../compile.ts";
import type { ProxyEndpoint } from "../kube/proxyPort.ts";
import { allRouted, routedPortAt } from "../serviceRows.ts";
import { nearestAddress, nearestBlock, notIn } from "./addresses.ts";
import { lowest, Nearest } from "./nearest.ts";
import { addressName, protocolName } from "./packetText.ts";
import type { NearMiss, Refusal } from "./refusal.ts";

/** Endpoints that are told of one by one; of more their number. */
const FEW = 3;

/** A service that has the address, but another port or protocol. */
export function nearServicePort(r: Refusal, { services, names }: Snapshot): NearMiss | null {
  const nearest = new Nearest();
  for (const { row } of allRouted(services))
    for (const { kind, address, port } of row.frontends) {
      if (kind === FRONTEND_NODE_PORT || address !== r.dst) continue;
      const differs: string[] = [];
      if (row.protocol !== r.protocol)
        differs.push(`protocol ${protocolName(r.protocol)} is not ${protocolName(row.protocol)}`);
      if (port !== r.dport) differs.push(`port ${r.dport} is not ${port}`);
      nearest.offer(names.service(row.id), differs);
    }
  return nearest.best;
}

/** A service with almost the address. */
export function nearServiceAddress(r: Refusal, { services, names }: Snapshot): NearMiss | null {
  const addresses: number[] = [];
  for (const { row } of allRouted(services))
    for (const { kind, address } of row.frontends) if (kind === FRONTEND_CLUSTER_IP) addresses.push(address);
  return nearestAddress(r.dst, addresses, names);
}

/** Endpoints of the service that there are, and why they take nothing. */
export function nearEndpoint(r: Refusal, { services, names }: Snapshot, state: ClusterState): NearMiss | null {
  const routed = r.service < 0 ? null : routedPortAt(services, r.service);
  if (routed === null) return null;
  const unready = routed.port.all.filter((e) => !e.ready);
  if (unready.length > 0)
    return { rule: names.service(r.service), differs: some(unready.map((e) => `${endpointName(e)} ${condition(e)}`)) };
  const { selector } = routed.service.object.spec;
  const labels = Object.entries(selector ?? {});
  if (labels.length === 0) return null;
  // The pod of the service's namespace that most of the selector holds for.
  const own = state.pods.filter((p) => p.desired.namespace === routed.service.object.metadata.namespace);
  const missing = (pod: (typeof own)[number]) => labels.filter(([k, v]) => pod.desired.labels[k] !== v);
  const near = lowest(own, (pod) => missing(pod).length);
  if (near === null || missing(near).length === 0 || missing(near).length === labels.length) return null;
  return {
    rule: near.desired.key,
    differs: missing(near).map(([k, v]) => `label ${k} is ${near.desired.labels[k] ?? "missing"}, not ${v}`),
  };
}

function endpointName({ pod, address, port }: ProxyEndpoint): string {
  return `${pod ?? formatAddress(address)}:${port}`;
}

function condition({ terminating, serving }: ProxyEndpoint): string {
  if (terminating) return serving ? "terminates, and still serves" : "terminates";
  return "is not ready";
}

/** Endpoints of the service on other nodes. */
export function nearLocalEndpoint(r: Refusal, { services, names }: Snapshot): NearMiss | null {
  const routed = r.service < 0 ? null : routedPortAt(services, r.service);
  const node = r.node < 0 ? "" : names.node(r.node);
  const elsewhere = (routed?.endpoints ?? []).filter((e) => e.node !== node);
  if (elsewhere.length === 0) return null;
  const where = elsewhere.map((e) => `${endpointName(e)} is on ${e.node ?? "no node"}, not on ${node}`);
  return { rule: names.service(r.service), differs: some(where) };
}

/** The source range that the client almost is in. */
export function nearSourceRange(r: Refusal, { services, names }: Snapshot): NearMiss | null {
  const routed = r.service < 0 ? null : routedPortAt(services, r.service);
  const near = nearestBlock(routed?.row.sourceRanges ?? [], r.src);
  if (near === null) return null;
  return {
    rule: `${names.service(r.service)} loadBalancerSourceRanges`,
    differs: [notIn(`source ${addressName(r.src, names)}`, near)],
  };
}

function some(list: readonly string[]): string[] {
  return list.length <= FEW ? [...list] : [...list.slice(0, FEW), `and ${list.length - FEW} more like it`];
}
