/** How many pods a rolling update may be above and below the number that is asked for. */
export interface RollingSteps {
  readonly surge: number;
  readonly unavailable: number;
}

/** A number of pods or a percentage such as `25%`. */
export type IntOrPercent = number | string;

function pods(value: IntOrPercent, replicas: number, round: (n: number) => number): number {
  return typeof value === "number" ? value : round((Number.parseInt(value, 10) * replicas) / 100);
}

/**
 * maxSurge is rounded up, maxUnavailable down; where both come to 0, one pod may be missing, since nothing could be
 * replaced otherwise (kubernetes pkg/controller/deployment/util, ResolveFenceposts).
 */
export function rollingSteps(maxSurge: IntOrPercent, maxUnavailable: IntOrPercent, replicas: number): RollingSteps {
  const surge = pods(maxSurge, replicas, Math.ceil);
  const unavailable = Math.min(pods(maxUnavailable, replicas, Math.floor), replicas);
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

/** Pods of a deployment that are not being deleted: of its current template and of earlier ones. */
export interface RolloutCounts {
  readonly replicas: number;
  readonly current: number;
  readonly currentAvailable: number;
  readonly old: number;
  readonly oldAvailable: number;
}

/** What the deployment controller does next: pods to create of the current template, pods to delete. */
export interface RolloutStep {
  readonly create: number;
  /** Of the current template: there are more than are asked for. */
  readonly deleteCurrent: number;
  /** Of earlier templates that are not available. */
  readonly deleteOldUnavailable: number;
  /** Of earlier templates that are. */
  readonly deleteOldAvailable: number;
}

/**
 * One pass of the deployment controller (kubernetes pkg/controller/deployment/rolling.go: reconcileNewReplicaSet, then
 * reconcileOldReplicaSets with cleanupUnhealthyReplicas and scaleDownOldReplicaSetsForRollingUpdate). While a rolling
 * update is under way a changed `replicas` goes to the current template alone, where Kubernetes divides it in proportion.
 */
export function rolloutStep(counts: RolloutCounts, steps: RollingSteps): RolloutStep {
  const { replicas, current, currentAvailable, old, oldAvailable } = counts;
  const total = current + old;
  const limit = old === 0 ? replicas : replicas + steps.surge;
  const create = Math.max(0, Math.min(limit - total, replicas - current));
  const deleteCurrent = Math.max(0, current - replicas);
  const kept = Math.min(currentAvailable, current - deleteCurrent);
  // Kubernetes: all pods, less those that must be available, less those of the current template that are not.
  const spare = old + kept - (replicas - steps.unavailable);
  const deleteOldUnavailable = Math.max(0, Math.min(spare, old - oldAvailable));
  const deleteOldAvailable = Math.max(0, Math.min(spare - (old - oldAvailable), oldAvailable));
  return { create, deleteCurrent, deleteOldUnavailable, deleteOldAvailable };
}
