import { ClusterIpam } from "./clusterIpam.ts";
import { type ClusterState, clusterState } from "./clusterState.ts";
import { compile, type Snapshot } from "./compile.ts";
import { withImplicitObjects } from "./dns/implicitObjects.ts";
import { Ids } from "./ids.ts";
import type { Ipam } from "./ipam/ipam.ts";
import type { OnStarted } from "./ipam/kubelets.ts";
import type { PodReport } from "./kube/controllers/livePod.ts";
import { labState, withLab } from "./labState.ts";
import { findObject } from "./objectNames.ts";
import { type LabObject, type Objects, objectKey } from "./objects/kinds.ts";
import { LAB_API_VERSION, type Lab } from "./objects/lab.ts";
import { ObjectError, type ObjectProblem } from "./objects/objectError.ts";
import { withValues } from "./overlay.ts";
import { PolicyRows } from "./policy/policyRows.ts";
import { ServiceRows } from "./serviceRows.ts";
import { ServiceStates } from "./serviceStates.ts";
import { type Moment, type State, withEndpoints, withObjects, withReports } from "./state.ts";
import type { Appointment } from "./time/timeline.ts";
import { type NamespaceSpec, namespaceSpecs, type Workload, workloads } from "./workloads.ts";

/** What a change did, as keys of objects: `svc/default/api`. */
export interface Change {
  readonly created: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: readonly string[];
  readonly removed: readonly string[];
}

export interface ClusterOptions {
  /**
   * Whether somebody runs the pods and reports what becomes of them ({@link Cluster.report}). Without, a pod is ready at once
   * and gone as soon as it is deleted.
   */
  readonly manual?: boolean;
}

/** A pod that has been deleted. */
export interface TerminatingPod {
  readonly uid: number;
  /** `pod/default/web-1` */
  readonly key: string;
}

const same = (a: LabObject | undefined, b: LabObject): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * A cluster with its objects: what runs where, with which addresses. Every change is whole: it works, or it throws and
 * nothing happened. Pods get their addresses over time, as their nodes' daemons come by them: time is an argument
 * ({@link advance}), and no call but that one moves it. No I/O; the same calls give the same cluster.
 */
export class Cluster {
  #state: State;
  readonly #ipam: ClusterIpam;
  readonly #ids = new Ids();
  readonly #services = new ServiceStates();
  readonly #serviceRows = new ServiceRows();
  readonly #policyRows = new PolicyRows();
  readonly #manual: boolean;
  /** What the lab's files say; objects that every cluster has lie under them. */
  #given: Objects;
  /** When the controllers have something to do by time alone. */
  #due: Appointment | null = null;
  /** When policies come to hold for pods by time alone. */
  #policiesDue: Appointment | null = null;
  /** Whether they have, since view and snapshot were made. */
  #policiesCame = false;
  /** Both follow every change at once: indices depend on the changes alone, never on who looked in between. */
  #view: ClusterState;
  #snapshot: Snapshot;
  /** The addresses' version that view and snapshot show. */
  #shown: number;
  /** The state that they show. */
  #shownState: State;

  /**
   * The cluster has come to rest when this returns: daemons have filled their pools, and pods have their addresses where
   * there are any; the clock begins at 0 then.
   *
   * @param objects one Lab, and whatever else a lab's files have.
   * @throws ObjectError with all problems, or Error where there is no Lab.
   */
  constructor(objects: readonly LabObject[], { manual = false }: ClusterOptions = {}) {
    const lab = objects.find((o) => o.kind === "Lab");
    if (lab === undefined) throw new Error(`a lab has one document of kind Lab (${LAB_API_VERSION}), got none; add it`);
    checkRepeats(objects);
    this.#manual = manual;
    this.#given = byKey(objects);
    this.#state = withObjects(labState(lab), withImplicitObjects(lab, this.#given), { now: 0, manual });
    this.#ipam = new ClusterIpam(this.#state);
    this.#ipam.sync(this.#state);
    this.#ipam.settle();
    this.#view = clusterState(this.#state, this.#ipam, this.#services);
    this.#snapshot = this.#compile();
    this.#shown = this.#ipam.version;
    this.#shownState = this.#state;
  }

