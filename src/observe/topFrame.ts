import { type TopRates, type TopSort, topRates } from "./topRates.ts";
import type { TopSample } from "./topSample.ts";

/** `podplane top` as lines of text: nothing here knows a terminal. */

export type TopView = "flows" | "devices" | "drops" | "services";

export interface FrameSize {
  readonly width: number;
  readonly height: number;
}

export interface FrameLine {
  readonly text: string;
  /** How it is to be set off. */
  readonly kind: "plain" | "title" | "header" | "row" | "keys";
}

interface Column {
  readonly title: string;
  readonly right: boolean;
  /** Left out first where the terminal is narrow, the highest number before the others; 0: never. */
  readonly drop: number;
  /** The column that takes the room that is left, and is cut where there is none. */
  readonly stretch?: boolean;
}

const SUMMARY_LINES = 5;
const GAP = 2;
const LEAST = 8;
/** What is left of a name that is cut tells it from most others. */
const READABLE = 16;
const MS_PER_SECOND = 1000;
const KEYS = "q quit  s sort  f flows  d devices  r drops  v services";
const SORT_NAMES: Record<TopSort, string> = { rate: "bit/s", packets: "packets/s", total: "total", name: "name" };
/** Drops and services have but one rate. */
const RATE = "rate";

/** The screen for two samples: at most so many lines of at most so many characters. @param before null: the first one */
export function topFrame(
  before: TopSample | null,
  now: TopSample,
  size: FrameSize,
  view: TopView = "flows",
  sort: TopSort = "rate",
): FrameLine[] {
  const rates = topRates(before, now, sort);
  const room = Math.max(0, size.height - SUMMARY_LINES - 3);
  const { columns, rows, empty } = tableOf(view, rates);
  const lines: FrameLine[] = summary(now, rates, size.width);
  lines.push({ text: "", kind: "plain" });
  const shown = rows.slice(0, room);
  if (rows.length === 0) lines.push({ text: empty, kind: "row" });
  else lines.push(...fitted(columns, shown, size.width));
  const last = SUMMARY_LINES + 2 + room;
  while (lines.length < last) lines.push({ text: "", kind: "plain" });
  const more = rows.length > shown.length ? `, ${shown.length} of ${rows.length}` : "";
  const byRate = (view === "drops" || view === "services") && (sort === "rate" || sort === "packets");
  const state = `${view} by ${byRate ? RATE : SORT_NAMES[sort]}${more}`;
  const gap = Math.max(GAP, size.width - KEYS.length - state.length);
  lines.push({ text: `${KEYS}${" ".repeat(gap)}${state}`, kind: "keys" });
  return lines.slice(0, size.height).map(({ kind, text }) => ({ kind, text: text.slice(0, size.width).trimEnd() }));
}

function summary(now: TopSample, rates: TopRates, width: number): FrameLine[] {
  const title = `podplane top  ${now.lab}`;
  const up = `up ${duration(now.uptime)}`;
  const { conntrack, nat } = now;
  const drops = rates.reasons.filter((r) => r.rate > 0).map((r) => `${r.code} ${scaled(r.rate)}`);
  const lines = [
    `packets ${scaled(rates.packets)}/s   bits ${scaled(rates.bits)}/s   loop ${fixed(rates.load * 100)} %   queued ${now.queued}`,
    `drops   ${scaled(rates.drops)}/s${drops.length === 0 ? "" : `: ${drops.join(", ")}`}`,
    `conntrack ${conntrack.entries} of ${conntrack.capacity} (${percent(conntrack.entries, conntrack.capacity)})`,
    nat === null
      ? "nat     nothing is translated"
      : `nat     ${nat.size - nat.used} ports left of ${nat.size} (${percent(nat.used, nat.size)} used): ${nat.name}`,
  ];
  return [
    { text: `${title}${" ".repeat(Math.max(GAP, width - title.length - up.length))}${up}`, kind: "title" },
    ...lines.map((text): FrameLine => ({ text: cut(text, width), kind: "plain" })),
  ];
}

/** A part of something; a little of it is not none. */
function percent(part: number, of: number): string {
  if (part === 0 || of === 0) return "0 %";
  const hundredths = (100 * part) / of;
  return hundredths < 0.1 ? "<0.1 %" : `${fixed(hundredths)} %`;
}

const left = (title: string, drop = 0, stretch = false): Column => ({ title, right: false, drop, stretch });
const right = (title: string, drop = 0): Column => ({ title, right: true, drop });

