import { durationText } from "../control/objects/duration.ts";

/** Attributes of an element; numbers are written with at most two digits after the point. */
export type Attributes = Readonly<Record<string, string | number>>;

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text as it may stand in an element or an attribute. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ESCAPES[c]);
}

/** A coordinate: the same on every machine, and no longer than a picture needs. */
export function coordinate(n: number): string {
  return String(Math.round(n * 100) / 100);
}

const value = (v: string | number): string => (typeof v === "number" ? coordinate(v) : escapeXml(v));

/** An element. `children` are elements already, see {@link text} for text. */
export function element(name: string, attributes: Attributes, children: readonly string[] = []): string {
  const written = Object.entries(attributes).map(([key, v]) => ` ${key}="${value(v)}"`);
  const start = `<${name}${written.join("")}`;
  return children.length === 0 ? `${start}/>` : `${start}>${children.join("")}</${name}>`;
}

/** A line of text. */
export function text(content: string, attributes: Attributes): string {
  return element("text", attributes, [escapeXml(content)]);
}

/** Maps values to coordinates. */
export type Scale = (value: number) => number;

/** @param domain both ends; where they are equal, all values are at the beginning of the range. */
export function linear(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const [from, to] = domain;
  const factor = to === from ? 0 : (range[1] - range[0]) / (to - from);
  return (v) => range[0] + (v - from) * factor;
}

/** Steps that people count in: 1, 2 or 5 times a power of ten. */
const NICE = [1, 2, 5, 10];

/** Round numbers from 0 up to the first that is not below `most`, at most `count` steps of whole numbers. */
export function niceTicks(most: number, count: number): number[] {
  const rough = Math.max(most, 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = NICE.find((n) => n * power >= rough) ?? 10;
  const step = Math.max(1, factor * power);
  const ticks = [0];
  while (ticks[ticks.length - 1] < most) ticks.push(ticks.length * step);
  return ticks.length === 1 ? [0, step] : ticks;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIME_STEPS = [
  ...[0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 90].map((n) => n * DAY),
];

/** Round times from 0 to the end with their texts, at most `count` steps where a step of 90 days does. */
export function timeTicks(duration: number, count: number): { readonly time: number; readonly text: string }[] {
  const step = TIME_STEPS.find((s) => duration / s <= count) ?? TIME_STEPS[TIME_STEPS.length - 1];
  return Array.from({ length: Math.floor(duration / step) + 1 }, (_, i) => ({
    time: i * step,
    text: i === 0 ? "0" : durationText(i * step),
  }));
}

/** `1234567` as `1,234,567`. */
export function groupDigits(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** The points of a line, without those in the middle of a level stretch. */
function points(x: readonly number[], y: readonly number[]): string[] {
  const height = y.map(coordinate);
  const level = (i: number) => i > 0 && i < x.length - 1 && height[i] === height[i - 1] && height[i] === height[i + 1];
  return x.flatMap((at, i) => (level(i) ? [] : [`${coordinate(at)},${height[i]}`]));
}

/** Outline of the area between two lines over the same places. */
export function areaPath(x: readonly number[], low: readonly number[], high: readonly number[]): string {
  return `M${[...points(x, high), ...points(x, low).reverse()].join("L")}Z`;
}

export function linePath(x: readonly number[], y: readonly number[]): string {
  return `M${points(x, y).join("L")}`;
}

/** Spans in any order, those that touch or nearly do (`gap`) as one. */
export function mergeSpans(
  spans: readonly (readonly [from: number, to: number])[],
  gap: number,
): [from: number, to: number][] {
  const merged: [number, number][] = [];
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1] + gap) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}
