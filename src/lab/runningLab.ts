import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Change } from "../control/cluster.ts";
import type { Snapshot } from "../control/compile.ts";
import { diff } from "../control/diff.ts";
import { dnsAddresses } from "../control/dns/listeners.ts";
import { hostName, nodeName } from "../control/entityNames.ts";
import { objectKey } from "../control/objects/kinds.ts";
import { ObjectError } from "../control/objects/objectError.ts";
import { NameError } from "../control/resolve.ts";
import type { NamespaceSpec as LabNamespace } from "../control/workloads.ts";
import { close } from "../device/libc.ts";
import { type Explanation, explain } from "../observe/explain.ts";
import { formatAddress } from "../plane/wire/address.ts";
import type { ViewName, Views, WhyQuestion } from "./controlProtocol.ts";
import { DnsServers } from "./dns/dnsServers.ts";
import { problemText } from "./files/labError.ts";
import type { LoadedLab } from "./files/load.ts";
import { loadObjects } from "./files/load.ts";
import { labView } from "./labViews.ts";
import { NameFiles } from "./nameFiles.ts";
import { type DeviceStats, Namespaces } from "./namespaces.ts";
import { namespaceFileName, netSpec } from "./netSpec.ts";
import { PlaneClient } from "./planeClient.ts";
import type { PodEntry } from "./podEntry.ts";
import { PodLives } from "./podLives.ts";
import { askedPacket, planeOptions } from "./question.ts";
import { RunningWorkloads } from "./runningWorkloads.ts";

/** Packets of a read batch. */
const SLOTS = 32;
/** How long going down waits for the processes before it takes their devices. */
const POLITE_MS = 100;
/** setTimeout takes no more than 31 bits. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

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

interface Placed {
  spec: LabNamespace;
  file: string;
  /** Addresses beyond the device's own: a node's further ENIs', and name servers'. */
  addresses: Set<string>;
}

/** A lab that is up: namespaces, the plane's thread, the pods' processes, and the cluster that says what there should be. */
export class RunningLab {
  readonly plane: PlaneClient;
  readonly #lab: LoadedLab;
  readonly #options: RunOptions;
  readonly #namespaces: Namespaces;
  #files: NameFiles | null = null;
  readonly #dns: DnsServers;
  readonly #placed = new Map<string, Placed>();
  readonly #workloads: RunningWorkloads;
  readonly #lives: PodLives;
  #snapshot: Snapshot | null = null;
  /** Changes happen one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #stopping = false;
  /** A turn is to come that hears what became of pods. */
  #hearing = false;
  /** When the cluster's clock began, by performance.now(). */
  #began = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Pods that a person has been told of, because they wait. */
  #waiting: ReadonlySet<string> = new Set();

