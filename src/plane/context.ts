import { Accounting } from "./conntrack/accounting.ts";
import { IPS_CONFIRMED } from "./conntrack/info.ts";
import type { UdpCleanup } from "./conntrack/staleUdp.ts";
import { Conntrack } from "./conntrack/table.ts";
import { C_CONNTRACK, C_DROPS, C_GENERATED, C_ICMP_SUPPRESSED, C_QUEUED, C_SPLIT, counterCount } from "./counters.ts";
import { Cutter, PIECES_FOR_DEVICE } from "./cutter.ts";
import {
  ACT_DELIVER,
  ACT_DROP,
  ACT_FRAGMENT,
  ACT_ICMP,
  ACT_REJECT,
  type Decision,
  RULE_DEVICE,
  RULE_NONE,
  STAGE_DEVICE_OUT,
  STAGE_ICMP,
  STAGE_MTU,
  VERDICT_DELIVERED,
  VERDICT_DROPPED,
} from "./decision.ts";
import { NatConnections } from "./fabric/natConnections.ts";
import { TrackedFlows } from "./fabric/trackedFlows.ts";
import {
  CODE_FRAGMENTATION_NEEDED,
  ICMP_ERROR_MAX,
  ICMP_UNREACHABLE,
  IcmpLimit,
  mayAnswer,
  writeIcmpError,
} from "./icmpError.ts";
import { AT_DEVICE, DIRECTION_IN } from "./impair/impairmentRow.ts";
import type { Impairments } from "./impair/impairments.ts";
import { LastDrops } from "./lastDrops.ts";
import { Packet } from "./packet.ts";
import { PARKING_BYTES, Parking } from "./parking.ts";
import { PolicyEvents } from "./policy/policyEvents.ts";
import { PolicyFlows } from "./policy/policyFlows.ts";
import { Random } from "./random.ts";
import { REASONS, type Reason, reason } from "./reasons.ts";
import { REASSEMBLY_BYTES, Reassembly } from "./reassembly.ts";
import { ResolverMeter } from "./resolverMeter.ts";
import { Scratch } from "./scratch.ts";
import { Tables } from "./tables.ts";
import { PacketVector, SLOT_SIZE } from "./vector.ts";
import { getI32 } from "./wire/bytes.ts";
import { IP_DST, IP_SRC } from "./wire/ipv4.ts";
import { parsePacket } from "./wire/parse.ts";
import { WORK_ENI_OUT, WORK_NODE_OUT, WORK_ROUTER, WorkQueue } from "./workQueue.ts";

/** Scratch space for generated packets and pieces of one batch: sixteen of the largest packets, cut small. */
const SCRATCH_BYTES = 4 << 20;
const OUT_CAPACITY = 8192;
/** Within the VPC a connection is tracked at both of its ENIs. */
const MAX_TRACKED = 1 << 18;
/** 131,072 connections: of two gateways to their fullest destination. Memory is taken as it is used. */
const NAT_CAPACITY = 1 << 18;
/** The agent's conntrack-cache-table-size, of one node's, and its conntrack-cache-cleanup-period. */
const POLICY_FLOWS = 1 << 18;
const POLICY_CLEANUP_MS = 300_000;

export interface ContextOptions {
  /** Packets of one read batch. */
  slots: number;
  /** Devices that counters are kept for. */
  devices: number;
  nodes: number;
  conntrackCapacity: number;
  /** 4 words: from the seed in a replay, from node:crypto when live. */
  hashKey: Int32Array;
  seed: number;
  settings: ConstructorParameters<typeof Conntrack>[0]["settings"];
  /** Connections that the security groups of all ENIs track at most; twice conntrack's, up to 2^18, unless set. */
  trackedCapacity?: number;
  /** Flows that the network policy agents of all nodes remember at most; 2^18 unless set. */
  policyFlows?: number;
  /** The agents' conntrack-cache-cleanup-period in milliseconds; 300 s unless set. */
  policyCleanupPeriod?: number;
  /** Entries of connections through NAT gateways, some two for each; 2^18 unless set. */
  natCapacity?: number;
  /** Packets that a new connection's first packet waits for at most before its entry is confirmed; 0: none (parking.ts). */
  unconfirmedWindow?: number;
  /** kube-proxy's clean-up of UDP entries; "reconciler" unless set. */
  udpCleanup?: UdpCleanup;
  /** Shared memory to count in; made when missing. */
  counters?: Float64Array;
  /** Whether packets and bytes of connections are counted from the start. */
  accounting?: boolean;
  /** Shared memory for the last drop of each reason (lastDrops.ts); made when missing. */
  lastDrops?: Int32Array;
}

