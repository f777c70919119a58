import { stripVTControlCharacters } from "node:util";
import { shortNames } from "../../observe/trace/shortName.ts";
import { broken, traceLine, tupleWords } from "../../observe/trace/traceLine.ts";
import { traceStages } from "../../observe/trace/traceStages.ts";
import { inVerdictColour, type TraceStyle } from "../../observe/trace/traceStyle.ts";
import type { Comparison, Difference } from "./comparison.ts";
import { isWalked, type ReplayAction, type ReplayEvent, type ReplaySummary } from "./replayEvent.ts";

const TIME = 11;
const MILLISECONDS_END = 23;
const INDENT = "  ";
/** Where a line goes on: behind its time. */
const MARGIN = MILLISECONDS_END - TIME + 1;
const LONG = 40;

/** How each kind of outcome is coloured. */
const AS_GOOD = "DELIVERED";
const AS_BAD = "DROPPED";
const AS_ODD = "REJECTED";

/** A packet of a replay in one line, with what is odd about it in further ones. */
export function replayLine(event: ReplayEvent, verbose: boolean, style: TraceStyle): string {
  const { comparisons, notes } = event.replay;
  const own = comparisons.find((c) => c.packet === event.id);
  const lines = [isWalked(event) ? walkedLine(event, own, style) : otherLine(event, own, style)];
  for (const c of comparisons)
    if (!c.equal) lines.push(...c.differences.map((d) => INDENT + differenceText(d, c, event.id)));
  const late = comparisons.filter((c) => c.packet !== event.id && c.equal);
  if (late.length > 0) lines.push(`${INDENT}before it: ${numbers(late)} came out as captured`);
  // What is not walked has its first note in its line.
  const rest = isWalked(event) || own !== undefined ? notes : notes.slice(1);
  lines.push(...rest.map((note) => INDENT + note));
  if (verbose && isWalked(event)) lines.push(`${traceStages(event, style)}\n`);
  return shortNames(lines.join("\n"));
}

function numbers(list: readonly Comparison[]): string {
  return list.map((c) => `#${c.packet}`).join(", ");
}

function walkedLine(event: Parameters<typeof traceLine>[0], own: Comparison | undefined, style: TraceStyle): string {
  const line = traceLine(event, style);
  if (own === undefined) return line;
  const like = likeness(own, style);
  const last = line.slice(line.lastIndexOf("\n") + 1);
  const fits = stripVTControlCharacters(`${last}, ${like}`).length <= style.width;
  return fits || !style.wrap ? `${line}, ${like}` : `${line},\n${" ".repeat(MARGIN)}${like}`;
}

function likeness({ equal }: Comparison, style: TraceStyle): string {
  return equal ? inVerdictColour("as captured", AS_GOOD, style) : inVerdictColour("not as captured", AS_BAD, style);
}

function otherLine(event: ReplayEvent, own: Comparison | undefined, style: TraceStyle): string {
  const { flow, info, replay } = event;
  const time = event.time.slice(TIME, MILLISECONDS_END);
  const what = info === "" ? flow.protocol : `${flow.protocol} ${info}`;
  const colour = event.verdict === "MISSING" ? AS_BAD : event.verdict === "COMPARED" ? AS_GOOD : AS_ODD;
  const verdict = inVerdictColour(event.verdict, colour, style);
  const tail = own !== undefined ? `, ${likeness(own, style)}` : replay.notes.length > 0 ? `: ${replay.notes[0]}` : "";
  const words = [...tupleWords({ ...event, verdict: "QUEUED" }), what, ...`${verdict}${tail}`.split(" ")];
  const lines = style.wrap ? broken(words.map(shortNames), style.width, MARGIN) : [words.join(" ")];
  return `${time} ${lines.join(`\n${" ".repeat(MARGIN)}`)}`;
}

function differenceText({ field, captured, replayed }: Difference, { packet }: Comparison, id: number): string {
  const whose = packet === id ? "" : `#${packet}: `;
  const short = (text: string): string =>
    text.length > LONG ? `${text.slice(0, LONG)}...` : text === "" ? "none" : text;
  return `${whose}${field}: captured ${short(captured)}, here ${short(replayed)}`;
}

const ACTIONS: readonly (readonly [ReplayAction, string])[] = [
  ["sent", "sent where they were captured"],
  ["answered", "received: sent by the far end of their flow"],
  ["entered", "received without a flow: sent by whoever has their source address"],
  ["compared", "compared with what came out"],
  ["left out", "left out"],
];

/** What a replay came to, for people. */
export function replaySummaryText(s: ReplaySummary): string {
  const lines = [
    s.packets === s.total ? counted(s.packets, "packet") : `${s.packets} of ${counted(s.total, "packet")}`,
  ];
  for (const [action, text] of ACTIONS) if (s.actions[action] > 0) lines.push(row(s.actions[action], text));
  lines.push("verdicts", ...s.verdicts.map(({ verdict, count }) => row(count, verdict)));
  if (s.drops.length > 0) lines.push("drops by reason", ...s.drops.map(({ reason, count }) => row(count, reason)));
  const { equal, translated, different } = s.compared;
  if (equal + translated + different + s.missing > 0) {
    lines.push("against the capture");
    if (equal > 0) lines.push(row(equal, "came out as captured"));
    if (translated > 0) lines.push(row(translated, "came out with another address or port"));
    if (different > 0) lines.push(row(different, "came out otherwise, or not where they were captured"));
    if (s.missing > 0) lines.push(row(s.missing, "did not come out"));
  }
  if (s.extra.count > 0) {
    lines.push(`${counted(s.extra.count, "packet")} came out that the capture does not have`);
    lines.push(...s.extra.first.map((text) => INDENT + text));
  }
  if (s.released > 0)
    lines.push(
      `${counted(s.released, "packet")} came out after the plane had held ${s.released === 1 ? "it" : "them"}`,
    );
  if (s.held > 0) lines.push(`${counted(s.held, "packet")} still held; --settle lets the clock run on for longer`);
  if (s.earlier > 0) lines.push(`${counted(s.earlier, "packet")} with a time before an earlier one's`);
  if (s.truncated > 0) lines.push(`${counted(s.truncated, "packet")} captured in part: what is missing is zeros`);
  lines.push(...s.notes.map((note) => `not read: ${note}`));
  return lines.join("\n");
}

function row(count: number, text: string): string {
  return `${String(count).padStart(8)}  ${text}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
