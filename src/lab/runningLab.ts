import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Change } from "../control/cluster.ts";
import type { Snapshot } from "../control/compile.ts";
import { patches } from "../control/diff.ts";
import { objectKey } from "../control/objects/kinds.ts";
import { ObjectError } from "../control/objects/objectError.ts";
import { NameError } from "../control/resolve.ts";
import type { WhyAnswer } from "../observe/explain.ts";
import type { ViewName, Views, WhyQuestion } from "./controlProtocol.ts";
import { DnsServers } from "./dns/dnsServers.ts";
import { problemText } from "./files/labError.ts";
import type { RunnableLab } from "./files/load.ts";
import { loadObjects } from "./files/load.ts";
import { HealthServers } from "./healthCheck/healthServers.ts";
import { type ImpairAnswer, type ImpairQuestion, impair } from "./impairments.ts";
import { labView } from "./labViews.ts";
import { LiveViews } from "./liveViews.ts";
import { MachineNetwork } from "./machineNetwork.ts";
import { NameFiles } from "./nameFiles.ts";
import { type DeviceStats, Namespaces } from "./namespaces.ts";
import { namespaceFileName } from "./netSpec.ts";
import { Observations } from "./observation/observations.ts";
import { type Placed, PlacedNamespaces } from "./placedNamespaces.ts";
import { PlaneClient } from "./planeClient.ts";
import type { PodEntry } from "./podEntry.ts";
import { PodLives } from "./podLives.ts";
import { type PolicyLogFormat, PolicyLogs } from "./policyLogs.ts";
import { askedPacket, explainAnswer, explainSource, planeOptions } from "./question.ts";
import { RunningWorkloads } from "./runningWorkloads.ts";
import { Turns } from "./turns.ts";

/** Packets of a read batch. */
const SLOTS = 32;
/** How long going down waits for the processes before it takes their devices. */
const POLITE_MS = 100;

export interface RunOptions {
  verify: boolean;
  queues: number;
  /** Directory that becomes the lab's private tmpfs. */
  directory: string;
  onProgress: (what: string, done: number, total: number) => void;
  /** The lab cannot go on. */
  onFatal: (error: Error) => void;
  /** Something that a person may want to know: a container that ended. */
  onEvent: (text: string) => void;
}

/** A lab that is up: namespaces, the plane's thread, the pods' processes, and the cluster that says what there should be. */
export class RunningLab {
  readonly plane: PlaneClient;
  readonly live: LiveViews;
  readonly observations: Observations;
  readonly #lab: RunnableLab;
  readonly #options: RunOptions;
  readonly #namespaces: Namespaces;
  readonly #machines: MachineNetwork;
  #files: NameFiles | null = null;
  readonly #dns: DnsServers;
  readonly #health: HealthServers;
  readonly #placed: PlacedNamespaces;
  readonly #workloads: RunningWorkloads;
  readonly #lives: PodLives;
  #snapshot: Snapshot | null = null;
  readonly #policyLogs: PolicyLogs;
  readonly #turns: Turns;
  /** Pods that a person has been told of, because they wait. */
  #waiting: ReadonlySet<string> = new Set();

