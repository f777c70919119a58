import { setFlagsFromString } from "node:v8";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { Device } from "../device/device.ts";
import { EBADFD } from "../device/linux.ts";
import { Poller } from "../device/poller.ts";
import { TunDevice } from "../device/tun.ts";
import { VerifyDevice } from "../device/verify.ts";
import type { ConntrackEntry } from "../observe/tables.ts";
import { C_BUSY_NS, C_IDLE_NS, C_VERIFIED, C_VERIFY_BAD } from "../plane/counters.ts";
import { Decision } from "../plane/decision.ts";
import { VNET_BEFORE } from "../plane/packet.ts";
import { Plane } from "../plane/plane.ts";
import { PacketVector } from "../plane/vector.ts";
import { packDecision } from "./decisionData.ts";
import type { PlaneEnvelope, PlaneReply, PlaneRequest, PlaneThreadData } from "./planeMessages.ts";

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
const plane = new Plane({ ...data.options, counters });
const context = plane.context;
const poller = new Poller(data.wakeFd, MAX_READY);
const decision = new Decision();

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
  for (let i = 0; i < vector.count; i++) {
    if (vector.length[i] > largest) largest = vector.length[i];
    plane.process(vector.device[i], vector.offset[i], vector.length[i]);
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
    port.postMessage({ id: request.id, body: answer(request.body) } satisfies PlaneEnvelope<PlaneReply>);
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
      return { kind: "done" };
    case "whatIf": {
      const at = plane.slotOffset(0);
      context.arena.set(request.packet, at - VNET_BEFORE);
      plane.whatIf(request.device, at, request.packet.length - VNET_BEFORE, decision);
      return { kind: "decision", decision: packDecision(decision) };
    }
    case "conntrack":
      return { kind: "conntrack", entries: conntrackView() };
    case "policyEvents":
      return { kind: "policyEvents", events: context.policyEvents.drain(), dropped: context.policyEvents.dropped };
    case "stateHash":
      return { kind: "stateHash", hash: context.ct.stateHash() };
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

function conntrackView(): ConntrackEntry[] {
  const ct = context.ct;
  const entries: ConntrackEntry[] = [];
  const tuple = (e: number, dir: number): [number, number, number, number] => [
    ct.src(e, dir),
    ct.dst(e, dir),
    ct.sport(e, dir),
    ct.dport(e, dir),
  ];
  ct.forEach((e) => {
    entries.push({
      node: ct.zone(e),
      protocol: ct.protocol(e),
      state: ct.tcpState(e),
      status: ct.status(e),
      mark: ct.mark(e),
      timeout: ct.timeoutLeft(e, context.now),
      service: ct.service(e),
      endpoint: ct.endpoint(e),
      original: tuple(e, 0),
      reply: tuple(e, 1),
    });
  });
  return entries;
}

while (step());
