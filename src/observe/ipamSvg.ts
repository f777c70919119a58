import type { Marker, SimulationResult } from "../control/ipam/simulate/result.ts";
import { durationText } from "../control/objects/duration.ts";
import {
  addressPanel,
  type Box,
  COLOURS,
  callPanel,
  callRates,
  mostAddresses,
  SMALL,
  subnetPanel,
} from "./ipamPanels.ts";
import { simulationCaption } from "./simulationText.ts";
import { element, escapeXml, linear, type Scale, text, timeTicks } from "./svg.ts";

const WIDTH = 960;
const LEFT = 72;
const RIGHT = 24;
const PLOT = WIDTH - LEFT - RIGHT;

/** From the top: title, legend of one or two lines. */
const TITLE_BASELINE = 26;
const LEGEND_BASELINE = 48;
const LEGEND_LINE = 16;
const LEGEND_GAP = 14;

/** Of a variant, from its top: heading, caption, markers' labels, panels with gaps between, times. */
const HEADING_BASELINE = 18;
const CAPTION_BASELINE = 34;
const CAPTION_LINE = 14;
const MARKER_ROWS = 2;
const MARKER_ROW = 12;
const ADDRESSES = 170;
const SUBNETS = 44;
const CALLS = 52;
const GAP = 12;
const TIMES = 22;
const BETWEEN = 14;

const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
/** Width of a letter of a small text at most, pixels. */
const LETTER = 5.6;
const LEGEND_LETTER = 6.1;
const SWATCH = 10;
/** As many markers get a text and a line through the panels; more of them only a tick. */
const MARKERS_TOLD = 16;

const LEGEND: readonly (readonly [label: string, colour: string])[] = [
  ["assigned", COLOURS.assigned],
  ["cooling", COLOURS.cooling],
  ["warm", COLOURS.warm],
  ["pods waiting", COLOURS.waiting],
  ["available, none assignable", COLOURS.stall],
  ["free in subnets", COLOURS.subnet],
  ["EC2 calls", COLOURS.calls],
  ["throttled", COLOURS.throttled],
];

/** @returns its elements and its last baseline. */
function legend(results: readonly SimulationResult[]): { elements: string[]; baseline: number } {
  const shown = LEGEND.filter(([label]) => label !== "throttled" || results.some((r) => r.throttled > 0));
  let x = LEFT;
  let y = LEGEND_BASELINE;
  const elements = shown.flatMap(([label, colour]) => {
    const width = SWATCH + 5 + label.length * LEGEND_LETTER;
    if (x + width > LEFT + PLOT) {
      x = LEFT;
      y += LEGEND_LINE;
    }
    const left = x;
    x += width + LEGEND_GAP;
    return [
      element("rect", { x: left, y: y - 9, width: SWATCH, height: SWATCH, rx: 2, fill: colour }),
      text(label, { x: left + SWATCH + 5, y, "font-size": 11, fill: COLOURS.text }),
    ];
  });
  return { elements, baseline: y };
}

/** What happened, above the panels: each with its text where there are few, else how often each kind. */
function markers(all: readonly Marker[], top: number, bottom: number, x: Scale): string[] {
  const few = all.length <= MARKERS_TOLD;
  const lines = all.map(({ time }) =>
    element("line", {
      x1: x(time),
      x2: x(time),
      y1: top - 4,
      y2: few ? bottom : top,
      stroke: COLOURS.marker,
      "stroke-width": 0.8,
      ...(few ? { "stroke-dasharray": "3 3" } : {}),
    }),
  );
  return [...lines, ...(few ? markerTexts(all, top, x) : [text(markerCounts(all), { ...SMALL, x: LEFT, y: top - 8 })])];
}

/** A text is there once, and where it has room. */
function markerTexts(all: readonly Marker[], top: number, x: Scale): string[] {
  const rowEnds = new Array<number>(MARKER_ROWS).fill(Number.NEGATIVE_INFINITY);
  const said = new Set<string>();
  return all.flatMap(({ time, label }) => {
    const width = label.length * LETTER;
    const left = Math.min(Math.max(x(time) + 2, LEFT), LEFT + PLOT - width);
    const row = rowEnds.findIndex((end) => end <= left);
    if (row < 0 || said.has(label)) return [];
    said.add(label);
    rowEnds[row] = left + width;
    return [text(label, { ...SMALL, x: left, y: top - 8 - row * MARKER_ROW })];
  });
}

