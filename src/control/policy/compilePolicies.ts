import type { ClusterNetworkPolicy } from "../objects/clusterNetworkPolicy.ts";
import { type NetworkPolicy, policyTypesOf } from "../objects/networkPolicy.ts";
import { Peers } from "./peers.ts";
import { type Selection, selections } from "./podGroups.ts";
import { type PolicyEndpoint, resolveClusterPolicy, resolvePolicy } from "./resolveAws.ts";
import { clusterEgressRules, clusterIngressRules, egressRules, ingressRules } from "./resolveUpstream.ts";
import { EVERYTHING, type ResolvedRule } from "./rule.ts";
import { agentClusterTable, agentTable, exactTable, type TablePrefix } from "./table.ts";
import { type Direction, type PolicyPod, type PolicyWorld, policyName } from "./world.ts";

/** A table of one direction; pods that are treated alike have the same object. */
export interface PolicyTable {
  readonly key: string;
  readonly prefixes: readonly TablePrefix[];
}

/** What policies say about a pod; null: nothing, in that direction. */
export interface CompiledPod {
  readonly ingress: PolicyTable | null;
  readonly egress: PolicyTable | null;
  readonly clusterIngress: PolicyTable | null;
  readonly clusterEgress: PolicyTable | null;
  /** Names of the policies that isolate it, and of the cluster policies that it is a subject of. */
  readonly isolating: Readonly<Record<Direction, readonly string[]>>;
  readonly clusterPolicies: readonly string[];
  /** Whether a policy selects it: namespaced ones, and cluster policies that have rules. */
  readonly applied: boolean;
  readonly clusterApplied: boolean;
}

/** The agent's catch-all entry, for a direction that no policy isolates a selected pod in. */
const ALLOW_ALL: ResolvedRule = { cidr: EVERYTHING, except: [], ports: [], rule: "", order: 0 };

/** Pods of a world, by their keys, with what policies say about them; hostNetwork pods have none of it. */
export function compilePolicies(world: PolicyWorld): ReadonlyMap<string, CompiledPod> {
  const peers = new Peers(world);
  const compiler = world.engine === "aws" ? new AwsCompiler(peers) : new UpstreamCompiler(peers);
  const selected = selections(peers);
  const pods = new Map<string, CompiledPod>();
  for (const pod of world.pods) {
    const selection = selected.get(pod.key);
    if (selection !== undefined) pods.set(pod.key, compiler.pod(pod, selection));
  }
  return pods;
}

const names = (policies: readonly (NetworkPolicy | ClusterNetworkPolicy)[]): string[] => policies.map(policyName);

function isolatingIn({ policies }: Selection): CompiledPod["isolating"] {
  return {
    ingress: names(policies.filter((p) => policyTypesOf(p).includes("Ingress"))),
    egress: names(policies.filter((p) => policyTypesOf(p).includes("Egress"))),
  };
}

/** Makes things by name once. */
class Made<T> {
  readonly #made = new Map<string, T>();

  get(key: string, make: () => T): T {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#made.set(key, made);
    return made;
  }
}

class AwsCompiler {
  readonly #peers: Peers;
  readonly #endpoints = new Made<PolicyEndpoint>();
  readonly #pods = new Made<CompiledPod>();

  constructor(peers: Peers) {
    this.#peers = peers;
  }

  pod(_pod: PolicyPod, selection: Selection): CompiledPod {
    const { policies, clusterPolicies } = selection;
    const key = `${names(policies).join()}|${names(clusterPolicies).join()}`;
    return this.#pods.get(key, () => this.#compile(selection));
  }