  /** Call from the inner process: the directory is mounted over in its private mount namespace. */
  constructor(lab: RunnableLab, options: RunOptions) {
    this.#lab = lab;
    this.#options = options;
    const plane = planeOptions(lab.cluster, SLOTS, true);
    this.plane = new PlaneClient({ options: plane, verify: options.verify, onFatal: options.onFatal });
    this.live = new LiveViews({
      cluster: lab.cluster,
      plane: this.plane,
      capacity: plane.conntrackCapacity,
      devices: () => this.devices(),
    });
    this.observations = new Observations({
      cluster: lab.cluster,
      plane: this.plane,
      devices: () => this.devices(),
    });
    this.#namespaces = new Namespaces(options.directory);
    this.#machines = new MachineNetwork(this.#namespaces);
    this.#placed = new PlacedNamespaces({
      namespaces: this.#namespaces,
      plane: this.plane,
      queues: options.queues,
      onProgress: options.onProgress,
    });
    this.#workloads = new RunningWorkloads({
      logDirectory: join(options.directory, "logs"),
      onEvent: options.onEvent,
      onReady: (workload, ready) => {
        if (workload.kind === "pod") this.#lives.report({ pod: workload.name, state: ready ? "ready" : "unready" });
      },
      openSocket: (name) => this.#namespaces.openSocket(namespaceFileName(name), { type: "tcp" }),
    });
    this.#policyLogs = new PolicyLogs({
      directory: join(options.directory, "logs"),
      drain: () => this.plane.policyEvents(),
      state: () => lab.cluster.state(),
    });
    this.#lives = new PodLives(lab.cluster, this.#workloads, () => this.#turns.reported());
    this.#turns = new Turns({
      cluster: lab.cluster,
      hear: () => this.#lives.hear(),
      match: () => this.#match(),
      onFatal: options.onFatal,
    });
    this.#dns = new DnsServers({
      openSocket: (name, spec) => this.#namespaces.openSocket(namespaceFileName(name), spec),
      onReady: (pod, ready) => this.#lives.report({ pod, state: ready ? "ready" : "unready" }),
      onEvent: options.onEvent,
    });
    this.#health = new HealthServers({
      openSocket: (name, spec) => this.#namespaces.openSocket(namespaceFileName(name), spec),
      onEvent: options.onEvent,
    });
  }

  /** Brings everything up. */
  async start(): Promise<void> {
    // The lab thread answers once it has mounted the directory; before that, files would land on the host.
    await this.#namespaces.readDeviceStats([]);
    this.#files = new NameFiles(join(this.#options.directory, "files"));
    this.#turns.begin();
    await this.#turns.change(() => {});
  }

  get pods(): { total: number; ready: number } {
    const { pods, waiting } = this.#lab.cluster.state();
    return { total: pods.length + waiting.length, ready: pods.filter((p) => p.ready).length };
  }

  get name(): string {
    return this.#lab.cluster.lab.metadata.name;
  }

  get cluster(): RunnableLab["cluster"] {
    return this.#lab.cluster;
  }

  async apply(path: string): Promise<Change & { notes: readonly string[] }> {
    const files = loadObjects(path);
    let change: Change = { created: [], changed: [], unchanged: [], removed: [] };
    await this.#turns.change(() => {
      try {
        change = this.#lab.cluster.apply(files.objects);
      } catch (error) {
        if (error instanceof ObjectError) throw files.located(error);
        throw error;
      }
    });
    return { ...change, notes: files.notes.map(problemText) };
  }

  /**
   * @param path file whose objects go, or null for objects by name.
   * @param wait for the pods that were named to be gone, as kubectl does; a Deployment's go in the background.
   */
  async delete(path: string | null, names: readonly string[], wait: boolean): Promise<Change> {
    const keys =
      path === null
        ? names
        : loadObjects(path)
            .objects.filter((o) => o.kind !== "Lab")
            .map(objectKey);
    let change: Change = { created: [], changed: [], unchanged: [], removed: [] };
    await this.#turns.change(() => {
      change = this.#lab.cluster.remove(keys);
    });
    const removed = new Set(change.removed);
    const namespaces = change.removed
      .filter((k) => k.startsWith("namespace/"))
      .map((k) => k.slice("namespace/".length));
    const isMeant = (pod: string) => removed.has(pod) || namespaces.some((n) => pod.startsWith(`pod/${n}/`));
    if (wait) await this.#lives.gone(isMeant);
    return change;
  }

  async why(question: WhyQuestion): Promise<WhyAnswer> {
    const source = explainSource(this.#lab.cluster);
    const { device, bytes, asked, seek } = askedPacket(question, source.names);
    const answer = await this.plane.whatIf({ device, packet: bytes, both: question.both ?? false, seek });
    return explainAnswer(asked, answer, source);
  }

  /** @throws NameError for an unknown point, SettingError */
  impair(question: ImpairQuestion): Promise<ImpairAnswer> {
    return impair(question, this.#lab.cluster, this.plane, (edit) => this.#turns.change(edit));
  }

  /** @param name part of a row's name that it must have, or null for all rows. */
  async view(what: ViewName, name: string | null): Promise<Views[ViewName]> {
    await this.#turns.timePassed();
    return labView(what, name, this.#lab.cluster, this.plane);
  }

  /** How to enter the namespace of a pod, host or node. @throws NameError */
  entry(name: string): PodEntry {
    const end = this.#lab.cluster.snapshot().names.resolve(name);
    const key = end.kind === "pod" ? this.#workloads.namespaceOf(end.name) : end.name;
    const placed = this.#placed.get(key);
    if (placed === undefined) throw new NameError(`${name} has no network namespace: name a pod, a host or a node`);
    const hostname = this.#workloads.hostnameOf(end.name) ?? lastPart(end.name);
    return this.#entry(end.name, hostname, placed);
  }

  /** What the containers of a pod or host wrote. @throws NameError */
  logs(name: string): { container: string; text: string }[] {
    return this.#workloads.logs(this.#lab.cluster.snapshot().names.resolve(name).name);
  }

  /** What a node's network policy agent has logged. @throws NameError for what is no node */
  policyLog(name: string, format: PolicyLogFormat): Promise<string> {
    const end = this.#lab.cluster.snapshot().names.resolve(name);
    if (end.kind !== "node")
      throw new NameError(`${name} is no node: policy event logs are a node's, such as node/node-1`);
    return this.#policyLogs.read(lastPart(end.name), format);
  }

  /** Pods with policies: their devices, and their nodes' names. */
  policyPods(): { device: number; node: string }[] {
    const { policies } = this.#lab.cluster.snapshot();
    return this.#lab.cluster.state().pods.flatMap(({ desired, place }) => {
      const row = policies.pods.get(desired.key);
      return row === undefined ? [] : [{ device: row.device, node: place.node }];
    });
  }

  get policyEventsDropped(): number {
    return this.#policyLogs.dropped;
  }

  /** The kernel's counters of every TUN, by the device's name. */
  deviceStats(): Promise<Map<string, DeviceStats>> {
    return this.#placed.deviceStats();
  }

  /** Queries to the VPC's resolver that were over its limit and no packets of pods, by ENI. */
  get resolverDropped(): ReadonlyMap<string, number> {
    return this.#dns.dropped;
  }

  /** Names of the devices by index, as far as they are attached. */
  devices(): { index: number; name: string }[] {
    return this.#placed.all().map(({ spec }) => ({ index: spec.device, name: spec.name }));
  }

  /** Ends a start that is under way: it throws. */
  abort(): void {
    this.#turns.end();
  }

  /** What going down waits for, in words for people. */
  get waitsFor(): string {
    const plane = this.plane.pending.map((kind) => `the plane (${kind})`);
    const namespaces = this.#namespaces.pending.map((operation) => `a namespace (${operation})`);
    const processes = this.#workloads.names.map((name) => `the processes of ${name}`);
    return [...plane, ...namespaces, ...processes].join(", ") || "nothing that it knows of";
  }

  /** Takes everything down. The TUNs' namespaces go with their last descriptor. */
  async stop(): Promise<void> {
    this.#turns.end();
    await this.#turns.ended();
    this.#policyLogs.close();
    await this.live.close();
    await this.observations.close();
    this.#dns.close();
    this.#health.close();
    const ended = this.#workloads.endAll();
    // Processes that end when they are asked do so in their network; those that do not lose it meanwhile.
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, POLITE_MS))]);
    await this.#placed.removeAll();
    await ended;
    await this.plane.close();
    await this.#namespaces.close();
  }

  /** Makes the world match the cluster. */
  async #match(): Promise<void> {
    const { cluster } = this.#lab;
    const snapshot = cluster.snapshot();
    const wanted = new Map(cluster.namespaces().map((n) => [n.name, n]));
    const workloads = new Map(cluster.workloads().map((w) => [w.name, w]));
    const stale = this.#placed.all().filter(({ spec }) => !same(spec, wanted.get(spec.name)));
    const staleNames = new Set(stale.map((p) => p.spec.name));
    // Processes whose pod changes or goes end first, as they do on a node.
    await this.#workloads.end((w) => staleNames.has(w.namespace) || !same(w, workloads.get(w.name)));
    for (const placed of stale) {
      this.#dns.leave(placed.spec.name);
      this.#health.leave(placed.spec.name);
      await this.#placed.remove(placed);
    }
    const deleted = this.#lives.endDeleted();
    const missing = [...wanted.values()].filter((n) => !this.#placed.has(n.name));
    await this.#placed.make(missing, cluster.lab.spec.offload, () => this.#turns.isOver);
    await this.#machines.match(cluster.state(), (name) => this.#placed.get(name)?.spec);
    for (const patch of patches(this.#snapshot, snapshot)) await this.plane.patch(patch);
    this.#snapshot = snapshot;
    this.observations.renamed();
    this.#writeFiles();
    for (const workload of workloads.values()) {
      const placed = this.#placed.get(workload.namespace);
      if (placed !== undefined && !this.#workloads.has(workload.name) && !deleted.has(workload.name))
        this.#workloads.start(workload, this.#entry(workload.name, workload.hostname, placed));
    }
    // After the pods have begun: a pod that answers DNS is ready when it listens.
    const exists = (name: string) => this.#placed.has(name);
    await this.#dns.match(cluster.state(), exists);
    await this.#health.match(cluster.state(), exists);
    this.#lives.settle();
    this.#tellWaiting();
  }

  /** Says once of every pod that waits what it waits for. */
  #tellWaiting(): void {
    const { waiting } = this.#lab.cluster.state();
    for (const { desired, node, reason } of waiting)
      if (!this.#waiting.has(desired.key))
        this.#options.onEvent(`${desired.key} waits${node === null ? "" : ` on ${node}`}: ${reason}`);
    this.#waiting = new Set(waiting.map((w) => w.desired.key));
  }

  #writeFiles(): void {
    const state = this.#lab.cluster.state();
    this.#files?.match(state);
    this.#dns.update(state, state.namespaces);
    mkdirSync(join(this.#options.directory, "logs"), { recursive: true });
  }

  #entry(name: string, hostname: string, placed: Placed): PodEntry {
    return {
      netFile: placed.file,
      hostname,
      files: this.#files?.mounts(name) ?? [],
      directory: this.#lab.directory,
      env: {},
    };
  }
}

/** `node-1` of `node/node-1`. */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** Whether a description is still what is wanted; both are made by the same code, with their fields in one order. */
function same<T>(is: T, wanted: T | undefined): boolean {
  return wanted !== undefined && JSON.stringify(is) === JSON.stringify(wanted);
}
