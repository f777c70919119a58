import { setPriority } from "node:os";
import { setFlagsFromString } from "node:v8";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { Device } from "../device/device.ts";
import { EBADFD } from "../device/linux.ts";
import { Poller } from "../device/poller.ts";
import { TunDevice } from "../device/tun.ts";
import { VerifyDevice } from "../device/verify.ts";
import { Accounting } from "../plane/conntrack/accounting.ts";
import { ConntrackEvents } from "../plane/conntrack/events.ts";
import { C_BUSY_NS, C_IDLE_NS, C_TICK_ORIGIN, C_VERIFIED, C_VERIFY_BAD } from "../plane/counters.ts";
import { laneCounts } from "../plane/impair/laneCounts.ts";
import { Plane } from "../plane/plane.ts";
import { PacketVector } from "../plane/vector.ts";
import { packEntries } from "./conntrackData.ts";
import { packDecision } from "./decisionData.ts";
import { Recorder } from "./observation/recorder.ts";
import type { PlaneEnvelope, PlaneReply, PlaneRequest, PlaneThreadData } from "./planeMessages.ts";
import { askPlane } from "./trialQuestion.ts";

/**
 * The plane's thread: owns the TUN devices and the plane, runs batches to completion, and blocks in epoll_wait when
 * there is nothing to do. It never returns to its event loop, so it has no timers, promises or console; requests come
 * by receiveMessageOnPort after the eventfd ended a wait.
 */

/**
 * The walk of a packet is many small functions; V8's default budget (920 bytes of bytecode) leaves half of them calls.
 * Read when a function is optimized, so it is early enough here.
 */
setFlagsFromString("--max-inlined-bytecode-size-cumulative=2000");

/**
 * Of this thread alone (setpriority(2) on Linux): as the kernel's own forwarding, it comes before the programs whose packets it
 * forwards and before those that look on. Only root may.
 */
const NICE = -10;
try {
  setPriority(0, NICE);
} catch {
  // Then it has its share as everybody.
}

const data = workerData as PlaneThreadData;
const port = parentPort;
if (port === null) throw new Error("planeThread runs as a worker thread");

/** Descriptors that one wait reports. */
const MAX_READY = 64;
/** Our own choices: packets of a read batch, and of one whose packets are super-packets, which fill the cache sooner. */
const BATCH = data.options.slots;
const BIG_BATCH = 8;
const BIG_PACKET = 8192;
/** Longest wait: V8 notices a termination only between waits (README.md, "The plane's thread"). */
const MAX_WAIT_MS = 1000;
const NS_PER_MS = 1e6;

const stop = new Int32Array(data.stop);
const counters = new Float64Array(data.counters);
counters[C_TICK_ORIGIN] = Number(process.hrtime.bigint()) / NS_PER_MS - performance.now();
const plane = new Plane({ ...data.options, counters, lastDrops: new Int32Array(data.lastDrops) });
const context = plane.context;
const poller = new Poller(data.wakeFd, MAX_READY);
/** Records what packets meet while somebody observes; otherwise null. */
let observer: Recorder | null = null;
let recorder: Recorder | null = null;
/** When `performance.now()` was 0, by the clock of process.hrtime. */
const origin = process.hrtime.bigint() - BigInt(Math.round(performance.now() * NS_PER_MS));

/** Queue number to device index; one device may have several queues. */
interface Queue {
  device: number;
  fd: number;
  reader: TunDevice;
  polled: boolean;
  batch: number;
}
const queues: (Queue | null)[] = [];
/** What packets for a device are written with: its first queue. */
const writers: (Device | null)[] = [];
const verifiers = new Set<VerifyDevice>();
const vector = new PacketVector(context.arena, BATCH);

/** The plane's millisecond tick, which wraps like every int32. @param time of performance.now() */
function tick(time: number): number {
  return Math.floor(time) | 0;
}

let worked = performance.now();

function step(): boolean {
  if (Atomics.load(stop, 0) === 1) return false;
  const before = performance.now();
  const timeout = Math.min(MAX_WAIT_MS, plane.nextTick(tick(before)));
  counters[C_BUSY_NS] += (before - worked) * NS_PER_MS;
  const ready = poller.wait(timeout);
  worked = performance.now();
  counters[C_IDLE_NS] += (worked - before) * NS_PER_MS;
  plane.tick(tick(worked));
  flushWaited();
  // More was due than has room at once; what is read next must not overtake it.
  while (plane.releaseHeld()) flushWaited();
  if (poller.woken) {
    poller.drainWake();
    answerRequests();
  }
  for (let i = 0; i < ready; i++) serve(poller.ready[i]);
  return true;
}

function serve(index: number): void {
  const queue = queues[index] ?? null;
  if (queue === null) return;
  vector.count = 0;
  if (queue.reader.read(vector, queue.batch) === 0) {
    // A device that a pod deleted stays readable for ever; the descriptor is kept until the pod goes.
    if (queue.polled && queue.reader.lastReadError === EBADFD) {
      poller.remove(queue.fd);
      queue.polled = false;
    }
    return;
  }
  let largest = 0;
  if (observer !== null) observer.beginBatch(performance.now() * NS_PER_MS);
  for (let i = 0; i < vector.count; i++) {
    if (vector.length[i] > largest) largest = vector.length[i];
    if (observer === null) plane.process(vector.device[i], vector.offset[i], vector.length[i]);
    else observer.process(vector.device[i], vector.offset[i], vector.length[i]);
    if (context.mustFlush) flush();
  }
  queue.batch = largest > BIG_PACKET ? BIG_BATCH : BATCH;
  plane.countBatch(vector.count);
  flush();
}

