import { objectKey } from "../../objects/kinds.ts";
import { ownReplicas, type ReplicaSet } from "../../objects/replicaSet.ts";
import type { PodWork } from "./podWork.ts";
import { createReplicas, describeReplicas, victims } from "./replicas.ts";

/**
 * One pass of the ReplicaSet controller (kubernetes pkg/controller/replicaset, manageReplicas): as many pods as it asks for.
 * A changed template is that of pods to come; those there are stay. A pod that terminates counts no more.
 */
export function stepReplicaSet(set: ReplicaSet, work: PodWork): void {
  const owner = objectKey(set);
  describeReplicas(set, work.of(owner), work);
  const running = work.of(owner).filter((p) => p.deletedAt === null);
  const missing = ownReplicas(set) - running.length;
  const isAvailable = (pod: (typeof running)[number]) => work.isAvailable(pod, set.spec.minReadySeconds);
  if (missing < 0) for (const pod of victims(running, -missing, isAvailable)) work.delete(pod);
  else createReplicas(set, missing, work);
}
