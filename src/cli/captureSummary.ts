import type { CaptureQuestion, CaptureSummary } from "../lab/controlStreams.ts";
import { countText, nothingMatched } from "./traceSummary.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB"];
const STEP = 1000;

/** Bytes as people read them: `1.2 MB`. */
export function sizeText(bytes: number): string {
  let unit = 0;
  let n = bytes;
  while (n >= STEP && unit < UNITS.length - 1) {
    n /= STEP;
    unit++;
  }
  return `${unit === 0 ? n : n.toFixed(1)} ${UNITS[unit]}`;
}

const plural = (n: number, noun: string): string => `${countText(n)} ${noun}${n === 1 ? "" : "s"}`;

/** What a capture says at its end: what is in which files, and what is not and why. */
export function captureSummaryText(summary: CaptureSummary, question: CaptureQuestion): string {
  const { seen, matched, sampledOut, lost, packets, written, bytes, files, removed } = summary;
  const gone = removed === 0 ? "" : `, of which the last ${files.length} are left`;
  const into =
    files.length === 0
      ? ""
      : files.length + removed === 1
        ? ` in ${files[0]}`
        : ` in ${files.length + removed} files${gone}`;
  if (seen === 0)
    return `no packet was read: the lab is idle. Send some, for example with \`podplane exec\`${into === "" ? "" : `; nothing is${into}`}`;
  if (matched === 0) return nothingMatched(summary, question);
  const places = written > packets ? `, seen at ${plural(written, "place")}` : "";
  const of =
    matched === seen
      ? `${plural(seen, "packet")} that were read`
      : `${plural(matched, "packet")} that matched; ${countText(seen)} were read`;
  const left = [
    ...(sampledOut > 0 ? [`${countText(sampledOut)} by sampling (one of ${question.sample})`] : []),
    ...(lost > 0 ? [`${countText(lost)} lost (they came too fast; --snaplen 128 keeps up with more)`] : []),
    ...(matched - sampledOut - lost > packets
      ? [`${countText(matched - sampledOut - lost - packets)} after the last one that was asked for`]
      : []),
  ];
  return [
    `${plural(packets, "packet")}${places} (${sizeText(bytes)})${into}`,
    `of ${of}${left.length === 0 ? "" : `; not captured: ${left.join(", ")}`}`,
    ...(files.length + removed > 1 ? files.map((f) => `  ${f}`) : []),
  ].join("\n");
}