/** Ties what becomes of a packet that was held (impair/) to what was seen of it before. */
export interface ReleaseObserver {
  /**
   * It goes on: set `context.decision` to see the rest of its way.
   *
   * @param packet its number (Context.packetId)
   * @param point where it was held (pointOf() of impair/impairmentRow.ts)
   */
  begin(packet: number, point: number): void;
  /** It is done, and what arose from it. The decision is set back afterwards. */
  end(): void;
}

/**
 * Everything that the stages of the walk share: tables, conntrack, generators, counters, the arena with the packet that
 * is being forwarded, and the few things that can happen to it (dropped, answered, cut, delivered).
 */
export class Context {
  readonly tables = new Tables();
  readonly ct: Conntrack;
  /** What security groups track. */
  readonly tracked: TrackedFlows;
  /** Connections through NAT gateways. */
  readonly nat: NatConnections;
  /** What network policy agents remember, and what they tell. */
  readonly policyFlows: PolicyFlows;
  readonly policyEvents = new PolicyEvents();
  /** Whether policies let a piece of a packet through to a device; set by the plane. False: it was dropped. */
  admitPiece: (device: number, offset: number, length: number) => boolean = () => true;
  readonly random: Random;
  readonly counters: Float64Array;
  readonly arena: Uint8Array<ArrayBuffer>;
  readonly p: Packet;
  readonly out: PacketVector;
  readonly limit = new IcmpLimit();
  readonly #lastDrops: LastDrops;
  readonly reassembly: Reassembly;
  readonly scratch: Scratch;
  /** Milliseconds tick, int32, wraps; set by the owner before each batch. */
  now = 0;
  /** Nodes and gateways that the packet has passed. */
  hops = 0;
  /** Filled while a packet is walked, when there is one. */
  decision: Decision | null = null;
  /**
   * Number of the packet that is walked, whatever becomes of it; 0: nobody numbers them. The owner sets it, and what keeps a
   * packet for later keeps its number.
   */
  packetId = 0;
  /** {@link packetId} of each packet in {@link out}. */
  readonly outIds = new Float64Array(OUT_CAPACITY);
  /** nf_conntrack_tcp_be_liberal: kube-proxy programs no INVALID drop then. */
  readonly liberal: boolean;
  /** Packets that wait for the confirmation of their entry; null unless there is an unconfirmed window. */
  readonly parking: Parking | null;
  readonly resolverMeter = new ResolverMeter();
  /** What is done to packets on purpose (impair/); null: nothing, and no packet waits for it. The plane sets it. */
  impairments: Impairments | null = null;
  /** Is told when a packet that an impairment held goes on. */
  releases: ReleaseObserver | null = null;

  readonly #work = new WorkQueue();
  readonly #cutter: Cutter;
  #icmpId = 0;

  constructor(options: ContextOptions) {
    this.counters = options.counters ?? new Float64Array(counterCount(options.devices));
    this.#lastDrops = new LastDrops(options.lastDrops);
    this.ct = new Conntrack({
      capacity: options.conntrackCapacity,
      zones: options.nodes,
      hashKey: options.hashKey,
      ...(options.settings === undefined ? {} : { settings: options.settings }),
      stats: this.counters.subarray(C_CONNTRACK, C_CONNTRACK + 32),
    });
    if (options.accounting === true) this.ct.accounting = new Accounting(options.conntrackCapacity, 0);
    this.tracked = new TrackedFlows(
      {
        capacity: options.trackedCapacity ?? Math.min(options.conntrackCapacity * 2, MAX_TRACKED),
        hashKey: options.hashKey,
      },
      this.counters,
    );
    this.policyFlows = new PolicyFlows({
      capacity: options.policyFlows ?? POLICY_FLOWS,
      hashKey: options.hashKey,
      cleanupPeriod: options.policyCleanupPeriod ?? POLICY_CLEANUP_MS,
    });
    this.nat = new NatConnections({ capacity: options.natCapacity ?? NAT_CAPACITY, hashKey: options.hashKey });
    this.ct.watch = this.tables.services.schedulers;
    this.liberal = options.settings?.tcpBeLiberal ?? false;
    this.random = new Random(options.seed);
    const slotBytes = options.slots * SLOT_SIZE;
    const window = options.unconfirmedWindow ?? 0;
    const used = slotBytes + REASSEMBLY_BYTES + SCRATCH_BYTES;
    this.arena = new Uint8Array(used + (window > 0 ? PARKING_BYTES : 0));
    this.reassembly = new Reassembly(slotBytes);
    // A generator of its own: without a window everything else is drawn as with one.
    this.parking = window > 0 ? new Parking(used, window, options.seed) : null;
    this.scratch = new Scratch(slotBytes + REASSEMBLY_BYTES, SCRATCH_BYTES);
    this.p = new Packet(this.arena);
    this.out = new PacketVector(this.arena, OUT_CAPACITY);
    this.#cutter = new Cutter(this);
  }