  /** Milliseconds since the cluster had come to rest for the first time. */
  get now(): number {
    return this.#ipam.now;
  }

  /** The addresses over time: daemons, EC2, counts. */
  get ipam(): Ipam {
    return this.#ipam.ipam;
  }

  /**
   * Lets time pass: daemons attach ENIs and prefixes, pods that wait get addresses, addresses cool down, rollouts go on.
   *
   * @param time milliseconds since the clock began; time never goes back.
   * @returns whether ENIs or pods changed.
   */
  advance(time: number): boolean {
    this.#ipam.advance(time);
    const isShown = this.#ipam.version === this.#shown && this.#state === this.#shownState;
    if (isShown && !this.#policiesCame) return false;
    this.#show();
    return true;
  }

  /** Calls back for every pod that gets its address from now on. */
  watchStarts(onStarted: OnStarted): void {
    this.#ipam.onStarted = onStarted;
  }

  /** When {@link advance} has something to do next, milliseconds since the clock began; null: nothing. */
  next(): number | null {
    return this.#ipam.next();
  }

  get lab(): Lab {
    return this.#state.lab;
  }

  /** What the lab's files say by now: its Lab and all other objects. */
  objects(): LabObject[] {
    return [this.lab, ...this.#given.values()];
  }

  /**
   * Puts objects beside or in place of those there are, as `kubectl apply` does. Pods that run keep node and address where
   * the new objects let them, services their ClusterIP and node ports.
   *
   * @throws ObjectError with all problems; nothing changed.
   */
  apply(objects: readonly LabObject[]): Change {
    checkRepeats(objects);
    const lab = objects.find((o) => o.kind === "Lab");
    const base = lab === undefined ? this.#state : withLab(this.#state, lab, this.#ipam.subnets());
    const news = new Map<string, LabObject>();
    const change = { created: [] as string[], changed: [] as string[], unchanged: [] as string[], removed: [] };
    for (const object of objects) {
      const key = objectKey(object);
      const old = key === objectKey(this.lab) ? this.lab : this.#given.get(key);
      if (old !== undefined && same(old, object)) {
        // It stays the object that it was: whoever compares by identity sees no change.
        change.unchanged.push(key);
        continue;
      }
      (old === undefined ? change.created : change.changed).push(key);
      if (object.kind !== "Lab") news.set(key, object);
    }
    const slices = base === this.#state ? withEndpoints(base, news) : null;
    if (slices === null) this.#give(base, new Map([...this.#given, ...news]));
    else {
      this.#become(slices);
      this.#given = withValues(this.#given, news);
    }
    return change;
  }

  /**
   * Removes objects named as `pod/web-1`, `deployment/default/api`, `svc/api`; a Namespace goes with all that is in it. A pod
   * of a Deployment or its like terminates, and its controller makes another one.
   *
   * @throws NameError for a name that no object has, ObjectError where what stays cannot run without it.
   */
  remove(names: readonly string[]): Change {
    const left = new Map(this.#given);
    const removed: string[] = [];
    const deleted: string[] = [];
    for (const name of names)
      for (const key of this.#named(name)) {
        if (left.delete(key)) removed.push(key);
        else if (this.#state.controllers.get(key) !== undefined) deleted.push(key);
      }
    if (removed.length > 0) this.#give(this.#state, left);
    this.report(deleted.map((pod) => ({ pod, state: "deleted" })));
    return { created: [], changed: [], unchanged: [], removed: [...new Set([...removed, ...deleted])] };
  }

  /**
   * Says whether a pod's processes serve.
   *
   * @param pod its key, `pod/default/web-1`
   * @returns whether that is news.
   */
  setReady(pod: string, ready: boolean): boolean {
    return this.report([{ pod, state: ready ? "ready" : "unready" }]);
  }

  /** Says what became of pods; controllers act on it at once. @returns whether that is news. */
  report(reports: Iterable<PodReport>): boolean {
    const state = withReports(this.#state, reports, this.#moment);
    if (state === this.#state) return false;
    this.#become(state);
    return true;
  }

  /** Pods that have been deleted, until {@link report} says that they have stopped. */
  terminating(): TerminatingPod[] {
    return this.#state.controllers.pods
      .filter((p) => p.deletedAt !== null)
      .map(({ uid, desired }) => ({ uid, key: desired.key }));
  }

  /** What the plane is to forward by now; the same object until something changes. */
  snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** What the snapshot was made of; the same object until something changes. */
  state(): ClusterState {
    return this.#view;
  }

  /** What the views (views.ts) read: as {@link state}, with the counts of this moment, such as addresses that cool down. */
  current(): ClusterState {
    return clusterState(this.#state, this.#ipam, this.#services);
  }

  /** The network namespaces that there should be. */
  namespaces(): NamespaceSpec[] {
    return namespaceSpecs(this.snapshot());
  }

  /** What should run in them. */
  workloads(): Workload[] {
    return workloads(this.state());
  }

  get #moment(): Moment {
    return { now: this.now, manual: this.#manual };
  }

  #give(base: State, given: Objects): void {
    this.#become(withObjects(base, withImplicitObjects(base.lab, given), this.#moment));
    this.#given = given;
  }

  #become(state: State): void {
    this.#enter(state);
    this.#show();
  }

  #enter(state: State): void {
    this.#state = state;
    this.#ipam.sync(state);
    if (this.#due !== null) this.#ipam.cancel(this.#due);
    const { next } = state.controllers;
    const go = () => this.#enter(withReports(this.#state, [], this.#moment));
    this.#due = next === null ? null : this.#ipam.at(next, go);
  }

  #show(): void {
    this.#view = clusterState(this.#state, this.#ipam, this.#services);
    this.#snapshot = this.#compile();
    this.#shown = this.#ipam.version;
    this.#shownState = this.#state;
  }

  #compile(): Snapshot {
    const snapshot = compile(this.#view, this.#ids, this.#serviceRows, this.#policyRows, this.now);
    this.#policiesCame = false;
    if (this.#policiesDue !== null) this.#ipam.cancel(this.#policiesDue);
    const { next } = snapshot.policies;
    const came = () => {
      this.#policiesDue = null;
      this.#policiesCame = true;
    };
    this.#policiesDue = next === null ? null : this.#ipam.at(next, came);
    return snapshot;
  }

  /** Keys of the objects that a name stands for. */
  #named(name: string): string[] {
    const objects = this.#given;
    const namespaces = [...objects.values()].flatMap((o) => ("namespace" in o.metadata ? [o.metadata.namespace] : []));
    const pods = this.#state.pods.map((p) => p.key);
    const keys = new Set([...objects.keys(), ...namespaces.map((n) => `namespace/${n}`), ...pods]);
    const key = findObject(name, [...keys]);
    if (!key.startsWith("namespace/")) return [key];
    const namespace = key.slice("namespace/".length);
    const inside = [...objects.values()].filter((o) => "namespace" in o.metadata && o.metadata.namespace === namespace);
    return [key, ...inside.map(objectKey)];
  }
}

function byKey(objects: readonly LabObject[]): Map<string, LabObject> {
  return new Map(objects.filter((o) => o.kind !== "Lab").map((o) => [objectKey(o), o]));
}

function checkRepeats(objects: readonly LabObject[]): void {
  const problems: ObjectProblem[] = [];
  const seen = new Set<string>();
  for (const object of objects) {
    const key = object.kind === "Lab" ? "lab" : objectKey(object);
    if (seen.has(key))
      problems.push({
        object,
        path: ["metadata", "name"],
        message: `expected each object once, got ${objectKey(object)} as another ${key}; rename or remove one of them`,
      });
    seen.add(key);
  }
  if (problems.length > 0) throw new ObjectError(problems);
}
