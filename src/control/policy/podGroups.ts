import { matchesSelector } from "../kube/labels.ts";
import type { ClusterNetworkPolicy } from "../objects/clusterNetworkPolicy.ts";
import type { NetworkPolicy } from "../objects/networkPolicy.ts";
import type { Peers } from "./peers.ts";
import { podPeer } from "./resolveAws.ts";
import type { PolicyPod } from "./world.ts";

/** The policies of pods that are treated alike. */
export interface Selection {
  readonly policies: readonly NetworkPolicy[];
  readonly clusterPolicies: readonly ClusterNetworkPolicy[];
}

/**
 * What the agent keeps its maps by: the pod's name up to the last dash, and its namespace (pkg/utils/utils.go,
 * GetPodIdentifier). Pods of one node that have it in common share them, whatever their labels are.
 */
export function podIdentifier(name: string, namespace: string): string {
  const dotless = name.replaceAll(".", "_");
  const dash = dotless.lastIndexOf("-");
  return `${dash < 0 ? dotless : dotless.slice(0, dash)}@${namespace}`;
}

/** Keys of the pods that a cluster policy's subject names. */
function subjects({ spec }: ClusterNetworkPolicy, peers: Peers): Set<string> {
  const peer = podPeer(spec.subject);
  const pods = peers.namespacesOf(peer, "").flatMap((ns) => peers.pods(ns, peer.podSelector));
  return new Set(pods.map((p) => p.key));
}

/**
 * The policies of every pod that has an address of its own. With AWS's agent those of one node and one identifier have all
 * that any of them is selected by.
 */
export function selections(peers: Peers): Map<string, Selection> {
  const { world } = peers;
  const byNamespace = new Map<string, NetworkPolicy[]>();
  for (const policy of world.policies) {
    const list = byNamespace.get(policy.metadata.namespace);
    if (list === undefined) byNamespace.set(policy.metadata.namespace, [policy]);
    else list.push(policy);
  }
  const cluster = world.clusterPolicies.map((policy) => ({ policy, pods: subjects(policy, peers) }));
  const found = new Map<string, Selection>();
  const shared = new Map<string, string[]>();
  for (const pod of world.pods) {
    if (pod.hostNetwork) continue;
    const inNamespace = byNamespace.get(pod.namespace) ?? [];
    found.set(pod.key, {
      policies: inNamespace.filter((p) => matchesSelector(p.spec.podSelector, pod.labels)),
      clusterPolicies: cluster.filter((c) => c.pods.has(pod.key)).map((c) => c.policy),
    });
    if (world.engine !== "aws") continue;
    const group = agentGroup(pod);
    const list = shared.get(group);
    if (list === undefined) shared.set(group, [pod.key]);
    else list.push(pod.key);
  }
  for (const keys of shared.values()) if (keys.length > 1) share(keys, found);
  return found;
}

/** Pods that share their maps. */
export function agentGroup(pod: Pick<PolicyPod, "name" | "namespace" | "node">): string {
  return `${pod.node} ${podIdentifier(pod.name, pod.namespace)}`;
}

function share(keys: readonly string[], found: Map<string, Selection>): void {
  const own = keys.map((key) => found.get(key)).filter((s) => s !== undefined);
  const all: Selection = {
    policies: [...new Set(own.flatMap((s) => s.policies))],
    clusterPolicies: [...new Set(own.flatMap((s) => s.clusterPolicies))],
  };
  for (const key of keys) found.set(key, all);
}
