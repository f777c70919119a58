import { compareText } from "../../near.ts";
import type { PodTemplate } from "../../objects/deployment.ts";
import type { DesiredPod } from "../deployments.ts";
import type { LivePod } from "./livePod.ts";

const SECOND = 1000;
/** A pod that was ready from the beginning of time is available, however many minReadySeconds there are. */
const ALWAYS = Number.NEGATIVE_INFINITY;

/** The pods while controllers work on them: a copy, so that a change that is refused leaves nothing behind. */
export class PodWork {
  /** Milliseconds. */
  readonly now: number;
  /** Whether somebody changed something since this was last set to false. */
  changed = false;
  /** Whether a pod could not be made because another one still has its name. */
  blocked = false;
  /** When a pod will have been ready for long enough, the soonest; null: none waits for that. */
  wake: number | null = null;
  created: number;
  /** By StatefulSet: the template that all of its pods had last, which those below a partition go on with. */
  readonly templates: Map<string, PodTemplate>;
  /** Pods with this uid and later ones have been made by this work. */
  readonly #first: number;
  readonly #pods: Map<string, LivePod>;
  readonly #byOwner = new Map<string, Map<number, LivePod>>();

  constructor(
    pods: ReadonlyMap<string, LivePod>,
    templates: ReadonlyMap<string, PodTemplate>,
    created: number,
    now: number,
  ) {
    this.#pods = new Map(pods);
    this.templates = new Map(templates);
    this.created = created;
    this.#first = created;
    this.now = now;
    for (const pod of pods.values()) this.#index(pod);
  }

  get(key: string): LivePod | undefined {
    return this.#pods.get(key);
  }

  owners(): string[] {
    return [...this.#byOwner.keys()];
  }

  /** Pods of an owner by their numbers, those that terminate included. */
  of(owner: string): LivePod[] {
    return [...(this.#byOwner.get(owner)?.values() ?? [])].sort(
      (a, b) => a.number - b.number || compareText(a.desired.key, b.desired.key),
    );
  }

  /** Makes a pod unless its name is taken; it is not ready. */
  create(pod: Pick<LivePod, "desired" | "owner" | "revision" | "number">): boolean {
    if (this.#pods.has(pod.desired.key)) {
      this.blocked = true;
      return false;
    }
    this.#put({ ...pod, uid: this.created++, readySince: null, deletedAt: null });
    return true;
  }

  /** The pod terminates from now on. */
  delete(pod: LivePod): void {
    if (pod.deletedAt === null) this.#put({ ...pod, deletedAt: this.now });
  }

  /** The pod stays, with another description. */
  describe(pod: LivePod, desired: DesiredPod): void {
    this.#put({ ...pod, desired });
  }

  /** Whether a pod has been ready for so long (kubernetes pkg/api/v1/pod, IsPodAvailable). */
  isAvailable(pod: LivePod, minReadySeconds: number): boolean {
    if (pod.deletedAt !== null || pod.readySince === null) return false;
    const at = pod.readySince + minReadySeconds * SECOND;
    if (at <= this.now) return true;
    this.wake = Math.min(this.wake ?? at, at);
    return false;
  }

  /** Where nobody runs the pods, those of an owner that came are ready, and those that go are gone, at once. */
  settle(owner: string): void {
    for (const pod of this.of(owner)) {
      if (pod.deletedAt !== null) this.#remove(pod);
      else if (pod.readySince === null && pod.uid >= this.#first) this.#put({ ...pod, readySince: ALWAYS });
    }
  }

  /** The pods, those of the owners named first and in that order. */
  sorted(owners: Iterable<string>): Map<string, LivePod> {
    const sorted = new Map<string, LivePod>();
    for (const owner of [...owners, ...this.owners()])
      for (const pod of this.of(owner)) if (!sorted.has(pod.desired.key)) sorted.set(pod.desired.key, pod);
    return sorted;
  }

  #put(pod: LivePod): void {
    this.#pods.set(pod.desired.key, pod);
    this.#index(pod);
    this.changed = true;
  }

  #index(pod: LivePod): void {
    const own = this.#byOwner.get(pod.owner) ?? new Map<number, LivePod>();
    this.#byOwner.set(pod.owner, own.set(pod.uid, pod));
  }

  #remove(pod: LivePod): void {
    this.#pods.delete(pod.desired.key);
    this.#byOwner.get(pod.owner)?.delete(pod.uid);
    this.changed = true;
  }
}
