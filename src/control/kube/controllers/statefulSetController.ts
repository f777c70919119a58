import { objectKey } from "../../objects/kinds.ts";
import type { StatefulSet } from "../../objects/statefulSet.ts";
import { type DesiredPod, templatePod } from "../deployments.ts";
import type { LivePod } from "./livePod.ts";
import type { PodWork } from "./podWork.ts";
import { templateHash } from "./templateHash.ts";

/** The pod with an ordinal: it has a name in DNS by its own name in the set's service. */
function ordinalPod(set: StatefulSet, ordinal: number, revision: string): DesiredPod {
  const name = `${set.metadata.name}-${ordinal}`;
  const { serviceName, template } = set.spec;
  const labels = {
    "apps.kubernetes.io/pod-index": String(ordinal),
    "controller-revision-hash": `${set.metadata.name}-${revision}`,
    "statefulset.kubernetes.io/pod-name": name,
  };
  const spec = { ...template.spec, hostname: name, ...(serviceName === "" ? {} : { subdomain: serviceName }) };
  return templatePod(set, name, labels, spec);
}

/** Deletes the pods whose ordinals are too many, the highest first. @returns whether the controller may go on. */
function scaleDown(condemned: readonly LivePod[], ordered: boolean, work: PodWork): boolean {
  for (const pod of [...condemned].reverse()) {
    work.delete(pod);
    if (ordered) return false;
  }
  return true;
}

/**
 * One pass of the StatefulSet controller (kubernetes pkg/controller/statefulset/stateful_set_control.go,
 * updateStatefulSet): pods come in the order of their ordinals, each when the one before is available, and go in the reverse
 * order, each when the one after is gone; Parallel waits for neither. A changed template goes from the highest ordinal down,
 * one at a time. As there, an update that never gets ready holds up the next one.
 */
export function stepStatefulSet(set: StatefulSet, work: PodWork): void {
  const { replicas, minReadySeconds, podManagementPolicy, ordinals, template, updateStrategy } = set.spec;
  const owner = objectKey(set);
  const revision = templateHash(template);
  const ordered = podManagementPolicy === "OrderedReady";
  const isHealthy = (pod: LivePod) => work.isAvailable(pod, minReadySeconds);
  const own = work.of(owner);
  for (const pod of own)
    if (pod.deletedAt === null && pod.revision === revision && pod.desired.owner !== set)
      work.describe(pod, ordinalPod(set, pod.number, revision));
  const last = ordinals.start + replicas - 1;
  const byOrdinal = new Map(work.of(owner).map((p) => [p.number, p]));
  for (let number = ordinals.start; number <= last; number++) {
    const pod = byOrdinal.get(number);
    if (pod === undefined) work.create({ desired: ordinalPod(set, number, revision), owner, revision, number });
    if (ordered && (pod === undefined || !isHealthy(pod))) return;
  }
  const condemned = own.filter((p) => p.number < ordinals.start || p.number > last);
  if (!scaleDown(condemned, ordered, work) || updateStrategy.type === "OnDelete") return;
  const kept = work.of(owner).filter((p) => p.number >= ordinals.start && p.number <= last);
  for (const pod of kept.reverse()) {
    if (pod.deletedAt === null && pod.revision !== revision) {
      work.delete(pod);
      return;
    }
    if (!isHealthy(pod)) return;
  }
}