/** `5 deploy, 167 rollout` */
function markerCounts(all: readonly Marker[]): string {
  const counts = new Map<string, number>();
  for (const { action } of all) counts.set(action, (counts.get(action) ?? 0) + 1);
  return [...counts].map(([action, count]) => `${count} ${action}`).join(", ");
}

function times(duration: number, bottom: number, x: Scale): string[] {
  return timeTicks(duration, 10).flatMap(({ time, text: label }) => [
    element("line", { x1: x(time), x2: x(time), y1: bottom, y2: bottom + 4, stroke: COLOURS.grid }),
    text(label, { ...SMALL, x: x(time), y: bottom + 15, "text-anchor": "middle" }),
  ]);
}

/** Most of all variants, so that they have the same axes. */
interface Scales {
  readonly time: Scale;
  readonly addresses: number;
  readonly free: number;
  readonly calls: number;
}

/** One variant from `top` on; returns its elements and where it ends. */
function variant(result: SimulationResult, top: number, scales: Scales): { elements: string[]; bottom: number } {
  const captions = simulationCaption(result);
  const panelsTop = top + CAPTION_BASELINE + (captions.length - 1) * CAPTION_LINE + MARKER_ROWS * MARKER_ROW + 12;
  const box = (boxTop: number, height: number): Box => ({ left: LEFT, top: boxTop, width: PLOT, height });
  const addresses = box(panelsTop, ADDRESSES);
  const free = box(addresses.top + ADDRESSES + GAP, SUBNETS);
  const calls = box(free.top + SUBNETS + GAP, CALLS);
  const bottom = calls.top + CALLS;
  const { time: x } = scales;
  const elements = [
    text(result.variant, {
      x: LEFT,
      y: top + HEADING_BASELINE,
      "font-size": 14,
      "font-weight": 600,
      fill: COLOURS.text,
    }),
    ...captions.map((line, i) =>
      text(line, { x: LEFT, y: top + CAPTION_BASELINE + i * CAPTION_LINE, "font-size": 11, fill: COLOURS.text }),
    ),
    addressPanel(result, addresses, x, scales.addresses),
    subnetPanel(result, free, x, scales.free),
    callPanel(result, calls, x, scales.calls),
    ...markers(result.markers, panelsTop, bottom, x),
    ...times(result.duration, bottom, x),
  ];
  return { elements: [element("g", {}, elements)], bottom: bottom + TIMES };
}

/**
 * The results of one scenario as a picture: a variant below the other, all with the same axes. The same results give the
 * same text. It has no script, and no background: its colours can be read on a light and on a dark page.
 */
export function simulationSvg(title: string, results: readonly SimulationResult[]): string {
  const duration = Math.max(...results.map((r) => r.duration));
  const scales: Scales = {
    time: linear([0, duration], [LEFT, LEFT + PLOT]),
    addresses: Math.max(...results.map(mostAddresses)),
    free: Math.max(1, ...results.flatMap((r) => r.series.subnetFree)),
    calls: Math.max(1, ...results.flatMap((r) => callRates(r).map((rate) => rate.calls))),
  };
  const { elements: legendElements, baseline } = legend(results);
  const parts: string[] = [];
  let top = baseline + BETWEEN;
  for (const result of results) {
    const drawn = variant(result, top, scales);
    parts.push(...drawn.elements);
    top = drawn.bottom + BETWEEN;
  }
  const seed = results[0]?.seed ?? 0;
  const heading = `${title}: ${durationText(duration)}, seed ${seed}`;
  return `${element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      width: WIDTH,
      height: top,
      viewBox: `0 0 ${WIDTH} ${top}`,
      "font-family": FONT,
      role: "img",
    },
    [
      element("title", {}, [escapeXml(heading)]),
      text(heading, { x: LEFT, y: TITLE_BASELINE, "font-size": 16, "font-weight": 600, fill: COLOURS.text }),
      ...legendElements,
      ...parts,
    ],
  )}\n`;
}
