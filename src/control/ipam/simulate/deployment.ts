import type { Random } from "../../../plane/random.ts";
import { PodSet, type SimulatedPod } from "./podSet.ts";
import { type IntOrPercent, type RollingSteps, type RolloutStep, rollingSteps, rolloutStep } from "./rollingUpdate.ts";

/** Pods of a deployment that are not being deleted, by whether they count as available. */
class Group {
  readonly unavailable = new PodSet();
  readonly available = new PodSet();

  get size(): number {
    return this.unavailable.size + this.available.size;
  }
}

/** A deployment: its pods of the current template and of earlier ones, and how it moves from one to the other. */
export class SimulatedDeployment {
  readonly name: string;
  /** From a pod's address to the moment it counts as available, milliseconds. */
  readonly readyAfter: number;
  /** How long a pod that goes keeps its address, milliseconds. */
  readonly gracePeriod: number;
  replicas: number;
  #revision = 1;
  #created = 0;
  #steps: RollingSteps = { surge: 0, unavailable: 0 };
  readonly #current = new Group();
  readonly #old = new Group();

  constructor(name: string, replicas: number, readyAfter: number, gracePeriod: number) {
    this.name = name;
    this.replicas = replicas;
    this.readyAfter = readyAfter;
    this.gracePeriod = gracePeriod;
  }

  /** Pods that count as available. */
  get available(): number {
    return this.#current.available.size + this.#old.available.size;
  }

  /** A new template: all pods there are become old. A rollout that is under way goes on from where it is. */
  rollout(maxSurge: IntOrPercent, maxUnavailable: IntOrPercent): void {
    this.#revision++;
    this.#steps = rollingSteps(maxSurge, maxUnavailable, this.replicas);
    for (const pod of this.#current.unavailable.takeAll()) this.#old.unavailable.add(pod);
    for (const pod of this.#current.available.takeAll()) this.#old.available.add(pod);
  }

  /** A pod of the current template that nobody has placed yet. */
  create(): SimulatedPod {
    const key = `pod/default/${this.name}-${++this.#created}`;
    const revision = this.#revision;
    const pod = { key, deployment: this.name, revision, node: null, started: false, available: false, going: false };
    this.#current.unavailable.add(pod);
    return pod;
  }

  /** The pod counts from now on. */
  becomeAvailable(pod: SimulatedPod): void {
    const group = this.#group(pod);
    if (!group.unavailable.remove(pod)) return;
    pod.available = true;
    group.available.add(pod);
  }

  /** The pod is being deleted: it is none of the deployment's any more. */
  forget(pod: SimulatedPod): void {
    const group = this.#group(pod);
    if (!group.unavailable.remove(pod)) group.available.remove(pod);
  }

  /** What is to be done now for the deployment to get where it should be. */
  step(): RolloutStep {
    return rolloutStep(
      {
        replicas: this.replicas,
        current: this.#current.size,
        currentAvailable: this.#current.available.size,
        old: this.#old.size,
        oldAvailable: this.#old.available.size,
      },
      this.#steps,
    );
  }

  /** The pods that a step deletes; which of those that are alike is drawn, as Kubernetes does among pods of one age. */
  victims(step: RolloutStep, random: Random): SimulatedPod[] {
    const { unavailable, available } = this.#current;
    const fromUnavailable = Math.min(step.deleteCurrent, unavailable.size);
    return [
      ...drawSome(unavailable, fromUnavailable, random),
      ...drawSome(available, step.deleteCurrent - fromUnavailable, random),
      ...drawSome(this.#old.unavailable, step.deleteOldUnavailable, random),
      ...drawSome(this.#old.available, step.deleteOldAvailable, random),
    ];
  }

  /** Any pod that is available. There is one. */
  drawAvailable(random: Random): SimulatedPod {
    const { available } = this.#current;
    const old = this.#old.available;
    const at = random.below(available.size + old.size);
    return at < available.size ? available.at(at) : old.at(at - available.size);
  }

  #group(pod: SimulatedPod): Group {
    return pod.revision === this.#revision ? this.#current : this.#old;
  }
}

/** So many pods of a set, which leave it. */
function drawSome(set: PodSet, count: number, random: Random): SimulatedPod[] {
  return Array.from({ length: count }, () => {
    const pod = set.draw(random);
    set.remove(pod);
    return pod;
  });
}
