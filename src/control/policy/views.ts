import type { ClusterPolicyIngressPeer, ClusterPolicyPort } from "../objects/clusterNetworkPolicy.ts";
import type { LabelSelector } from "../objects/deployment.ts";
import { type PolicyPeer, type PolicyPort, policyTypesOf } from "../objects/networkPolicy.ts";
import { cidrText } from "../vpc/cidr.ts";
import type { CompiledPod } from "./compilePolicies.ts";
import type { PolicySnapshot } from "./policyRows.ts";
import { podPeer, portsOf } from "./resolveAws.ts";
import type { PolicyObjects } from "./settings.ts";
import { type Direction, policyName, ruleName } from "./world.ts";

/** A rule of a policy, or a direction that a policy isolates its pods in and has no rules for. */
export interface PolicyView {
  /** `networkpolicy/default/web`, `clusternetworkpolicy/dns` */
  readonly policy: string;
  /** `NetworkPolicy`, `Admin 10`, `Baseline 20` */
  readonly tier: string;
  /** Keys of the pods that it holds for. */
  readonly pods: readonly string[];
  /** `ingress[0]`; `ingress` where there are no rules. */
  readonly rule: string;
  readonly action: "Accept" | "Deny" | "Pass";
  /** `pods app=web in namespaces env=prod`, `10.0.0.0/8 except 10.1.0.0/16`, `all` */
  readonly peers: string;
  /** `TCP 80, UDP 53`, `all` */
  readonly ports: string;
  /** Blocks that the rule has come to. */
  readonly blocks: readonly string[];
}

const ALL = "all";

function selectorText({ matchLabels, matchExpressions }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const expressions = matchExpressions.map(({ key, operator, values }) => {
    if (operator === "Exists") return key;
    if (operator === "DoesNotExist") return `!${key}`;
    return `${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`;
  });
  return [...labels, ...expressions].join(",") || ALL;
}

function peerText({ ipBlock, podSelector, namespaceSelector }: PolicyPeer): string {
  if (ipBlock !== undefined)
    return ipBlock.except.length === 0 ? ipBlock.cidr : `${ipBlock.cidr} except ${ipBlock.except.join(", ")}`;
  const pods = podSelector === undefined ? `pods ${ALL}` : `pods ${selectorText(podSelector)}`;
  return namespaceSelector === undefined ? pods : `${pods} in namespaces ${selectorText(namespaceSelector)}`;
}

function portText({ protocol, port, endPort }: PolicyPort): string {
  if (port === undefined) return protocol;
  return endPort === undefined ? `${protocol} ${port}` : `${protocol} ${port}-${endPort}`;
}

const listText = <T>(list: readonly T[], text: (item: T) => string): string => list.map(text).join("; ") || ALL;

/** Blocks by the rules that they come from. */
function blocksByRule(compiled: ReadonlyMap<string, CompiledPod>): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const tables = [...new Set(compiled.values())].flatMap((p) => [
    p.ingress,
    p.egress,
    p.clusterIngress,
    p.clusterEgress,
  ]);
  for (const table of new Set(tables))
    for (const prefix of table?.prefixes ?? [])
      for (const { rule } of prefix.entries) {
        const blocks = found.get(rule) ?? new Set();
        found.set(rule, blocks.add(cidrText(prefix)));
      }
  return found;
}

/** All policies, by their rules. */
export function policyViews(objects: PolicyObjects, { compiled }: Pick<PolicySnapshot, "compiled">): PolicyView[] {
  const blocks = blocksByRule(compiled);
  const blocksOf = (rule: string) => [...(blocks.get(rule) ?? [])];
  const views: PolicyView[] = [];
  for (const policy of objects.policies) {
    const name = policyName(policy);
    const pods = [...compiled]
      .filter(([, p]) => p.isolating.ingress.includes(name) || p.isolating.egress.includes(name))
      .map(([key]) => key);
    const common = { policy: name, tier: "NetworkPolicy", pods };
    const add = (
      direction: Direction,
      rules: readonly { peers: readonly PolicyPeer[]; ports: readonly PolicyPort[] }[],
    ) => {
      rules.forEach(({ peers, ports }, i) => {
        views.push({
          ...common,
          rule: `${direction}[${i}]`,
          action: "Accept",
          peers: listText(peers, peerText),
          ports: listText(ports, portText),
          blocks: blocksOf(ruleName(policy, direction, i)),
        });
      });
      const type = direction === "ingress" ? "Ingress" : "Egress";
      if (rules.length === 0 && policyTypesOf(policy).includes(type))
        views.push({ ...common, rule: direction, action: "Deny", peers: ALL, ports: ALL, blocks: [] });
    };
    add(
      "ingress",
      policy.spec.ingress.map((r) => ({ peers: r.from, ports: r.ports })),
    );
    add(
      "egress",
      policy.spec.egress.map((r) => ({ peers: r.to, ports: r.ports })),
    );
  }
  for (const policy of objects.clusterPolicies) {
    const name = policyName(policy);
    const { tier, priority, ingress, egress } = policy.spec;
    const pods = [...compiled].filter(([, p]) => p.clusterPolicies.includes(name)).map(([key]) => key);
    const common = { policy: name, tier: `${tier} ${priority}`, pods };
    ingress.forEach(({ action, from, ports }, i) => {
      const peers = listText(from, (p) => peerText(podPeer(p)));
      const rule = ruleName(policy, "ingress", i);
      views.push({ ...common, rule: `ingress[${i}]`, action, peers, ports: portList(ports), blocks: blocksOf(rule) });
    });
    egress.forEach(({ action, to, ports }, i) => {
      const peers = listText(to, clusterPeerText);
      const rule = ruleName(policy, "egress", i);
      views.push({ ...common, rule: `egress[${i}]`, action, peers, ports: portList(ports), blocks: blocksOf(rule) });
    });
  }
  return views;
}

function portList(ports: readonly ClusterPolicyPort[] | undefined): string {
  return listText(portsOf(ports), portText);
}

type ClusterPeer = ClusterPolicyIngressPeer & {
  readonly networks?: readonly string[] | undefined;
  readonly domainNames?: readonly string[] | undefined;
};

function clusterPeerText(peer: ClusterPeer): string {
  if (peer.networks !== undefined) return peer.networks.join(", ");
  if (peer.domainNames !== undefined) return `${peer.domainNames.join(", ")} (not acted on)`;
  return peerText(podPeer(peer));
}
