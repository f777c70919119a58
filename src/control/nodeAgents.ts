import { DEFAULT_NODE_CLASS } from "./ipam/auto/checkNodeClass.ts";
import { select } from "./ipam/auto/selectors.ts";
import { autoMaxPods, autoSettings } from "./ipam/auto/settings.ts";
import type { AgentSettings, IpamNode } from "./ipam/ipam.ts";
import { matchPolicies } from "./ipam/podEni/matchPolicies.ts";
import { eniConfigFor } from "./ipam/standard/eniConfig.ts";
import { ipamdSettings } from "./ipam/standard/settingsOf.ts";
import type { DesiredPod } from "./kube/deployments.ts";
import { nodeLabels } from "./kube/nodeLabels.ts";
import type { SchedulerNode } from "./kube/scheduler.ts";
import { objectsOfKind } from "./objects/byKind.ts";
import { cniSettings } from "./objects/cniEnv.ts";
import type { Objects } from "./objects/kinds.ts";
import type { Lab, LabNode } from "./objects/lab.ts";
import type { NodeClass } from "./objects/nodeClass.ts";
import { instanceLimits, knownInstanceType, recommendedMaxPods, SYSTEM_PODS } from "./vpc/instanceTypes.ts";
import { placedEnis } from "./vpc/placedEnis.ts";
import { findSubnet, securityGroupNames } from "./vpc/references.ts";

/** The daemon of a node as the lab's objects set it. */
function agentSettings(lab: Lab, node: LabNode, objects: Objects): AgentSettings {
  const { vpc, cluster } = lab.spec;
  if (cluster.mode === "auto") {
    const nodeClass = nodeClassOf(node, objects);
    const zone = findSubnet(vpc, node.subnet)?.availabilityZone ?? "";
    return { mode: "auto", settings: autoSettings(vpc, nodeClass, zone) };
  }
  const { env } = cluster.cni;
  const labels = nodeLabels(lab, node);
  const customNetworking = eniConfigFor(
    { labels, annotations: node.annotations },
    env,
    objectsOfKind(objects, "ENIConfig"),
    vpc,
  );
  const nitro = knownInstanceType(node.instanceType).prefixes;
  return {
    mode: "standard",
    settings: ipamdSettings(env, { customNetworking, nitro, assignOrder: "lowest" }).settings,
  };
}

/** kubelet's --max-pods: what the lab says, else what EKS computes for the type and the CNI's settings. */
function maxPodsOf(node: LabNode, agent: AgentSettings): number {
  if (node.maxPods !== undefined) return node.maxPods;
  const type = knownInstanceType(node.instanceType);
  if (agent.mode === "auto") return autoMaxPods(instanceLimits(type), agent.settings.podSubnets !== null);
  const { prefixDelegation, customNetworking, maxEni } = agent.settings;
  return recommendedMaxPods(type, {
    prefixes: prefixDelegation,
    customNetworking: customNetworking !== "off",
    ...(maxEni === null ? {} : { maxEni }),
  });
}

/** The NodeClass of an Auto Mode node; null: the built-in one. */
export function nodeClassOf(node: LabNode, objects: Objects): NodeClass | null {
  const name = node.nodeClass ?? DEFAULT_NODE_CLASS;
  return objectsOfKind(objects, "NodeClass").find((c) => c.metadata.name === name) ?? null;
}

/**
 * Names of the groups of a node's primary ENI: what the lab says, else in Auto Mode what its NodeClass selects. The ENIs
 * that its daemon adds have the same, unless an ENIConfig or the NodeClass has others for pods.
 */
function nodeGroups(lab: Lab, node: LabNode, objects: Objects): string[] {
  const { vpc, cluster } = lab.spec;
  if (node.securityGroups.length > 0 || cluster.mode !== "auto") return securityGroupNames(vpc, node.securityGroups);
  const terms = nodeClassOf(node, objects)?.spec.securityGroupSelectorTerms ?? [];
  return select(terms, vpc.securityGroups).map((group) => group.name);
}

/** A node of the lab as its daemon and EC2 know it. @param address primary address, int32 */
export function ipamNode(lab: Lab, node: LabNode, address: number | null, objects: Objects): IpamNode {
  const type = knownInstanceType(node.instanceType);
  const agent = agentSettings(lab, node, objects);
  return {
    name: node.name,
    instanceType: type.name,
    limits: instanceLimits(type),
    subnet: node.subnet,
    availabilityZone: findSubnet(lab.spec.vpc, node.subnet)?.availabilityZone ?? "",
    maxPods: maxPodsOf(node, agent),
    securityGroups: nodeGroups(lab, node, objects),
    clusterName: cniSettings(lab.spec.cluster.cni.env).clusterName || lab.metadata.name,
    address,
    enis: placedEnis(lab.spec.vpc, node),
    agent,
  };
}

/** The lab's nodes as the scheduler sees them. */
export function schedulerNodes(lab: Lab, objects: Objects): SchedulerNode[] {
  const auto = lab.spec.cluster.mode === "auto";
  return lab.spec.nodes.map((node) => {
    const type = knownInstanceType(node.instanceType);
    const agent = agentSettings(lab, node, objects);
    const maxEni = agent.mode === "standard" ? agent.settings.maxEni : null;
    const limits = instanceLimits(type);
    return {
      name: node.name,
      labels: nodeLabels(lab, node),
      taints: node.taints,
      instanceType: type.name,
      maxEnis: Math.min(limits.enis, maxEni ?? limits.enis),
      maxPods: maxPodsOf(node, agent),
      // In Auto Mode both are services of the node.
      systemPods: auto ? 0 : SYSTEM_PODS,
      branchEnis: agent.mode === "standard" && agent.settings.podEni ? limits.branchEnis : 0,
    };
  });
}

/** Security groups of the branch ENIs of those pods that a SecurityGroupPolicy matches. None without ENABLE_POD_ENI. */
export function branchGroupsOf(
  lab: Lab,
  pods: readonly DesiredPod[],
  objects: Objects,
): Map<string, readonly string[]> {
  const groups = new Map<string, readonly string[]>();
  const { cluster } = lab.spec;
  const policies = objectsOfKind(objects, "SecurityGroupPolicy");
  if (cluster.mode === "auto" || !cniSettings(cluster.cni.env).podEni || policies.length === 0) return groups;
  const accounts = objectsOfKind(objects, "ServiceAccount");
  for (const pod of pods) {
    if (pod.spec.hostNetwork) continue;
    const account = accounts.find(
      (a) => a.metadata.namespace === pod.namespace && a.metadata.name === pod.spec.serviceAccountName,
    );
    const matched = matchPolicies(
      { namespace: pod.namespace, labels: pod.labels, serviceAccountLabels: account?.metadata.labels ?? {} },
      policies,
    );
    if (matched !== null) groups.set(pod.key, securityGroupNames(lab.spec.vpc, matched));
  }
  return groups;
}
