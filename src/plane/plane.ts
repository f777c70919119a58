import { StaleUdp } from "./conntrack/staleUdp.ts";
import { Context, type ContextOptions } from "./context.ts";
import {
  C_BATCH_PACKETS,
  C_BATCHES,
  C_CT_ENTRIES,
  C_DEVICES,
  C_DROPS,
  C_GENERATION,
  C_READ,
  C_ROUTES,
  C_WRITTEN,
  D_RX_BYTES,
  D_RX_PACKETS,
  D_TX_BYTES,
  D_TX_PACKETS,
  DEVICE_COUNTERS,
} from "./counters.ts";
import { ACT_ACCEPT, type Decision, RULE_DEVICE, STAGE_DEVICE_IN, STAGE_ENI_IN } from "./decision.ts";
import { expireFragments } from "./defragment.ts";
import { enterInstance, leaveInstance, MAX_HOPS, walkFabric, walkFromOutside, walkFromSubnet } from "./fabric/walk.ts";
import { FROM_ENI, FROM_HOST, FROM_POD } from "./from.ts";
import { walkGenerated, walkNode } from "./host.ts";
import { AT_DEVICE, AT_ENI, DIRECTION_IN, DIRECTION_OUT, pointNumber } from "./impair/impairmentRow.ts";
import { applyImpairments, loadDue } from "./impair/release.ts";
import { DONE, release } from "./leave.ts";
import { isLoopback } from "./nat/mark.ts";
import { PARSE_OK } from "./packet.ts";
import type { Parking } from "./parking.ts";
import { PARSE_REASONS } from "./parseReasons.ts";
import { enterPodPiece, leavePod } from "./policy/agent.ts";
import { reason } from "./reasons.ts";
import { DEVICE_NODE, DEVICE_POD, type Patch } from "./rows.ts";
import { stateHash } from "./stateHash.ts";
import { NEXT_LOCAL } from "./tables.ts";
import { slotOffset } from "./vector.ts";
import { parsePacket } from "./wire/parse.ts";
import { WORK_ENI_OUT, WORK_IMPAIRED, WORK_NODE_OUT, WORK_ROUTER } from "./workQueue.ts";

/** Conntrack entries that one call of {@link Plane.tick} expires at most, so that a batch is never held up. */
const EXPIRE_BUDGET = 256;
/** Longest time between two ticks, in milliseconds. */
const MAX_WAIT_MS = 60_000;

/**
 * The data plane: a packet comes in at a device, and what becomes of it lies in `context.out` afterwards. No I/O, no
 * clock, no randomness of its own: the owner reads devices, sets `now`, writes `out` and reports with {@link written}.
 */
export class Plane {
  readonly context: Context;
  readonly #staleUdp: StaleUdp;

  constructor(options: ContextOptions) {
    const c = new Context(options);
    c.admitPiece = (device, offset, length) => enterPodPiece(c, device, offset, length);
    this.context = c;
    this.#staleUdp = new StaleUdp(this.context.ct, options.udpCleanup ?? "reconciler");
  }

  /** Arena and slots for the owner's read batches: packet k lies in slot k. */
  slotOffset(slot: number): number {
    return slotOffset(slot);
  }

  /**
   * Applies a patch. Established flows live on: conntrack holds their translation. Packets that wait for the confirmation
   * of their entry go on first, by the tables that they were routed by: they are in `context.out` then.
   */
  apply(patch: Patch): void {
    const c = this.context;
    if (c.parking !== null) for (let s = c.parking.first(); s >= 0; s = c.parking.first()) this.#release(c.parking, s);
    c.tables.apply(patch);
    for (const row of patch.put) if (row.t === "node") c.ct.setZoneLimit(row.id, row.conntrackLimit);
    for (const row of patch.gone) if (row.t === "node") c.ct.flushZone(row.id);
    for (const row of patch.gone) if (row.t === "eni") c.tracked.table.flush(row.id);
    for (const row of patch.gone) if (row.t === "natGateway") c.nat.flush(row.id);
    for (const row of patch.put) if (row.t === "eniGroups") c.tracked.configure(row.eni, row.tracking);
    for (const row of patch.gone) if (row.t === "podPolicy") c.policyFlows.table.flush(row.device);
    this.#staleUdp.apply(patch);
    applyImpairments(c, patch);
    c.counters[C_ROUTES] = c.tables.routeCount();
    c.counters[C_GENERATION] = c.tables.generation;
  }

