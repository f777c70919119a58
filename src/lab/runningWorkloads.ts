import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProbeSpec } from "../control/probes.ts";
import type { PreStop, ProcessSpec, Workload } from "../control/workloads.ts";
import { namespaceFileName } from "./netSpec.ts";
import type { PodEntry } from "./podEntry.ts";
import { runInPod } from "./podExec.ts";
import { Prober } from "./probes/prober.ts";
import { sendProbe } from "./probes/sendProbe.ts";
import { type BeforeEnd, Container } from "./processes.ts";
import { KUBELET_BACKOFF } from "./restartDelay.ts";

/** How long processes have between SIGTERM and SIGKILL when their pod is replaced or the lab goes down. */
const GRACE_MS = 500;
/** No hook takes longer than its pod's grace period, which ends it. */
const LONGEST_HOOK_MS = 2 ** 31 - 1;

/** A container of a workload, with what it waits for before it gets SIGTERM. */
interface Part {
  readonly container: Container;
  readonly prober: Prober;
  readonly beforeEnd: BeforeEnd | null;
}

interface Running {
  readonly workload: Workload;
  readonly parts: Part[];
  /** Names of the processes that are ready. */
  readonly ready: Set<string>;
  /** Whether all are, as was last told; null: nobody was told. */
  told: boolean | null;
  /** It is being ended. */
  leaving: boolean;
}

export interface RunningWorkloadsOptions {
  readonly logDirectory: string;
  /** A container ended by itself, or failed a probe. */
  readonly onEvent: (text: string) => void;
  /** All containers of a workload are ready, or no longer all. */
  readonly onReady: (workload: Workload, ready: boolean) => void;
  /** A new TCP socket in a namespace, by the name of its {@link Workload.kubelet}. */
  readonly openSocket: (namespace: string) => Promise<number>;
}

/** The processes of a lab's pods and hosts. */
export class RunningWorkloads {
  readonly #options: RunningWorkloadsOptions;
  readonly #running = new Map<string, Running>();
  #quiet = false;

  constructor(options: RunningWorkloadsOptions) {
    this.#options = options;
  }

  has(name: string): boolean {
    return this.#running.has(name);
  }

  /** Names of workloads whose processes run. */
  get names(): string[] {
    return [...this.#running.values()]
      .filter(({ parts }) => parts.some((p) => p.container.runs))
      .map((r) => r.workload.name);
  }

  /** What `hostname` says in a workload; null: it does not run. */
  hostnameOf(name: string): string | null {
    return this.#running.get(name)?.workload.hostname ?? null;
  }

  /** The namespace that a workload runs in; its own name where it does not run. */
  namespaceOf(name: string): string {
    return this.#running.get(name)?.workload.namespace ?? name;
  }

  /** Starts a workload's processes. @param entry how to enter its namespace */
  start(workload: Workload, entry: PodEntry): void {
    const running: Running = { workload, parts: [], ready: new Set(), told: null, leaving: false };
    this.#running.set(workload.name, running);
    for (const process of workload.processes) running.parts.push(this.#part(running, process, entry));
    for (const { container } of running.parts) container.start();
    // A pod without processes is a namespace to run things in.
    if (workload.processes.length === 0) this.#options.onReady(workload, true);
  }

  /** Ends the workloads that `ends` names, at once; they are gone when this resolves. */
  async end(ends: (workload: Workload) => boolean): Promise<void> {
    const ending = [...this.#running.values()].filter(({ workload }) => ends(workload));
    for (const { workload } of ending) this.#running.delete(workload.name);
    await Promise.all(ending.map((r) => stop(r, GRACE_MS)));
  }

  /**
   * Ends a pod as the kubelet does: its hooks, SIGTERM, and SIGKILL when its grace period is over. It is gone when this
   * resolves; one that does not run is so at once.
   */
  async terminate(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    running.leaving = true;
    for (const { prober } of running.parts) prober.stopLiveness();
    const { grace } = running.workload;
    await Promise.all(running.parts.map(({ container, beforeEnd }) => container.stop(grace, beforeEnd)));
    if (this.#running.get(name) === running) this.#running.delete(name);
  }

  /** Ends all; nobody is told of it any more. */
  async endAll(): Promise<void> {
    this.#quiet = true;
    await Promise.all([...this.#running.values()].map((r) => stop(r, GRACE_MS)));
  }

  /** What the containers of a pod or host wrote. */
  logs(name: string): { container: string; text: string }[] {
    const prefix = `${namespaceFileName(name)}.`;
    const { logDirectory } = this.#options;
    return readdirSync(logDirectory)
      .filter((file) => file.startsWith(prefix) && file.endsWith(".log"))
      .sort()
      .map((file) => ({
        container: file.slice(prefix.length, -".log".length),
        text: readFileSync(join(logDirectory, file), "utf8"),
      }));
  }

  #part(running: Running, process: ProcessSpec, entry: PodEntry): Part {
    const { workload } = running;
    const pod = { ...entry, directory: process.workingDir ?? entry.directory, env: { ...process.env } };
    const beforeEnd = process.preStop === null ? null : hook(process.preStop, pod);
    const ready = (is: boolean) => {
      if (is) running.ready.add(process.name);
      else running.ready.delete(process.name);
      const all = running.ready.size === workload.processes.length;
      if (this.#quiet || all === running.told) return;
      running.told = all;
      this.#options.onReady(workload, all);
    };
    const prober = new Prober({
      probes: process.probes,
      send: (probe) =>
        sendProbe(probe, { pod, openSocket: () => this.#options.openSocket(workload.kubelet ?? workload.namespace) }),
      onReady: ready,
      onUnhealthy: (probe: ProbeSpec, kind) => {
        this.#tell(running, `${process.name} failed its ${kind} probe and is restarted`);
        void container.end(probe.grace, beforeEnd);
      },
    });
    const container = new Container(
      {
        name: `${namespaceFileName(workload.name)}.${process.name}`,
        pod,
        command: [...process.command],
        restartPolicy: "Always",
      },
      {
        logDirectory: this.#options.logDirectory,
        backoff: KUBELET_BACKOFF,
        onState: (state) => {
          if (state.status === "running") {
            prober.start();
            return;
          }
          prober.stop();
          this.#tell(running, `${process.name} ended with ${state.code}; see \`podplane logs ${workload.name}\``);
          ready(false);
        },
      },
    );
    return { container, prober, beforeEnd };
  }

  #tell(running: Running, text: string): void {
    if (this.#quiet || running.leaving || !this.#running.has(running.workload.name)) return;
    this.#options.onEvent(`${running.workload.name}: ${text}`);
  }
}

async function stop({ parts }: Running, graceMs: number): Promise<void> {
  await Promise.all(parts.map(({ container }) => container.stop(graceMs)));
}

function hook(preStop: PreStop, pod: PodEntry): BeforeEnd {
  return (signal) =>
    "sleep" in preStop
      ? sleep(preStop.sleep, null, { signal }).catch(() => {})
      : runInPod(pod, preStop.command, LONGEST_HOOK_MS, signal);
}
