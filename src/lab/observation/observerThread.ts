import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { CaptureOutput } from "./captureOutput.ts";
import {
  ABANDON,
  ANSWERS,
  type AskedDecision,
  CHUNKS_TAKEN,
  type DecisionText,
  type FromObserver,
  type ObserverData,
  RUN,
  type ToObserver,
  WANTED,
} from "./observerMessages.ts";
import { RingReader } from "./ring.ts";
import { RingDrain } from "./ringDrain.ts";
import { TraceOutput } from "./traceOutput.ts";

/**
 * A session's observer: reads what the plane's thread recorded, and makes blocks and text of it. It never returns to its event
 * loop: it waits on shared memory, writes files synchronously, and gets answers by receiveMessageOnPort.
 */

const data = workerData as ObserverData;
const port = mainThread();

/** How long records gather before they are read, in ms: what a person does not notice. */
const GATHER_MS = 20;
/** Longest sleep where nothing comes. */
const IDLE_MS = 500;
const PROGRESS_MS = 1000;
/** How long the outputs of the last packet are waited for. */
const LAST_OUTPUTS_MS = 100;
/** Chunks on their way to who takes them. */
const MAX_CHUNKS = 8;
/** A thread at the end of its lab is not waited for longer than that at a time. */
const LOOK_UP_MS = 200;

const control = new Int32Array(data.control);
const ring = new RingReader(data.ring);
let chunks = 0;
let asked = 0;

let output: CaptureOutput | TraceOutput | null = null;

class Abandoned extends Error {}

function mainThread(): MessagePort {
  if (parentPort === null) throw new Error("observerThread runs as a worker thread");
  return parentPort;
}

function tell(message: FromObserver, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

/** Waits until a control word says so. @throws Abandoned */
function waitFor(word: number, isThere: (value: number) => boolean): void {
  for (;;) {
    if (Atomics.load(control, WANTED) === ABANDON) throw new Abandoned();
    const value = Atomics.load(control, word);
    if (isThere(value)) return;
    Atomics.wait(control, word, value, LOOK_UP_MS);
  }
}

/** Hands bytes to the main thread; they are copied. */
function chunk(bytes: Uint8Array): void {
  waitFor(CHUNKS_TAKEN, (taken) => chunks - taken < MAX_CHUNKS);
  chunks++;
  const own = new Uint8Array(bytes);
  tell({ kind: "chunk", bytes: own }, [own.buffer]);
}

/** Asks the main thread, which has the names. */
function ask(decisions: readonly AskedDecision[], devices: number[], enis: number[]): readonly DecisionText[] {
  const began = performance.now();
  tell({ kind: "ask", decisions, devices, enis });
  asked++;
  waitFor(ANSWERS, (answers) => answers === asked);
  const answer = receiveMessageOnPort(port)?.message as ToObserver;
  if (output instanceof CaptureOutput) for (const place of answer.places) output.addPlace(place);
  // The main thread has other things to do: a flood of new connections may have half of it.
  if (decisions.length > 0) Atomics.wait(control, WANTED, RUN, performance.now() - began);
  return answer.texts;
}

function openOutput(): CaptureOutput | TraceOutput {
  const { settings } = data;
  return settings.kind === "capture" ? new CaptureOutput(data, settings, chunk) : new TraceOutput(data.origin, chunk);
}

function run(to: CaptureOutput | TraceOutput): void {
  const known = data.settings.kind === "capture" ? data.settings.places : [];
  const drain = new RingDrain(ring, to, ask, known);
  let told = performance.now();
  let fullSince = -1;
  for (;;) {
    const wanted = Atomics.load(control, WANTED);
    const read = drain.round();
    const now = performance.now();
    if (read === 0 && wanted !== RUN) break;
    if (now - told >= PROGRESS_MS) {
      told = now;
      to.flush();
      tell({ kind: "progress", progress: to.progress });
    }
    if (to instanceof CaptureOutput && to.isFull) {
      if (fullSince < 0) fullSince = now;
      if (now - fullSince >= LAST_OUTPUTS_MS) break;
    }
    if (wanted !== RUN) continue;
    if (read === 0) {
      to.flush();
      ring.waitForAny(fullSince < 0 ? IDLE_MS : LAST_OUTPUTS_MS);
    } else ring.waitForMany(GATHER_MS);
  }
  to.finish();
}

let problem: string | null = null;
try {
  output = openOutput();
  tell({ kind: "progress", progress: output.progress });
  run(output);
} catch (error) {
  if (!(error instanceof Abandoned)) problem = error instanceof Error ? error.message : String(error);
}
const progress = output?.progress ?? { packets: 0, written: 0, bytes: 0, files: [], removed: 0 };
tell({ kind: "done", progress, problem });
