import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Change } from "../control/cluster.ts";
import type { Snapshot } from "../control/compile.ts";
import { diff } from "../control/diff.ts";
import { nodeName } from "../control/entityNames.ts";
import { objectKey } from "../control/objects/kinds.ts";
import { ObjectError } from "../control/objects/objectError.ts";
import { NameError } from "../control/resolve.ts";
import * as views from "../control/views.ts";
import type { NamespaceSpec as LabNamespace, Workload } from "../control/workloads.ts";
import { close } from "../device/libc.ts";
import { type Explanation, explain } from "../observe/explain.ts";
import { conntrackRows, reasonCounts } from "../observe/tables.ts";
import { formatAddress } from "../plane/wire/address.ts";
import type { ViewName, Views, WhyQuestion } from "./controlProtocol.ts";
import { problemText } from "./files/labError.ts";
import type { LoadedLab } from "./files/load.ts";
import { loadObjects } from "./files/load.ts";
import { type DeviceStats, Namespaces } from "./namespaces.ts";
import { namespaceFileName, netSpec } from "./netSpec.ts";
import { PlaneClient } from "./planeClient.ts";
import type { PodEntry } from "./podEntry.ts";
import { PodFiles } from "./podFiles.ts";
import { Container } from "./processes.ts";
import { askedPacket, planeOptions } from "./question.ts";
import { KUBELET_BACKOFF } from "./restartDelay.ts";

/** Packets of a read batch. */
const SLOTS = 32;
const GRACE_MS = 500;
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

interface Placed {
  spec: LabNamespace;
  file: string;
  /** Addresses beyond the device's own: a node's further ENIs'. */
  addresses: Set<string>;
}

interface Running {
  workload: Workload;
  containers: Container[];
  /** Containers that run at the moment. */
  up: Set<string>;
}

/** A lab that is up: namespaces, the plane's thread, the pods' processes, and the cluster that says what there should be. */
export class RunningLab {
  readonly plane: PlaneClient;
  readonly #lab: LoadedLab;
  readonly #options: RunOptions;
  readonly #namespaces: Namespaces;
  #files: PodFiles | null = null;
  readonly #placed = new Map<string, Placed>();
  readonly #running = new Map<string, Running>();
  #snapshot: Snapshot | null = null;
  /** Changes happen one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #stopping = false;

  /** Call from the inner process: the directory is mounted over in its private mount namespace. */
  constructor(lab: LoadedLab, options: RunOptions) {
    this.#lab = lab;
    this.#options = options;
    const plane = planeOptions(lab.cluster, SLOTS, true);
    this.plane = new PlaneClient({ options: plane, verify: options.verify, onFatal: options.onFatal });
    this.#namespaces = new Namespaces(options.directory);
  }

  /** Brings everything up. */
  async start(): Promise<void> {
    // The lab thread answers once it has mounted the directory; before that, files would land on the host.
    await this.#namespaces.readDeviceStats([]);
    this.#files = new PodFiles(join(this.#options.directory, "files"));
    await this.#change(() => {});
  }

