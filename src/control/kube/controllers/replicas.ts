import type { Deployment } from "../../objects/deployment.ts";
import { objectKey } from "../../objects/kinds.ts";
import type { ReplicaSet } from "../../objects/replicaSet.ts";
import { type DesiredPod, podKey, templatePod } from "../deployments.ts";
import type { LivePod } from "./livePod.ts";
import type { PodWork } from "./podWork.ts";
import { templateHash } from "./templateHash.ts";

type Owner = Deployment | ReplicaSet;

/** Label of a Deployment's pods; a ReplicaSet of its own gives none. */
const HASH_LABEL = "pod-template-hash";

/** The pod NAME-k of an owner. */
export function replica(owner: Owner, number: number, revision: string): DesiredPod {
  const labels: Record<string, string> = owner.kind === "Deployment" ? { [HASH_LABEL]: revision } : {};
  return templatePod(owner, `${owner.metadata.name}-${number}`, labels);
}

/** Makes so many pods, each with the lowest number that no other pod's name has. */
export function createReplicas(owner: Owner, count: number, work: PodWork): void {
  const { name, namespace } = owner.metadata;
  const revision = templateHash(owner.spec.template);
  let number = 1;
  for (let i = 0; i < count; i++) {
    while (work.get(podKey(namespace, `${name}-${number}`)) !== undefined) number++;
    work.create({ desired: replica(owner, number, revision), owner: objectKey(owner), revision, number });
  }
}

/** Pods of the owner's template are those of its object as it is now. */
export function describeReplicas(owner: Owner, pods: readonly LivePod[], work: PodWork): void {
  const revision = templateHash(owner.spec.template);
  for (const pod of pods)
    if (pod.deletedAt === null && pod.revision === revision && pod.desired.owner !== owner)
      work.describe(pod, replica(owner, pod.number, revision));
}

/**
 * So many pods to delete: those that are not available first, then those with the highest numbers (Kubernetes: those that
 * are not ready, then the youngest; pkg/controller, ActivePodsWithRanks).
 */
export function victims(pods: readonly LivePod[], count: number, isAvailable: (pod: LivePod) => boolean): LivePod[] {
  const ranked = [...pods].reverse();
  return [...ranked.filter((p) => !isAvailable(p)), ...ranked.filter(isAvailable)].slice(0, count);
}
