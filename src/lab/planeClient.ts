import { Worker } from "node:worker_threads";
import { close } from "../device/libc.ts";
import { createWakeFd, wake } from "../device/poller.ts";
import type { ConntrackEntry } from "../observe/tables.ts";
import { C_TICK_ORIGIN, counterCount } from "../plane/counters.ts";
import type { LaneCounts } from "../plane/impair/laneCounts.ts";
import { LAST_DROPS_WORDS } from "../plane/lastDrops.ts";
import type { Patch } from "../plane/rows.ts";
import { unpackEntries } from "./conntrackData.ts";
import { unpackDecision } from "./decisionData.ts";
import type { SessionFilter, SessionSetup } from "./observation/observationMessages.ts";
import type { PlaneEnvelope, PlaneReply, PlaneRequest, PlaneThreadData } from "./planeMessages.ts";
import type { PlaneAnswer, PlaneQuestion } from "./trialQuestion.ts";

export interface PlaneClientOptions {
  options: PlaneThreadData["options"];
  verify: boolean;
  /** The plane's thread ended with an error: the lab cannot go on. */
  onFatal: (error: Error) => void;
}

const NS_PER_MS = 1e6;

interface Waiting {
  readonly kind: PlaneRequest["kind"];
  readonly resolve: (reply: PlaneReply) => void;
  readonly reject: (error: Error) => void;
}

/** The main thread's end of the plane: sends requests, reads counters from shared memory. */
export class PlaneClient {
  readonly counters: Float64Array;
  /** The last packet dropped for each reason (plane/lastDrops.ts). */
  readonly lastDrops: Int32Array;
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
    const drops = new SharedArrayBuffer(LAST_DROPS_WORDS * Int32Array.BYTES_PER_ELEMENT);
    this.lastDrops = new Int32Array(drops);
    const workerData: PlaneThreadData = {
      options: options.options,
      counters: shared,
      lastDrops: drops,
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

  async whatIf(question: PlaneQuestion): Promise<PlaneAnswer> {
    const answer = await this.#request({ kind: "whatIf", question });
    if (answer.kind !== "decision") throw new Error("the plane gave no decision");
    const { decision, reply, sport } = answer;
    return { forward: unpackDecision(decision), reply: reply === null ? null : unpackDecision(reply), sport };
  }

  async conntrack(): Promise<ConntrackEntry[]> {
    const reply = await this.#request({ kind: "conntrack" });
    return reply.kind === "conntrack" ? unpackEntries(reply.words) : [];
  }

  /** What happened to conntrack entries since the last call (CT_EVENT_*), and how many were lost since somebody watches. */
  async conntrackEvents(on: boolean): Promise<{ words: Int32Array; lost: number }> {
    const reply = await this.#request({ kind: "conntrackEvents", on });
    return reply.kind === "conntrackEvents" ? reply : { words: new Int32Array(0), lost: 0 };
  }

  /** Counts packets and bytes of each connection from now on, or no longer. */
  async accounting(on: boolean): Promise<void> {
    await this.#request({ kind: "accounting", on });
  }

  /** The connections with the most bytes since the asker's last call, most first; none unless they are counted. */
  async busiest(asker: number, limit: number): Promise<ConntrackEntry[]> {
    const reply = await this.#request({ kind: "busiest", asker, limit });
    if (reply.kind !== "busiest") return [];
    const { recent } = reply;
    return unpackEntries(reply.words).map((entry, i): ConntrackEntry => {
      const { counts } = entry;
      if (counts === null || counts === undefined) return entry;
      return { ...entry, counts: { ...counts, recent: [recent[2 * i], recent[2 * i + 1]] } };
    });
  }

  /** Connections of services and endpoints (REPORT_* of plane/services/hits.ts). */
  async serviceHits(): Promise<Float64Array> {
    const reply = await this.#request({ kind: "serviceHits" });
    return reply.kind === "serviceHits" ? reply.report : new Float64Array(0);
  }

  /** Destinations of NAT gateways (NATD_* of plane/fabric/natConnections.ts). */
  async natDestinations(): Promise<Int32Array> {
    const reply = await this.#request({ kind: "natDestinations" });
    return reply.kind === "natDestinations" ? reply.words : new Int32Array(0);
  }

  /** The plane's millisecond tick at this moment. */
  get tick(): number {
    return Math.floor(Number(process.hrtime.bigint()) / NS_PER_MS - this.counters[C_TICK_ORIGIN]) | 0;
  }

  async impairments(): Promise<LaneCounts[]> {
    const reply = await this.#request({ kind: "impairments" });
    return reply.kind === "impairments" ? reply.lanes : [];
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

  /** Begins to record packets. @returns when the recorded times were 0, by the clock of process.hrtime */
  async observe(setup: SessionSetup): Promise<bigint> {
    const reply = await this.#request({ kind: "observe", setup });
    if (reply.kind !== "observing") throw new Error("the plane records nothing");
    return reply.origin;
  }

  /** Records packets that another question asks for, from now on. */
  async refineObservation(session: number, filter: SessionFilter): Promise<void> {
    await this.#request({ kind: "refine", session, filter });
  }

  /** When this resolves, everything that was recorded is in the ring, and nothing follows. */
  async endObservation(session: number): Promise<void> {
    await this.#request({ kind: "endObservation", session });
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
