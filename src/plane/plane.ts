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
import { MAX_HOPS, walkFabric, walkFromOutside, walkFromSubnet } from "./fabric/walk.ts";
import { FROM_ENI, FROM_HOST, FROM_POD } from "./from.ts";
import { walkGenerated, walkNode } from "./host.ts";
import { DONE, release } from "./leave.ts";
import { isLoopback } from "./nat/mark.ts";
import {
  PARSE_ADDRESS,
  PARSE_CHECKSUM,
  PARSE_IHL,
  PARSE_IPV6,
  PARSE_L4_BAD,
  PARSE_L4_SHORT,
  PARSE_LENGTH,
  PARSE_OK,
  PARSE_OPTIONS,
  PARSE_SHORT,
  PARSE_VERSION,
  PARSE_VNET,
} from "./packet.ts";
import type { Parking } from "./parking.ts";
import { enterPodPiece, leavePod } from "./policy/agent.ts";
import { type Reason, reason } from "./reasons.ts";
import { DEVICE_NODE, DEVICE_POD, type Patch } from "./rows.ts";
import { NEXT_LOCAL } from "./tables.ts";
import { slotOffset } from "./vector.ts";
import { parsePacket } from "./wire/parse.ts";
import { WORK_ENI_OUT, WORK_NODE_OUT, WORK_ROUTER } from "./workQueue.ts";

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
    c.counters[C_CT_ENTRIES] = c.ct.total;
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
    return Math.min(MAX_WAIT_MS, conntrack, flows, queued, policies);
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
      work = c.nextWork();
    }
  }

  /**
   * What would become of a packet, without anything changing: conntrack, generators and counters are as before, so that
   * the draw it sees is the next packet's draw. Fills the decision; outputs are discarded.
   */
  whatIf(device: number, offset: number, length: number, decision: Decision): void {
    const c = this.context;
    const counters = c.counters.slice();
    const random = new Int32Array(4);
    c.random.save(random);
    c.ct.beginTrial();
    c.tracked.table.beginTrial();
    c.nat.beginTrial();
    c.policyFlows.table.beginTrial();
    decision.clear();
    c.decision = decision;
    try {
      this.process(device, offset, length);
    } finally {
      c.decision = null;
      c.ct.rollback();
      c.tracked.table.rollback();
      c.nat.rollback();
      c.policyFlows.table.rollback();
      c.random.restore(random);
      c.reset();
      // Conntrack restores its own statistics, which lie in the same array.
      c.counters.set(counters);
    }
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
    const { decision } = c;
    c.decision = null;
    c.hops = 0;
    this.#follow(release(c, parking, slot));
    this.#work();
    c.decision = decision;
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
    if (kind === DEVICE_POD) {
      const node = t.deviceNode[device];
      if (p.src !== t.deviceAddress[device]) c.drop(reasonSource, node, STAGE_DEVICE_IN);
      else if (leavePod(c, device)) this.#follow(walkNode(c, node, FROM_POD, device));
    } else if (kind === DEVICE_NODE) {
      const node = t.deviceNode[device];
      const source = t.nodeRoutes[node].lookup(p.src);
      if (!isLoopback(p.src) && (source < 0 || (source & 3) !== NEXT_LOCAL))
        c.drop(reasonSource, node, STAGE_DEVICE_IN);
      else this.#follow(walkNode(c, node, FROM_HOST, device));
    } else if (kind > 0) {
      // An appliance sends what others have sent to it.
      const eni = t.deviceEni[device];
      const isAppliance = eni >= 0 && t.eniCheck[eni] === 0;
      if (p.src !== t.deviceAddress[device] && !isAppliance) c.drop(reasonSource, -1, STAGE_DEVICE_IN);
      else if (t.deviceEni[device] >= 0) this.#follow(t.deviceEni[device]);
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

const PARSE_REASONS: Reason[] = [];
PARSE_REASONS[PARSE_OK] = reason("NONE");
PARSE_REASONS[PARSE_SHORT] = reason("PACKET_TOO_SHORT");
PARSE_REASONS[PARSE_IPV6] = reason("IPV6_NOT_SUPPORTED");
PARSE_REASONS[PARSE_VERSION] = reason("IP_VERSION_BAD");
PARSE_REASONS[PARSE_IHL] = reason("IP_HEADER_LENGTH_BAD");
PARSE_REASONS[PARSE_LENGTH] = reason("IP_TOTAL_LENGTH_BAD");
PARSE_REASONS[PARSE_CHECKSUM] = reason("IP_CHECKSUM_BAD");
PARSE_REASONS[PARSE_OPTIONS] = reason("IP_OPTIONS_BAD");
PARSE_REASONS[PARSE_VNET] = reason("VNET_HEADER_BAD");
PARSE_REASONS[PARSE_L4_SHORT] = reason("L4_HEADER_SHORT");
PARSE_REASONS[PARSE_L4_BAD] = reason("L4_HEADER_SHORT");
PARSE_REASONS[PARSE_ADDRESS] = reason("ADDRESS_BAD");

const reasonNotUnicast = reason("NOT_UNICAST");
const reasonSource = reason("SOURCE_NOT_OWN");
const reasonDeviceGone = reason("DEVICE_GONE");
const reasonWriteFailed = reason("DEVICE_WRITE_FAILED");
const reasonLoop = reason("FABRIC_LOOP");
