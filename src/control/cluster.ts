import { ClusterIpam } from "./clusterIpam.ts";
import { type ClusterState, clusterState } from "./clusterState.ts";
import { compile, type Snapshot } from "./compile.ts";
import { Ids } from "./ids.ts";
import type { Ipam } from "./ipam/ipam.ts";
import type { OnStarted } from "./ipam/kubelets.ts";
import { labState, withLab } from "./labState.ts";
import { findObject } from "./objectNames.ts";
import { type LabObject, objectKey } from "./objects/kinds.ts";
import { LAB_API_VERSION, type Lab } from "./objects/lab.ts";
import { ObjectError, type ObjectProblem } from "./objects/objectError.ts";
import { NameError } from "./resolve.ts";
import { type State, withObjects } from "./state.ts";
import { type NamespaceSpec, namespaceSpecs, type Workload, workloads } from "./workloads.ts";

/** What a change did, as keys of objects: `svc/default/api`. */
export interface Change {
  readonly created: readonly string[];
  readonly changed: readonly string[];
  readonly unchanged: readonly string[];
  readonly removed: readonly string[];
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
  readonly #notReady = new Set<string>();
  /** Both follow every change at once: indices depend on the changes alone, never on who looked in between. */
  #view: ClusterState;
  #snapshot: Snapshot;
  /** The addresses' version that view and snapshot show. */
  #shown: number;

  /**
   * The cluster has come to rest when this returns: daemons have filled their pools, and pods have their addresses where
   * there are any; the clock begins at 0 then.
   *
   * @param objects one Lab, and whatever else a lab's files have.
   * @throws ObjectError with all problems, or Error where there is no Lab.
   */
  constructor(objects: readonly LabObject[]) {
    const lab = objects.find((o) => o.kind === "Lab");
    if (lab === undefined) throw new Error(`a lab has one document of kind Lab (${LAB_API_VERSION}), got none; add it`);
    checkRepeats(objects);
    this.#state = withObjects(labState(lab), byKey(objects));
    this.#ipam = new ClusterIpam(this.#state);
    this.#ipam.sync(this.#state);
    this.#ipam.settle();
    this.#view = clusterState(this.#state, this.#ipam, this.#notReady);
    this.#snapshot = compile(this.#view, this.#ids);
    this.#shown = this.#ipam.version;
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
   * Lets time pass: daemons attach ENIs and prefixes, pods that wait get addresses, addresses cool down.
   *
   * @param time milliseconds since the clock began; time never goes back.
   * @returns whether ENIs or pods changed.
   */
  advance(time: number): boolean {
    this.#ipam.advance(time);
    if (this.#ipam.version === this.#shown) return false;
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

  /**
   * Puts objects beside or in place of those there are, as `kubectl apply` does. Pods that run keep node and address where
   * the new objects let them, services their ClusterIP and node ports.
   *
   * @throws ObjectError with all problems; nothing changed.
   */
  apply(objects: readonly LabObject[]): Change {
    checkRepeats(objects);
    const lab = objects.find((o) => o.kind === "Lab");
    const before = new Map<string, LabObject>([[objectKey(this.lab), this.lab], ...this.#state.objects]);
    const base = lab === undefined ? this.#state : withLab(this.#state, lab);
    this.#become(withObjects(base, new Map([...this.#state.objects, ...byKey(objects)])));
    const change = { created: [] as string[], changed: [] as string[], unchanged: [] as string[], removed: [] };
    for (const object of objects) {
      const key = objectKey(object);
      if (!before.has(key)) change.created.push(key);
      else if (same(before.get(key), object)) change.unchanged.push(key);
      else change.changed.push(key);
    }
    return change;
  }

  /**
   * Removes objects named as `pod/web-1`, `deployment/default/api`, `svc/api`; a Namespace goes with all that is in it.
   *
   * @throws NameError for a name that no object has, ObjectError where what stays cannot run without it.
   */
  remove(names: readonly string[]): Change {
    const left = new Map(this.#state.objects);
    const removed: string[] = [];
    for (const name of names) for (const key of this.#named(name)) if (left.delete(key)) removed.push(key);
    this.#become(withObjects(this.#state, left));
    return { created: [], changed: [], unchanged: [], removed };
  }

  /**
   * Says whether a pod's processes serve; pods do until somebody says otherwise.
   *
   * @param pod its key, `pod/default/web-1`
   * @returns whether that is news.
   */
  setReady(pod: string, ready: boolean): boolean {
    if (!this.#state.placements.nodes.has(pod) || ready === !this.#notReady.has(pod)) return false;
    if (ready) this.#notReady.delete(pod);
    else this.#notReady.add(pod);
    this.#show();
    return true;
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
    return clusterState(this.#state, this.#ipam, this.#notReady);
  }

  /** The network namespaces that there should be. */
  namespaces(): NamespaceSpec[] {
    return namespaceSpecs(this.snapshot());
  }

  /** What should run in them. */
  workloads(): Workload[] {
    return workloads(this.state());
  }

  #become(state: State): void {
    this.#state = state;
    for (const pod of this.#notReady) if (!state.placements.nodes.has(pod)) this.#notReady.delete(pod);
    this.#ipam.sync(state);
    this.#show();
  }

  #show(): void {
    this.#view = clusterState(this.#state, this.#ipam, this.#notReady);
    this.#snapshot = compile(this.#view, this.#ids);
    this.#shown = this.#ipam.version;
  }

  /** Keys of the objects that a name stands for. */
  #named(name: string): string[] {
    const { objects, pods } = this.#state;
    const own = pods.find((p) => p.owner.kind === "Deployment" && [p.key, `pod/${p.name}`].includes(name));
    if (own !== undefined)
      throw new NameError(`${own.key} belongs to ${objectKey(own.owner)} and would come back; remove or scale that`);
    const namespaces = [...objects.values()].flatMap((o) => ("namespace" in o.metadata ? [o.metadata.namespace] : []));
    const keys = new Set([...objects.keys(), ...namespaces.map((n) => `namespace/${n}`)]);
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
