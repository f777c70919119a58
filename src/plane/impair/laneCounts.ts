import type { Impairments } from "./impairments.ts";
import { L_CORRUPTED, L_DELAYED, L_DUPLICATED, L_FULL, L_LOST, L_PACKETS, L_REORDERED } from "./lane.ts";

/** What became of a point's packets since it is impaired. */
export interface LaneCounts {
  /** Its number: pointOf() of impairmentRow.ts. */
  point: number;
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

/** The counts of all points; for views, not for packets. */
export function laneCounts(impairments: Impairments | null): LaneCounts[] {
  const all: LaneCounts[] = [];
  impairments?.lanes.forEach(({ point, held, counts }) => {
    all.push({
      point,
      packets: counts[L_PACKETS],
      lost: counts[L_LOST],
      duplicated: counts[L_DUPLICATED],
      corrupted: counts[L_CORRUPTED],
      reordered: counts[L_REORDERED],
      delayed: counts[L_DELAYED],
      overLimit: counts[L_FULL],
      held,
    });
  });
  return all;
}
