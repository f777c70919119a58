import { C_DROPS, C_SPLIT } from "../counters.ts";
import { ACT_IMPAIR, type Decision, RULE_IMPAIRMENT, STAGE_IMPAIR } from "../decision.ts";
import type { PieceSink } from "../fragment.ts";
import { type Packet, VNET_BEFORE } from "../packet.ts";
import { type Reason, reason } from "../reasons.ts";
import { WORK_IMPAIRED } from "../workQueue.ts";
import { bytesOnWire, isSuperPacket } from "./bytes.ts";
import { Corruption } from "./corruption.ts";
import { HeldPackets } from "./heldPackets.ts";
import * as I from "./impairmentRow.ts";
import type { Lane } from "./lane.ts";
import * as L from "./lane.ts";
import { Lanes } from "./lanes.ts";

const US_PER_MS = 1000;
const MOST_US = 0x7fff_ffff;
const NO_CHANCE = -1;
/** The packet that is forwarded, and what can become of it. The context implements it. */
interface Forwarding {
  readonly arena: Uint8Array<ArrayBuffer>;
  readonly p: Packet;
  readonly ct: { readonly trial: boolean };
  readonly counters: Float64Array;
  readonly decision: Decision | null;
  readonly now: number;
  readonly hops: number;
  readonly packetId: number;
  allocate(length: number): number;
  drop(why: Reason, node: number, stage: number): void;
  queue(kind: number, arg: number, offset: number, length: number): void;
  countQueued(): void;
}

/**
 * What a lab does to packets on purpose, at devices and ENIs (README.md). The order is netem_enqueue()'s: duplication, loss,
 * corruption, the queue's limit, the copy, reordering, delay and rate.
 */
export class Impairments {
  readonly held: HeldPackets;
  readonly lanes = new Lanes();
  readonly #f: Forwarding;
  readonly #corruption: Corruption;
  readonly #segments: PieceSink;
  /** The lane whose super-packet is cut, its node, and segments so far. */
  #cutting: Lane | null = null;
  #node = 0;
  #pieces = 0;
  /** Whether the model lost the last packet that was lost. */
  #byModel = false;
  /** The time since it was made, in microseconds; the context's tick wraps. */
  readonly #times = new Float64Array(L.T_SIZE);
  #tick: number;
  /** Lanes that a question has touched. */
  readonly #tried: Lane[] = [];

