import { shortNames } from "../trace/shortName.ts";
import type { DiffPacket, DiffStep } from "./diffPacket.ts";
import { isSame, type PacketDifference, type TraceDiff } from "./diffTraces.ts";

/** How a comparison is written. */
export interface DiffStyle {
  /** Characters of a line. */
  readonly width: number;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly bold: (text: string) => string;
}

const INDENT = "  ";
/** Packets of one side that are shown one by one. */
const SHOWN = 20;
const MIN_TEXT = 30;

/**
 * What differs between two traces, for people: of each kind of difference the first packet, then how often each is.
 *
 * @param all every packet that differs
 */
export function diffText(diff: TraceDiff, style: DiffStyle, all = false): string {
  const { differences, kinds } = diff;
  const lines: string[] = [];
  if (!isSame(diff)) lines.push(style.red(`--- ${diff.a}`), style.green(`+++ ${diff.b}`), "");
  const shown = all ? differences : kinds.flatMap(({ text }) => differences.filter((d) => d.kind === text).slice(0, 1));
  for (const one of shown) lines.push(...packetLines(one, style), "");
  lines.push(...onlyLines(`only in ${diff.a}`, diff.onlyA), ...onlyLines(`only in ${diff.b}`, diff.onlyB));
  lines.push(...summary(diff, style));
  return lines.join("\n");
}

function packetLines({ a, b, parting, what }: PacketDifference, s: DiffStyle): string[] {
  const lines = [s.bold(packetText(a))];
  const side = (mark: string, text: string, paint: (t: string) => string): void => {
    const head = `${INDENT}${mark} `;
    const body = wrapped(text, Math.max(MIN_TEXT, s.width - head.length));
    lines.push(...body.map((line, i) => paint((i === 0 ? head : " ".repeat(head.length)) + line)));
  };
  const where = parting === null ? "the same steps" : parting.where === "" ? "part" : `part at ${parting.where}`;
  lines.push(...wrapped(`${where}; what differs: ${what.join(", ")}`, s.width - INDENT.length).map((l) => INDENT + l));
  if (parting !== null) {
    side("-", stepText(parting.a, parting.b), s.red);
    side("+", stepText(parting.b, parting.a), s.green);
  }
  if (outcomeText(a) !== outcomeText(b) || parting === null) {
    side("-", outcomeText(a), s.red);
    side("+", outcomeText(b), s.green);
  }
  return lines;
}

/** `#12 tcp S pod/client:40000 -> svc/api:80` */
function packetText({ id, flow: { protocol, source, destination }, info }: DiffPacket): string {
  const end = ({ name, address, port }: typeof source): string =>
    named(name === null ? address || "?" : shortNames(name), port);
  return `#${id} ${info === "" ? protocol : `${protocol} ${info}`} ${end(source)} -> ${end(destination)}`;
}

/** A service's name has its port in it already. */
function named(name: string, port: number): string {
  return port === 0 || name.endsWith(`:${port}`) ? name : `${name}:${port}`;
}

function stepText(step: DiffStep | null, other: DiffStep | null): string {
  if (step === null) return "no further step";
  const stage = other === null || other.stage !== step.stage || other.at !== step.at ? `${step.at} ${step.stage} ` : "";
  const what = step.reason ?? step.rule;
  const text = [what, step.detail].filter((part) => part !== null && part !== "").join(": ");
  return shortNames(`${stage}${step.action}${text === "" ? "" : ` ${text}`}`);
}

function outcomeText({ verdict, reason, seen, against }: DiffPacket): string {
  const parts = [reason === null ? verdict : `${verdict} ${reason}`];
  if (seen !== null) {
    const end = ({ address, port }: typeof seen.source): string => (port === 0 ? address : `${address}:${port}`);
    parts.push(`${seen.by} sees ${end(seen.source)} -> ${end(seen.destination)}`);
  }
  if (against !== null && against !== "") parts.push(against);
  return shortNames(parts.join(", "));
}

function onlyLines(title: string, packets: readonly DiffPacket[]): string[] {
  if (packets.length === 0) return [];
  const shown = packets.slice(0, SHOWN);
  const rest = packets.length - shown.length;
  const lines = shown.map((p) => `${INDENT}${packetText(p)} ${outcomeText(p)}`);
  return [`${title}: ${counted(packets.length)}`, ...lines, ...(rest > 0 ? [`${INDENT}and ${rest} more`] : []), ""];
}

function summary(diff: TraceDiff, style: DiffStyle): string[] {
  const { same, drawn, otherPorts, differences, kinds } = diff;
  const lines = kinds.map(({ text, count }) => {
    const [first, ...rest] = wrapped(shortNames(text), Math.max(MIN_TEXT, style.width - 10), INDENT);
    return [`${String(count).padStart(8)}  ${first}`, ...rest.map((line) => `${" ".repeat(10)}${line}`)].join("\n");
  });
  const random = drawn === 0 ? "" : `, ${drawn} of them but for a port that was drawn at random`;
  const end = `${counted(same)} the same${random}; ${differences.length} differ${differences.length === 1 ? "s" : ""}`;
  if (otherPorts > 0) lines.push(`${counted(otherPorts)} matched with another source port`);
  return [...lines, isSame(diff) ? style.green(end) : style.bold(end)];
}

function counted(count: number): string {
  return `${count} packet${count === 1 ? "" : "s"}`;
}

/** A text in lines of a width, broken at spaces; further lines are indented. */
function wrapped(text: string, width: number, indent = ""): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line.trim() !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = line === "" && word !== "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
