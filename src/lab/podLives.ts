import type { Cluster } from "../control/cluster.ts";
import type { PodReport } from "../control/kube/controllers/livePod.ts";
import type { RunningWorkloads } from "./runningWorkloads.ts";

interface Waiting {
  readonly uids: ReadonlySet<number>;
  readonly resolve: () => void;
}

/** What becomes of a lab's pods, on its way from their processes to the cluster, and from its deletions to them. */
export class PodLives {
  readonly #cluster: Cluster;
  readonly #workloads: RunningWorkloads;
  readonly #onReport: () => void;
  #reports: PodReport[] = [];
  /** Pods whose end is under way. */
  #leaving: ReadonlySet<number> = new Set();
  #waiting: Waiting[] = [];

  /** @param onReport there is something for {@link hear}. */
  constructor(cluster: Cluster, workloads: RunningWorkloads, onReport: () => void) {
    this.#cluster = cluster;
    this.#workloads = workloads;
    this.#onReport = onReport;
  }

  report(report: PodReport): void {
    this.#reports.push(report);
    this.#onReport();
  }

  /** Tells the cluster what was reported. @returns whether that is news to it. */
  hear(): boolean {
    const reports = this.#reports;
    this.#reports = [];
    return reports.length > 0 && this.#cluster.report(reports);
  }

  /** Begins the end of the pods that have been deleted. @returns their names */
  endDeleted(): ReadonlySet<string> {
    const terminating = this.#cluster.terminating();
    for (const { uid, key } of terminating)
      if (!this.#leaving.has(uid))
        void this.#workloads.terminate(key).then(() => this.report({ pod: key, uid, state: "stopped" }));
    this.#leaving = new Set(terminating.map((p) => p.uid));
    return new Set(terminating.map((p) => p.key));
  }

  /** The world matches the cluster again: tells those who wait for pods that are gone. */
  settle(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ uids }) => [...uids].some((uid) => this.#leaving.has(uid)));
    for (const w of waiting) if (!this.#waiting.includes(w)) w.resolve();
  }

  /** Resolves when the deleted pods that `isMeant` names by their keys are gone. */
  async gone(isMeant: (pod: string) => boolean): Promise<void> {
    const uids = new Set<number>();
    for (const { uid, key } of this.#cluster.terminating()) if (isMeant(key)) uids.add(uid);
    if (uids.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ uids, resolve });
    });
  }
}
