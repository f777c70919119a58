import { type Objects, objectKey } from "../../objects/kinds.ts";
import type { ObjectProblem } from "../../objects/objectError.ts";
import type { Pod } from "../../objects/pod.ts";
import { ownReplicas } from "../../objects/replicaSet.ts";
import { isPodController, type PodController, podKey } from "../deployments.ts";
import { matchesSelector } from "../labels.ts";
import type { SchedulerNode } from "../scheduler.ts";
import type { Controllers } from "./controllers.ts";
import { daemonNodes, daemonPodKey } from "./daemonSetController.ts";

/** Names that an object's pods have when nothing of it is being replaced. */
function ownKeys(object: Pod | PodController, nodes: readonly SchedulerNode[]): string[] {
  if (object.kind === "Pod") return [objectKey(object)];
  if (object.kind === "DaemonSet") return daemonNodes(object, nodes).map((n) => daemonPodKey(object, n.name));
  const first = object.kind === "StatefulSet" ? object.spec.ordinals.start : 1;
  const { name, namespace } = object.metadata;
  const length = object.kind === "ReplicaSet" ? ownReplicas(object) : object.spec.replicas;
  return Array.from({ length }, (_, i) => podKey(namespace, `${name}-${first + i}`));
}

function checkSelector(object: PodController, problems: ObjectProblem[]): void {
  const { selector, template } = object.spec;
  const empty = Object.keys(selector.matchLabels).length === 0 && selector.matchExpressions.length === 0;
  if (empty || !matchesSelector(selector, template.metadata.labels))
    problems.push({
      object,
      path: ["spec", "selector"],
      message: `expected a selector that matches the template's labels, got ${JSON.stringify(selector.matchLabels)} for ${JSON.stringify(template.metadata.labels)}; make them the same`,
    });
}

/** Checks that the pods of all objects can have their names, and that controllers select their own pods. */
export function checkPods(
  objects: Objects,
  nodes: readonly SchedulerNode[],
  controllers: Controllers,
  problems: ObjectProblem[],
): void {
  const owners = new Map<string, { readonly kind: string; readonly metadata: { readonly name: string } }>();
  // A Deployment's pod may have a number over its replicas, from a rolling update, a ReplicaSet's from one that was deleted.
  for (const { desired, owner, deletedAt } of controllers.pods) {
    const object = objects.get(owner);
    const isNumbered = object?.kind === "Deployment" || object?.kind === "ReplicaSet";
    if (isNumbered && deletedAt === null) owners.set(desired.key, object);
  }
  for (const object of objects.values()) {
    if (object.kind !== "Pod" && !isPodController(object)) continue;
    if (object.kind !== "Pod") checkSelector(object, problems);
    for (const key of ownKeys(object, nodes)) {
      const other = owners.get(key);
      if (other !== undefined && other !== object)
        problems.push({
          object,
          path: ["metadata", "name"],
          message: `expected pod names of their own, got ${key} from ${other.kind} ${other.metadata.name} and ${object.kind} ${object.metadata.name}; rename one of them`,
        });
      else owners.set(key, object);
    }
  }
}
