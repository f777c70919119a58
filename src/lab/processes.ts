import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { type PodEntry, podCommand, podEnvironment } from "./podEntry.ts";
import { killSession } from "./podExec.ts";
import { type Backoff, RestartDelay } from "./restartDelay.ts";

type RestartPolicy = "Always" | "OnFailure" | "Never";

export interface ContainerSpec {
  /** Names the log file: `NAME.log`. */
  name: string;
  pod: PodEntry;
  command: string[];
  restartPolicy: RestartPolicy;
}

/** What a container does. Times are Date.now(). */
type ContainerState =
  | { status: "running"; pid: number; startedAt: number; restarts: number }
  | { status: "exited"; code: number; exitedAt: number; restarts: number /** null: never */; restartAt: number | null };

export interface ContainerOptions {
  /** Directory of the log files, made if need be. */
  logDirectory: string;
  backoff: Backoff;
  onState: (state: ContainerState) => void;
}

/** What happens before a container gets SIGTERM; `signal` says when there is no time left for it. */
export type BeforeEnd = (signal: AbortSignal) => Promise<unknown>;

/** A command that runs at the moment. */
interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

/** However long its hook took, a container has so long between SIGTERM and SIGKILL (kubelet: minimumGracePeriodInSeconds). */
const LEAST_GRACE_MS = 2000;

const EXIT_BY_SIGNAL = 128;
/** What a shell returns when a command cannot be found. */
const EXIT_NOT_STARTED = 127;

/** A container: a command that runs in a pod, and runs again when it ends, until it is stopped. */
export class Container {
  readonly #spec: ContainerSpec;
  readonly #options: ContainerOptions;
  readonly #delay: RestartDelay;
  #run: Run | null = null;
  #restarts = 0;
  #startedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(spec: ContainerSpec, options: ContainerOptions) {
    this.#spec = spec;
    this.#options = options;
    this.#delay = new RestartDelay(options.backoff);
  }

  /** Whether its command runs. */
  get runs(): boolean {
    return this.#run !== null;
  }

  get logFile(): string {
    return join(this.#options.logDirectory, `${this.#spec.name}.log`);
  }

  /** Starts the command. Its output is appended to the log file, and it inherits no other descriptor. */
  start(): void {
    const { pod, command } = this.#spec;
    mkdirSync(this.#options.logDirectory, { recursive: true });
    const log = openSync(this.logFile, "a");
    const [file, ...args] = podCommand(pod, command);
    const child = spawn(file, args, {
      // A session of its own: what it leaves behind can be ended with it.
      detached: true,
      stdio: ["ignore", log, log],
      env: podEnvironment(pod),
    });
    closeSync(log);
    this.#startedAt = Date.now();
    let ended = () => {};
    this.#run = {
      child,
      ended: new Promise((resolve) => {
        ended = resolve;
      }),
    };
    let over = false;
    const end = (code: number) => {
      if (!over) this.#exited(child, code);
      over = true;
      ended();
    };
    child.on("error", () => end(EXIT_NOT_STARTED));
    child.on("exit", (code, signal) => end(code ?? EXIT_BY_SIGNAL + (signal ? constants.signals[signal] : 0)));
    if (child.pid === undefined) return;
    const running = { pid: child.pid, startedAt: this.#startedAt, restarts: this.#restarts };
    this.#options.onState({ status: "running", ...running });
  }

  #exited(child: ChildProcess, code: number): void {
    killSession(child.pid);
    this.#run = null;
    const exitedAt = Date.now();
    const again = !this.#stopped && wantsRestart(this.#spec.restartPolicy, code);
    let restartAt: number | null = null;
    if (again) {
      const delay = this.#delay.next(exitedAt - this.#startedAt);
      restartAt = exitedAt + delay;
      this.#timer = setTimeout(() => {
        this.#restarts++;
        this.start();
      }, delay);
    }
    this.#options.onState({ status: "exited", code, exitedAt, restarts: this.#restarts, restartAt });
  }

  /**
   * Ends the container for good: as {@link end}, and it does not come again. Asked again with less patience, it ends sooner.
   * Resolves when it has ended.
   */
  stop(graceMs: number, before: BeforeEnd | null = null): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    return this.end(graceMs, before);
  }

  /**
   * Ends the command that runs: `before`, then SIGTERM to the command, SIGKILL to its whole session when `graceMs`
   * milliseconds have passed since this call. Resolves when it has ended.
   */
  async end(graceMs: number, before: BeforeEnd | null = null): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    let left = graceMs;
    if (before !== null && graceMs > 0) {
      const began = performance.now();
      const over = new AbortController();
      const patience = setTimeout(() => over.abort(), graceMs);
      await Promise.race([before(over.signal), run.ended, aborted(over.signal)]);
      clearTimeout(patience);
      over.abort();
      left = Math.max(LEAST_GRACE_MS, graceMs - (performance.now() - began));
    }
    if (left > 0) run.child.kill("SIGTERM");
    const patience = setTimeout(() => killSession(run.child.pid), left);
    await run.ended;
    clearTimeout(patience);
  }
}

function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", resolve, { once: true });
  });
}

function wantsRestart(policy: RestartPolicy, code: number): boolean {
  return policy === "Always" || (policy === "OnFailure" && code !== 0);
}
