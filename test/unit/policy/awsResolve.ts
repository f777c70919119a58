import { isInBlock, matches, namespaceLabels, rulesOf, typesOf } from "./referenceTwin.ts";
import {
  addressOf,
  type ContainerPort,
  type Direction,
  type Peer,
  type Pod,
  type Policy,
  type Port,
  type Protocol,
  type Selector,
  type Service,
  type World,
} from "./world.ts";

/**
 * What AWS's controller makes of policies, slowly (amazon-network-policy-controller-k8s, pkg/resolvers/endpoints.go): blocks
 * with ports. Each way in which that is not what the API says can be switched off; without any of them it says the same.
 */

export const DIFFERENCES = [
  "cluster-ip-before-dnat",
  "named-ports-of-all-targets",
  "named-ports-without-pods",
  "except-of-another-rule",
  "replicas-share-maps",
  "rules-of-a-type-not-listed",
  "port-limit",
  "host-network-peers",
] as const;
export type Difference = (typeof DIFFERENCES)[number];
export type Differences = ReadonlySet<Difference>;

export interface NumberedPort {
  readonly protocol: Protocol;
  /** 0: every port. */
  readonly port: number;
  /** 0: none. */
  readonly endPort: number;
}

/** An EndpointInfo: ports null are all ports of all protocols. */
export interface Entry {
  readonly cidr: string;
  readonly except: readonly string[];
  readonly ports: readonly NumberedPort[] | null;
}

const isNamed = ({ port }: Port): boolean => typeof port === "string";

function numbered(entry: Port, port: number): NumberedPort {
  return { protocol: entry.protocol ?? "TCP", port, endPort: entry.endPort ?? 0 };
}

const withoutNames = (ports: readonly Port[]): NumberedPort[] =>
  ports.filter((p) => !isNamed(p)).map((p) => numbered(p, Number(p.port ?? 0)));

function containerPort(pod: Pod, name: string, protocol: Protocol): ContainerPort | undefined {
  return pod.ports.find((p) => p.name === name && p.protocol === protocol);
}

/** getPortList: names by the pod's own ports; those that it has not are left out. */
function portsAt(pod: Pod, ports: readonly Port[]): NumberedPort[] {
  return ports.flatMap((entry) => {
    if (typeof entry.port !== "string") return [numbered(entry, entry.port ?? 0)];
    const found = containerPort(pod, entry.port, entry.protocol ?? "TCP");
    return found === undefined ? [] : [numbered(entry, found.number)];
  });
}

const hostBlock = (address: string): string => `${address}/32`;

/** All pods of the namespaces that a peer's selectors name, with hostNetwork where the controller lists them. */
function peerPods(world: World, namespace: string, peer: Peer, on: Differences): Pod[] {
  return world.pods.filter(
    (p) =>
      isPeerNamespace(world, namespace, peer, p.namespace) &&
      matches(peer.podSelector ?? {}, p.labels) &&
      (!p.hostNetwork || on.has("host-network-peers")),
  );
}

function isPeerNamespace(world: World, own: string, { namespaceSelector }: Peer, namespace: string): boolean {
  if (namespaceSelector === undefined) return namespace === own;
  return matches(namespaceSelector, namespaceLabels(world, namespace));
}

/** Ports of an ingress rule; null: all. `pod` is who is connected to. */
function ingressPorts(world: World, policy: Policy, pod: Pod, ports: readonly Port[], on: Differences) {
  if (ports.length === 0) return null;
  if (!ports.some(isNamed)) return withoutNames(ports);
  if (!on.has("named-ports-of-all-targets")) return portsAt(pod, ports);
  const { podSelector = {} } = policy.spec;
  const targets = world.pods.filter((p) => p.namespace === policy.namespace && matches(podSelector, p.labels));
  return targets.flatMap((target) => portsAt(target, ports));
}

function ingressEntries(world: World, policy: Policy, pod: Pod, on: Differences): Entry[] {
  return rulesOf(policy.spec, "Ingress").flatMap(({ peers, ports }): Entry[] => {
    const resolved = ingressPorts(world, policy, pod, ports, on);
    if (resolved !== null && resolved.length === 0) return [];
    if (peers.length === 0) return [{ cidr: "0.0.0.0/0", except: [], ports: resolved }];
    return peers.flatMap((peer): Entry[] => {
      const { ipBlock } = peer;
      if (ipBlock !== undefined) return [{ cidr: ipBlock.cidr, except: ipBlock.except ?? [], ports: resolved }];
      const pods = peerPods(world, policy.namespace, peer, on);
      return pods.map((p) => ({ cidr: hostBlock(addressOf(world, p.id)), except: [], ports: resolved }));
    });
  });
}

