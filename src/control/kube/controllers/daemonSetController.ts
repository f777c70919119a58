import { rollingSteps } from "../../ipam/simulate/rollingUpdate.ts";
import type { DaemonSet } from "../../objects/daemonSet.ts";
import { objectKey } from "../../objects/kinds.ts";
import type { PodSpec } from "../../objects/pod.ts";
import { type DesiredPod, podKey, templatePod } from "../deployments.ts";
import { nodeRefusal, type SchedulerNode } from "../scheduler.ts";
import type { LivePod } from "./livePod.ts";
import type { PodWork } from "./podWork.ts";
import { templateHash } from "./templateHash.ts";

/** Taints that every DaemonSet's pods tolerate (kubernetes pkg/controller/daemon/util, AddOrUpdateDaemonPodTolerations). */
const TOLERATED = [
  ["not-ready", "NoExecute"],
  ["unreachable", "NoExecute"],
  ["disk-pressure", "NoSchedule"],
  ["memory-pressure", "NoSchedule"],
  ["pid-pressure", "NoSchedule"],
  ["unschedulable", "NoSchedule"],
] as const;

function daemonSpec(set: DaemonSet): PodSpec {
  const { spec } = set.spec.template;
  const added = TOLERATED.map(([name, effect]) => ({
    key: `node.kubernetes.io/${name}`,
    operator: "Exists" as const,
    value: "",
    effect,
  }));
  return { ...spec, tolerations: [...spec.tolerations, ...added] };
}

/** The nodes that a DaemonSet has a pod on. */
export function daemonNodes(set: DaemonSet, nodes: readonly SchedulerNode[]): SchedulerNode[] {
  const spec = daemonSpec(set);
  return nodes.filter((n) => (spec.nodeName ?? n.name) === n.name && nodeRefusal(spec, n) === null);
}

/** The name that a DaemonSet's pod on a node has: a cluster would draw it. */
export function daemonPodKey(set: DaemonSet, node: string): string {
  return podKey(set.metadata.namespace, `${set.metadata.name}-${node}`);
}

function nodePod(set: DaemonSet, node: string, revision: string): DesiredPod {
  const spec = { ...daemonSpec(set), nodeName: node };
  return templatePod(set, `${set.metadata.name}-${node}`, { "controller-revision-hash": revision }, spec);
}

/**
 * One pass of the DaemonSet controller (kubernetes pkg/controller/daemon: manage, and rollingUpdate with a maxSurge of 0):
 * a pod on every node that takes it; a changed template replaces those that are not available, and of the others as many as
 * maxUnavailable leaves.
 */
export function stepDaemonSet(set: DaemonSet, nodes: readonly SchedulerNode[], work: PodWork): void {
  const { minReadySeconds, updateStrategy, template } = set.spec;
  const owner = objectKey(set);
  const revision = templateHash(template);
  const wanted = daemonNodes(set, nodes).map((n) => n.name);
  const at = new Map(nodes.map((n, i) => [n.name, i]));
  for (const pod of work.of(owner)) {
    const node = pod.desired.spec.nodeName ?? "";
    if (!wanted.includes(node)) work.delete(pod);
    else if (pod.deletedAt === null && pod.revision === revision && pod.desired.owner !== set)
      work.describe(pod, nodePod(set, node, revision));
  }
  const own = new Map(work.of(owner).map((p): [string, LivePod] => [p.desired.spec.nodeName ?? "", p]));
  for (const node of wanted)
    if (!own.has(node))
      work.create({ desired: nodePod(set, node, revision), owner, revision, number: at.get(node) ?? 0 });
  if (updateStrategy.type === "OnDelete") return;
  const { maxUnavailable } = updateStrategy.rollingUpdate;
  const candidates: LivePod[] = [];
  let missing = 0;
  for (const node of wanted) {
    const pod = own.get(node);
    const isAvailable = pod !== undefined && work.isAvailable(pod, minReadySeconds);
    const isOld = pod !== undefined && pod.deletedAt === null && pod.revision !== revision;
    if (isOld && isAvailable) candidates.push(pod);
    else if (isOld) work.delete(pod);
    else if (!isAvailable) missing++;
  }
  const most = rollingSteps(0, maxUnavailable, wanted.length).unavailable;
  for (const pod of candidates.slice(0, Math.max(0, most - missing))) work.delete(pod);
}
