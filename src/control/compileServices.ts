import {
  type Endpoint,
  FRONTEND_CLUSTER_IP,
  FRONTEND_EXTERNAL_IP,
  FRONTEND_LOAD_BALANCER_IP,
  FRONTEND_NODE_PORT,
  type Frontend,
  type HostPortRow,
  type NodeEndpoints,
  SCHEDULER_LC,
  SCHEDULER_MAGLEV,
  SCHEDULER_MH,
  SCHEDULER_RANDOM,
  SCHEDULER_RR,
  SCHEDULER_SH,
  SCHEDULER_WRR,
  type ServiceRow,
} from "../plane/rows.ts";
import { parseAddress } from "../plane/wire/address.ts";
import type { ClusterState } from "./clusterState.ts";
import type { ProxyEndpoint, ProxyNode, ProxyPort, SelectedEndpoints } from "./kube/proxyPort.ts";
import { selectEndpoints, usesLocalEndpoints } from "./kube/selectEndpoints.ts";
import type { Lab } from "./objects/lab.ts";
import { PROTOCOLS } from "./protocols.ts";

const SCHEDULERS = {
  rr: SCHEDULER_RR,
  wrr: SCHEDULER_WRR,
  lc: SCHEDULER_LC,
  sh: SCHEDULER_SH,
  mh: SCHEDULER_MH,
  random: SCHEDULER_RANDOM,
  maglev: SCHEDULER_MAGLEV,
} as const;

/** How a lab's nodes choose among endpoints: IPVS takes turns by default, all others draw. */
export function schedulerOf(lab: Lab): number {
  const { mode, scheduler } = lab.spec.cluster.kubeProxy;
  return SCHEDULERS[scheduler ?? (mode === "ipvs" ? "rr" : "random")];
}

/** A row of a service port, and the endpoints of the row in its order. */
export interface CompiledPort {
  readonly row: ServiceRow;
  readonly endpoints: readonly ProxyEndpoint[];
}

function frontends(p: ProxyPort): Frontend[] {
  const { port } = p;
  const found: Frontend[] = [{ kind: FRONTEND_CLUSTER_IP, address: p.clusterIP, port }];
  for (const address of p.externalIPs) found.push({ kind: FRONTEND_EXTERNAL_IP, address, port });
  for (const address of p.loadBalancerIPs) found.push({ kind: FRONTEND_LOAD_BALANCER_IP, address, port });
  if (p.nodePort !== 0) found.push({ kind: FRONTEND_NODE_PORT, address: 0, port: p.nodePort });
  return found;
}

/** What nodes choose from, where that is not what a node without endpoints, hints and zone does. */
function ownSets(port: ProxyPort, nodes: readonly ProxyNode[], common: SelectedEndpoints) {
  const own: { node: number; set: SelectedEndpoints }[] = [];
  const hasLocal = usesLocalEndpoints(port);
  if (!hasLocal && port.topology === "none") return own;
  const named = new Set<string>();
  for (const { node, nodeHints } of port.endpoints) {
    if (hasLocal && node !== null) named.add(node);
    for (const hint of nodeHints) named.add(hint);
  }
  const byZone = new Map<string, SelectedEndpoints>();
  nodes.forEach((node, index) => {
    if (port.topology === "none" && !named.has(node.name)) return;
    // All nodes of a zone that no endpoint is on, or hinted for, choose from the same.
    let set = named.has(node.name) ? undefined : byZone.get(node.zone);
    if (set === undefined) {
      set = selectEndpoints(port, node);
      if (!named.has(node.name)) byZone.set(node.zone, set);
    }
    const same = set.cluster.length === common.cluster.length && set.cluster.every((e, i) => e === common.cluster[i]);
    if (!same || set.local.length > 0) own.push({ node: index, set });
  });
  return own;
}

const rowEndpoint = ({ address, port }: ProxyEndpoint): Endpoint => ({ address, port, weight: 1 });

const NONE: readonly ProxyEndpoint[] = [];
const NOWHERE: ProxyNode = { name: "", zone: "" };

/**
 * The row of a service port.
 *
 * @param nodes the lab's, in the order of their indices
 */
export function compilePort(port: ProxyPort, id: number, nodes: readonly ProxyNode[], scheduler: number): CompiledPort {
  const common = selectEndpoints(port, NOWHERE);
  const own = ownSets(port, nodes, common);
  let endpoints = common.cluster;
  if (own.length > 0) {
    const used = new Set(common.cluster);
    for (const { set } of own) for (const e of [...set.cluster, ...set.local]) used.add(e);
    endpoints = port.endpoints.filter((e) => used.has(e));
  }
  const places = new Map(endpoints.map((e, i) => [e, i]));
  // Nobody asks of other protocols.
  const isUdp = port.protocol === "UDP" && endpoints.length < port.endpoints.length;
  const alsoServing = isUdp ? port.endpoints.filter((e) => e.serving && !places.has(e)) : NONE;
  const indices = (set: readonly ProxyEndpoint[]) => set.map((e) => places.get(e) ?? 0);
  const row: ServiceRow = {
    t: "service",
    id,
    protocol: PROTOCOLS[port.protocol],
    frontends: frontends(port),
    endpoints: endpoints.map(rowEndpoint),
    cluster: indices(common.cluster),
    nodes: own.map(
      ({ node, set }): NodeEndpoints => ({ node, cluster: indices(set.cluster), local: indices(set.local) }),
    ),
    hasEndpoints: common.any,
    ...(alsoServing.length === 0 ? {} : { alsoServing: alsoServing.map(rowEndpoint) }),
    internalLocal: port.internalTrafficPolicy === "Local",
    externalLocal: port.externalTrafficPolicy === "Local",
    affinity: port.affinitySeconds,
    scheduler,
    sourceRanges: port.sourceRanges.map(({ prefix, length }) => ({ prefix, length })),
  };
  return { row, endpoints };
}

/** The hostPorts of running pods. A hostNetwork pod's are its own ports: nothing is translated for them. */
export function hostPortRows(state: ClusterState): HostPortRow[] {
  const nodes = new Map(state.nodes.map((n, i) => [n.spec.name, i]));
  const rows: HostPortRow[] = [];
  for (const { desired, place } of state.pods) {
    if (place.hostNetwork) continue;
    for (const { ports } of desired.spec.containers)
      for (const { hostPort, hostIP, containerPort, protocol } of ports)
        if (hostPort !== undefined)
          rows.push({
            t: "hostPort",
            node: nodes.get(place.node) ?? -1,
            protocol: PROTOCOLS[protocol],
            address: parseAddress(hostIP ?? "") ?? 0,
            port: hostPort,
            target: place.address,
            targetPort: containerPort,
          });
  }
  return rows;
}
