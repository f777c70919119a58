import { C_DROPS, C_QUEUED, C_SPLIT, counterCount } from "../../../src/plane/counters.ts";
import type { Decision } from "../../../src/plane/decision.ts";
import * as I from "../../../src/plane/impair/impairmentRow.ts";
import { Impairments } from "../../../src/plane/impair/impairments.ts";
import { Packet } from "../../../src/plane/packet.ts";
import { REASONS, type Reason } from "../../../src/plane/reasons.ts";
import { slotOffset } from "../../../src/plane/vector.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import { VNET } from "../plane/packets.ts";

const NEVER = { probability: 0, correlation: 0 };

export function impairment(o: Partial<I.ImpairmentRow> = {}): I.ImpairmentRow {
  return {
    t: "impairment",
    at: I.AT_DEVICE,
    index: 3,
    direction: I.DIRECTION_OUT,
    seed: 11,
    loss: NEVER,
    gemodel: null,
    duplicate: NEVER,
    corrupt: NEVER,
    reorder: NEVER,
    gap: 1,
    delay: 0,
    jitter: 0,
    distribution: I.DISTRIBUTION_UNIFORM,
    rate: 0,
    limit: 1000,
    ...o,
  };
}

export const chance = (probability: number, correlation = 0): I.Chance => ({ probability, correlation });

/** Impairments alone: what passes or is let go is an output. Scratch space is the arena's other slots. */
export class ImpairBench {
  readonly arena = new Uint8Array(slotOffset(80));
  readonly p = new Packet(this.arena);
  readonly counters = new Float64Array(counterCount(1));
  readonly ct = { trial: false };
  decision: Decision | null = null;
  now = 0;
  hops = 0;
  packetId = 0;
  readonly impairments: Impairments;
  sent = 0;
  written = 0;
  #slot = 1;
  #out: Uint8Array[] = [];

  constructor(now = 0) {
    this.now = now;
    this.impairments = new Impairments(this);
  }

  allocate(_length: number): number {
    return this.#slot < 80 ? slotOffset(this.#slot++) : -1;
  }

  drop(why: Reason): void {
    this.counters[C_DROPS + why]++;
  }

  queue(_kind: number, _arg: number, offset: number, length: number): void {
    this.#out.push(this.arena.slice(offset - VNET, offset + length));
  }

  countQueued(): void {
    this.counters[C_QUEUED] = this.impairments.held.count;
  }

  /** Sends a packet by the impaired device. @returns what goes on at once. */
  send(bytes: Uint8Array): Uint8Array[] {
    this.#slot = 1;
    this.#out = [];
    this.sent++;
    const at = slotOffset(0);
    this.arena.set(bytes, at - VNET);
    parsePacket(this.p, at, bytes.length - VNET);
    const { p } = this;
    const passes = this.impairments.pass(I.AT_DEVICE, 3, I.DIRECTION_OUT, 0, p.off, p.len);
    const own = passes ? [this.arena.slice(p.off - VNET, p.off + p.len)] : [];
    const all = [...own, ...this.#out];
    this.written += all.length;
    return all;
  }

  /** What is due by now. */
  release(): Uint8Array[] {
    const all: Uint8Array[] = [];
    const { held } = this.impairments;
    while (this.impairments.isDue(this.now)) {
      const at = slotOffset(1);
      this.impairments.take(at);
      this.countQueued();
      all.push(this.arena.slice(at - VNET, at + held.length));
    }
    this.written += all.length;
    return all;
  }

  drops(code: string): number {
    return this.counters[C_DROPS + REASONS.findIndex((r) => r.code === code)];
  }

  imbalance(): number {
    let dropped = 0;
    for (let i = 0; i < REASONS.length; i++) dropped += this.counters[C_DROPS + i];
    return this.sent + this.counters[C_SPLIT] - this.written - dropped - this.counters[C_QUEUED];
  }
}
