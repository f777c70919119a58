import { expect } from "vitest";
import { answerTo } from "../../../src/lab/questionPacket.ts";
import type { ContextOptions } from "../../../src/plane/context.ts";
import { ACT_TRACK, Decision, VERDICT_DELIVERED } from "../../../src/plane/decision.ts";
import { Plane } from "../../../src/plane/plane.ts";
import type { Row } from "../../../src/plane/rows.ts";
import { VNET } from "../plane/slowPacket.ts";

/** Asks a plane about every packet before it forwards it, and compares the two decisions. */
export class Asker {
  readonly plane: Plane;
  readonly asked = new Decision();
  readonly done = new Decision();
  /** Packets by what became of them. */
  readonly met = new Map<string, number>();
  packets = 0;

  constructor(rows: Row[], o: Partial<ContextOptions> = {}) {
    this.plane = new Plane({
      slots: 2,
      devices: 64,
      nodes: 4,
      conntrackCapacity: 512,
      trackedCapacity: 512,
      policyFlows: 512,
      natCapacity: 512,
      hashKey: Int32Array.of(1, 2, 3, 4),
      seed: 7,
      settings: undefined,
      ...o,
    });
    this.plane.apply({ put: rows, gone: [] });
    this.plane.tick(0);
  }

  /** Forwards a packet after it was asked about. @param where for the message when they differ */
  send(device: number, bytes: Uint8Array, where: () => string): Uint8Array | null {
    this.packets++;
    this.#load(1, bytes);
    this.plane.whatIf(device, this.plane.slotOffset(1), bytes.length - VNET, this.asked);
    const c = this.plane.context;
    this.#load(0, bytes);
    this.done.clear();
    c.decision = this.done;
    this.plane.process(device, this.plane.slotOffset(0), bytes.length - VNET);
    c.decision = null;
    const received = this.#received();
    c.out.status.fill(1, 0, c.out.count);
    this.plane.written();
    const difference = differenceOf(this.asked, this.done);
    if (difference !== null) expect.fail(`${where()}: ${difference}`);
    const end = `${this.done.verdict}/${this.done.outcomeReason}`;
    this.met.set(end, (this.met.get(end) ?? 0) + 1);
    return received;
  }

  /** Asks about a packet and its answer; returns what the answer's decision says, if there is one. */
  askBoth(device: number, bytes: Uint8Array): Decision | null {
    const answer = new Decision();
    return this.plane.trial(() => {
      this.#load(1, bytes);
      this.plane.ask(device, this.plane.slotOffset(1), bytes.length - VNET, this.asked);
      const seen = this.asked.verdict === VERDICT_DELIVERED ? this.#received(this.asked.receiver) : null;
      const back = seen === null ? null : answerTo(seen);
      if (back === null) return null;
      this.#load(1, back);
      this.plane.ask(this.asked.receiver, this.plane.slotOffset(1), back.length - VNET, answer);
      return answer;
    });
  }

  #load(slot: number, bytes: Uint8Array): void {
    this.plane.context.arena.set(bytes, this.plane.slotOffset(slot) - VNET);
  }

  /** The packet as it was put out to its receiver. */
  #received(receiver = this.done.receiver): Uint8Array | null {
    const { out, arena } = this.plane.context;
    for (let i = 0; i < out.count; i++)
      if (out.device[i] === receiver) return arena.slice(out.offset[i] - VNET, out.offset[i] + out.length[i]);
    return null;
  }
}

const OUTCOME = ["verdict", "outcomeReason", "receiver", "count"] as const;
const SEEN = ["protocol", "src", "sport", "dst", "dport"] as const;

/** The first thing in which two decisions differ. Entries have other numbers in a question, and only there a time left. */
export function differenceOf(a: Decision, b: Decision): string | null {
  for (const key of OUTCOME) if (a[key] !== b[key]) return `${key}: asked ${a[key]}, done ${b[key]}`;
  if (a.verdict === VERDICT_DELIVERED)
    for (const key of SEEN) if (a[key] !== b[key]) return `${key}: asked ${a[key]}, done ${b[key]}`;
  for (const key of ["node", "stage", "action", "ruleKind", "rule", "reason"] as const)
    for (let i = 0; i < a.count; i++)
      if (a[key][i] !== b[key][i]) return `step ${i} ${key}: ${a[key][i]}, ${b[key][i]}`;
  for (const key of ["a", "b", "c", "d", "e", "f", "g", "h", "source"] as const)
    for (let i = 0; i < a.count; i++) {
      if (key === "d" && a.action[i] === ACT_TRACK) continue;
      if (a[key][i] !== b[key][i]) return `step ${i} (stage ${a.stage[i]}) ${key}: ${a[key][i]}, ${b[key][i]}`;
    }
  return null;
}
