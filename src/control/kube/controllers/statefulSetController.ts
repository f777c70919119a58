import type { PodTemplate } from "../../objects/deployment.ts";
import { objectKey } from "../../objects/kinds.ts";
import type { StatefulSet } from "../../objects/statefulSet.ts";
import { type DesiredPod, templatePod } from "../deployments.ts";
import type { LivePod } from "./livePod.ts";
import type { PodWork } from "./podWork.ts";
import { templateHash } from "./templateHash.ts";

/** The pod with an ordinal: it has a name in DNS by its own name in the set's service. */
function ordinalPod(set: StatefulSet, ordinal: number, template: PodTemplate): DesiredPod {
  const name = `${set.metadata.name}-${ordinal}`;
  const { serviceName } = set.spec;
  const revision = templateHash(template);
  const labels = {
    "apps.kubernetes.io/pod-index": String(ordinal),
    "controller-revision-hash": `${set.metadata.name}-${revision}`,
    "statefulset.kubernetes.io/pod-name": name,
  };
  const spec = { ...template.spec, hostname: name, ...(serviceName === "" ? {} : { subdomain: serviceName }) };
  return templatePod(set, name, labels, { ...template, spec });
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
 * The template of pods below the partition: the one that all pods had when the last rolling update was complete
 * (status.currentRevision; stateful_set_status_updater and stateful_set_utils.go, completeRollingUpdate).
 */
function currentTemplate(set: StatefulSet, own: readonly LivePod[], work: PodWork): PodTemplate {
  const { replicas, template, updateStrategy } = set.spec;
  const owner = objectKey(set);
  const revision = templateHash(template);
  const isUpdated = (p: LivePod) => p.deletedAt === null && p.readySince !== null && p.revision === revision;
  const isComplete = updateStrategy.type === "RollingUpdate" && own.length === replicas && own.every(isUpdated);
  const known = work.templates.get(owner);
  if (known !== undefined && !isComplete) return known;
  work.templates.set(owner, template);
  return template;
}

/** Replaces pods of an earlier template, the highest ordinal first, each when those above it are healthy. */
function update(pods: readonly LivePod[], revision: string, isHealthy: (pod: LivePod) => boolean, work: PodWork): void {
  for (const pod of [...pods].reverse()) {
    if (pod.deletedAt === null && pod.revision !== revision) {
      work.delete(pod);
      return;
    }
    if (!isHealthy(pod)) return;
  }
}

/**
 * One pass of the StatefulSet controller (kubernetes pkg/controller/statefulset/stateful_set_control.go,
 * updateStatefulSet): pods come in the order of their ordinals, each when the one before is available, and go in the reverse
 * order, each when the one after is gone; Parallel waits for neither. A changed template goes from the highest ordinal down
 * to the partition, one at a time; a pod below it that comes again has the template that it had. As there, an update that
 * never gets ready holds up the next one.
 */
export function stepStatefulSet(set: StatefulSet, work: PodWork): void {
  const { replicas, minReadySeconds, podManagementPolicy, ordinals, template, updateStrategy } = set.spec;
  const owner = objectKey(set);
  const revision = templateHash(template);
  const ordered = podManagementPolicy === "OrderedReady";
  const isHealthy = (pod: LivePod) => work.isAvailable(pod, minReadySeconds);
  const own = work.of(owner);
  const before = currentTemplate(set, own, work);
  for (const pod of own)
    if (pod.deletedAt === null && pod.revision === revision && pod.desired.owner !== set)
      work.describe(pod, ordinalPod(set, pod.number, template));
  const last = ordinals.start + replicas - 1;
  const isRolling = updateStrategy.type === "RollingUpdate";
  const firstUpdated = ordinals.start + (isRolling ? updateStrategy.rollingUpdate.partition : 0);
  const byOrdinal = new Map(work.of(owner).map((p) => [p.number, p]));
  for (let number = ordinals.start; number <= last; number++) {
    const pod = byOrdinal.get(number);
    const its = number < firstUpdated ? before : template;
    if (pod === undefined)
      work.create({ desired: ordinalPod(set, number, its), owner, revision: templateHash(its), number });
    if (ordered && (pod === undefined || !isHealthy(pod))) return;
  }
  const condemned = own.filter((p) => p.number < ordinals.start || p.number > last);
  if (!scaleDown(condemned, ordered, work) || !isRolling) return;
  const updated = work.of(owner).filter((p) => p.number >= firstUpdated && p.number <= last);
  update(updated, revision, isHealthy, work);
}