  /** Timers: call once a batch, with the batch's time. Packets that waited may be in `context.out` then. */
  tick(now: number): void {
    const c = this.context;
    c.now = now;
    c.ct.expire(now, EXPIRE_BUDGET);
    c.tracked.expire(now, EXPIRE_BUDGET);
    c.nat.expire(now, EXPIRE_BUDGET);
    c.policyFlows.sweep(c.ct, c.tables.deviceNode, now);
    expireFragments(c);
    const { parking } = c;
    if (parking !== null)
      for (let s = parking.expired(now); s >= 0; s = parking.expired(now)) this.#release(parking, s);
    if (c.impairments !== null) this.releaseHeld();
    c.counters[C_CT_ENTRIES] = c.ct.total;
  }

  /**
   * Lets packets that an impairment held go on, as many as are due and have room; {@link tick} does so, too. They are in
   * `context.out` then: call it again when that is written, so that none that comes in overtakes them.
   *
   * @returns whether there were any.
   */
  releaseHeld(): boolean {
    const c = this.context;
    const { impairments } = c;
    if (impairments === null) return false;
    let any = false;
    const { decision, packetId } = c;
    while (loadDue(c, impairments)) {
      any = true;
      const { point } = impairments.held;
      // A decision is about another packet.
      c.decision = null;
      c.releases?.begin(c.packetId, point);
      this.#resume(point);
      this.#work();
      c.releases?.end();
    }
    c.decision = decision;
    c.packetId = packetId;
    if (impairments.lanes.isEmpty) c.impairments = null;
    return any;
  }

  /** Milliseconds until {@link tick} has something to do. */
  nextTick(now: number): number {
    const c = this.context;
    const fragments = c.reassembly.nextExpiry(now);
    const conntrack = c.ct.nextExpiry(now);
    const parked = c.parking === null ? -1 : c.parking.nextExpiry(now);
    const queued = Math.min(fragments < 0 ? MAX_WAIT_MS : fragments, parked < 0 ? MAX_WAIT_MS : parked);
    const policies = c.policyFlows.nextSweep(now, MAX_WAIT_MS);
    const flows = Math.min(c.tracked.table.nextExpiry(now), c.nat.nextExpiry(now, MAX_WAIT_MS));
    const held = c.impairments === null ? -1 : c.impairments.nextExpiry(now);
    return Math.min(MAX_WAIT_MS, conntrack, flows, queued, policies, held < 0 ? MAX_WAIT_MS : held);
  }

  /** Counts a read batch; {@link process} counts its packets. */
  countBatch(packets: number): void {
    const counters = this.context.counters;
    counters[C_BATCHES]++;
    counters[C_BATCH_PACKETS] += packets;
  }

  /** Walks one packet: `length` bytes from the IP header at arena offset `offset`, read from `device`. */
  process(device: number, offset: number, length: number): void {
    const c = this.context;
    const counters = c.counters;
    counters[C_READ]++;
    const dc = C_DEVICES + device * DEVICE_COUNTERS;
    counters[dc + D_RX_PACKETS]++;
    counters[dc + D_RX_BYTES] += length;
    const d = c.decision;
    if (d !== null) d.add(c.tables.deviceNode[device] ?? -1, STAGE_DEVICE_IN, ACT_ACCEPT, RULE_DEVICE, device, 0);
    const parsed = parsePacket(c.p, offset, length);
    if (parsed !== PARSE_OK) {
      c.p.ct = -1;
      c.drop(PARSE_REASONS[parsed], c.tables.deviceNode[device] ?? -1, STAGE_DEVICE_IN);
      return;
    }
    const { parking } = c;
    if (parking !== null && !c.ct.trial) parking.step();
    c.hops = 0;
    this.#enterDevice(device);
    this.#work();
    if (parking !== null && !c.ct.trial) this.#goOn(parking);
  }

