import {
  POLICY_ACTION_ALLOW,
  POLICY_ACTION_DENY,
  POLICY_ACTION_PASS,
  POLICY_BASELINE_ORDER,
  POLICY_ORDER_ACTIONS,
} from "../../plane/rows.ts";
import type { ClusterNetworkPolicy, ClusterPolicyPort, PolicyAction } from "../objects/clusterNetworkPolicy.ts";
import type { LabelSelector } from "../objects/deployment.ts";
import type { NetworkPolicy, PolicyPeer, PolicyPort } from "../objects/networkPolicy.ts";
import { matchingServices } from "./awsServices.ts";
import type { Peers } from "./peers.ts";
import { blockOf, EVERYTHING, exceptOf, hostBlock, portsOn, type ResolvedRule, type RulePorts } from "./rule.ts";
import { type Direction, type PolicyPod, ruleName } from "./world.ts";

/**
 * What the AWS network policy controller makes of a policy: a PolicyEndpoint with blocks and ports for each direction
 * (amazon-network-policy-controller-k8s at ecc7e6a7, pkg/resolvers/endpoints.go and clusternetworkpolicy_resolver.go).
 */
export interface PolicyEndpoint {
  readonly ingress: readonly ResolvedRule[];
  readonly egress: readonly ResolvedRule[];
}

/** @param selected the pods that the policy selects */
export function resolvePolicy(policy: NetworkPolicy, selected: readonly PolicyPod[], peers: Peers): PolicyEndpoint {
  const { namespace } = policy.metadata;
  const ingress: ResolvedRule[] = [];
  policy.spec.ingress.forEach((rule, i) => {
    const name = ruleName(policy, "ingress", i);
    const ports = ingressPorts(rule.ports, selected);
    if (ports === null) return;
    for (const block of sources(rule.from, namespace, peers)) ingress.push({ ...block, ports, rule: name, order: 0 });
  });
  const egress = policy.spec.egress.flatMap((rule, i) =>
    destinations(rule.to, rule.ports, namespace, peers).map(
      (to): ResolvedRule => ({ ...to, rule: ruleName(policy, "egress", i), order: 0 }),
    ),
  );
  return { ingress, egress };
}

type Blocks = Pick<ResolvedRule, "cidr" | "except">;
type Destination = Pick<ResolvedRule, "cidr" | "except" | "ports">;

/** Named ports of ingress rules: what any of the pods calls so, for all of them. */
function ingressPorts(ports: readonly PolicyPort[], selected: readonly PolicyPod[]): RulePorts[] | null {
  if (!ports.some((p) => typeof p.port === "string")) return portsOn(null, ports);
  const found = new Map<string, RulePorts>();
  for (const pod of selected)
    for (const port of portsOn(pod, ports) ?? []) found.set(`${port.protocol}/${port.from}/${port.to}`, port);
  return found.size === 0 ? null : [...found.values()];
}

/** An empty list of peers is everybody. */
function sources(from: readonly PolicyPeer[], namespace: string, peers: Peers): Blocks[] {
  if (from.length === 0) return [{ cidr: EVERYTHING, except: [] }];
  return from.flatMap((peer): Blocks[] => {
    if (peer.ipBlock !== undefined) {
      const cidr = blockOf(peer.ipBlock.cidr);
      return cidr === null ? [] : [{ cidr, except: exceptOf(peer.ipBlock) }];
    }
    return peers
      .namespacesOf(peer, namespace)
      .flatMap((ns) => peers.pods(ns, peer.podSelector).map((pod) => ({ cidr: hostBlock(pod.address), except: [] })));
  });
}

function destinations(
  to: readonly PolicyPeer[],
  ports: readonly PolicyPort[],
  namespace: string,
  peers: Peers,
): Destination[] {
  // Names mean nothing where it is not known whose.
  const plain = portsOn(null, ports);
  if (to.length === 0) return plain === null ? [] : [{ cidr: EVERYTHING, except: [], ports: plain }];
  return to.flatMap((peer): Destination[] => {
    if (peer.ipBlock !== undefined) {
      const cidr = blockOf(peer.ipBlock.cidr);
      return cidr === null || plain === null ? [] : [{ cidr, except: exceptOf(peer.ipBlock), ports: plain }];
    }
    return peers.namespacesOf(peer, namespace).flatMap((ns) => inNamespace(ns, peer.podSelector, ports, peers));
  });
}

