/**
 * Small worlds of pods and policies as people write them: what the twins evaluate, and what a lab is made of. Nothing here
 * knows the code under test.
 */

export type Labels = Readonly<Record<string, string>>;

export interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values?: readonly string[];
  }[];
}

export interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

export type Protocol = "TCP" | "UDP" | "SCTP";
export const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const satisfies readonly Protocol[];

export interface Port {
  readonly protocol?: Protocol;
  readonly port?: number | string;
  readonly endPort?: number;
}

export type Direction = "Ingress" | "Egress";

/** spec of a NetworkPolicy, without the defaults that the API server would fill in. */
export interface PolicySpec {
  readonly podSelector?: Selector;
  readonly policyTypes?: readonly Direction[];
  readonly ingress?: readonly { readonly from?: readonly Peer[]; readonly ports?: readonly Port[] }[];
  readonly egress?: readonly { readonly to?: readonly Peer[]; readonly ports?: readonly Port[] }[];
}

export interface Policy {
  readonly namespace: string;
  readonly name: string;
  readonly spec: PolicySpec;
}

export interface ContainerPort {
  readonly name: string;
  readonly number: number;
  readonly protocol: Protocol;
}

export interface Pod {
  /** `x/a` */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly node: string;
  readonly hostNetwork: boolean;
  readonly ports: readonly ContainerPort[];
}

/** A ClusterIP service with one port, in front of the pods that its selector names. */
export interface Service {
  /** `x/s-a` */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly selector: Labels;
  readonly port: number;
  readonly targetPort: number | string;
  readonly protocol: Protocol;
}

export interface World {
  readonly namespaces: Readonly<Record<string, Labels>>;
  readonly pods: readonly Pod[];
  readonly services: readonly Service[];
  readonly policies: readonly Policy[];
  /** Dotted quads of pods (`x/a`), services (`svc/x/s-a`), nodes (`node-1`) and hosts (`db`). */
  readonly addresses: ReadonlyMap<string, string>;
}

/** A connection's first packet. */
export interface Flow {
  /** Who sends it: a key of {@link World.addresses}. */
  readonly from: string;
  /** Whom it is addressed to. */
  readonly to: string;
  readonly protocol: Protocol;
  readonly port: number;
}

export const NODES = ["node-1", "node-2"] as const;
/** Machines of the VPC that are neither pods nor nodes. */
export const HOSTS = { db: "10.0.1.200", cache: "10.0.2.201" } as const;

/** The ports that upstream's servers have: 80 and 81 of each protocol, named serve-80-tcp and so on. */
export function servedPorts(numbers: readonly number[] = [80, 81]): ContainerPort[] {
  return numbers.flatMap((number) =>
    PROTOCOLS.map((protocol) => ({ name: `serve-${number}-${protocol.toLowerCase()}`, number, protocol })),
  );
}

/** A pod `NAMESPACE/NAME` as upstream's suite makes them: labelled pod=NAME; a and c on node-1, others on node-2. */
export function pod(id: string, fields: Partial<Pod> = {}): Pod {
  const [namespace, name] = id.split("/");
  const node = NODES[name === "a" || name === "c" ? 0 : 1];
  const labels = { pod: name };
  return { id, namespace, name, labels, node, hostNetwork: false, ports: servedPorts(), ...fields };
}

/** A service `NAMESPACE/NAME` of port 80 to port 80. */
export function service(id: string, selector: Labels, fields: Partial<Service> = {}): Service {
  const [namespace, name] = id.split("/");
  return { id, namespace, name, selector, port: 80, targetPort: 80, protocol: "TCP", ...fields };
}

/** A world of these pods, each with a service `s-NAME` of port 80 in front, as upstream's suite has them; no policies. */
export function worldOf(pods: readonly (string | Pod)[]): World {
  const all = pods.map((p) => (typeof p === "string" ? pod(p) : p));
  const namespaces = Object.fromEntries(all.map((p) => [p.namespace, {}]));
  const services = all.filter((p) => !p.hostNetwork).map((p) => service(`${p.namespace}/s-${p.name}`, p.labels));
  return { namespaces, pods: all, services, policies: [], addresses: new Map() };
}

/** Upstream's three namespaces with three pods each. */
export const NINE = ["x", "y", "z"].flatMap((n) => ["a", "b", "c"].map((p) => `${n}/${p}`));

export function policy(namespace: string, name: string, spec: PolicySpec): Policy {
  return { namespace, name, spec };
}

/** Creates policies, or updates those of the same name. */
export function apply(world: World, ...policies: readonly Policy[]): World {
  const isNew = (p: Policy) => !policies.some((q) => q.namespace === p.namespace && q.name === p.name);
  return { ...world, policies: [...world.policies.filter(isNew), ...policies] };
}

export function removePolicies(world: World, ...names: readonly string[]): World {
  return { ...world, policies: names.length === 0 ? [] : world.policies.filter((p) => !names.includes(p.name)) };
}

export function labelPod(world: World, id: string, labels: Labels): World {
  return { ...world, pods: world.pods.map((p) => (p.id === id ? { ...p, labels } : p)) };
}

export function labelNamespace(world: World, name: string, labels: Labels): World {
  return { ...world, namespaces: { ...world.namespaces, [name]: labels } };
}

export function addPod(world: World, added: Pod): World {
  const namespaces = { [added.namespace]: {}, ...world.namespaces };
  return { ...world, namespaces, pods: [...world.pods, added] };
}

export function removePod(world: World, id: string): World {
  return { ...world, pods: world.pods.filter((p) => p.id !== id) };
}

export function addressOf(world: World, key: string): string {
  const address = world.addresses.get(key);
  if (address === undefined) throw new Error(`${key} has no address`);
  return address;
}

/** Addresses for worlds that no lab runs. */
export function withMadeUpAddresses(world: World): World {
  const addresses = new Map<string, string>(Object.entries(HOSTS));
  for (const [i, node] of NODES.entries()) addresses.set(node, `10.0.${i + 1}.4`);
  for (const p of world.pods) {
    const index = NODES.indexOf(p.node as (typeof NODES)[number]) + 1;
    addresses.set(p.id, p.hostNetwork ? `10.0.${index}.4` : `10.0.${index}.${16 + addresses.size}`);
  }
  for (const [i, s] of world.services.entries()) addresses.set(`svc/${s.id}`, `172.20.1.${i + 1}`);
  return { ...world, addresses };
}
