import type { ClusterState } from "../clusterState.ts";
import { isOff } from "../objects/impairmentText.ts";
import { IMPAIRMENT_SETTINGS } from "../objects/labImpairment.ts";
import { type Direction, type OneWay, oneWays, points } from "./points.ts";

/** What became of a point's packets since it is impaired. */
export interface ImpairmentCounts {
  packets: number;
  lost: number;
  duplicated: number;
  corrupted: number;
  reordered: number;
  delayed: number;
  /** Dropped because as many waited as may. */
  overLimit: number;
  /** Waiting now. */
  held: number;
}

export interface ImpairmentView {
  at: string;
  direction: Direction;
  /** `loss 1%, delay 50ms, jitter 5ms` */
  settings: string;
  /** null: there is no such pod or ENI now. */
  counts: ImpairmentCounts | null;
}

/** A point's settings as a person reads them. */
function settingsText(entry: OneWay): string {
  return IMPAIRMENT_SETTINGS.flatMap((name) => {
    const value = entry[name];
    return value === undefined || isOff(String(value)) ? [] : [`${name} ${value}`];
  }).join(", ");
}

/** @param counts what the plane says of a point, by its name and direction; null: nothing yet */
export function impairmentViews(
  state: ClusterState,
  counts: (at: string, direction: Direction) => ImpairmentCounts | null,
): ImpairmentView[] {
  const all = points(state);
  return oneWays(state.lab).map((entry) => {
    const { at, direction } = entry;
    return { at, direction, settings: settingsText(entry), counts: all.has(at) ? counts(at, direction) : null };
  });
}
