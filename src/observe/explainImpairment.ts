import type { Decision } from "../plane/decision.ts";
import * as I from "../plane/impair/impairmentRow.ts";

/** Names of what is impaired; control's Names is one. */
export interface ImpairmentNames {
  device(index: number): string;
  eni(index: number): string;
}

const US_PER_MS = 1000;
const US_PER_S = 1_000_000;
const PERCENT = 100;
const DIGITS = 4;

/** What RULE_IMPAIRMENT's number of a step means: `pod/default/web-1 out`. */
export function impairmentName(d: Decision, i: number, names: ImpairmentNames): string {
  const { at, index, direction } = I.pointOf(d.rule[i]);
  const name = at === I.AT_DEVICE ? names.device(index) : names.eni(index);
  return `${name} ${direction === I.DIRECTION_OUT ? "out" : "in"}`;
}

/** What an impairment did, of a step whose rule is RULE_IMPAIRMENT (ACT_IMPAIR, and the drop of a packet). */
export function impairDetail(d: Decision, i: number): string {
  const [b, c] = [d.b[i], d.c[i]];
  switch (d.a[i]) {
    case I.IMPAIR_PASSED:
      return `loss ${percent(c)}: passes (draw ${part(b)})`;
    case I.IMPAIR_LOST:
      return c < 0 ? "lost by the Gilbert-Elliott model" : `loss ${percent(c)}: lost (draw ${part(b)})`;
    case I.IMPAIR_DUPLICATED:
      return "duplicated: a copy takes the same way";
    case I.IMPAIR_CORRUPTED:
      return `corrupted: bit ${c} of byte ${b}`;
    case I.IMPAIR_CORRUPTED_SEGMENT:
      return `cut into its segments; the first is corrupted: bit ${c} of byte ${b}`;
    case I.IMPAIR_DELAYED:
      return `delayed by ${time(b)}`;
    case I.IMPAIR_REORDERED:
      return "reordered: sent at once, in front of those that wait";
    case I.IMPAIR_FULL:
      return `${b} packets wait, limit ${c}`;
    default:
      return "";
  }
}

function percent(parts: number): string {
  return `${Number(((parts / I.PER_ONE) * PERCENT).toFixed(DIGITS))} %`;
}

function part(parts: number): string {
  return (parts / I.PER_ONE).toFixed(DIGITS);
}

/** `50 ms`, `0.12 ms`, `2.5 s` */
function time(microseconds: number): string {
  if (microseconds >= US_PER_S) return `${microseconds / US_PER_S} s`;
  return `${microseconds / US_PER_MS} ms`;
}
