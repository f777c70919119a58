import { C_DROPS, C_QUEUED } from "../../plane/counters.ts";
import { REASONS } from "../../plane/reasons.ts";
import type { ReplayFlows } from "./replayFlows.ts";

/** Drops that no packet's own line tells: of packets that the plane held, and dropped when it looked at them again. */
export class HeldDrops {
  readonly #counters: Float64Array;
  readonly #flows: ReplayFlows;
  readonly #known = new Float64Array(REASONS.length);
  #queued = 0;

  constructor(counters: Float64Array, flows: ReplayFlows) {
    this.#counters = counters;
    this.#flows = flows;
  }

  /**
   * What was dropped since the last call, in sentences.
   *
   * @param own reason of the packet that was put in meanwhile, whose line tells of it; null: none
   */
  take(own: string | null): string[] {
    const notes: string[] = [];
    const left = this.#queued - this.#counters[C_QUEUED];
    this.#queued = this.#counters[C_QUEUED];
    for (const [i, { code }] of REASONS.entries()) {
      const count = this.#counters[C_DROPS + i];
      const more = count - this.#known[i] - (code === own ? 1 : 0);
      this.#known[i] = count;
      if (more <= 0) continue;
      // What the plane sent by itself may be dropped, too.
      if (left < more) {
        notes.push(`${more} more: DROPPED ${code}`);
        continue;
      }
      const held = this.#flows.held;
      // Which of several it was nobody says.
      if (held.length === more) {
        this.#flows.lost(held, code);
        notes.push(...held.map((id) => `#${id}, which was held, was DROPPED ${code}`));
      } else notes.push(`${more} that ${more === 1 ? "was" : "were"} held: DROPPED ${code}`);
    }
    return notes;
  }
}
