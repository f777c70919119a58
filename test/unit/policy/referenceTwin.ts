import {
  addressOf,
  type Direction,
  type Flow,
  type Labels,
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
 * What networking.k8s.io/v1 says about a connection, word by word and slowly (k8s.io/api/networking/v1/types.go and the
 * documentation's chapter on network policies). Where the API promises nothing it says what most implementations do: pods
 * with hostNetwork are their node, a connection to a service is one to the endpoint behind it.
 */

export interface Verdict {
  readonly allowed: boolean;
  /** The policy's rule that allowed it, or what denied it: `egress: x/allow-b egress[0]`, `ingress: isolated by x/deny`. */
  readonly by: string;
}

/** One end of a connection: an address, and the pod that has it, if one has. */
export interface End {
  readonly address: string;
  readonly pod: Pod | null;
}

const BITS = 32;

function numberOf(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** Whether an address is in a block, host bits of the block or not. */
export function isInBlock(address: string, block: string): boolean {
  const [base, length] = block.split("/");
  const size = 2 ** (BITS - Number(length));
  return Math.floor(numberOf(address) / size) === Math.floor(numberOf(base) / size);
}

export function matches(selector: Selector, labels: Labels): boolean {
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels[key] !== value) return false;
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const there = key in labels;
    if (operator === "Exists" && !there) return false;
    if (operator === "DoesNotExist" && there) return false;
    if (operator === "In" && !(there && values.includes(labels[key]))) return false;
    if (operator === "NotIn" && there && values.includes(labels[key])) return false;
  }
  return true;
}

export function namespaceLabels(world: World, name: string): Labels {
  return { ...world.namespaces[name], "kubernetes.io/metadata.name": name };
}

export function typesOf({ policyTypes = [], egress = [] }: Policy["spec"]): readonly Direction[] {
  if (policyTypes.length > 0) return policyTypes;
  return egress.length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
}

/** Whether a peer's selectors name a pod. */
export function selects(world: World, namespace: string, peer: Peer, pod: Pod): boolean {
  const { podSelector, namespaceSelector } = peer;
  if (pod.hostNetwork || (podSelector === undefined && namespaceSelector === undefined)) return false;
  const inNamespace =
    namespaceSelector === undefined
      ? pod.namespace === namespace
      : matches(namespaceSelector, namespaceLabels(world, pod.namespace));
  return inNamespace && matches(podSelector ?? {}, pod.labels);
}

function isPeer(world: World, namespace: string, peer: Peer, end: End): boolean {
  const { ipBlock } = peer;
  if (ipBlock !== undefined) {
    if (!isInBlock(end.address, ipBlock.cidr)) return false;
    return !(ipBlock.except ?? []).some((block) => isInBlock(end.address, block));
  }
  return end.pod !== null && selects(world, namespace, peer, end.pod);
}

/** @param destination the pod that the connection goes to: a name means its port of that name. */
function isPort(entry: Port, protocol: Protocol, port: number, destination: Pod | null): boolean {
  if ((entry.protocol ?? "TCP") !== protocol) return false;
  if (entry.port === undefined) return true;
  if (typeof entry.port === "number") return port >= entry.port && port <= (entry.endPort ?? entry.port);
  const named = destination?.ports.find((p) => p.name === entry.port && p.protocol === protocol);
  return named?.number === port;
}

/** The policies that isolate a pod in a direction. */
export function isolating(world: World, pod: Pod, direction: Direction): Policy[] {
  return world.policies.filter(
    (p) =>
      p.namespace === pod.namespace &&
      matches(p.spec.podSelector ?? {}, pod.labels) &&
      typesOf(p.spec).includes(direction),
  );
}

interface Rule {
  readonly peers: readonly Peer[];
  readonly ports: readonly Port[];
}

export function rulesOf({ ingress = [], egress = [] }: Policy["spec"], direction: Direction): Rule[] {
  return direction === "Ingress"
    ? ingress.map(({ from = [], ports = [] }) => ({ peers: from, ports }))
    : egress.map(({ to = [], ports = [] }) => ({ peers: to, ports }));
}

export function endOf(world: World, key: string): End {
  return { address: addressOf(world, key), pod: world.pods.find((p) => p.id === key) ?? null };
}

export function targetPortOf(service: Service, endpoint: Pod): number {
  const { targetPort, protocol } = service;
  if (typeof targetPort === "number") return targetPort;
  const found = endpoint.ports.find((p) => p.name === targetPort && p.protocol === protocol);
  if (found === undefined) throw new Error(`${endpoint.id} has no port ${targetPort}`);
  return found.number;
}

/** The endpoint of a service's connection, which has one alone; null: the flow is not to a service. */
export function throughService(world: World, flow: Flow): { service: Service; endpoint: Pod; port: number } | null {
  if (!flow.to.startsWith("svc/")) return null;
  const service = world.services.find((s) => `svc/${s.id}` === flow.to);
  if (service === undefined || service.port !== flow.port || service.protocol !== flow.protocol)
    throw new Error(`no service ${flow.to} of port ${flow.port}/${flow.protocol}`);
  const endpoints = world.pods.filter(
    (p) => p.namespace === service.namespace && matches({ matchLabels: service.selector }, p.labels),
  );
  if (endpoints.length !== 1) throw new Error(`${flow.to} has ${endpoints.length} endpoints`);
  return { service, endpoint: endpoints[0], port: targetPortOf(service, endpoints[0]) };
}

/** What one side says: the policies of `pod` about a connection with `other`. */
function side(world: World, direction: Direction, pod: Pod, other: End, flow: Flow, destination: Pod | null): Verdict {
  const name = direction.toLowerCase();
  const policies = isolating(world, pod, direction);
  if (policies.length === 0) return { allowed: true, by: `${name}: ${pod.id} is not isolated` };
  if (other.address === addressOf(world, pod.node)) return { allowed: true, by: `${name}: the pod's own node` };
  for (const policy of policies) {
    for (const [i, { peers, ports }] of rulesOf(policy.spec, direction).entries()) {
      const peerFits = peers.length === 0 || peers.some((p) => isPeer(world, policy.namespace, p, other));
      const portFits = ports.length === 0 || ports.some((p) => isPort(p, flow.protocol, flow.port, destination));
      if (peerFits && portFits)
        return { allowed: true, by: `${name}: ${policy.namespace}/${policy.name} ${name}[${i}]` };
    }
  }
  const names = policies.map((p) => `${p.namespace}/${p.name}`);
  return { allowed: false, by: `${name}: isolated by ${names.join(", ")}` };
}

/** Whether a connection is allowed, and by what. */
export function evaluate(world: World, flow: Flow): Verdict {
  const through = throughService(world, flow);
  const source = endOf(world, flow.from);
  const destination = endOf(world, through?.endpoint.id ?? flow.to);
  const seen: Flow = { ...flow, port: through?.port ?? flow.port };
  if (source.pod !== null && source.pod === destination.pod)
    return { allowed: true, by: "a pod cannot block access to itself" };
  const parts: Verdict[] = [];
  if (source.pod !== null && !source.pod.hostNetwork)
    parts.push(side(world, "Egress", source.pod, destination, seen, destination.pod));
  if (destination.pod !== null && !destination.pod.hostNetwork)
    parts.push(side(world, "Ingress", destination.pod, source, seen, destination.pod));
  const denied = parts.find((p) => !p.allowed);
  if (denied !== undefined) return denied;
  return { allowed: true, by: parts.map((p) => p.by).join("; ") };
}