  /** Whether the outputs should be written before another packet is taken in. */
  get mustFlush(): boolean {
    return this.out.count * 2 > OUT_CAPACITY || this.scratch.isHalfFull;
  }

  /** Forgets outputs and scratch space: they have been written (or, in a what-if, are not to be). */
  reset(): void {
    this.out.count = 0;
    this.scratch.reset();
    this.#work.reset();
  }

  // --- what can become of a packet

  /** The packet ends here. Its conntrack entry goes with it if it was never confirmed. */
  drop(why: Reason, node: number, stage: number): void {
    const p = this.p;
    this.counters[C_DROPS + why]++;
    if (!this.ct.trial) this.#lastDrops.note(why, p, node, stage, this.now);
    if (p.ct >= 0 && (this.ct.status(p.ct) & IPS_CONFIRMED) === 0) this.ct.discard(p.ct);
    p.ct = -1;
    const d = this.decision;
    if (d !== null) {
      d.add(node, stage, REASONS[why].verdict === "REJECTED" ? ACT_REJECT : ACT_DROP, RULE_NONE, 0, why);
      if (d.verdict === 0) {
        d.verdict = VERDICT_DROPPED;
        d.outcomeReason = why;
      }
    }
  }

  /** What the ICMP errors' identifications have come to. */
  get icmpId(): number {
    return this.#icmpId;
  }

  /**
   * Sends an ICMP error about the packet from a node (its primary address, or the address that the sender used when
   * that was translated: nf_nat_icmp_reply_translation at POSTROUTING), and drops the packet.
   */
  reject(why: Reason, node: number, stage: number, source: number, type: number, code: number, rest: number): void {
    this.drop(why, node, stage);
    this.answer(WORK_NODE_OUT, node, node, source, type, code, rest);
  }

  /**
   * Adds to the decision what the last drop was about: the rule, and numbers whose meaning the rule's kind defines
   * (decision.ts).
   */
  because(ruleKind: number, rule: number, a: number, b: number, c: number): void {
    const d = this.decision;
    if (d === null) return;
    let i = d.count - 1;
    while (i > 0 && d.action[i] !== ACT_DROP && d.action[i] !== ACT_REJECT) i--;
    d.ruleKind[i] = ruleKind;
    d.rule[i] = rule;
    d.a[i] = a;
    d.b[i] = b;
    d.c[i] = c;
  }

