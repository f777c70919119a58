import type { SimulationResult } from "../control/ipam/simulate/result.ts";
import {
  type Attributes,
  areaPath,
  coordinate,
  element,
  groupDigits,
  linear,
  linePath,
  mergeSpans,
  niceTicks,
  type Scale,
  text,
} from "./svg.ts";

/** Where a panel is on the picture. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

// Middle tones, which can be told apart (Okabe and Ito) and read on a dark page as well as on a light one.
export const COLOURS = {
  text: "#76808c",
  grid: "#8c959f",
  assigned: "#0a78bd",
  cooling: "#e69f00",
  warm: "#1fa187",
  waiting: "#d5408a",
  stall: "#e5484d",
  subnet: "#8c959f",
  calls: "#7a6fc0",
  throttled: "#e5484d",
  marker: "#8c959f",
} as const;

export const SMALL: Attributes = { "font-size": 10, fill: COLOURS.text };

const MINUTE = 60_000;
const TICK_GAP = 6;
/** Lowers a text so that its middle is where its coordinate is. */
const BASELINE = 3.5;
/** Stalls that are nearer to each other than this are one on the picture; none is narrower, pixels. */
const STALL_WIDTH = 0.6;

/** Lines and numbers of the left axis. */
export function axis(box: Box, y: Scale, ticks: readonly number[]): string[] {
  return ticks.flatMap((tick) => [
    element("line", {
      x1: box.left,
      x2: box.left + box.width,
      y1: y(tick),
      y2: y(tick),
      stroke: COLOURS.grid,
      "stroke-opacity": tick === 0 ? 0.9 : 0.25,
      "stroke-width": tick === 0 ? 1 : 0.6,
    }),
    text(groupDigits(tick), { ...SMALL, x: box.left - TICK_GAP, y: y(tick) + BASELINE, "text-anchor": "end" }),
  ]);
}

/** What a panel shows, to the left of its axis, written upwards. */
export function axisTitle(box: Box, words: string): string {
  const x = coordinate(box.left - 46);
  const y = coordinate(box.top + box.height / 2);
  return text(words, { ...SMALL, x, y, "text-anchor": "middle", transform: `rotate(-90 ${x} ${y})` });
}

/** Most of what {@link addressPanel} stacks. */
export function mostAddresses({ series }: SimulationResult): number {
  let most = 1;
  for (let i = 0; i < series.time.length; i++)
    most = Math.max(most, series.assigned[i] + series.cooling[i] + series.warm[i], series.waitingMost[i]);
  return most;
}

/** Stretches of samples in which pods wait, with the samples before and after them; `to` is left out. */
function waitingSpans(waiting: readonly number[]): [from: number, to: number][] {
  const spans = waiting.flatMap((pods, i): [number, number][] =>
    pods > 0 ? [[Math.max(0, i - 1), Math.min(waiting.length, i + 2)]] : [],
  );
  return mergeSpans(spans, 0);
}

/** The nodes' addresses by what they are, one on the other; pods that wait as a line; stalls behind all of it. */
export function addressPanel(result: SimulationResult, box: Box, x: Scale, most: number): string {
  const { series } = result;
  const ticks = niceTicks(most, 4);
  const y = linear([0, ticks[ticks.length - 1]], [box.top + box.height, box.top]);
  const at = series.time.map(x);
  const stalls = mergeSpans(
    result.stalls.map((s) => [x(s.from), Math.max(x(s.to), x(s.from) + STALL_WIDTH)]),
    STALL_WIDTH,
  ).map(([from, to]) =>
    element("rect", { x: from, y: box.top, width: to - from, height: box.height, fill: COLOURS.stall, opacity: 0.28 }),
  );
  const areas: string[] = [];
  let low = series.time.map(() => 0);
  for (const part of ["assigned", "cooling", "warm"] as const) {
    const high = low.map((sum, i) => sum + series[part][i]);
    areas.push(
      element("path", { d: areaPath(at, low.map(y), high.map(y)), fill: COLOURS[part], "fill-opacity": 0.75 }),
    );
    low = high;
  }
  const waiting = waitingSpans(series.waitingMost).flatMap(([from, to]) => {
    const d = linePath(at.slice(from, to), series.waitingMost.slice(from, to).map(y));
    const line = { d, fill: "none", "stroke-linejoin": "round" };
    // A pale rim, so that it can be told from what is behind it.
    return [
      element("path", { ...line, stroke: "#ffffff", "stroke-opacity": 0.7, "stroke-width": 4 }),
      element("path", { ...line, stroke: COLOURS.waiting, "stroke-width": 2 }),
    ];
  });
  return [...areas, ...stalls, ...waiting, ...axis(box, y, ticks), axisTitle(box, "addresses")].join("");
}

/** Addresses of the subnets that nobody has, on an axis of their own. */
export function subnetPanel(result: SimulationResult, box: Box, x: Scale, most: number): string {
  const { series } = result;
  const ticks = niceTicks(most, 3);
  const y = linear([0, ticks[ticks.length - 1]], [box.top + box.height, box.top]);
  const at = series.time.map(x);
  const floor = at.map(() => y(0));
  const area = { d: areaPath(at, floor, series.subnetFree.map(y)), fill: COLOURS.subnet, "fill-opacity": 0.35 };
  return [element("path", area), ...axis(box, y, ticks), axisTitle(box, "free")].join("");
}

/** A stretch of time with its EC2 calls a minute, and how many of them were throttled. */
export interface CallRate {
  /** Milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly calls: number;
  readonly throttled: number;
}

/** Bars of minutes; longer ones where there would be more than this, shorter ones where there would be a handful. */
const BARS_MOST = 200;
const BARS_LEAST = 10;

export function callRates({ series, duration }: SimulationResult): CallRate[] {
  const step = Math.max(Math.min(MINUTE, duration / BARS_LEAST), duration / BARS_MOST);
  const rates: CallRate[] = [];
  let before = 0;
  series.time.forEach((time, i) => {
    const last = i === series.time.length - 1;
    if (i === 0 || (!last && time - series.time[before] < step)) return;
    const from = series.time[before];
    const rate = (list: readonly number[]) => ((list[i] - list[before]) * MINUTE) / (time - from);
    if (time > from) rates.push({ from, to: time, calls: rate(series.calls), throttled: rate(series.throttled) });
    before = i;
  });
  return rates;
}

export function callPanel(result: SimulationResult, box: Box, x: Scale, most: number): string {
  const ticks = niceTicks(most, 3);
  const y = linear([0, ticks[ticks.length - 1]], [box.top + box.height, box.top]);
  const bars = callRates(result).flatMap(({ from, to, calls, throttled }) => {
    if (calls === 0) return [];
    const bar = (low: number, high: number, fill: string) =>
      element("rect", { x: x(from), width: x(to) - x(from), y: y(high), height: y(low) - y(high), fill });
    return [bar(0, calls, COLOURS.calls), ...(throttled > 0 ? [bar(calls - throttled, calls, COLOURS.throttled)] : [])];
  });
  return [...bars, ...axis(box, y, ticks), axisTitle(box, "calls/min")].join("");
}
