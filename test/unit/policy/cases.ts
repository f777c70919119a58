import {
  apply,
  type Direction,
  type Flow,
  HOSTS,
  type Labels,
  NODES,
  type Peer,
  type Pod,
  type PolicySpec,
  type Port,
  type Protocol,
  policy,
  type Selector,
  type Service,
  type World,
} from "./world.ts";

/** Who an expectation is about: `x/a`, `x/*`, `*`. */
export type Pattern = string;

/** A part of a truth table: connections from here to there work or not; later ones override earlier ones. */
export type Expectation = readonly [from: Pattern, to: Pattern, allowed: boolean];

/** A truth table of all pairs of pods: everything works but what the expectations say. */
export interface Table {
  readonly port: number;
  readonly protocol: Protocol;
  readonly expects: readonly Expectation[];
}

export interface Step {
  readonly title?: string;
  readonly change: (world: World) => World;
  /** What upstream's suite says that works afterwards; empty where the twin alone knows. */
  readonly tables?: readonly Table[];
  /** What to try instead of all pairs of pods. */
  readonly flows?: readonly Flow[];
}

export interface PolicyCase {
  readonly name: string;
  readonly world: World;
  readonly steps: readonly Step[];
}

export function table(port: number, expects: readonly Expectation[] = [], protocol: Protocol = "TCP"): Table {
  return { port, protocol, expects };
}

function fits(pattern: Pattern, pod: string): boolean {
  return pattern === "*" || pattern === pod || (pattern.endsWith("/*") && pod.startsWith(pattern.slice(0, -1)));
}

/** What a table says about a pair of pods. */
export function expected({ expects }: Table, from: string, to: string): boolean {
  return expects.findLast(([f, t]) => fits(f, from) && fits(t, to))?.[2] ?? true;
}

/** All pairs of different pods: upstream leaves loopback out, of which plugins think differently. */
export function pairs(world: World): [from: string, to: string][] {
  const ids = world.pods.map((p) => p.id);
  return ids.flatMap((from) => ids.filter((to) => to !== from).map((to): [string, string] => [from, to]));
}

/** Protocols and ports that pods are tried at. */
const TRIED = [
  { protocol: "TCP", port: 80 },
  { protocol: "TCP", port: 81 },
  { protocol: "UDP", port: 81 },
  { protocol: "SCTP", port: 80 },
] as const;

/** Whether a service has one endpoint: who else answers is chosen by chance. */
function hasOneEndpoint(world: World, { namespace, selector }: Service): boolean {
  const fits = (p: Pod) => Object.entries(selector).every(([key, value]) => p.labels[key] === value);
  return world.pods.filter((p) => p.namespace === namespace && fits(p)).length === 1;
}

/**
 * What is tried after a step: all pairs of pods, services in front of one pod, nodes and other machines. Where neither end's
 * namespace has policies one port is enough.
 */
export function tableFlows(world: World): Flow[] {
  const namespaces = new Set(world.policies.map((p) => p.namespace));
  const isConcerned = (...ids: string[]) => ids.some((id) => namespaces.has(id.split("/")[0]));
  const direct = pairs(world).flatMap(([from, to]) =>
    TRIED.slice(0, isConcerned(from, to) ? TRIED.length : 1).map((at): Flow => ({ from, to, ...at })),
  );
  const services = world.services
    .filter((s) => hasOneEndpoint(world, s))
    .flatMap((s) =>
      world.pods
        .filter((p) => isConcerned(p.id, s.id))
        .map((p): Flow => ({ from: p.id, to: `svc/${s.id}`, port: s.port, protocol: s.protocol })),
    );
  const machines = [...NODES, ...Object.keys(HOSTS)];
  const others = world.pods
    .filter((p) => isConcerned(p.id))
    .flatMap(({ id }) =>
      machines.flatMap((machine): Flow[] => [
        { from: machine, to: id, port: 80, protocol: "TCP" },
        { from: id, to: machine, port: 81, protocol: "TCP" },
      ]),
    );
  return [...direct, ...services, ...others];
}

export const ALL: Selector = {};
export const POD_A = { matchLabels: { pod: "a" } };

export const nameIs = (name: string) => ({ matchLabels: { "kubernetes.io/metadata.name": name } });
export const nameIn = (operator: "In" | "NotIn", ...values: string[]) => ({
  matchExpressions: [{ key: "kubernetes.io/metadata.name", operator, values }],
});
export const podIs = (name: string) => ({ matchLabels: { pod: name } });
export const labelled = (matchLabels: Labels) => ({ matchLabels });

/** Upstream's SetSpecIngressRules and SetSpecEgressRules: rules with the type that they are of. */
export function ingress(
  podSelector: Selector,
  ...rules: { from?: readonly Peer[]; ports?: readonly Port[] }[]
): PolicySpec {
  return { podSelector, policyTypes: ["Ingress"], ingress: rules };
}

export function egress(
  podSelector: Selector,
  ...rules: { to?: readonly Peer[]; ports?: readonly Port[] }[]
): PolicySpec {
  return { podSelector, policyTypes: ["Egress"], egress: rules };
}

/** Both directions without a rule. */
export function denyAll(podSelector: Selector = ALL): PolicySpec {
  return { podSelector, policyTypes: ["Ingress", "Egress"] };
}

/** A rule of either direction. */
export function rule(direction: Direction, peers: readonly Peer[], ports?: readonly Port[]): PolicySpec {
  const all = ports === undefined ? {} : { ports };
  return direction === "Ingress"
    ? ingress(ALL, { ...(peers.length > 0 ? { from: peers } : {}), ...all })
    : egress(ALL, { ...(peers.length > 0 ? { to: peers } : {}), ...all });
}

export function create(namespace: string, name: string, spec: PolicySpec): (world: World) => World {
  return (world) => apply(world, policy(namespace, name, spec));
}