  /** Makes an ICMP error about the packet, addressed to who sent it, and queues it as work of a kind. */
  answer(work: number, arg: number, node: number, source: number, type: number, code: number, rest: number): void {
    const p = this.p;
    if (!mayAnswer(p)) return;
    const to = senderOf(p);
    const pmtu = type === ICMP_UNREACHABLE && code === CODE_FRAGMENTATION_NEEDED;
    const live = !this.ct.trial;
    if (!pmtu && !this.limit.allow(node, to, this.now, live)) {
      this.counters[C_ICMP_SUPPRESSED]++;
      return;
    }
    const at = this.allocate(ICMP_ERROR_MAX);
    if (at < 0) return;
    const id = (this.#icmpId + 1) & 0xffff;
    if (live) this.#icmpId = id;
    const length = writeIcmpError(p, at, source, to, type, code, rest, id);
    this.counters[C_GENERATED]++;
    const d = this.decision;
    if (d !== null) d.addWith(node, STAGE_ICMP, ACT_ICMP, RULE_NONE, 0, type, code, source, to);
    this.queue(work, arg, at, length, 0);
  }

  /** Hands the packet to a device, unless an impairment keeps it. */
  deliver(device: number): void {
    if (this.#letsIn(device, this.p.off, this.p.len)) this.handOver(device);
  }

  /** Hands the packet to a device, whatever impairs that. */
  handOver(device: number): void {
    const p = this.p;
    const d = this.decision;
    if (d !== null) {
      d.add(this.tables.deviceNode[device], STAGE_DEVICE_OUT, ACT_DELIVER, RULE_DEVICE, device, 0);
      this.#outcome(d, device, p);
    }
    this.push(device, p.off, p.len);
  }

  /**
   * Cuts the packet to fit an MTU and sends the pieces on: a reassembled one into its original fragments if they all fit.
   * GSO super-packets without DF are segmented first.
   */
  cut(node: number, work: "device" | "eni" | "router", arg: number, mtu: number): void {
    const p = this.p;
    const limit = p.fragMax > 0 && p.fragMax < mtu ? p.fragMax : mtu;
    const kind = work === "device" ? PIECES_FOR_DEVICE : work === "eni" ? WORK_ENI_OUT : WORK_ROUTER;
    if (!this.#cutter.cut(kind, arg, limit, mtu)) {
      this.counters[C_SPLIT] += this.#cutter.pieces;
      this.drop(reasonQueueFull, node, STAGE_MTU);
      return;
    }
    this.counters[C_SPLIT] += this.#cutter.pieces - 1;
    const d = this.decision;
    if (d !== null) {
      d.addWith(node, STAGE_MTU, ACT_FRAGMENT, RULE_NONE, 0, limit, 0, this.#cutter.pieces, 0);
      if (work === "device") this.#outcome(d, arg, p);
    }
  }

  /** Packets in the plane's hands: fragments, packets whose entry is not confirmed, packets that an impairment holds. */
  countQueued(): void {
    const parked = this.parking === null ? 0 : this.parking.count;
    const held = this.impairments === null ? 0 : this.impairments.held.count;
    this.counters[C_QUEUED] = this.reassembly.queued + parked + held;
  }

  // --- work queue and scratch space

  /**
   * Gives a packet that arose from this one a way of its own, as work of a kind.
   *
   * @param hops that it has passed: a piece as many as the packet, an answer none
   */
  queue(kind: number, arg: number, offset: number, length: number, hops: number = this.hops): void {
    if (!this.#work.push(kind, arg, offset, length, hops)) this.counters[C_DROPS + reasonQueueFull]++;
  }

  /** Loads the next piece of work into the packet: its kind, or 0. Its argument is `workArg`. */
  nextWork(): number {
    const work = this.#work;
    const kind = work.next();
    // The plane made these bytes: they parse.
    if (kind !== 0) parsePacket(this.p, work.offset, work.length);
    this.hops = work.hops;
    return kind;
  }

  get workArg(): number {
    return this.#work.arg;
  }

  /** Scratch space for a packet of so many bytes: arena offset of its IP header, or -1. */
  allocate(length: number): number {
    return this.scratch.allocate(length);
  }

  /** Puts a finished packet out to a device. */
  push(device: number, offset: number, length: number): void {
    if (this.out.count === OUT_CAPACITY) {
      this.counters[C_DROPS + reasonQueueFull]++;
      return;
    }
    this.outIds[this.out.count] = this.packetId;
    this.out.push(device, offset, length);
  }

  /** Puts a piece of the packet out to a device, unless policies keep it from a pod, or an impairment does. */
  pushPiece(device: number, offset: number, length: number): void {
    if (this.admitPiece(device, offset, length) && this.#letsIn(device, offset, length))
      this.push(device, offset, length);
  }

  /** Whether a packet, or a piece of it, comes to a device at once. */
  #letsIn(device: number, offset: number, length: number): boolean {
    const { impairments } = this;
    if (impairments === null) return true;
    return impairments.pass(AT_DEVICE, device, DIRECTION_IN, this.tables.deviceNode[device], offset, length);
  }

  #outcome(d: Decision, device: number, p: Packet): void {
    if (d.verdict !== 0) return;
    d.verdict = VERDICT_DELIVERED;
    d.receiver = device;
    d.protocol = p.protocol;
    d.src = p.src;
    d.sport = p.sport;
    d.dst = p.dst;
    d.dport = p.dport;
  }
}

/** Who sent the packet: the source in its bytes, before any translation of this node. */
export function senderOf(p: Packet): number {
  return getI32(p.buf, p.off + IP_SRC);
}

/** Whom the sender addressed, before any translation of this node. */
export function addressedTo(p: Packet): number {
  return getI32(p.buf, p.off + IP_DST);
}

const reasonQueueFull = reason("WORK_QUEUE_FULL");
