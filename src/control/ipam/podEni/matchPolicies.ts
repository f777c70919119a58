import { matchesSelector } from "../../kube/labels.ts";
import type { SecurityGroupPolicy } from "../../objects/securityGroupPolicy.ts";

type Labels = Readonly<Record<string, string>>;

/** A pod as SecurityGroupPolicies look at it. Pods with hostNetwork are none of theirs. */
export interface PolicyPod {
  readonly namespace: string;
  readonly labels: Labels;
  /** Labels of its service account. */
  readonly serviceAccountLabels: Labels;
}

function matches({ metadata, spec }: SecurityGroupPolicy, pod: PolicyPod): boolean {
  const { podSelector, serviceAccountSelector } = spec;
  if (metadata.namespace !== pod.namespace) return false;
  // One without either is invalid to the controller, not one that matches everything.
  if (podSelector === undefined && serviceAccountSelector === undefined) return false;
  return (
    (podSelector === undefined || matchesSelector(podSelector, pod.labels)) &&
    (serviceAccountSelector === undefined || matchesSelector(serviceAccountSelector, pod.serviceAccountLabels))
  );
}

/**
 * Security groups of a pod's branch ENI: those of all policies of its namespace that match, each once, in the policies'
 * order; null: none matches, the pod gets no branch ENI (amazon-vpc-resource-controller-k8s, pkg/utils/helper.go,
 * filterPodSecurityGroups).
 */
export function matchPolicies(pod: PolicyPod, policies: readonly SecurityGroupPolicy[]): readonly string[] | null {
  const matching = policies.filter((policy) => matches(policy, pod));
  if (matching.length === 0) return null;
  return [...new Set(matching.flatMap((policy) => policy.spec.securityGroups.groupIds))];
}