  /** Walks what arose from the packet, until nothing is left. */
  #work(): void {
    const c = this.context;
    let work = c.nextWork();
    while (work !== 0) {
      const arg = c.workArg;
      if (work === WORK_NODE_OUT) this.#follow(walkGenerated(c, arg));
      else if (work === WORK_ENI_OUT) this.#follow(arg);
      else if (work === WORK_ROUTER) this.#arrive(walkFromSubnet(c, arg, false));
      else if (work === WORK_IMPAIRED) this.#resume(arg);
      work = c.nextWork();
    }
  }

  /**
   * What would become of a packet, without anything changing: a {@link trial} of one question. Fills the decision.
   */
  whatIf(device: number, offset: number, length: number, decision: Decision): void {
    this.trial(() => this.ask(device, offset, length, decision));
  }

  /**
   * Asks questions of which each sees what those before it have done: connections that a packet begins are there for its
   * answer. Afterwards everything is as before: conntrack, flows, generators and counters, so that the draw that the first
   * question sees is the next packet's draw.
   *
   * @param questions calls {@link ask}; the packets that were put out last are in `context.out` until it returns
   */
  trial<T>(questions: () => T): T {
    const c = this.context;
    const counters = c.counters.slice();
    const random = new Int32Array(4);
    c.random.save(random);
    c.ct.beginTrial();
    c.tracked.table.beginTrial();
    c.nat.beginTrial();
    c.policyFlows.table.beginTrial();
    c.impairments?.beginTrial();
    c.reassembly.beginTrial();
    try {
      return questions();
    } finally {
      c.ct.rollback();
      c.tracked.table.rollback();
      c.nat.rollback();
      c.policyFlows.table.rollback();
      c.impairments?.rollback();
      c.reassembly.rollback(c.arena);
      c.random.restore(random);
      c.reset();
      // Conntrack restores its own statistics, which lie in the same array.
      c.counters.set(counters);
    }
  }

  /** Within a {@link trial}: walks a packet as {@link process} does, and fills the decision. */
  ask(device: number, offset: number, length: number, decision: Decision): void {
    const c = this.context;
    c.reset();
    decision.clear();
    c.decision = decision;
    try {
      this.process(device, offset, length);
    } finally {
      c.decision = null;
    }
  }

  /** A hash over everything that packets change (stateHash.ts). Slow. */
  stateHash(): number {
    return stateHash(this.context);
  }

  /** The owner wrote packets [0, count) of `context.out`: counts them by their status, and forgets them. */
  written(): void {
    const c = this.context;
    const out = c.out;
    const counters = c.counters;
    for (let i = 0; i < out.count; i++) {
      if (out.status[i] >= 0) {
        const dc = C_DEVICES + out.device[i] * DEVICE_COUNTERS;
        counters[C_WRITTEN]++;
        counters[dc + D_TX_PACKETS]++;
        counters[dc + D_TX_BYTES] += out.length[i];
      } else counters[C_DROPS + reasonWriteFailed]++;
    }
    c.reset();
  }

  /** Another packet was taken in, and is where it goes: those that waited for it go on. */
  #goOn(parking: Parking): void {
    for (let s = parking.due(); s >= 0; s = parking.due()) this.#release(parking, s);
  }

  #release(parking: Parking, slot: number): void {
    const c = this.context;
    // A decision is about another packet.
    const { decision, packetId } = c;
    c.decision = null;
    c.hops = 0;
    this.#follow(release(c, parking, slot));
    this.#work();
    c.decision = decision;
    c.packetId = packetId;
  }

  /** A packet goes on from where an impairment had it. */
  #resume(point: number): void {
    const c = this.context;
    const index = point >> 2;
    switch (point & 3) {
      case DEVICE_OUT:
        this.#leaveDevice(index);
        break;
      case DEVICE_IN:
        c.handOver(index);
        break;
      case ENI_OUT:
        this.#arrive(leaveInstance(c, index));
        break;
      default:
        this.#arrive(enterInstance(c, index));
    }
  }

  #enterDevice(device: number): void {
    const c = this.context;
    const p = c.p;
    const t = c.tables;
    const kind = t.deviceKind[device] ?? -1;
    if (p.dst >>> 28 >= 14) {
      c.drop(reasonNotUnicast, t.deviceNode[device] ?? -1, STAGE_DEVICE_IN);
      return;
    }
    const node = t.deviceNode[device] ?? -1;
    if (kind === DEVICE_POD) {
      if (p.src !== t.deviceAddress[device]) {
        c.drop(reasonSource, node, STAGE_DEVICE_IN);
        return;
      }
    } else if (kind === DEVICE_NODE) {
      const source = t.nodeRoutes[node].lookup(p.src);
      if (!isLoopback(p.src) && (source < 0 || (source & 3) !== NEXT_LOCAL)) {
        c.drop(reasonSource, node, STAGE_DEVICE_IN);
        return;
      }
    } else if (kind > 0) {
      // An appliance sends what others have sent to it.
      const eni = t.deviceEni[device];
      const isAppliance = eni >= 0 && t.eniCheck[eni] === 0;
      if (p.src !== t.deviceAddress[device] && !isAppliance) {
        c.drop(reasonSource, -1, STAGE_DEVICE_IN);
        return;
      }
    }
    const { impairments } = c;
    if (impairments !== null && !impairments.pass(AT_DEVICE, device, DIRECTION_OUT, node, p.off, p.len)) return;
    this.#leaveDevice(device);
  }

  /** From a device on: what came in by it may, and nothing impairs it any more. */
  #leaveDevice(device: number): void {
    const c = this.context;
    const t = c.tables;
    const kind = t.deviceKind[device] ?? -1;
    if (kind === DEVICE_POD) {
      if (leavePod(c, device)) this.#follow(walkNode(c, t.deviceNode[device], FROM_POD, device));
    } else if (kind === DEVICE_NODE) this.#follow(walkNode(c, t.deviceNode[device], FROM_HOST, device));
    else if (kind > 0) {
      if (t.deviceEni[device] >= 0) this.#follow(t.deviceEni[device]);
      else this.#arrive(walkFromOutside(c, device));
    } else c.drop(reasonDeviceGone, -1, STAGE_DEVICE_IN);
  }

  /** From the ENI that a packet leaves by, through the VPC and the nodes it reaches, until it is done. */
  #follow(eni: number): void {
    if (eni === DONE) return;
    this.context.hops++;
    this.#arrive(walkFabric(this.context, eni));
  }

  #arrive(eni: number): void {
    const c = this.context;
    let at = eni;
    while (at !== DONE) {
      if (++c.hops > MAX_HOPS) {
        c.drop(reasonLoop, c.tables.eniNode[at], STAGE_ENI_IN);
        return;
      }
      const out = walkNode(c, c.tables.eniNode[at], FROM_ENI, at);
      at = out === DONE ? DONE : walkFabric(c, out);
    }
  }
}

// The four kinds of points, as the low bits of their numbers.
const DEVICE_OUT = pointNumber(AT_DEVICE, 0, DIRECTION_OUT);
const DEVICE_IN = pointNumber(AT_DEVICE, 0, DIRECTION_IN);
const ENI_OUT = pointNumber(AT_ENI, 0, DIRECTION_OUT);

const reasonNotUnicast = reason("NOT_UNICAST");
const reasonSource = reason("SOURCE_NOT_OWN");
const reasonDeviceGone = reason("DEVICE_GONE");
const reasonWriteFailed = reason("DEVICE_WRITE_FAILED");
const reasonLoop = reason("FABRIC_LOOP");