function tableOf(view: TopView, rates: TopRates): { columns: Column[]; rows: string[][]; empty: string } {
  if (view === "devices")
    return {
      columns: [left("DEVICE", 0, true), right("PKT/S-IN"), right("BIT/S-IN"), right("PKT/S-OUT"), right("BIT/S-OUT")],
      rows: rates.devices.map((d) => [
        short(d.name),
        scaled(d.packetsIn),
        scaled(d.bitsIn),
        scaled(d.packetsOut),
        scaled(d.bitsOut),
      ]),
      empty: "no devices",
    };
  if (view === "drops")
    return {
      columns: [left("REASON"), right("DROPS/S"), right("TOTAL"), right("LAST"), left("EXAMPLE", 0, true)],
      rows: rates.reasons.map((r) => [
        r.code,
        scaled(r.rate),
        String(r.count),
        r.ago === null ? "-" : duration(r.ago),
        r.last ?? "-",
      ]),
      empty: "no packet was dropped",
    };
  if (view === "services")
    return {
      columns: [left("SERVICE", 0, true), right("CONN/S"), right("REFUSED/S"), right("CONNECTIONS"), right("REFUSED")],
      rows: rates.services.map((s) => [
        short(s.name),
        scaled(s.connectionRate),
        scaled(s.refusalRate),
        String(s.connections),
        String(s.refused),
      ]),
      empty: "no service has had a connection",
    };
  return {
    columns: [
      left("PROTO"),
      left("FROM", 0, true),
      left("TO", 0, true),
      left("ANSWERED-BY", 2, true),
      left("SEEN-AS", 1),
      right("BIT/S"),
      right("PKT/S"),
      right("BYTES", 4),
      right("AGE"),
      left("STATE", 3),
    ],
    rows: rates.flows.map((f) => [
      f.protocol,
      f.from,
      f.to,
      f.answeredBy === f.to ? "" : f.answeredBy,
      f.seenAs ?? "",
      scaled(f.bitRate),
      scaled(f.packetRate),
      scaled(f.bytes),
      duration(f.age),
      f.state ?? "",
    ]),
    empty: "no connection is busy",
  };
}

/** The table within a width: first columns that may go go, then those that stretch are cut. */
function fitted(columns: readonly Column[], rows: readonly string[][], width: number): FrameLine[] {
  const used = columns.map((c, i) => c.drop === 0 || rows.some((r) => r[i] !== ""));
  let keep = columns.map((_, i) => i).filter((i) => used[i]);
  const natural = columns.map((c, i) => Math.max(c.title.length, ...rows.map((r) => r[i].length)));
  const total = (widths: readonly number[]): number => keep.reduce((sum, i) => sum + widths[i] + GAP, -GAP);
  const least = natural.map((w, i) => (columns[i].stretch === true ? Math.min(w, READABLE) : w));
  for (;;) {
    // The last one that may go stays for as long as names can be read.
    const candidates = keep.filter((i) => columns[i].drop > (total(least) > width ? 0 : 1));
    if (total(natural) <= width) break;
    if (candidates.length === 0) break;
    const going = candidates.reduce((a, b) => (columns[b].drop > columns[a].drop ? b : a));
    keep = keep.filter((i) => i !== going);
  }
  const widths = [...natural];
  for (let over = total(widths) - width; over > 0; over--) {
    const widest = keep.filter((i) => columns[i].stretch === true && widths[i] > LEAST);
    if (widest.length === 0) break;
    widths[widest.reduce((a, b) => (widths[b] > widths[a] ? b : a))]--;
  }
  const line = (cells: readonly string[]): string =>
    keep.map((i) => pad(cut(cells[i], widths[i]), widths[i], columns[i].right)).join(" ".repeat(GAP));
  return [
    { text: line(columns.map((c) => c.title)), kind: "header" },
    ...rows.map((row): FrameLine => ({ text: line(row), kind: "row" })),
  ];
}

function pad(text: string, width: number, toRight: boolean): string {
  return toRight ? text.padStart(width) : text.padEnd(width);
}

/** A text that has no room ends in a tilde. */
function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}~`;
}

const short = (name: string): string => name.replace(/^(pod|svc)\/default\//, "$1/");

const SCALES: readonly [unit: string, size: number][] = [
  ["T", 1e12],
  ["G", 1e9],
  ["M", 1e6],
  ["k", 1e3],
];
const THREE_DIGITS = 999.5;

/** 0, 7.2, 948, 1.2k, 33.4M: three digits or so. */
export function scaled(value: number): string {
  for (const [unit, size] of SCALES) if (value >= (THREE_DIGITS * size) / 1000) return `${fixed(value / size)}${unit}`;
  return value === 0 ? "0" : fixed(value);
}

/** One digit behind the point below 100, none above. */
function fixed(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value.toFixed(1);
}

/** 0.4s, 12s, 3m05s, 2h07m, 4d03h */
export function duration(milliseconds: number): string {
  const seconds = milliseconds / MS_PER_SECOND;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.floor(seconds);
  const two = (n: number): string => String(n).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`;
  return `${Math.floor(whole / 86_400)}d${two(Math.floor(whole / 3600) % 24)}h`;
}
