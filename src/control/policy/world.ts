import type { ClusterNetworkPolicy } from "../objects/clusterNetworkPolicy.ts";
import type { NetworkPolicy } from "../objects/networkPolicy.ts";
import type { Container } from "../objects/pod.ts";
import type { Service } from "../objects/service.ts";

export type Labels = Readonly<Record<string, string>>;
export type PolicyEngine = "aws" | "upstream";
export type EnforcingMode = "standard" | "strict";

/** A pod with an address, as far as policies are concerned. */
export interface PolicyPod {
  /** `pod/default/web-1` */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  /** int32; a hostNetwork pod's is its node's. */
  readonly address: number;
  readonly node: string;
  readonly hostNetwork: boolean;
  readonly ports: Container["ports"];
}

export interface PolicyService {
  readonly object: Service;
  /** int32; null: headless or ExternalName. */
  readonly clusterIP: number | null;
}

/** All that tables of policies depend on. */
export interface PolicyWorld {
  readonly engine: PolicyEngine;
  readonly pods: readonly PolicyPod[];
  /** Labels by name, kubernetes.io/metadata.name among them. */
  readonly namespaces: ReadonlyMap<string, Labels>;
  readonly services: readonly PolicyService[];
  readonly policies: readonly NetworkPolicy[];
  readonly clusterPolicies: readonly ClusterNetworkPolicy[];
}

export const METADATA_NAME_LABEL = "kubernetes.io/metadata.name";

export function policyName(policy: NetworkPolicy | ClusterNetworkPolicy): string {
  return policy.kind === "NetworkPolicy"
    ? `networkpolicy/${policy.metadata.namespace}/${policy.metadata.name}`
    : `clusternetworkpolicy/${policy.metadata.name}`;
}

/** `networkpolicy/default/web ingress[0]`: what a rule is called, and what its number stands for. */
export function ruleName(policy: NetworkPolicy | ClusterNetworkPolicy, direction: Direction, index: number): string {
  return `${policyName(policy)} ${direction}[${index}]`;
}

export type Direction = "ingress" | "egress";
