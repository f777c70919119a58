import { POLICY_LOG_ALL, POLICY_LOG_DENIED, POLICY_LOG_NOTHING } from "../../plane/rows.ts";
import { DEFAULT_NODE_CLASS } from "../ipam/auto/checkNodeClass.ts";
import { objectsOfKind } from "../objects/byKind.ts";
import type { ClusterNetworkPolicy } from "../objects/clusterNetworkPolicy.ts";
import type { Objects } from "../objects/kinds.ts";
import type { Lab, LabNode } from "../objects/lab.ts";
import type { Namespace } from "../objects/namespace.ts";
import type { NetworkPolicy } from "../objects/networkPolicy.ts";
import type { EnforcingMode, PolicyEngine } from "./world.ts";

/** How a node's agent is set. */
export interface PolicyNode {
  readonly enforcingMode: EnforcingMode;
  /** POLICY_LOG_*. */
  readonly log: number;
}

/** What of a lab's objects policies are made of, besides pods and services. */
export interface PolicyObjects {
  readonly enabled: boolean;
  readonly engine: PolicyEngine;
  /** Milliseconds from a pod's address to its policies. */
  readonly delay: number;
  /** By node. */
  readonly nodes: ReadonlyMap<string, PolicyNode>;
  readonly namespaces: readonly Namespace[];
  readonly policies: readonly NetworkPolicy[];
  readonly clusterPolicies: readonly ClusterNetworkPolicy[];
}

const MILLISECONDS = 1000;

/**
 * Where a node's agent has its settings from: the lab's own switch, else in Standard mode the add-on's
 * (NETWORK_POLICY_ENFORCING_MODE of aws-node), in Auto Mode the NodeClass.
 */
function policyNode(lab: Lab, node: LabNode, objects: Objects): PolicyNode {
  const { mode, networkPolicy, cni } = lab.spec.cluster;
  const auto = mode === "auto";
  const name = node.nodeClass ?? DEFAULT_NODE_CLASS;
  const nodeClass = auto ? objectsOfKind(objects, "NodeClass").find((c) => c.metadata.name === name) : undefined;
  const strict = auto
    ? nodeClass?.spec.networkPolicy === "DefaultDeny"
    : cni.env.NETWORK_POLICY_ENFORCING_MODE?.toLowerCase() === "strict";
  const logs = auto ? nodeClass?.spec.networkPolicyEventLogs : undefined;
  const logged = (networkPolicy.eventLogs ?? logs) === "Enabled";
  const level = networkPolicy.logLevel === "debug" ? POLICY_LOG_ALL : POLICY_LOG_DENIED;
  return {
    enforcingMode: networkPolicy.enforcingMode ?? (strict ? "strict" : "standard"),
    log: logged ? level : POLICY_LOG_NOTHING,
  };
}

export function policyObjects(lab: Lab, objects: Objects): PolicyObjects {
  const { enabled, engine, reconcileSeconds } = lab.spec.cluster.networkPolicy;
  const policies = objectsOfKind(objects, "NetworkPolicy");
  const clusterPolicies = objectsOfKind(objects, "ClusterNetworkPolicy");
  return {
    enabled: enabled ?? policies.length + clusterPolicies.length > 0,
    engine,
    delay: reconcileSeconds * MILLISECONDS,
    nodes: new Map(lab.spec.nodes.map((node) => [node.name, policyNode(lab, node, objects)])),
    namespaces: objectsOfKind(objects, "Namespace"),
    policies,
    clusterPolicies,
  };
}