  /** Call from the inner process: the directory is mounted over in its private mount namespace. */
  constructor(lab: LoadedLab, options: RunOptions) {
    this.#lab = lab;
    this.#options = options;
    const plane = planeOptions(lab.cluster, SLOTS, true);
    this.plane = new PlaneClient({ options: plane, verify: options.verify, onFatal: options.onFatal });
    this.#namespaces = new Namespaces(options.directory);
    this.#workloads = new RunningWorkloads({
      logDirectory: join(options.directory, "logs"),
      onEvent: options.onEvent,
      onReady: (workload, ready) => {
        if (workload.kind === "pod") this.#lives.report({ pod: workload.name, state: ready ? "ready" : "unready" });
      },
      openSocket: (name) => this.#namespaces.openSocket(namespaceFileName(name), { type: "tcp" }),
    });
    this.#lives = new PodLives(lab.cluster, this.#workloads, () => this.#reported());
    this.#dns = new DnsServers({
      openSocket: (name, spec) => this.#namespaces.openSocket(namespaceFileName(name), spec),
      onReady: (pod, ready) => this.#lives.report({ pod, state: ready ? "ready" : "unready" }),
      onEvent: options.onEvent,
    });
  }

  /** Brings everything up. */
  async start(): Promise<void> {
    // The lab thread answers once it has mounted the directory; before that, files would land on the host.
    await this.#namespaces.readDeviceStats([]);
    this.#files = new NameFiles(join(this.#options.directory, "files"));
    this.#began = performance.now();
    await this.#change(() => {});
  }

  get pods(): { total: number; ready: number } {
    const { pods, waiting } = this.#lab.cluster.state();
    return { total: pods.length + waiting.length, ready: pods.filter((p) => p.ready).length };
  }

  get name(): string {
    return this.#lab.cluster.lab.metadata.name;
  }

  get cluster(): LoadedLab["cluster"] {
    return this.#lab.cluster;
  }

  async apply(path: string): Promise<Change & { notes: readonly string[] }> {
    const files = loadObjects(path);
    let change: Change = { created: [], changed: [], unchanged: [], removed: [] };
    await this.#change(() => {
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
    await this.#change(() => {
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

  async why(question: WhyQuestion): Promise<Explanation> {
    const { names } = this.#lab.cluster.snapshot();
    const { device, bytes, asked } = askedPacket(question, names);
    return explain(await this.plane.whatIf(device, bytes), asked, names);
  }

  /** @param name part of a row's name that it must have, or null for all rows. */
  async view(what: ViewName, name: string | null): Promise<Views[ViewName]> {
    await this.#timePassed();
    return labView(what, name, this.#lab.cluster, this.plane);
  }

  /** How to enter the namespace of a pod, host or node. @throws NameError */
  entry(name: string): PodEntry {
    const end = this.#lab.cluster.snapshot().names.resolve(name);
    const key = end.kind === "pod" ? this.#workloads.namespaceOf(end.name) : end.name;
    const placed = this.#placed.get(key);
    if (placed === undefined) throw new NameError(`${name} has no network namespace: name a pod, a host or a node`);
    return this.#entry(end.name, placed);
  }

  /** What the containers of a pod or host wrote. @throws NameError */
  logs(name: string): { container: string; text: string }[] {
    return this.#workloads.logs(this.#lab.cluster.snapshot().names.resolve(name).name);
  }

  /** The kernel's counters of every TUN, by the device's name. */
  async deviceStats(): Promise<Map<string, DeviceStats>> {
    const byFile = await this.#namespaces.readDeviceStats([...this.#placed.keys()].map(namespaceFileName));
    const stats = new Map<string, DeviceStats>();
    for (const name of this.#placed.keys()) {
      const s = byFile.get(namespaceFileName(name));
      if (s !== undefined) stats.set(name, s);
    }
    return stats;
  }

  /** Names of the devices by index, as far as they are attached. */
  devices(): { index: number; name: string }[] {
    return [...this.#placed.values()].map(({ spec }) => ({ index: spec.device, name: spec.name }));
  }

  /** Ends a start that is under way: it throws. */
  abort(): void {
    this.#stopping = true;
  }

  /** Takes everything down. The TUNs' namespaces go with their last descriptor. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#turn.catch(() => {});
    this.#dns.close();
    const total = this.#placed.size;
    const ended = this.#workloads.endAll();
    // Processes that end when they are asked do so in their network; those that do not lose it meanwhile.
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, POLITE_MS))]);
    let done = 0;
    for (const { spec } of this.#placed.values()) {
      await this.plane.detach(spec.device);
      await this.#namespaces.remove(namespaceFileName(spec.name));
      this.#options.onProgress("namespaces removed", ++done, total);
    }
    this.#placed.clear();
    await ended;
    await this.plane.close();
    await this.#namespaces.close();
  }

  /**
   * Lets time pass, runs a change of the cluster, then makes the world match both. Where the change throws nothing of it
   * happened.
   */
  #change(edit: () => void): Promise<void> {
    const run = this.#turn
      .catch(() => {})
      .then(async () => {
        const news = this.#news();
        try {
          edit();
        } catch (error) {
          if (news) await this.#match();
          throw error;
        } finally {
          this.#awaitNext();
        }
        await this.#match();
      });
    this.#turn = run;
    return run;
  }

  /** The nodes' daemons work with time: whatever they are to do next happens then. */
  #awaitNext(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const next = this.#lab.cluster.next();
    if (next === null || this.#stopping) return;
    const delay = Math.max(0, this.#began + next - performance.now());
    this.#timer = setTimeout(
      () => this.#timePassed().catch(this.#options.onFatal),
      Math.min(Math.ceil(delay), LONGEST_DELAY_MS),
    );
  }

  /** Lets time pass, hears what became of pods, and makes the world match what both brought. */
  #timePassed(): Promise<void> {
    const run = this.#turn
      .catch(() => {})
      .then(async () => {
        const news = this.#news();
        this.#awaitNext();
        if (news && !this.#stopping) await this.#match();
      });
    this.#turn = run;
    return run;
  }

  /** @returns whether the cluster is another one for what happened since it was last looked at. */
  #news(): boolean {
    this.#hearing = false;
    const passed = this.#lab.cluster.advance(performance.now() - this.#began);
    return this.#lives.hear() || passed;
  }

  /** Something became of a pod. One turn hears of all that was said until it comes. */
  #reported(): void {
    if (this.#stopping || this.#hearing) return;
    this.#hearing = true;
    this.#timePassed().catch(this.#options.onFatal);
  }

  /** Makes the world match the cluster; what starts or ends by that may change the cluster again. */
  async #match(): Promise<void> {
    do await this.#matchOnce();
    while (!this.#stopping && this.#news());
    this.#awaitNext();
  }

  async #matchOnce(): Promise<void> {
    const { cluster } = this.#lab;
    const snapshot = cluster.snapshot();
    const wanted = new Map(cluster.namespaces().map((n) => [n.name, n]));
    const workloads = new Map(cluster.workloads().map((w) => [w.name, w]));
    const stale = [...this.#placed.values()].filter(({ spec }) => !same(spec, wanted.get(spec.name)));
    const staleNames = new Set(stale.map((p) => p.spec.name));
    // Processes whose pod changes or goes end first, as they do on a node.
    await this.#workloads.end((w) => staleNames.has(w.namespace) || !same(w, workloads.get(w.name)));
    for (const { spec } of stale) {
      this.#placed.delete(spec.name);
      this.#dns.leave(spec.name);
      await this.plane.detach(spec.device);
      await this.#namespaces.remove(namespaceFileName(spec.name));
    }
    const deleted = this.#lives.endDeleted();
    await this.#place([...wanted.values()].filter((n) => !this.#placed.has(n.name)));
    await this.#addressMachines();
    await this.plane.patch(diff(this.#snapshot, snapshot));
    this.#snapshot = snapshot;
    this.#writeFiles();
    for (const workload of workloads.values()) {
      const placed = this.#placed.get(workload.namespace);
      if (placed !== undefined && !this.#workloads.has(workload.name) && !deleted.has(workload.name))
        this.#workloads.start(workload, this.#entry(workload.name, placed));
    }
    // After the pods have begun: a pod that answers DNS is ready when it listens.
    await this.#dns.match(cluster.state(), (name) => this.#placed.has(name));
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

  async #place(specs: LabNamespace[]): Promise<void> {
    const { offload } = this.#lab.cluster.lab.spec;
    let done = 0;
    for (const spec of specs) {
      if (this.#stopping) throw new Error("the lab is going down");
      const made = await this.#namespaces.create(netSpec(spec, { offload, queues: this.#options.queues }));
      try {
        await this.plane.attach(spec.device, made.fds, spec.mtu, spec.name);
      } catch (error) {
        made.fds.forEach(close);
        throw error;
      }
      this.#placed.set(spec.name, { spec, file: made.file, addresses: new Set() });
      this.#options.onProgress("namespaces", ++done, specs.length);
    }
  }

  /**
   * A node answers at the own address of each of its ENIs, which come and go while its namespace stays; nodes and hosts have
   * the addresses of the name servers that they answer for themselves.
   */
  async #addressMachines(): Promise<void> {
    const state = this.#lab.cluster.state();
    const dns = dnsAddresses(state);
    const wantedBy = new Map<string, Set<string>>(
      state.hosts.map((host) => [hostName(host.spec.name), new Set(dns.get(hostName(host.spec.name)))]),
    );
    for (const node of state.nodes) {
      const name = nodeName(node.spec.name);
      // A branch ENI's address is its pod's.
      const own = node.enis.filter((eni) => eni.kind !== "branch").map((eni) => formatAddress(eni.address));
      wantedBy.set(name, new Set([...own, ...(dns.get(name) ?? [])]));
    }
    for (const [name, wanted] of wantedBy) {
      const placed = this.#placed.get(name);
      if (placed === undefined) continue;
      wanted.delete(placed.spec.address);
      const add = [...wanted].filter((address) => !placed.addresses.has(address));
      const remove = [...placed.addresses].filter((address) => !wanted.has(address));
      if (add.length + remove.length === 0) continue;
      await this.#namespaces.changeAddresses(namespaceFileName(placed.spec.name), add, remove);
      placed.addresses = wanted;
    }
  }

  #writeFiles(): void {
    const state = this.#lab.cluster.state();
    this.#files?.match(state);
    this.#dns.update(state, state.namespaces);
    mkdirSync(join(this.#options.directory, "logs"), { recursive: true });
  }

  #entry(name: string, placed: Placed): PodEntry {
    const parts = name.split("/");
    return {
      netFile: placed.file,
      hostname: parts.at(-1) ?? name,
      files: this.#files?.mounts(name) ?? [],
      directory: this.#lab.directory,
      env: {},
    };
  }
}

/** Whether a description is still what is wanted; both are made by the same code, with their fields in one order. */
function same<T>(is: T, wanted: T | undefined): boolean {
  return wanted !== undefined && JSON.stringify(is) === JSON.stringify(wanted);
}
