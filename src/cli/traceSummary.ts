import type { ObservationSummary, PacketQuestion } from "../lab/controlStreams.ts";
import { shortNames } from "../observe/trace/shortName.ts";

/** Devices that are named where nothing matched. */
const NAMED = 5;
const THOUSANDS = /\B(?=(\d{3})+$)/g;

/** A count as people read it: 1,204. The same in every locale. */
export function countText(n: number): string {
  return String(n).replace(THOUSANDS, ",");
}

/** `1,204 packets` */
export const packetsText = (n: number): string => `${countText(n)} ${n === 1 ? "packet" : "packets"}`;

/** A question as its user asked it: "`tcp port 81` --pod web-1"; "" where it asks for everything. */
function questionText(q: PacketQuestion): string {
  const option = (name: string, values: readonly string[]): string[] => values.map((value) => `--${name} ${value}`);
  return [
    ...(q.expression === null ? [] : [`\`${q.expression}\``]),
    ...option("pod", q.pods),
    ...option("service", q.services),
    ...option("node", q.nodes),
    ...option("verdict", q.verdicts),
    ...option("reason", q.reasons),
    ...option("flow", q.flow === null ? [] : [q.flow]),
  ].join(" ");
}

/**
 * What a trace says at its end: how much was shown of how much there was, what was left out and why, and where nothing
 * matched, what there was instead.
 *
 * @param shown lines that were printed
 */
export function summaryText(summary: ObservationSummary, question: PacketQuestion, shown: number): string {
  const { seen, matched, sampledOut, lost } = summary;
  if (seen === 0) return "no packet was read: the lab is idle. Send some, for example with `podplane exec`";
  if (matched === 0) return nothingMatched(summary, question);
  const left = [
    ...(sampledOut > 0 ? [`${countText(sampledOut)} by sampling (one of ${question.sample})`] : []),
    ...(lost > 0 ? [`${countText(lost)} lost (they came too fast)`] : []),
    ...(matched - sampledOut - lost > shown
      ? [`${countText(matched - sampledOut - lost - shown)} after the last one shown`]
      : []),
  ];
  const of =
    matched === seen ? packetsText(seen) : `${packetsText(matched)} that matched; ${countText(seen)} were read`;
  return `${countText(shown)} shown of ${of}${left.length === 0 ? "" : `; not shown: ${left.join(", ")}`}`;
}

/** What there was instead, where nothing matched. */
export function nothingMatched({ seen, devices, drops }: ObservationSummary, question: PacketQuestion): string {
  const asked = questionText(question);
  const senders = devices.filter((d) => d.read > 0).sort((a, b) => b.read - a.read);
  const rest = senders.slice(NAMED);
  const read = senders.slice(0, NAMED).map((d) => `${countText(d.read)} from ${shortNames(d.name)}`);
  if (rest.length > 0)
    read.push(`${countText(rest.reduce((sum, d) => sum + d.read, 0))} from ${rest.length} other devices`);
  const written = devices.filter((d) => d.written > 0).sort((a, b) => b.written - a.written);
  const got = written.slice(0, NAMED).map((d) => `${countText(d.written)} to ${shortNames(d.name)}`);
  const dropped = drops.reduce((sum, d) => sum + d.count, 0);
  return [
    `no packet matched${asked === "" ? "" : ` ${asked}`}; meanwhile ${packetsText(seen)} ${seen === 1 ? "was" : "were"} read:`,
    `  read       ${read.join(", ")}`,
    ...(got.length === 0 ? [] : [`  delivered  ${got.join(", ")}`]),
    ...(dropped === 0
      ? []
      : [`  dropped    ${countText(dropped)}: ${drops.map((d) => `${countText(d.count)} ${d.reason}`).join(", ")}`]),
    ...(asked === "" ? [] : ["hint: leave a filter out, one after the other, to see which of them nothing passes"]),
  ].join("\n");
}