  get pods(): { total: number; ready: number } {
    const pods = this.#lab.cluster.state().pods;
    return { total: pods.length, ready: pods.filter((p) => p.ready).length };
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

  /** @param path file whose objects go, or null for objects by name. */
  async delete(path: string | null, names: readonly string[]): Promise<Change> {
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
    return change;
  }

  async why(question: WhyQuestion): Promise<Explanation> {
    const { names } = this.#lab.cluster.snapshot();
    const { device, bytes, asked } = askedPacket(question, names);
    return explain(await this.plane.whatIf(device, bytes), asked, names);
  }

  /** @param name part of a row's name that it must have, or null for all rows. */
  async view(what: ViewName, name: string | null): Promise<Views[ViewName]> {
    const rows = await this.#rows(what);
    if (name === null) return rows;
    const kept = (rows as object[]).filter((row) => isNamed(row, name));
    if (kept.length === 0) throw new NameError(`get ${what}: nothing is called "${name}"`);
    return kept as Views[ViewName];
  }

  async #rows(what: ViewName): Promise<Views[ViewName]> {
    const state = this.#lab.cluster.state();
    switch (what) {
      case "pods":
        return views.podViews(state);
      case "services":
        return views.serviceViews(state);
      case "endpoints":
        return views.endpointViews(state);
      case "nodes":
        return views.nodeViews(state);
      case "enis":
        return views.eniViews(state);
      case "subnets":
        return views.subnetViews(state);
      case "routes":
        return views.routeViews(state);
      case "conntrack":
        return conntrackRows(await this.plane.conntrack(), this.#lab.cluster.snapshot().names);
      case "reasons":
        return reasonCounts(this.plane.counters);
    }
  }

  /** How to enter the namespace of a pod, host or node. @throws NameError */
  entry(name: string): PodEntry {
    const end = this.#lab.cluster.snapshot().names.resolve(name);
    const key = end.kind === "pod" ? this.#podNamespace(end.name) : end.name;
    const placed = this.#placed.get(key);
    if (placed === undefined) throw new NameError(`${name} has no network namespace: name a pod, a host or a node`);
    return this.#entry(end.name, placed);
  }

  /** What the containers of a pod or host wrote. @throws NameError */
  logs(name: string): { container: string; text: string }[] {
    const end = this.#lab.cluster.snapshot().names.resolve(name);
    const directory = join(this.#options.directory, "logs");
    const prefix = `${namespaceFileName(end.name)}.`;
    return readdirSync(directory)
      .filter((file) => file.startsWith(prefix) && file.endsWith(".log"))
      .sort()
      .map((file) => ({
        container: file.slice(prefix.length, -".log".length),
        text: readFileSync(join(directory, file), "utf8"),
      }));
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
    await this.#turn.catch(() => {});
    const total = this.#placed.size;
    const ended = Promise.all([...this.#running.values()].flatMap((r) => r.containers.map((c) => c.stop(GRACE_MS))));
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

  /** Runs a change of the cluster, then makes the world match it. Nothing happens if the change throws. */
  #change(edit: () => void): Promise<void> {
    const run = this.#turn
      .catch(() => {})
      .then(async () => {
        edit();
        await this.#match();
      });
    this.#turn = run;
    return run;
  }

  async #match(): Promise<void> {
    const { cluster } = this.#lab;
    const snapshot = cluster.snapshot();
    const wanted = new Map(cluster.namespaces().map((n) => [n.name, n]));
    const workloads = new Map(cluster.workloads().map((w) => [w.name, w]));
    const stale = [...this.#placed.values()].filter(({ spec }) => !same(spec, wanted.get(spec.name)));
    const staleNames = new Set(stale.map((p) => p.spec.name));
    // Processes whose pod changes or goes end first, as they do on a node.
    const ending = [...this.#running.values()].filter(
      ({ workload: w }) => staleNames.has(w.namespace) || !same(w, workloads.get(w.name)),
    );
    for (const { workload } of ending) this.#running.delete(workload.name);
    await Promise.all(ending.flatMap((r) => r.containers.map((c) => c.stop(GRACE_MS))));
    for (const { spec } of stale) {
      this.#placed.delete(spec.name);
      await this.plane.detach(spec.device);
      await this.#namespaces.remove(namespaceFileName(spec.name));
    }
    await this.#place([...wanted.values()].filter((n) => !this.#placed.has(n.name)));
    await this.#addressNodes();
    await this.plane.patch(diff(this.#snapshot, snapshot));
    this.#snapshot = snapshot;
    this.#writeFiles();
    for (const workload of workloads.values()) if (!this.#running.has(workload.name)) this.#run(workload);
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

  /** A node answers at the own address of each of its ENIs, which come and go while its namespace stays. */
  async #addressNodes(): Promise<void> {
    for (const node of this.#lab.cluster.state().nodes) {
      const placed = this.#placed.get(nodeName(node.spec.name));
      if (placed === undefined) continue;
      const wanted = new Set(node.enis.map((eni) => formatAddress(eni.address)));
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
    const services = views.serviceViews(state);
    const hosts = state.hosts.map((h) => ({ name: h.spec.name, address: h.spec.address }));
    for (const { spec } of this.#placed.values()) {
      const [, second, third] = spec.name.split("/");
      const namespace = spec.kind === "pod" ? second : spec.kind === "node" ? "default" : null;
      this.#files?.write(namespaceFileName(spec.name), third ?? second, spec.address, namespace, services, hosts);
    }
    mkdirSync(join(this.#options.directory, "logs"), { recursive: true });
  }

  #run(workload: Workload): void {
    const placed = this.#placed.get(workload.namespace);
    if (placed === undefined) return;
    const up = new Set<string>();
    const containers = workload.processes.map((process) => {
      const pod = this.#entry(workload.name, placed);
      return new Container(
        {
          name: `${namespaceFileName(workload.name)}.${process.name}`,
          pod: { ...pod, directory: process.workingDir ?? pod.directory, env: { ...process.env } },
          command: [...process.command],
          restartPolicy: "Always",
        },
        {
          logDirectory: join(this.#options.directory, "logs"),
          backoff: KUBELET_BACKOFF,
          onState: (state) => {
            if (state.status === "running") up.add(process.name);
            else {
              up.delete(process.name);
              if (!this.#stopping && this.#running.has(workload.name))
                this.#options.onEvent(
                  `${workload.name}: ${process.name} ended with ${state.code}; see \`podplane logs ${workload.name}\``,
                );
            }
            this.#ready(workload, up.size === workload.processes.length);
          },
        },
      );
    });
    this.#running.set(workload.name, { workload, containers, up });
    for (const c of containers) c.start();
  }

  /** A pod whose process ended is no endpoint until it runs again. */
  #ready(workload: Workload, ready: boolean): void {
    if (this.#stopping || workload.kind !== "pod") return;
    if (!this.#lab.cluster.setReady(workload.name, ready)) return;
    const run = this.#turn
      .catch(() => {})
      .then(async () => {
        const snapshot = this.#lab.cluster.snapshot();
        await this.plane.patch(diff(this.#snapshot, snapshot));
        this.#snapshot = snapshot;
      });
    this.#turn = run;
    run.catch(this.#options.onFatal);
  }

  #podNamespace(pod: string): string {
    return this.#running.get(pod)?.workload.namespace ?? pod;
  }

  #entry(name: string, placed: Placed): PodEntry {
    const parts = name.split("/");
    return {
      netFile: placed.file,
      hostname: parts.at(-1) ?? name,
      files: this.#files?.mounts(namespaceFileName(placed.spec.name)) ?? [],
      directory: this.#lab.directory,
      env: {},
    };
  }
}

/** `api`, `default/api`, `svc/api` or an address name the rows that have them. */
function isNamed(row: object, name: string): boolean {
  const own = name.slice(name.indexOf("/") + 1);
  return Object.values(row).some(
    (value) => typeof value === "string" && (value === name || value === own || value.endsWith(`/${own}`)),
  );
}

/** Whether a description is still what is wanted; both are made by the same code, with their fields in one order. */
function same<T>(is: T, wanted: T | undefined): boolean {
  return wanted !== undefined && JSON.stringify(is) === JSON.stringify(wanted);
}