/** A block to which connections go, and the ports there: names mean nothing where there is no pod to ask. */
function blockEntries(
  world: World,
  { cidr, except = [] }: NonNullable<Peer["ipBlock"]>,
  ports: readonly Port[],
  on: Differences,
): Entry[] {
  if (ports.length === 0) return [{ cidr, except, ports: null }];
  const inNumbers = withoutNames(ports);
  const entries: Entry[] = inNumbers.length === 0 ? [] : [{ cidr, except, ports: inNumbers }];
  if (on.has("named-ports-without-pods")) return entries;
  const names = ports.filter(isNamed);
  for (const p of world.pods) {
    const address = addressOf(world, p.id);
    if (!isInBlock(address, cidr) || except.some((e) => isInBlock(address, e))) continue;
    const resolved = portsAt(p, names);
    if (resolved.length > 0) entries.push({ cidr: hostBlock(address), except: [], ports: resolved });
  }
  return entries;
}

function egressEntries(world: World, policy: Policy, on: Differences): Entry[] {
  return rulesOf(policy.spec, "Egress").flatMap(({ peers, ports }): Entry[] => {
    if (peers.length === 0) return blockEntries(world, { cidr: "0.0.0.0/0" }, ports, on);
    return peers.flatMap((peer): Entry[] => {
      if (peer.ipBlock !== undefined) return blockEntries(world, peer.ipBlock, ports, on);
      const pods = peerPods(world, policy.namespace, peer, on).flatMap((p): Entry[] => {
        const resolved = portsAt(p, ports);
        if (ports.length > 0 && resolved.length === 0) return [];
        const cidr = hostBlock(addressOf(world, p.id));
        return [{ cidr, except: [], ports: ports.length === 0 ? null : resolved }];
      });
      return on.has("cluster-ip-before-dnat") ? [...pods, ...serviceEntries(world, policy, peer, ports)] : pods;
    });
  });
}

/** getMatchingServiceClusterIPs: ClusterIPs of services whose selector, taken for labels, the peer's podSelector matches. */
function serviceEntries(world: World, policy: Policy, peer: Peer, ports: readonly Port[]): Entry[] {
  const selector: Selector = peer.podSelector ?? {};
  return world.services.flatMap((service): Entry[] => {
    if (!isPeerNamespace(world, policy.namespace, peer, service.namespace)) return [];
    if (!matches(selector, service.selector)) return [];
    const cidr = hostBlock(addressOf(world, `svc/${service.id}`));
    if (ports.length === 0) return [{ cidr, except: [], ports: null }];
    const resolved = ports.flatMap((entry) => {
      if (entry.port === undefined) return [numbered(entry, 0)];
      const protocol = entry.protocol ?? "TCP";
      if (!listensFor(world, service, entry.port, protocol)) return [];
      if (typeof entry.port === "number" && isBypass(world, service, protocol, ports)) return [];
      return [numbered(entry, service.port)];
    });
    return resolved.length === 0 ? [] : [{ cidr, except: [], ports: resolved }];
  });
}

function backends(world: World, service: Service): Pod[] {
  return world.pods.filter(
    (p) => p.namespace === service.namespace && matches({ matchLabels: service.selector }, p.labels),
  );
}

/** getMatchingServicePort: whether the service's port leads to a port of a policy. */
function listensFor(world: World, service: Service, port: number | string, protocol: Protocol): boolean {
  if (service.protocol !== protocol) return false;
  if (service.targetPort === port) return true;
  return backends(world, service).some((pod) => {
    const own = pod.ports.find((p) => p.protocol === protocol && (p.name === port || p.number === port));
    if (own === undefined) return false;
    return typeof service.targetPort === "string" ? own.name === service.targetPort : own.number === service.targetPort;
  });
}

/** hasTargetPortBypass: the target port is a name, and some endpoint's port of that name is none of the policy's. */
function isBypass(world: World, service: Service, protocol: Protocol, ports: readonly Port[]): boolean {
  const { targetPort } = service;
  if (typeof targetPort !== "string") return false;
  return backends(world, service).some((pod) => {
    const number = containerPort(pod, targetPort, protocol)?.number;
    if (number === undefined) return false;
    return !ports.some(
      (p) =>
        (p.protocol ?? "TCP") === protocol &&
        (p.port === undefined || (typeof p.port === "number" && number >= p.port && number <= (p.endPort ?? p.port))),
    );
  });
}

/** What the policies that select one of a map's pods come to in a direction; null: nothing is isolated, all is allowed. */
export function entriesOf(
  world: World,
  policies: readonly Policy[],
  pod: Pod,
  direction: Direction,
  on: Differences,
): Entry[] | null {
  const counts = (p: Policy) => on.has("rules-of-a-type-not-listed") || typesOf(p.spec).includes(direction);
  const entries = policies
    .filter(counts)
    .flatMap((p) => (direction === "Ingress" ? ingressEntries(world, p, pod, on) : egressEntries(world, p, on)));
  const isIsolated = policies.some((p) => typesOf(p.spec).includes(direction));
  return entries.length === 0 && !isIsolated ? null : entries;
}
