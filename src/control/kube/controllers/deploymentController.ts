import { rollingSteps, rolloutStep } from "../../ipam/simulate/rollingUpdate.ts";
import type { Deployment } from "../../objects/deployment.ts";
import { objectKey } from "../../objects/kinds.ts";
import { podKey, templatePod } from "../deployments.ts";
import type { LivePod } from "./livePod.ts";
import type { PodWork } from "./podWork.ts";
import { templateHash } from "./templateHash.ts";

const HASH_LABEL = "pod-template-hash";

const namedPod = (deployment: Deployment, number: number, hash: string) =>
  templatePod(deployment, `${deployment.metadata.name}-${number}`, { [HASH_LABEL]: hash });

/** Makes so many pods, each with the lowest number that no other pod's name has. */
function create(deployment: Deployment, count: number, work: PodWork): void {
  const { name, namespace } = deployment.metadata;
  const revision = templateHash(deployment.spec.template);
  let number = 1;
  for (let i = 0; i < count; i++) {
    while (work.get(podKey(namespace, `${name}-${number}`)) !== undefined) number++;
    work.create({ desired: namedPod(deployment, number, revision), owner: objectKey(deployment), revision, number });
  }
}

/**
 * So many pods to delete: those that are not available first, then those with the highest numbers (Kubernetes: those that
 * are not ready, then the youngest; pkg/controller, ActivePodsWithRanks).
 */
function victims(pods: readonly LivePod[], count: number, isAvailable: (pod: LivePod) => boolean): LivePod[] {
  const ranked = [...pods].reverse();
  return [...ranked.filter((p) => !isAvailable(p)), ...ranked.filter(isAvailable)].slice(0, count);
}

/** One pass of the Deployment controller (kubernetes pkg/controller/deployment: rolling.go, recreate.go). */
export function stepDeployment(deployment: Deployment, work: PodWork): void {
  const { replicas, strategy, minReadySeconds, template } = deployment.spec;
  const own = work.of(objectKey(deployment));
  const revision = templateHash(template);
  const running = own.filter((p) => p.deletedAt === null);
  for (const pod of running)
    if (pod.revision === revision && pod.desired.owner !== deployment)
      work.describe(pod, namedPod(deployment, pod.number, revision));
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
  create(deployment, step.create, work);
}
