import type { ProxyPort } from "../../../src/control/kube/proxyPort.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { categorize } from "../control/categorizeTwin.ts";
import { type Fields, serviceDocument, sliceDocument } from "../control/documents.ts";
import { proxyEndpoint, proxyPort } from "../control/proxyObjects.ts";
import type { Flow, Network, Outcome } from "./network.ts";

/** What kube-proxy promises about where packets go, kept by hand for each flow: the twin of services, plane and conntrack. */

export type Mode = "iptables" | "nftables" | "ipvs" | "cilium";
export const SERVERS = ["s1", "s2", "s3", "s4"];
export const NODES = ["node-1", "node-2"];
const HOME: Readonly<Record<string, string>> = { s1: "node-1", s2: "node-1", s3: "node-2", s4: "node-2" };
const FIRST_NODE_PORT = 30_500;

export type Condition = "ready" | "leaving" | "stopped" | "absent";

/** A service as it is, or is to be. */
export interface ServiceModel {
  exists: boolean;
  affinity: boolean;
  internalLocal: boolean;
  externalLocal: boolean;
  target: number;
  /** Of each of {@link SERVERS}. */
  conditions: Condition[];
}

export const clusterIP = (service: number): string => `172.20.0.${10 + service}`;
export const nodePort = (service: number): number => FIRST_NODE_PORT + service;

/** The service and the slice that say it. */
export function documents(network: Network, id: number, model: ServiceModel): Fields[] {
  const name = `service-${id}`;
  const port = (protocol: string) => ({ name: protocol.toLowerCase(), port: 80, protocol, nodePort: nodePort(id) });
  const service = serviceDocument(name, {
    type: "NodePort",
    selector: undefined,
    clusterIP: clusterIP(id),
    ports: [port("TCP"), port("UDP")],
    sessionAffinity: model.affinity ? "ClientIP" : "None",
    internalTrafficPolicy: model.internalLocal ? "Local" : "Cluster",
    externalTrafficPolicy: model.externalLocal ? "Local" : "Cluster",
  });
  const endpoints = SERVERS.flatMap((server, i) => {
    const condition = model.conditions[i];
    if (condition === "absent") return [];
    const conditions = {
      ready: condition === "ready",
      serving: condition !== "stopped",
      terminating: condition !== "ready",
    };
    const { address } = network.end(`pod/${server}`);
    return [{ addresses: [formatAddress(address)], nodeName: HOME[server], conditions }];
  });
  const ports = ["TCP", "UDP"].map((protocol) => ({ name: protocol.toLowerCase(), port: model.target, protocol }));
  return [service, { ...sliceDocument(name, []), ports, endpoints }];
}

/** From where to what a flow is. */
export interface Way {
  client: string;
  service: number;
  /** Node whose NodePort it uses; null: the ClusterIP. */
  node: string | null;
  protocol: "TCP" | "UDP";
}

const clientNode = (network: Network, client: string): string => {
  const [kind, name] = client.split("/");
  if (kind === "node") return name;
  const pod = network.cluster.state().pods.find((p) => p.desired.name === name);
  return pod?.place.node ?? "";
};

function proxied(model: ServiceModel, way: Way): ProxyPort {
  const endpoints = SERVERS.flatMap((server, i) => {
    const condition = model.conditions[i];
    if (condition === "absent") return [];
    const ready = condition === "ready";
    const serving = condition !== "stopped";
    return [proxyEndpoint(i, { pod: server, node: HOME[server], ready, serving, terminating: !ready })];
  });
  return proxyPort(endpoints, {
    protocol: way.protocol,
    nodePort: nodePort(way.service),
    internalTrafficPolicy: model.internalLocal ? "Local" : "Cluster",
    externalTrafficPolicy: model.externalLocal ? "Local" : "Cluster",
  });
}

/** Servers that a flow's first packet may reach: services.md, "Which endpoint", and each mode's own policies. */
export function allowed(network: Network, mode: Mode, model: ServiceModel, way: Way): string[] {
  if (!model.exists) return [];
  const from = clientNode(network, way.client);
  const at = way.node ?? from;
  const port = proxied(model, way);
  const { cluster, local } = categorize(port, { name: at, zone: "" });
  const names = (set: typeof cluster) => set.map((e) => `pod/default/${e.pod}`);
  const external = way.node !== null;
  let isLocal = external ? model.externalLocal : model.internalLocal;
  if (mode === "cilium") isLocal = from === at ? model.internalLocal : model.externalLocal;
  // The node itself is short-circuited to all endpoints.
  else if (mode !== "ipvs" && external && way.client === `node/${at}`) isLocal = false;
  if (!isLocal) return names(cluster);
  if (mode === "ipvs" && local.length === 0 && !model.internalLocal) return names(cluster);
  return names(local);
}

/** Seconds without a packet within which an entry lives for sure, and after which it is gone for sure. */
const LIFE = {
  UDP: [30, 120],
  TCP: [60, 121],
} as const;

/** A flow, and what is known of its conntrack entry. */
export interface TrackedFlow {
  readonly way: Way;
  readonly flow: Flow;
  /** Where its entry leads; null: there is none. */
  bound: Outcome | null;
  /** When its entry saw the last packet, in seconds. */
  seen: number;
  established: boolean;
  /** Its packets are lost behind a translation, so that nobody sees which: it is not looked at any more. */
  unseen: boolean;
}

/** What has to become of the next packet of a flow: go where the last one went, be as a first one, or one of the two. */
export function fate({ bound, seen, established, flow, way }: TrackedFlow, now: number): "stays" | "anew" | "either" {
  if (bound === null) return "anew";
  if (established) return "stays";
  const [sure, most] = LIFE[way.protocol];
  if (now - seen < sure) return "stays";
  // What conntrack picks up midway lives longer than a handshake.
  return now - seen >= most && !(way.protocol === "TCP" && flow.opened) ? "anew" : "either";
}

/** A change of the service as the UDP reconciler sees it: entries go whose answers do not come from what serves. */
export function reconcile(flows: readonly TrackedFlow[], service: number, network: Network, model: ServiceModel): void {
  const serving = SERVERS.filter((_, i) => model.exists && ["ready", "leaving"].includes(model.conditions[i]));
  const targets = serving.map((s) => `${formatAddress(network.end(`pod/${s}`).address)}:${model.target}`);
  for (const tracked of flows)
    if (tracked.way.service === service && tracked.way.protocol === "UDP")
      if (tracked.bound !== null && !targets.includes(tracked.bound.target)) tracked.bound = null;
}
