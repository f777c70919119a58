import type { SimulationResult, Stall } from "../control/ipam/simulate/result.ts";
import { durationText } from "../control/objects/duration.ts";
import { groupDigits } from "./svg.ts";

const TENTH = 100;
const SECOND = 1000;
const MINUTE = 60_000;

/** A delay as short as it can be told: tenths of a second below a minute, seconds above. */
export function delayText(milliseconds: number): string {
  if (milliseconds < SECOND) return milliseconds === 0 ? "0s" : `${milliseconds}ms`;
  const unit = milliseconds < MINUTE ? TENTH : SECOND;
  return durationText(Math.round(milliseconds / unit) * unit);
}

/** Node-time that stalls took, milliseconds. */
export function stalledTime(stalls: readonly Stall[]): number {
  return stalls.reduce((sum, s) => sum + s.to - s.from, 0);
}

export function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, n) => total + n, 0);
}

function things(count: number, one: string, many = `${one}s`): string {
  return `${groupDigits(count)} ${count === 1 ? one : many}`;
}

/** What the picture says of a variant in words, line by line. */
export function simulationCaption(result: SimulationResult): string[] {
  const { startDelay: d, stalls, duplicates, violations } = result;
  const started =
    d === null
      ? "no pod got an address"
      : `${things(d.count, "pod")} started: p50 ${delayText(d.p50)}, p90 ${delayText(d.p90)}, p99 ${delayText(d.p99)}, max ${delayText(d.max)}`;
  const lines = [`${started}; ${things(sum(result.calls), "EC2 call")}, ${groupDigits(result.throttled)} throttled`];
  const troubles = [
    ...(result.failedAdds > 0 ? [things(result.failedAdds, "failed ADD")] : []),
    ...(result.waiting > 0 ? [`${things(result.waiting, "pod")} without address at the end`] : []),
    ...(stalls.length > 0
      ? [
          `available but not assignable ${things(stalls.length, "time")}, ${delayText(stalledTime(stalls))} in all, ${things(result.stalledPods, "pod")} held up`,
        ]
      : []),
    ...(duplicates.length > 0 ? [things(duplicates.length, "address twice", "addresses twice")] : []),
    ...(violations.length > 0 ? [things(violations.length, "invariant violation")] : []),
  ];
  return troubles.length === 0 ? lines : [...lines, troubles.join("; ")];
}