/** Writes what the plane put out, in runs of packets for the same device. */
function flush(): void {
  const out = context.out;
  let from = 0;
  while (from < out.count) {
    const device = out.device[from];
    let to = from + 1;
    while (to < out.count && out.device[to] === device) to++;
    const writer = writers[device] ?? null;
    if (writer === null) out.status.fill(-1, from, to);
    else writer.write(out, from, to);
    from = to;
  }
  if (verifiers.size > 0) countVerified();
  if (observer !== null) {
    observer.flushed(performance.now() * NS_PER_MS);
    observer.publish();
  }
  plane.written();
}

/** Writes packets that waited for the confirmation of their conntrack entry until now. */
function flushWaited(): void {
  if (context.out.count > 0) flush();
}

function countVerified(): void {
  let verified = 0;
  let bad = 0;
  for (const v of verifiers) {
    verified += v.verified;
    bad += v.bad;
  }
  counters[C_VERIFIED] = verified;
  counters[C_VERIFY_BAD] = bad;
}

function answerRequests(): void {
  if (port === null) return;
  for (;;) {
    const received = receiveMessageOnPort(port);
    if (received === undefined) return;
    const request = received.message as PlaneEnvelope<PlaneRequest>;
    const body = answer(request.body);
    port.postMessage(
      { id: request.id, body } satisfies PlaneEnvelope<PlaneReply>,
      "words" in body ? [body.words.buffer] : [],
    );
  }
}

function answer(request: PlaneRequest): PlaneReply {
  switch (request.kind) {
    case "attach":
      attach(request);
      return { kind: "done" };
    case "detach":
      detach(request.device);
      return { kind: "done" };
    case "patch":
      plane.apply(request.patch);
      flushWaited();
      if (observer !== null) observer.renamed();
      return { kind: "done" };
    case "whatIf": {
      const { forward, reply, sport } = askPlane(plane, request.question);
      return {
        kind: "decision",
        decision: packDecision(forward),
        reply: reply === null ? null : packDecision(reply),
        sport,
      };
    }
    case "conntrack":
      return { kind: "conntrack", words: packEntries(context.ct, context.now, null) };
    case "policyEvents":
      return { kind: "policyEvents", events: context.policyEvents.drain(), dropped: context.policyEvents.dropped };
    case "conntrackEvents": {
      const events = context.ct.events ?? new ConntrackEvents();
      context.ct.events = request.on ? events : null;
      return { kind: "conntrackEvents", words: events.drain(), lost: events.lost };
    }
    case "accounting":
      context.ct.accounting = request.on
        ? (context.ct.accounting ?? new Accounting(context.ct.capacity, context.now))
        : null;
      return { kind: "done" };
    case "busiest": {
      const { ct } = context;
      const busiest = ct.accounting?.busiest(request.asker, request.limit, (visit) => ct.forEach(visit));
      const words = packEntries(ct, context.now, busiest?.entries ?? []);
      return { kind: "busiest", words, recent: busiest?.recent ?? new Float64Array(0) };
    }
    case "serviceHits":
      return { kind: "serviceHits", report: context.tables.services.hits.report() };
    case "natDestinations":
      return { kind: "natDestinations", words: context.nat.destinations() };
    case "impairments":
      return { kind: "impairments", lanes: laneCounts(context.impairments) };
    case "stateHash":
      return { kind: "stateHash", hash: plane.stateHash() };
    case "observe":
      recorder ??= new Recorder(plane);
      recorder.begin(request.setup);
      observer = recorder;
      return { kind: "observing", origin };
    case "refine":
      if (observer !== null) observer.refine(request.session, request.filter);
      return { kind: "done" };
    case "endObservation":
      observer?.end(request.session);
      if (observer?.isIdle === true) observer = null;
      return { kind: "done" };
    case "fault":
      throw new Error("fault injected into the plane");
  }
}

function attach(request: Extract<PlaneRequest, { kind: "attach" }>): void {
  for (const fd of request.fds) {
    const tun = new TunDevice(request.name, request.mtu, request.device, fd);
    let free = queues.indexOf(null);
    if (free < 0) free = queues.length;
    queues[free] = { device: request.device, fd, reader: tun, polled: true, batch: BATCH };
    poller.add(fd, free);
    if ((writers[request.device] ?? null) !== null) continue;
    if (data.verify) {
      const verifier = new VerifyDevice(tun);
      verifiers.add(verifier);
      writers[request.device] = verifier;
    } else writers[request.device] = tun;
  }
}

function detach(device: number): void {
  queues.forEach((queue, i) => {
    if (queue === null || queue.device !== device) return;
    if (queue.polled) poller.remove(queue.fd);
    queue.reader.close();
    queues[i] = null;
  });
  writers[device] = null;
}

while (step());
