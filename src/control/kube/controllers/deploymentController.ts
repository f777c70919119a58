import { rollingSteps, rolloutStep } from "../../ipam/simulate/rollingUpdate.ts";
import type { Deployment } from "../../objects/deployment.ts";
import { objectKey } from "../../objects/kinds.ts";
import type { LivePod } from "./livePod.ts";
import type { PodWork } from "./podWork.ts";
import { createReplicas, describeReplicas, victims } from "./replicas.ts";
import { templateHash } from "./templateHash.ts";

/** One pass of the Deployment controller (kubernetes pkg/controller/deployment: rolling.go, recreate.go). */
export function stepDeployment(deployment: Deployment, work: PodWork): void {
  const { replicas, strategy, minReadySeconds, template } = deployment.spec;
  const own = work.of(objectKey(deployment));
  const revision = templateHash(template);
  const running = own.filter((p) => p.deletedAt === null);
  describeReplicas(deployment, running, work);
  const isAvailable = (pod: LivePod) => work.isAvailable(pod, minReadySeconds);
  const current = work.of(objectKey(deployment)).filter((p) => p.deletedAt === null && p.revision === revision);
  const old = running.filter((p) => p.revision !== revision);
  if (strategy.type === "Recreate" && own.some((p) => p.revision !== revision)) {
    for (const pod of old) work.delete(pod);
    return;
  }
  const { maxSurge, maxUnavailable } = strategy.rollingUpdate;
  const step = rolloutStep(
    {
      replicas,
      current: current.length,
      currentAvailable: current.filter(isAvailable).length,
      old: old.length,
      oldAvailable: old.filter(isAvailable).length,
    },
    rollingSteps(maxSurge, maxUnavailable, replicas),
  );
  const going = [
    ...victims(current, step.deleteCurrent, isAvailable),
    // Those that are not available come first among them.
    ...victims(old, step.deleteOldUnavailable + step.deleteOldAvailable, isAvailable),
  ];
  for (const pod of going) work.delete(pod);
  createReplicas(deployment, step.create, work);
}
