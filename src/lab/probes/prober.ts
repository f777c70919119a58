import type { ContainerProbes, ProbeSpec } from "../../control/probes.ts";
import { ProbeCounter } from "./probeCounter.ts";

export interface ProberOptions {
  readonly probes: ContainerProbes;
  /** Sends a probe. @returns whether it succeeded; it never throws, and it takes no longer than the probe's timeout. */
  readonly send: (probe: ProbeSpec) => Promise<boolean>;
  /** The container became ready, or no longer is. */
  readonly onReady: (ready: boolean) => void;
  /** It failed a liveness or startup probe: the container is to be ended. */
  readonly onUnhealthy: (probe: ProbeSpec, kind: "liveness" | "startup") => void;
}

/**
 * The probes of a container while it runs, as the kubelet's workers send them: the startup probe first, then the others.
 * A container without startup and readiness probe is ready as soon as it runs; with a readiness probe it is not until that
 * has succeeded.
 */
export class Prober {
  readonly #options: ProberOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  #startedAt = 0;
  /** Which start this is; null: the container does not run. */
  #run: symbol | null = null;
  #livenessStopped = false;

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** The container runs now. */
  start(): void {
    const { startup } = this.#options.probes;
    this.#run = Symbol();
    this.#startedAt = performance.now();
    if (startup === null) {
      this.#started();
      return;
    }
    this.#repeat(startup, (success) => {
      if (success) this.#started();
      else if (!this.#livenessStopped) this.#options.onUnhealthy(startup, "startup");
      return false;
    });
  }

  /** The pod terminates: its readiness alone is still of interest, and what it was stays until its probe says otherwise. */
  stopLiveness(): void {
    this.#livenessStopped = true;
  }

  /** The container has ended. */
  stop(): void {
    this.#run = null;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #started(): void {
    const { readiness, liveness } = this.#options.probes;
    if (readiness === null) this.#options.onReady(true);
    else
      this.#repeat(readiness, (ready) => {
        this.#options.onReady(ready);
        return true;
      });
    if (liveness === null) return;
    this.#repeat(liveness, (alive) => {
      if (this.#livenessStopped) return false;
      if (!alive) this.#options.onUnhealthy(liveness, "liveness");
      return alive;
    });
  }

  /** Sends a probe every period. @param said told what the probe says; false: no more of it */
  #repeat(probe: ProbeSpec, said: (success: boolean) => boolean): void {
    const counter = new ProbeCounter(probe);
    const run = this.#run;
    const send = async (): Promise<void> => {
      const began = performance.now();
      const success = await this.#options.send(probe);
      if (this.#run !== run) return;
      const result = counter.add(success);
      if (result !== null && !said(result)) return;
      this.#after(Math.max(0, probe.period - (performance.now() - began)), send);
    };
    this.#after(Math.max(0, this.#startedAt + probe.initialDelay - performance.now()), send);
  }

  #after(milliseconds: number, run: () => Promise<void>): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void run();
    }, milliseconds);
    this.#timers.add(timer);
  }
}