  #compile(selection: Selection): CompiledPod {
    const { policies, clusterPolicies } = selection;
    const endpoints = policies.map((p) => this.#resolve(p));
    const cluster = clusterPolicies.map((p) =>
      this.#endpoints.get(policyName(p), () => resolveClusterPolicy(p, this.#peers)),
    );
    const isolating = isolatingIn(selection);
    const own = names(policies).join();
    const above = names(clusterPolicies).join();
    const table = (direction: Direction): PolicyTable | null => {
      if (policies.length === 0) return null;
      const rules = endpoints.flatMap((e) => e[direction]);
      // Rules of a direction that policyTypes leaves out are there all the same: the controller does not look at it.
      const all = rules.length === 0 && isolating[direction].length === 0 ? [ALLOW_ALL] : rules;
      return { key: `${direction} ${own}`, prefixes: agentTable(all) };
    };
    const clusterTable = (direction: Direction): PolicyTable | null => {
      const rules = cluster.flatMap((e) => e[direction]);
      return clusterApplied ? { key: `cluster ${direction} ${above}`, prefixes: agentClusterTable(rules) } : null;
    };
    const clusterApplied = cluster.some((e) => e.ingress.length + e.egress.length > 0);
    return {
      ingress: table("ingress"),
      egress: table("egress"),
      clusterIngress: clusterTable("ingress"),
      clusterEgress: clusterTable("egress"),
      isolating,
      clusterPolicies: names(clusterPolicies),
      applied: policies.length > 0,
      clusterApplied,
    };
  }

  #resolve(policy: NetworkPolicy): PolicyEndpoint {
    return this.#endpoints.get(policyName(policy), () => {
      const selected = this.#peers.pods(policy.metadata.namespace, policy.spec.podSelector);
      return resolvePolicy(policy, selected, this.#peers);
    });
  }
}

class UpstreamCompiler {
  readonly #peers: Peers;
  readonly #egress = new Made<ResolvedRule[]>();
  readonly #tables = new Made<PolicyTable>();

  constructor(world: Peers) {
    this.#peers = world;
  }

  pod(pod: PolicyPod, selection: Selection): CompiledPod {
    const { policies, clusterPolicies } = selection;
    const peers = this.#peers;
    const isolating = isolatingIn(selection);
    const ingress = policies.filter((p) => policyTypesOf(p).includes("Ingress"));
    const egress = policies.filter((p) => policyTypesOf(p).includes("Egress"));
    // Names of ports are the pod's own: pods that have others are not alike.
    const ports = JSON.stringify(pod.ports.map((p) => [p.name, p.protocol, p.containerPort]));
    const own = [...ingress, ...clusterPolicies].some(namesPorts) ? ` ${ports}` : "";
    const table = (
      kind: string,
      list: readonly (NetworkPolicy | ClusterNetworkPolicy)[],
      suffix: string,
      rules: () => ResolvedRule[],
    ): PolicyTable | null => {
      if (list.length === 0) return null;
      const key = `${kind} ${names(list).join()}${suffix}`;
      return this.#tables.get(key, () => ({ key, prefixes: exactTable(rules()) }));
    };
    const out = <P extends NetworkPolicy | ClusterNetworkPolicy>(p: P, make: (p: P, peers: Peers) => ResolvedRule[]) =>
      this.#egress.get(policyName(p), () => make(p, peers));
    return {
      ingress: table("ingress", ingress, own, () => ingress.flatMap((p) => ingressRules(p, pod, peers))),
      egress: table("egress", egress, "", () => egress.flatMap((p) => out(p, egressRules))),
      clusterIngress: table("cluster ingress", clusterPolicies, own, () =>
        clusterPolicies.flatMap((p) => clusterIngressRules(p, pod, peers)),
      ),
      clusterEgress: table("cluster egress", clusterPolicies, "", () =>
        clusterPolicies.flatMap((p) => out(p, clusterEgressRules)),
      ),
      isolating,
      clusterPolicies: names(clusterPolicies),
      applied: ingress.length + egress.length > 0,
      clusterApplied: clusterPolicies.length > 0,
    };
  }
}

/** Whether a policy's ingress rules name ports. */
function namesPorts(policy: NetworkPolicy | ClusterNetworkPolicy): boolean {
  if (policy.kind === "NetworkPolicy")
    return policy.spec.ingress.some((rule) => rule.ports.some((p) => typeof p.port === "string"));
  return policy.spec.ingress.some((rule) => rule.ports?.some((p) => p.namedPort !== undefined) ?? false);
}
