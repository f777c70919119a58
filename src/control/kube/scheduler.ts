import { compareNames } from "../near.ts";
import type { LabNode } from "../objects/lab.ts";
import type { PodSpec } from "../objects/pod.ts";
import { matchesLabels } from "./labels.ts";

type Taint = LabNode["taints"][number];
type Toleration = PodSpec["tolerations"][number];

/** A node as the scheduler sees it. */
export interface SchedulerNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly instanceType: string;
  readonly maxEnis: number;
  /** kubelet's --max-pods. */
  readonly maxPods: number;
  /** hostNetwork pods that every node runs and a lab does not show: aws-node and kube-proxy in Standard mode. */
  readonly systemPods: number;
  /** Branch ENIs that its pods can have. */
  readonly branchEnis: number;
}

/** Whether a toleration covers a taint (k8s.io/api core/v1 ToleratesTaint): an empty key needs Exists. */
function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect !== "" && toleration.effect !== taint.effect) return false;
  if (toleration.key === "") return toleration.operator === "Exists";
  if (toleration.key !== taint.key) return false;
  return toleration.operator === "Exists" || toleration.value === taint.value;
}

/** Why a pod may not be placed on a node, or null where it may. */
export function nodeRefusal(spec: PodSpec, node: SchedulerNode): string | null {
  if (!matchesLabels(spec.nodeSelector, node.labels)) {
    const [key, value] = Object.entries(spec.nodeSelector).find(([k, v]) => node.labels[k] !== v) ?? ["", ""];
    return `nodeSelector ${key}=${value} does not match (${node.labels[key] === undefined ? "no such label" : `${key}=${node.labels[key]}`})`;
  }
  const taint = node.taints.find(
    (t) => t.effect !== "PreferNoSchedule" && !spec.tolerations.some((toleration) => tolerates(toleration, t)),
  );
  if (taint === undefined) return null;
  return `taint ${taint.key}${taint.value === "" ? "" : `=${taint.value}`}:${taint.effect} is not tolerated`;
}

/** How many pods each node has: those of the same owner, and all of them. */
export interface PodCounts {
  readonly sameOwner: ReadonlyMap<string, number>;
  readonly all: ReadonlyMap<string, number>;
}

/**
 * The nodes in the order in which a pod tries them: fewest pods of the same Deployment first (the default topology
 * spread), then fewest pods, then by name, counting as a person does. The same input gives the same order.
 */
export function nodeOrder<N extends SchedulerNode>(nodes: readonly N[], counts: PodCounts): N[] {
  const count = (map: ReadonlyMap<string, number>, n: N) => map.get(n.name) ?? 0;
  return [...nodes].sort(
    (a, b) =>
      count(counts.sameOwner, a) - count(counts.sameOwner, b) ||
      count(counts.all, a) - count(counts.all, b) ||
      compareNames(a.name, b.name),
  );
}