  constructor(f: Forwarding) {
    this.#f = f;
    this.#tick = f.now;
    this.held = new HeldPackets(f.arena);
    this.#corruption = new Corruption(f.p);
    this.#segments = {
      allocate: (length) => f.allocate(length),
      piece: (offset, length) => this.#piece(offset, length),
    };
  }

  /** A device or ENI is gone, and with it what waits there. */
  forget(at: number, index: number): void {
    for (const direction of [I.DIRECTION_OUT, I.DIRECTION_IN]) {
      const lane = this.lanes.at(I.pointNumber(at, index, direction));
      if (lane === null) continue;
      this.#f.counters[C_DROPS + reasonGone] += this.held.forget(lane.point);
      lane.held = 0;
      this.lanes.leave(lane);
    }
    this.#f.countQueued();
  }

  /**
   * A packet at a point.
   *
   * @param at AT_*
   * @param node in the decision's steps; -1: the VPC
   * @param offset of its IP header in the arena: of the packet that is forwarded, or of a piece of it
   * @returns whether it goes on at once; false: it was dropped, waits, or goes on as work.
   */
  pass(at: number, index: number, direction: number, node: number, offset: number, length: number): boolean {
    const lane = this.lanes.at(I.pointNumber(at, index, direction));
    if (lane === null || !lane.isOn) return true;
    this.#advance(this.#f.now);
    if (this.#f.ct.trial && !this.#tried.includes(lane)) {
      lane.save();
      this.#tried.push(lane);
    }
    const { counts } = lane;
    counts[L.L_PACKETS]++;
    const copies = (lane.duplicate.happens() ? 2 : 1) - (this.#loses(lane, node, true) ? 1 : 0);
    if (copies === 0) {
      counts[L.L_LOST]++;
      this.#dropLost(lane, node);
      return false;
    }
    const copy = copies === 2 ? this.#duplicate(lane, node, offset, length) : -1;
    const whole = !lane.corrupt.happens() || this.#corrupt(lane, node, offset, length, true);
    if (whole && isFull(lane)) {
      this.#dropFull(lane, node);
      if (copy >= 0) this.#dropFull(lane, node, false);
      return false;
    }
    if (copy >= 0) this.#sendCopy(lane, node, copy, length);
    return whole && this.#goesAtOnce(lane, node, offset, length, true);
  }

  /** Whether a packet is due. */
  isDue(now: number): boolean {
    this.#advance(now);
    return this.held.isDue(this.#times);
  }

  /** Milliseconds until a packet is due, or -1: none waits. */
  nextExpiry(now: number): number {
    if (this.held.count === 0) return -1;
    const time = this.#times[L.T_NOW] + ((now - this.#tick) | 0) * US_PER_MS;
    return Math.max(0, Math.ceil((this.held.nextDue - time) / US_PER_MS));
  }

  /** Gives the packet out that is due next, to `offset` in the arena; `held` says what it is. */
  take(offset: number): void {
    this.held.take(offset);
    const lane = this.lanes.at(this.held.point);
    if (lane === null) return;
    lane.held--;
    this.lanes.leave(lane);
  }

  /** Continues a state hash with all that packets change. */
  fold(seed: number): number {
    let h = this.held.fold(seed);
    this.lanes.forEach((lane) => {
      h = lane.fold(h);
    });
    return h;
  }

  beginTrial(): void {
    this.#tried.length = 0;
  }

  /** All points are as they were before the question. */
  rollback(): void {
    for (const lane of this.#tried) lane.restore();
    this.#tried.length = 0;
  }

  #advance(now: number): void {
    this.#times[L.T_NOW] += ((now - this.#tick) | 0) * US_PER_MS;
    this.#tick = now;
  }

  /** Loss, at random or by the model: both are asked, whatever the first one says. */
  #loses(lane: Lane, node: number, noted: boolean): boolean {
    const { loss } = lane;
    const atRandom = loss.happens();
    const byModel = lane.losesByModel();
    this.#byModel = byModel;
    if (atRandom || byModel) return true;
    if (noted && loss.isOn) this.#note(lane, node, I.IMPAIR_PASSED, loss.drawn, loss.chance);
    return false;
  }

  /** A copy of the packet in scratch space, or -1. */
  #duplicate(lane: Lane, node: number, offset: number, length: number): number {
    const f = this.#f;
    lane.counts[L.L_DUPLICATED]++;
    f.counters[C_SPLIT]++;
    const copy = f.allocate(length);
    if (copy < 0) f.counters[C_DROPS + reasonWorkFull]++;
    else f.arena.copyWithin(copy - VNET_BEFORE, offset - VNET_BEFORE, offset + length);
    this.#note(lane, node, I.IMPAIR_DUPLICATED, 0, 0);
    return copy;
  }

  /** A copy goes its way: as another packet, but for duplication. */
  #sendCopy(lane: Lane, node: number, offset: number, length: number): void {
    const f = this.#f;
    if (this.#loses(lane, node, false)) {
      lane.counts[L.L_LOST]++;
      f.counters[C_DROPS + reasonLoss]++;
      return;
    }
    if (lane.corrupt.happens() && !this.#corrupt(lane, node, offset, length, false)) return;
    if (isFull(lane)) this.#dropFull(lane, node, false);
    else if (this.#goesAtOnce(lane, node, offset, length, false)) f.queue(WORK_IMPAIRED, lane.point, offset, length);
  }

  /**
   * Turns a bit behind the IP header round. A super-packet is cut, and its first segment has the bit, as in netem.
   *
   * @param own whether it is the packet that a decision is about
   * @returns whether it goes on as it is; false: its segments do, or nothing.
   */
  #corrupt(lane: Lane, node: number, offset: number, length: number, own: boolean): boolean {
    const f = this.#f;
    if (isSuperPacket(f.arena, offset)) {
      this.#cut(lane, node, offset, length);
      return false;
    }
    const at = this.#corruption.flip(lane, offset, length);
    if (at < 0) return true;
    if (own) this.#note(lane, node, I.IMPAIR_CORRUPTED, at >> 3, at & 7);
    if (this.#corruption.isReadable(lane, offset, length)) return true;
    if (own) f.drop(reasonShort, node, STAGE_IMPAIR);
    else f.counters[C_DROPS + reasonShort]++;
    return false;
  }

  #cut(lane: Lane, node: number, offset: number, length: number): void {
    const f = this.#f;
    this.#cutting = lane;
    this.#node = node;
    this.#pieces = 0;
    const made = this.#corruption.segment(offset, length, this.#segments);
    this.#cutting = null;
    f.counters[C_SPLIT] += made > 0 ? made - 1 : this.#pieces;
    if (made === 0) f.drop(reasonWorkFull, node, STAGE_IMPAIR);
  }

  #piece(offset: number, length: number): void {
    const f = this.#f;
    const lane = this.#cutting;
    if (lane === null) return;
    const first = this.#pieces++ === 0;
    if (first) {
      const at = this.#corruption.flip(lane, offset, length);
      this.#note(lane, this.#node, I.IMPAIR_CORRUPTED_SEGMENT, at >> 3, at & 7);
      if (!this.#corruption.isReadable(lane, offset, length)) {
        f.counters[C_DROPS + reasonShort]++;
        return;
      }
    }
    if (isFull(lane)) this.#dropFull(lane, this.#node, false);
    else if (this.#goesAtOnce(lane, this.#node, offset, length, first))
      f.queue(WORK_IMPAIRED, lane.point, offset, length);
  }

  /**
   * Whether a packet need not wait. One that has to waits from here on, unless the queue's memory is full.
   *
   * @param own whether it is the packet that a decision is about
   */
  #goesAtOnce(lane: Lane, node: number, offset: number, length: number, own: boolean): boolean {
    if (!lane.holds) return true;
    const f = this.#f;
    if (lane.overtakes()) {
      lane.counts[L.L_REORDERED]++;
      if (own) this.#note(lane, node, I.IMPAIR_REORDERED, 0, 0);
      return true;
    }
    const times = this.#times;
    lane.schedule(times, bytesOnWire(f.arena, offset, length));
    if (times[L.T_DUE] <= times[L.T_NOW]) return true;
    lane.counts[L.L_DELAYED]++;
    if (own && f.decision !== null)
      this.#note(lane, node, I.IMPAIR_DELAYED, Math.min(MOST_US, Math.round(times[L.T_DUE] - times[L.T_NOW])), 0);
    // A question is answered at once: the packet goes on as it will when it is due.
    if (f.ct.trial) return own;
    if (!this.held.hold(lane.point, offset, length, times, f.hops, f.packetId)) {
      this.#dropFull(lane, node, own);
      return false;
    }
    lane.held++;
    f.countQueued();
    return false;
  }

  #dropLost(lane: Lane, node: number): void {
    this.#f.drop(reasonLoss, node, STAGE_IMPAIR);
    if (this.#byModel) this.#noteDrop(lane, I.IMPAIR_LOST, 0, NO_CHANCE);
    else this.#noteDrop(lane, I.IMPAIR_LOST, lane.loss.drawn, lane.loss.chance);
  }

  #dropFull(lane: Lane, node: number, own = true): void {
    const f = this.#f;
    lane.counts[L.L_FULL]++;
    if (!own) {
      f.counters[C_DROPS + reasonFull]++;
      return;
    }
    f.drop(reasonFull, node, STAGE_IMPAIR);
    this.#noteDrop(lane, I.IMPAIR_FULL, lane.held, lane.limit);
  }

  #note(lane: Lane, node: number, what: number, b: number, c: number): void {
    const d = this.#f.decision;
    if (d !== null) d.addWith(node, STAGE_IMPAIR, ACT_IMPAIR, RULE_IMPAIRMENT, lane.point, what, b, c, 0);
  }

  /** Says in the step that drop() wrote what the lane did. */
  #noteDrop(lane: Lane, what: number, b: number, c: number): void {
    const d = this.#f.decision;
    if (d === null) return;
    const i = d.count - 1;
    d.ruleKind[i] = RULE_IMPAIRMENT;
    d.rule[i] = lane.point;
    d.a[i] = what;
    d.b[i] = b;
    d.c[i] = c;
  }
}

/** Whether as many packets wait as may. */
function isFull(lane: Lane): boolean {
  return lane.holds && lane.held >= lane.limit;
}

const reasonLoss = reason("IMPAIRED_LOSS");
const reasonFull = reason("IMPAIRED_QUEUE_FULL");
const reasonWorkFull = reason("WORK_QUEUE_FULL");
const reasonShort = reason("L4_HEADER_SHORT");
const reasonGone = reason("DEVICE_GONE");
