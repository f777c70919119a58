import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Workload } from "../control/workloads.ts";
import { namespaceFileName } from "./netSpec.ts";
import type { PodEntry } from "./podEntry.ts";
import { Container } from "./processes.ts";
import { KUBELET_BACKOFF } from "./restartDelay.ts";

/** How long processes have between SIGTERM and SIGKILL. */
const GRACE_MS = 500;

interface Running {
  readonly workload: Workload;
  readonly containers: readonly Container[];
  /** Containers that run at the moment. */
  readonly up: Set<string>;
}

export interface RunningWorkloadsOptions {
  readonly logDirectory: string;
  /** A container ended by itself. */
  readonly onEvent: (text: string) => void;
  /** All containers of a workload run, or no longer all. */
  readonly onReady: (workload: Workload, ready: boolean) => void;
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

  /** The namespace that a workload runs in; its own name where it does not run. */
  namespaceOf(name: string): string {
    return this.#running.get(name)?.workload.namespace ?? name;
  }

  /** Starts a workload's processes. @param entry how to enter its namespace */
  start(workload: Workload, entry: PodEntry): void {
    const up = new Set<string>();
    const containers = workload.processes.map(
      (process) =>
        new Container(
          {
            name: `${namespaceFileName(workload.name)}.${process.name}`,
            pod: { ...entry, directory: process.workingDir ?? entry.directory, env: { ...process.env } },
            command: [...process.command],
            restartPolicy: "Always",
          },
          {
            logDirectory: this.#options.logDirectory,
            backoff: KUBELET_BACKOFF,
            onState: (state) => {
              if (state.status === "running") up.add(process.name);
              else {
                up.delete(process.name);
                if (!this.#quiet && this.#running.has(workload.name))
                  this.#options.onEvent(
                    `${workload.name}: ${process.name} ended with ${state.code}; see \`podplane logs ${workload.name}\``,
                  );
              }
              if (!this.#quiet) this.#options.onReady(workload, up.size === workload.processes.length);
            },
          },
        ),
    );
    this.#running.set(workload.name, { workload, containers, up });
    for (const c of containers) c.start();
  }

  /** Ends the workloads that `ends` names; they are gone when this resolves. */
  async end(ends: (workload: Workload) => boolean): Promise<void> {
    const ending = [...this.#running.values()].filter(({ workload }) => ends(workload));
    for (const { workload } of ending) this.#running.delete(workload.name);
    await Promise.all(ending.flatMap((r) => r.containers.map((c) => c.stop(GRACE_MS))));
  }

  /** Ends all; nobody is told of it any more. */
  async endAll(): Promise<void> {
    this.#quiet = true;
    await Promise.all([...this.#running.values()].flatMap((r) => r.containers.map((c) => c.stop(GRACE_MS))));
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
}
