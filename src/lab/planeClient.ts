import { Worker } from "node:worker_threads";
import { close } from "../device/libc.ts";
import { createWakeFd, wake } from "../device/poller.ts";
import type { ConntrackEntry } from "../observe/tables.ts";
import { counterCount } from "../plane/counters.ts";
import type { Decision } from "../plane/decision.ts";
import type { Patch } from "../plane/rows.ts";
import { unpackDecision } from "./decisionData.ts";
import type { PlaneEnvelope, PlaneReply, PlaneRequest, PlaneThreadData } from "./planeMessages.ts";

export interface PlaneClientOptions {
  options: PlaneThreadData["options"];
  verify: boolean;
  /** The plane's thread ended with an error: the lab cannot go on. */
  onFatal: (error: Error) => void;
}

interface Waiting {
  readonly kind: PlaneRequest["kind"];
  readonly resolve: (reply: PlaneReply) => void;
  readonly reject: (error: Error) => void;
}

/** The main thread's end of the plane: sends requests, reads counters from shared memory. */
export class PlaneClient {
  readonly counters: Float64Array;
  readonly #worker: Worker;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #wakeFd: number;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #ended = false;
  /** Resolves when the thread has ended. */
  readonly ended: Promise<void>;

  constructor(options: PlaneClientOptions) {
    this.#wakeFd = createWakeFd();
    const shared = new SharedArrayBuffer(counterCount(options.options.devices) * Float64Array.BYTES_PER_ELEMENT);
    this.counters = new Float64Array(shared);
    const workerData: PlaneThreadData = {
      options: options.options,
      counters: shared,
      stop: this.#stop.buffer,
      wakeFd: this.#wakeFd,
      verify: options.verify,
    };
    this.#worker = new Worker(new URL("./planeThread.js", import.meta.url), { workerData });
    this.#worker.on("message", (reply: PlaneEnvelope<PlaneReply>) => {
      const waiter = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      waiter?.resolve(reply.body);
    });
    this.#worker.on("error", (error: Error) => {
      this.#ended = true;
      options.onFatal(error);
    });
    this.ended = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        this.#ended = true;
        for (const w of this.#waiting.values()) w.reject(new Error("the plane's thread has ended"));
        this.#waiting.clear();
        resolve();
      });
    });
    // Node cannot stop a thread inside a system call; the exit handler runs for uncaught errors too.
    process.on("exit", () => this.signalStop());
  }

  /** Requests that have no answer yet. */
  get pending(): string[] {
    return [...this.#waiting.values()].map(({ kind }) => kind);
  }

  /** Asks the thread to end; it does at its next turn, which the eventfd brings about at once. */
  signalStop(): void {
    Atomics.store(this.#stop, 0, 1);
    wake(this.#wakeFd);
  }

  async close(): Promise<void> {
    this.signalStop();
    await this.ended;
    close(this.#wakeFd);
  }

  async attach(device: number, fds: number[], mtu: number, name: string): Promise<void> {
    await this.#request({ kind: "attach", device, fds, mtu, name });
  }

  async detach(device: number): Promise<void> {
    await this.#request({ kind: "detach", device });
  }

  async patch(patch: Patch): Promise<void> {
    await this.#request({ kind: "patch", patch });
  }

  async whatIf(device: number, packet: Uint8Array): Promise<Decision> {
    const reply = await this.#request({ kind: "whatIf", device, packet });
    if (reply.kind !== "decision") throw new Error("the plane gave no decision");
    return unpackDecision(reply.decision);
  }

  async conntrack(): Promise<ConntrackEntry[]> {
    const reply = await this.#request({ kind: "conntrack" });
    return reply.kind === "conntrack" ? reply.entries : [];
  }

  /** Verdicts of policies since the last call (observe/policyLog.ts), and how many were lost since the lab began. */
  async policyEvents(): Promise<{ events: Int32Array; dropped: number }> {
    const reply = await this.#request({ kind: "policyEvents" });
    return reply.kind === "policyEvents" ? reply : { events: new Int32Array(0), dropped: 0 };
  }

  async stateHash(): Promise<number> {
    const reply = await this.#request({ kind: "stateHash" });
    return reply.kind === "stateHash" ? reply.hash : 0;
  }

  /** Makes the plane throw. */
  fault(): void {
    this.#post({ kind: "fault" });
  }

  #post(body: PlaneRequest): number {
    const id = this.#nextId++;
    this.#worker.postMessage({ id, body } satisfies PlaneEnvelope<PlaneRequest>);
    wake(this.#wakeFd);
    return id;
  }

  #request(body: PlaneRequest): Promise<PlaneReply> {
    if (this.#ended) return Promise.reject(new Error("the plane's thread has ended"));
    return new Promise((resolve, reject) => {
      this.#waiting.set(this.#post(body), { kind: body.kind, resolve, reject });
    });
  }
}
