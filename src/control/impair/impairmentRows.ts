import {
  AT_DEVICE,
  AT_ENI,
  DIRECTION_IN,
  DIRECTION_OUT,
  type ImpairmentRow,
} from "../../plane/impair/impairmentRow.ts";
import type { ClusterState } from "../clusterState.ts";
import type { Ids } from "../ids.ts";
import { DISTRIBUTIONS, parseChance, parseGeModel, parseMicroseconds, parseRate } from "../objects/impairmentText.ts";
import { DEFAULT_LIMIT } from "../objects/labImpairment.ts";
import { type OneWay, oneWays, points } from "./points.ts";

const NEVER = { probability: 0, correlation: 0 };
// FNV-1a, 32 bits.
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const GOLDEN = 0x9e3779b1;

/** The seed of a point's random choices: the lab's, and the point's own name. */
function pointSeed(labSeed: number, { at, direction }: OneWay): number {
  let hash = FNV_OFFSET ^ Math.imul(labSeed | 0, GOLDEN);
  const text = `${at} ${direction}`;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  return hash | 0;
}

/** The rows of the lab's impairments. What does not exist (a pod that is to come) has none. */
export function impairmentRows(state: ClusterState, ids: Ids): ImpairmentRow[] {
  const wanted = oneWays(state.lab);
  if (wanted.length === 0) return [];
  const all = points(state);
  return wanted.flatMap((entry): ImpairmentRow[] => {
    const kind = all.get(entry.at);
    if (kind === undefined) return [];
    const chance = (value: string | 0 | undefined) => parseChance(String(value ?? 0)) ?? NEVER;
    const microseconds = (value: string | 0 | undefined) => parseMicroseconds(String(value ?? 0)) ?? 0;
    const gemodel = parseGeModel(String(entry.gemodel ?? 0));
    return [
      {
        t: "impairment",
        at: kind === "device" ? AT_DEVICE : AT_ENI,
        index: ids.of(kind, entry.at),
        direction: entry.direction === "out" ? DIRECTION_OUT : DIRECTION_IN,
        seed: pointSeed(state.lab.spec.seed, entry),
        loss: chance(entry.loss),
        gemodel: gemodel !== null && gemodel.p + gemodel.lossInGood > 0 ? gemodel : null,
        duplicate: chance(entry.duplicate),
        corrupt: chance(entry.corrupt),
        reorder: chance(entry.reorder),
        gap: entry.gap ?? 1,
        delay: microseconds(entry.delay),
        jitter: microseconds(entry.jitter),
        distribution: DISTRIBUTIONS[entry.distribution ?? "uniform"],
        rate: parseRate(String(entry.rate ?? 0)) ?? 0,
        limit: entry.limit ?? DEFAULT_LIMIT,
      },
    ];
  });
}
