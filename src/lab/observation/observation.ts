import { Worker } from "node:worker_threads";
import type { Names } from "../../control/names.ts";
import { decisionComment } from "../../observe/trace/decisionComment.ts";
import { explainedDecision } from "../../observe/trace/explainedDecision.ts";
import { readDecision } from "./decisionColumns.ts";
import { decisionJson } from "./eventLines.ts";
import {
  ABANDON,
  ANSWERS,
  type AskedDecision,
  CHUNKS_TAKEN,
  CONTROL_WORDS,
  type DecisionText,
  FINISH,
  type FromObserver,
  type ObserverData,
  type Place,
  type Progress,
  type ToObserver,
  WANTED,
} from "./observerMessages.ts";
import { wakeReader } from "./ring.ts";

export interface ObservationOptions {
  readonly data: Omit<ObserverData, "control">;
  readonly names: () => Names;
  readonly place: (kind: Place["kind"], index: number) => Place;
  /** Takes bytes. @returns a promise where no more may follow before it resolves */
  readonly onChunk: (bytes: Uint8Array) => Promise<void> | null;
  readonly onProgress: (progress: Progress) => void;
  /** It ends by itself: it has what it wanted, or it failed. */
  readonly onOver: () => void;
}

/** The main thread's end of an observer thread: gives it names, takes what it writes. */
export class Observation {
  readonly #options: ObservationOptions;
  readonly #worker: Worker;
  readonly #control: Int32Array;
  #progress: Progress = { packets: 0, written: 0, bytes: 0, files: [], removed: 0 };
  #problem: string | null = null;
  readonly #ended: Promise<void>;
  /** Resolves when the thread reads, or could not begin to. */
  readonly begun: Promise<void>;

  constructor(options: ObservationOptions) {
    this.#options = options;
    const control = new SharedArrayBuffer(CONTROL_WORDS * Int32Array.BYTES_PER_ELEMENT);
    this.#control = new Int32Array(control);
    const workerData: ObserverData = { ...options.data, control };
    this.#worker = new Worker(new URL("./observerThread.js", import.meta.url), { workerData });
    let begin = (): void => {};
    this.begun = new Promise((resolve) => {
      begin = resolve;
    });
    this.#worker.on("message", (message: FromObserver) => {
      this.#take(message);
      begin();
    });
    this.#worker.on("error", (error: Error) => {
      this.#problem ??= error.message;
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        begin();
        resolve();
        options.onOver();
      });
    });
  }

  get progress(): Progress {
    return this.#progress;
  }

  /** Why it failed, or null. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Nothing is recorded any more: has what is left written. Resolves when the thread has ended. */
  async end(): Promise<void> {
    this.#want(FINISH);
    await this.#ended;
  }

  /** Nobody takes what it writes any more. */
  abandon(): void {
    this.#want(ABANDON);
  }

  #want(what: number): void {
    Atomics.store(this.#control, WANTED, what);
    for (const word of [WANTED, CHUNKS_TAKEN, ANSWERS]) Atomics.notify(this.#control, word);
    wakeReader(this.#options.data.ring);
  }

  #take(message: FromObserver): void {
    switch (message.kind) {
      case "ask":
        this.#answer(message.decisions, message.devices, message.enis);
        return;
      case "chunk": {
        const wait = this.#options.onChunk(message.bytes);
        if (wait === null) this.#taken();
        else void wait.then(() => this.#taken());
        return;
      }
      case "progress":
        this.#progress = message.progress;
        this.#options.onProgress(message.progress);
        return;
      case "done":
        this.#progress = message.progress;
        this.#problem ??= message.problem;
        return;
    }
  }

  #taken(): void {
    Atomics.add(this.#control, CHUNKS_TAKEN, 1);
    Atomics.notify(this.#control, CHUNKS_TAKEN);
  }

  #answer(decisions: readonly AskedDecision[], devices: readonly number[], enis: readonly number[]): void {
    const { names, place } = this.#options;
    const answer: ToObserver = {
      texts: decisions.map((asked) => decisionText(asked, names())),
      places: [...devices.map((d) => place("device", d)), ...enis.map((e) => place("eni", e))],
    };
    this.#worker.postMessage(answer);
    Atomics.add(this.#control, ANSWERS, 1);
    Atomics.notify(this.#control, ANSWERS);
  }
}

function decisionText({ words, facts }: AskedDecision, names: Names): DecisionText {
  const explained = explainedDecision(readDecision(words), facts, names);
  return { comment: decisionComment(explained), at: explained.at, event: decisionJson(explained) };
}
