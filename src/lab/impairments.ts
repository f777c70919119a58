import type { Cluster } from "../control/cluster.ts";
import { type ImpairmentChange, withImpairment } from "../control/impair/change.ts";
import { impairmentNotes } from "../control/impair/checkImpairments.ts";
import { findPoint } from "../control/impair/points.ts";
import { type ImpairmentCounts, type ImpairmentView, impairmentViews } from "../control/impair/views.ts";
import { AT_DEVICE, DIRECTION_OUT, pointOf } from "../plane/impair/impairmentRow.ts";
import type { LaneCounts } from "../plane/impair/laneCounts.ts";
import type { PlaneClient } from "./planeClient.ts";

/** `podplane impair`: no change, where only its point (or nothing) is named. */
export interface ImpairQuestion {
  /** As a person wrote it; null: all points. */
  readonly at: string | null;
  readonly change: ImpairmentChange | null;
}

export interface ImpairAnswer {
  readonly rows: ImpairmentView[];
  /** Settings that have no effect by themselves. */
  readonly notes: readonly string[];
}

/** The impairments of a running lab, with what became of their packets. */
export async function impairmentRowsOf(cluster: Cluster, plane: PlaneClient): Promise<ImpairmentView[]> {
  const lanes = await plane.impairments();
  const { names } = cluster.snapshot();
  const counts = new Map<string, ImpairmentCounts>();
  for (const { point, ...count } of lanes) {
    const { at, index, direction } = pointOf(point);
    const name = at === AT_DEVICE ? names.device(index) : names.eni(index);
    counts.set(`${name} ${direction === DIRECTION_OUT ? "out" : "in"}`, count satisfies Omit<LaneCounts, "point">);
  }
  return impairmentViews(cluster.state(), (at, direction) => counts.get(`${at} ${direction}`) ?? null);
}

/**
 * Changes a point's settings, and says what they are then.
 *
 * @param change makes the running lab follow a change of its cluster
 * @throws NameError for an unknown point, SettingError, ObjectError
 */
export async function impair(
  { at: text, change }: ImpairQuestion,
  cluster: Cluster,
  plane: PlaneClient,
  makeChange: (edit: () => void) => Promise<void>,
): Promise<ImpairAnswer> {
  let at: string | null = null;
  const find = () => {
    at = text === null ? null : findPoint(text, cluster.state(), cluster.snapshot().names);
    return at;
  };
  if (change === null) find();
  else
    await makeChange(() => {
      const point = find();
      if (point !== null) cluster.apply([withImpairment(cluster.lab, point, change)]);
    });
  const rows = (await impairmentRowsOf(cluster, plane)).filter((row) => at === null || row.at === at);
  const own = cluster.lab.spec.impairments.filter((entry) => entry.at === at);
  return { rows, notes: change === null ? [] : [...new Set(own.flatMap(impairmentNotes))] };
}
