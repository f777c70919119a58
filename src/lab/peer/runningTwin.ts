import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RuleMode } from "../../control/kube/rules/nodeRules.ts";
import { NameError } from "../../control/resolve.ts";
import type { LoadedLab } from "../files/load.ts";
import { namespaceFileName } from "../netSpec.ts";
import type { PodEntry } from "../podEntry.ts";
import { Container } from "../processes.ts";
import { KUBELET_BACKOFF } from "../restartDelay.ts";
import { twinFiles } from "./twinFiles.ts";
import { TwinNetwork } from "./twinNetwork.ts";
import { twinOf } from "./twinOf.ts";

/** How long processes have between SIGTERM and SIGKILL. */
const GRACE_MS = 500;

export interface TwinOptions {
  mode: RuleMode | null;
  /** Directory that becomes the twin's private tmpfs. */
  directory: string;
  onProgress: (what: string, done: number, total: number) => void;
}

/** A lab's kernel twin that is up: namespaces that Linux connects, with the lab's pods and hosts in them. */
export class RunningTwin {
  readonly #lab: LoadedLab;
  readonly #options: TwinOptions;
  readonly #network: TwinNetwork;
  readonly #containers = new Map<string, { name: string; container: Container }[]>();
  #files: PodEntry["files"] = [];

  /** Call from the inner process: the directory is mounted over in its private mount namespace. */
  constructor(lab: LoadedLab, options: TwinOptions) {
    this.#lab = lab;
    this.#options = options;
    this.#network = new TwinNetwork(options.directory);
  }

  get pods(): number {
    return this.#lab.cluster.state().pods.length;
  }

  async start(): Promise<void> {
    const { directory, mode, onProgress } = this.#options;
    const { cluster } = this.#lab;
    this.#files = twinFiles(join(directory, "files"), cluster.state());
    await this.#network.build(twinOf(cluster, mode), (done, total) => onProgress("namespaces", done, total));
    for (const { name, namespace, processes } of cluster.workloads()) {
      const containers = processes.map((process) => {
        const entry = this.#entry(name, namespace);
        const pod = { ...entry, directory: process.workingDir ?? entry.directory, env: { ...process.env } };
        const container = new Container(
          {
            name: `${namespaceFileName(name)}.${process.name}`,
            pod,
            command: [...process.command],
            restartPolicy: "Always",
          },
          { logDirectory: join(directory, "logs"), backoff: KUBELET_BACKOFF, onState: () => {} },
        );
        return { name: process.name, container };
      });
      this.#containers.set(name, containers);
      for (const { container } of containers) container.start();
    }
  }

  /** How to enter the namespace of a pod, host or node. @throws NameError */
  entry(name: string): PodEntry {
    const end = this.#lab.cluster.snapshot().names.resolve(name);
    if (end.kind === "service" || end.kind === "address")
      throw new NameError(`${name} has no network namespace: name a pod, a host or a node`);
    const workload = this.#lab.cluster.workloads().find((w) => w.name === end.name);
    return this.#entry(end.name, workload?.namespace ?? end.name);
  }

  /** What the containers of a pod or host wrote. @throws NameError */
  logs(name: string): { container: string; text: string }[] {
    const end = this.#lab.cluster.snapshot().names.resolve(name);
    return (this.#containers.get(end.name) ?? []).map(({ container, name: own }) => ({
      container: own,
      text: readFileSync(container.logFile, "utf8"),
    }));
  }

  /** Ends the processes; the namespaces go with the process that made them. */
  async stop(): Promise<void> {
    const all = [...this.#containers.values()].flat();
    await Promise.all(all.map(({ container }) => container.stop(GRACE_MS)));
  }

  #entry(name: string, namespace: string): PodEntry {
    return {
      netFile: this.#network.file(namespace),
      hostname: name.slice(name.lastIndexOf("/") + 1),
      files: this.#files,
      directory: this.#lab.directory,
      env: {},
    };
  }
}
