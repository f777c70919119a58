import {
  POLICY_ACTION_ALLOW,
  POLICY_ACTION_DENY,
  POLICY_ACTION_PASS,
  POLICY_BASELINE_ORDER,
  POLICY_ORDER_ACTIONS,
} from "../../plane/rows.ts";
import type { ClusterNetworkPolicy, PolicyAction } from "../objects/clusterNetworkPolicy.ts";
import type { NetworkPolicy, PolicyPeer, PolicyPort } from "../objects/networkPolicy.ts";
import { type Cidr, containsAddress } from "../vpc/cidr.ts";
import type { Peers } from "./peers.ts";
import { podPeer, portsOf } from "./resolveAws.ts";
import { blockOf, EVERYTHING, exceptOf, hostBlock, portsOn, type ResolvedRule } from "./rule.ts";
import { type PolicyPod, ruleName } from "./world.ts";

/**
 * What the API says of a policy (k8s.io/api/networking/v1, types.go): union of all rules, names of ports taken from the pod
 * that a connection goes to, whoever that is. Pods with hostNetwork are no peers: they are their node.
 */

/** @param destination a pod that the policy selects */
export function ingressRules(policy: NetworkPolicy, destination: PolicyPod, peers: Peers): ResolvedRule[] {
  return policy.spec.ingress.flatMap((rule, i) => {
    const ports = portsOn(destination, rule.ports);
    if (ports === null) return [];
    const named = { ports, rule: ruleName(policy, "ingress", i), order: 0 };
    return blocksOf(rule.from, policy.metadata.namespace, peers).map((block) => ({ ...block, ...named }));
  });
}

export function egressRules(policy: NetworkPolicy, peers: Peers): ResolvedRule[] {
  return policy.spec.egress.flatMap((rule, i) =>
    destinations(rule.to, rule.ports, policy.metadata.namespace, peers).map((to) => ({
      ...to,
      rule: ruleName(policy, "egress", i),
      order: 0,
    })),
  );
}

/** Rules of one policy go by their order, as those of several by their priority: at most 100 (the CRD's limit). */
const RULES = 101;
const ACTIONS: Readonly<Record<PolicyAction, number>> = {
  Deny: POLICY_ACTION_DENY,
  Accept: POLICY_ACTION_ALLOW,
  Pass: POLICY_ACTION_PASS,
};

function orderOf({ spec }: ClusterNetworkPolicy, index: number, action: PolicyAction): number {
  const base = spec.tier === "Baseline" ? POLICY_BASELINE_ORDER : 0;
  return base + (spec.priority * RULES + index) * POLICY_ORDER_ACTIONS + ACTIONS[action];
}

export function clusterIngressRules(
  policy: ClusterNetworkPolicy,
  destination: PolicyPod,
  peers: Peers,
): ResolvedRule[] {
  return policy.spec.ingress.flatMap((rule, i) => {
    const ports = portsOn(destination, portsOf(rule.ports));
    if (ports === null) return [];
    const named = { ports, rule: ruleName(policy, "ingress", i), order: orderOf(policy, i, rule.action) };
    return blocksOf(rule.from.map(podPeer), "", peers).map((block) => ({ ...block, ...named }));
  });
}

export function clusterEgressRules(policy: ClusterNetworkPolicy, peers: Peers): ResolvedRule[] {
  return policy.spec.egress.flatMap((rule, i) => {
    const to = rule.to.flatMap((peer): PolicyPeer[] => [
      ...(peer.networks ?? []).map((cidr) => ({ ipBlock: { cidr, except: [] } })),
      ...(peer.namespaces === undefined && peer.pods === undefined ? [] : [podPeer(peer)]),
    ]);
    if (to.length === 0) return [];
    const named = { rule: ruleName(policy, "egress", i), order: orderOf(policy, i, rule.action) };
    return destinations(to, portsOf(rule.ports), "", peers).map((d) => ({ ...d, ...named }));
  });
}

interface Block {
  readonly cidr: Cidr;
  readonly except: readonly Cidr[];
}

const ANYWHERE: Block = { cidr: EVERYTHING, except: [] };

function blocksOf(list: readonly PolicyPeer[], namespace: string, peers: Peers): Block[] {
  if (list.length === 0) return [ANYWHERE];
  return list.flatMap((peer): Block[] => {
    if (peer.ipBlock !== undefined) return ipBlock(peer.ipBlock);
    return podsOf(peer, namespace, peers).map((pod) => ({ cidr: hostBlock(pod.address), except: [] }));
  });
}

function ipBlock(block: NonNullable<PolicyPeer["ipBlock"]>): Block[] {
  const cidr = blockOf(block.cidr);
  return cidr === null ? [] : [{ cidr, except: exceptOf(block) }];
}

function podsOf(peer: PolicyPeer, namespace: string, peers: Peers): PolicyPod[] {
  return peers
    .namespacesOf(peer, namespace)
    .flatMap((ns) => peers.pods(ns, peer.podSelector))
    .filter((pod) => !pod.hostNetwork);
}

type Destination = Pick<ResolvedRule, "cidr" | "except" | "ports">;

function destinations(
  to: readonly PolicyPeer[],
  ports: readonly PolicyPort[],
  namespace: string,
  peers: Peers,
): Destination[] {
  const found: Destination[] = [];
  const add = (block: Block) => {
    const plain = portsOn(null, ports);
    if (plain !== null) found.push({ ...block, ports: plain });
    const names = ports.filter((p) => typeof p.port === "string");
    if (names.length === 0) return;
    for (const pod of peers.world.pods) {
      const inside = containsAddress(block.cidr, pod.address);
      if (pod.hostNetwork || !inside || block.except.some((e) => containsAddress(e, pod.address))) continue;
      const own = portsOn(pod, names);
      if (own !== null) found.push({ cidr: hostBlock(pod.address), except: [], ports: own });
    }
  };
  if (to.length === 0) add(ANYWHERE);
  for (const peer of to) {
    if (peer.ipBlock !== undefined) for (const block of ipBlock(peer.ipBlock)) add(block);
    else
      for (const pod of podsOf(peer, namespace, peers)) {
        const own = portsOn(pod, ports);
        if (own !== null) found.push({ cidr: hostBlock(pod.address), except: [], ports: own });
      }
  }
  return found;
}
