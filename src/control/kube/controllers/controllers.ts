import type { PodTemplate } from "../../objects/deployment.ts";
import { type Objects, objectKey } from "../../objects/kinds.ts";
import { hasEnded, type Pod } from "../../objects/pod.ts";
import { barePod, isPodController, type PodController } from "../deployments.ts";
import type { SchedulerNode } from "../scheduler.ts";
import { stepDaemonSet } from "./daemonSetController.ts";
import { stepDeployment } from "./deploymentController.ts";
import type { LivePod, PodReport } from "./livePod.ts";
import { PodWork } from "./podWork.ts";
import { stepReplicaSet } from "./replicaSetController.ts";
import { stepStatefulSet } from "./statefulSetController.ts";

export interface ControllersInput {
  readonly objects: Objects;
  readonly nodes: readonly SchedulerNode[];
  /** Milliseconds. */
  readonly now: number;
  /**
   * Whether somebody runs the pods and reports what becomes of them. Where not, they are ready at once and stop at once: a
   * changed template has rolled to the end when {@link Controllers.reconcile} returns.
   */
  readonly manual: boolean;
}

/**
 * The cluster's controllers at one moment, with the pods that they have made and not yet seen the end of. It never changes:
 * every step gives another one, so that a change that is refused leaves the old one as it was. The clock is an argument; the
 * same steps at the same moments give the same pods.
 */
export class Controllers {
  static readonly NONE = new Controllers(new Map(), new Map(), 0, null);

  readonly #pods: ReadonlyMap<string, LivePod>;
  /** Templates that StatefulSets' pods had when the last rolling update was complete ({@link PodWork.templates}). */
  readonly #templates: ReadonlyMap<string, PodTemplate>;
  readonly #created: number;
  /** When time alone will make a difference, milliseconds; null: never. */
  readonly next: number | null;

  private constructor(
    pods: ReadonlyMap<string, LivePod>,
    templates: ReadonlyMap<string, PodTemplate>,
    created: number,
    next: number | null,
  ) {
    this.#pods = pods;
    this.#templates = templates;
    this.#created = created;
    this.next = next;
  }

  /** In the order of their objects and numbers; those whose object is gone come last. */
  get pods(): readonly LivePod[] {
    return [...this.#pods.values()];
  }

  /** @param key `pod/NAMESPACE/NAME` */
  get(key: string): LivePod | undefined {
    return this.#pods.get(key);
  }

  /** What the controllers make of these objects by now, of what was reported, and of the time that has passed. */
  reconcile(input: ControllersInput): Controllers {
    const { objects, manual } = input;
    const work = new PodWork(this.#pods, this.#templates, this.#created, input.now);
    for (const owner of work.owners()) {
      if (objects.has(owner)) continue;
      for (const pod of work.of(owner)) work.delete(pod);
      if (!manual) work.settle(owner);
    }
    for (const owner of work.templates.keys()) if (!objects.has(owner)) work.templates.delete(owner);
    let again: boolean;
    do {
      again = false;
      work.blocked = false;
      for (const [key, object] of objects) {
        if (object.kind !== "Pod" && !isPodController(object)) continue;
        do {
          work.changed = false;
          step(object, input.nodes, work);
          if (!manual) work.settle(key);
          again ||= work.changed;
        } while (work.changed);
      }
      // What one object waits for, another one may have let go.
    } while (work.blocked && again);
    return new Controllers(work.sorted(objects.keys()), work.templates, work.created, work.wake);
  }

  /** With what became of pods; itself where nothing did. What follows from it is {@link reconcile}'s. */
  report(reports: Iterable<PodReport>, now: number): Controllers {
    const pods = new Map(this.#pods);
    let changed = false;
    for (const { pod: key, uid, state } of reports) {
      const pod = pods.get(key);
      if (pod === undefined || (uid !== undefined && uid !== pod.uid)) continue;
      if (state === "stopped") {
        if (pod.deletedAt === null) continue;
        pods.delete(key);
      } else if (state === "deleted") {
        if (pod.deletedAt !== null) continue;
        pods.set(key, { ...pod, deletedAt: now });
      } else {
        if ((state === "ready") === (pod.readySince !== null)) continue;
        pods.set(key, { ...pod, readySince: state === "ready" ? now : null });
      }
      changed = true;
    }
    return changed ? new Controllers(pods, this.#templates, this.#created, this.next) : this;
  }
}

function step(object: Pod | PodController, nodes: readonly SchedulerNode[], work: PodWork): void {
  if (object.kind === "Pod") stepPod(object, work);
  else if (object.kind === "Deployment") stepDeployment(object, work);
  else if (object.kind === "ReplicaSet") stepReplicaSet(object, work);
  else if (object.kind === "StatefulSet") stepStatefulSet(object, work);
  else stepDaemonSet(object, nodes, work);
}

/**
 * A pod that nobody else asks for. One whose description changed is the same one: kubectl would have to replace it. One
 * that has ended stays an object, but nothing of it runs.
 */
function stepPod(object: Pod, work: PodWork): void {
  const owner = objectKey(object);
  const [own] = work.of(owner);
  if (hasEnded(object)) {
    if (own !== undefined) work.delete(own);
  } else if (own === undefined) work.create({ desired: barePod(object), owner, revision: "", number: 0 });
  else if (own.deletedAt === null && own.desired.owner !== object) work.describe(own, barePod(object));
}