function inNamespace(
  namespace: string,
  selector: LabelSelector | undefined,
  ports: readonly PolicyPort[],
  peers: Peers,
): Destination[] {
  const found: Destination[] = [];
  for (const pod of peers.pods(namespace, selector)) {
    const own = portsOn(pod, ports);
    if (own !== null) found.push({ cidr: hostBlock(pod.address), except: [], ports: own });
  }
  for (const service of matchingServices(peers, namespace, selector, ports))
    found.push({ cidr: hostBlock(service.clusterIP), except: [], ports: service.ports });
  return found;
}

const ACTIONS: Readonly<Record<PolicyAction, number>> = {
  Deny: POLICY_ACTION_DENY,
  Accept: POLICY_ACTION_ALLOW,
  Pass: POLICY_ACTION_PASS,
};

/** A cluster policy's rules. Domain names are no blocks: their rules say nothing here. */
export function resolveClusterPolicy(policy: ClusterNetworkPolicy, peers: Peers): PolicyEndpoint {
  const { tier, priority } = policy.spec;
  const base = (tier === "Baseline" ? POLICY_BASELINE_ORDER : 0) + priority * POLICY_ORDER_ACTIONS;
  const named = (direction: Direction, index: number, action: PolicyAction) => ({
    rule: ruleName(policy, direction, index),
    order: base + ACTIONS[action],
  });
  const ingress = policy.spec.ingress.flatMap((rule, i) => {
    const from = rule.from.map(podPeer);
    // Whose namespaces a rule is resolved in is read from its first peer alone: none, and the rule is nothing.
    const [first] = from;
    const namespaces = peers.namespacesOf(first, "");
    return namespaces.flatMap((namespace) => {
      const ports = ingressPorts(portsOf(rule.ports), peers.pods(namespace, undefined));
      if (ports === null) return [];
      return sources(from, namespace, peers).map((s) => ({ ...s, ports, ...named("ingress", i, rule.action) }));
    });
  });
  const egress = policy.spec.egress.flatMap((rule, i) => {
    const to = rule.to.flatMap((peer): PolicyPeer[] => [
      ...(peer.networks ?? []).map((cidr) => ({ ipBlock: { cidr, except: [] } })),
      ...(peer.namespaces === undefined && peer.pods === undefined ? [] : [podPeer(peer)]),
    ]);
    if (to.length === 0) return [];
    return destinations(to, portsOf(rule.ports), "", peers).map((d) => ({ ...d, ...named("egress", i, rule.action) }));
  });
  return { ingress: merged(ingress), egress: merged(egress) };
}

type PodPeer = Pick<ClusterNetworkPolicy["spec"]["subject"], "namespaces" | "pods">;

export function podPeer({ namespaces, pods }: PodPeer): PolicyPeer {
  if (pods !== undefined) return { namespaceSelector: pods.namespaceSelector, podSelector: pods.podSelector };
  return { namespaceSelector: namespaces };
}

export function portsOf(ports: readonly ClusterPolicyPort[] | undefined): PolicyPort[] {
  return (ports ?? []).flatMap(({ portNumber, portRange, namedPort }): PolicyPort[] => [
    ...(portNumber === undefined ? [] : [{ protocol: portNumber.protocol, port: portNumber.port }]),
    ...(portRange === undefined
      ? []
      : [{ protocol: portRange.protocol, port: portRange.start, endPort: portRange.end }]),
    ...(namedPort === undefined ? [] : [{ protocol: "TCP" as const, port: namedPort }]),
  ]);
}

/** mergeClusterEndpointInfo: of rules alike the first; ends of port ranges are not looked at. */
function merged(rules: readonly ResolvedRule[]): ResolvedRule[] {
  const seen = new Map<string, ResolvedRule>();
  for (const rule of rules) {
    const ports = rule.ports.map((p) => `${p.protocol}:${p.from}`).join();
    const key = `${rule.cidr.prefix}/${rule.cidr.length} ${rule.order} ${ports}`;
    if (!seen.has(key)) seen.set(key, rule);
  }
  return [...seen.values()];
}
