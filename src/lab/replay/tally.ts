import { C_DROPS, C_QUEUED } from "../../plane/counters.ts";
import { REASONS } from "../../plane/reasons.ts";
import { type Comparison, isSamePacket } from "./comparison.ts";
import type { ReplayAction, ReplayEvent, ReplaySummary, ReplayVerdict } from "./replayEvent.ts";

/** What is counted elsewhere. */
type Rest = Pick<ReplaySummary, "packets" | "total" | "released" | "extra" | "end" | "notes"> & {
  readonly counters: Float64Array;
  /** Captured packets that should have come out and never did. */
  readonly unmet: number;
};

/** Counts a replay's packets. */
export class Tally {
  readonly #actions: Record<ReplayAction, number> = { sent: 0, answered: 0, entered: 0, compared: 0, "left out": 0 };
  readonly #verdicts = new Map<ReplayVerdict, number>();
  readonly #compared = { equal: 0, translated: 0, different: 0 };
  earlier = 0;
  truncated = 0;

  add(event: ReplayEvent): void {
    this.#actions[event.replay.action]++;
    this.#verdicts.set(event.verdict, (this.#verdicts.get(event.verdict) ?? 0) + 1);
    this.compared(event.replay.comparisons);
  }

  compared(comparisons: readonly Comparison[]): void {
    for (const one of comparisons)
      this.#compared[one.equal ? "equal" : isSamePacket(one) ? "translated" : "different"]++;
  }

  summary({ counters, unmet, ...rest }: Rest): ReplaySummary {
    return {
      ...rest,
      actions: { ...this.#actions },
      verdicts: [...this.#verdicts].map(([verdict, count]) => ({ verdict, count })),
      drops: REASONS.map(({ code }, i) => ({ reason: code, count: counters[C_DROPS + i] })).filter((d) => d.count > 0),
      compared: { ...this.#compared },
      missing: (this.#verdicts.get("MISSING") ?? 0) + unmet,
      held: counters[C_QUEUED],
      earlier: this.earlier,
      truncated: this.truncated,
    };
  }
}
