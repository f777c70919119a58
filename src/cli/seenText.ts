import { DESTINATION_KINDS, SOURCE_KINDS } from "../control/seen/kinds.ts";
import {
  cellKey,
  pairRows,
  type RowPair,
  type SeenCell,
  type SeenReport,
  type SeenRow,
  type SeenSide,
} from "../lab/seenReport.ts";
import { bold, green, red, wrap } from "./output.ts";
import { matrixText } from "./seenMatrix.ts";

/** From this width on two sides stand beside each other, not one under the other. */
const WIDE = 110;
const GAP = "  ";

type Paint = (text: string) => string;
const plain: Paint = (text) => text;

/** A name without the namespace that needs none. */
function shortName(name: string): string {
  return name.replace(/^(pod|svc)\/default\//, "$1/");
}

/** The interface's name: the row says of which node. */
function eniText({ eni }: SeenCell): string {
  return eni === null ? "-" : eni.slice(eni.lastIndexOf("/") + 1);
}

/** What becomes of the answer, where it does not come back. */
function answerText({ answer }: SeenCell): string | null {
  if (answer === null || answer.comesBack) return null;
  return answer.reason === null ? "the answer does not come back as it should" : `the answer dies: ${answer.reason}`;
}

function isLost(cell: SeenCell): boolean {
  return cell.reason !== null || answerText(cell) !== null;
}

/** What the other side sees and by which translation, or why it sees nothing. */
function outcomeText(cell: SeenCell): string {
  const { seen, translations, reason, verdict } = cell;
  if (seen === null) return `${verdict === "REJECTED" ? "refused" : "dies"}: ${reason}`;
  const by = translations.length === 0 ? "its own" : translations.map((t) => t.by).join(", ");
  const lost = answerText(cell);
  return `${seen.address} (${by})${lost === null ? "" : `; ${lost}`}`;
}

function sourceText({ source }: SeenRow): string {
  const eni = source.eni === null ? "" : ` on ${source.eni}`;
  return `${source.address}${eni}, ${SOURCE_KINDS[source.kind]}`;
}

/** A destination that somebody named has its name and no kind. */
const kindText = ({ destination }: SeenCell): string =>
  destination.kind === "named" ? "" : DESTINATION_KINDS[destination.kind];
const targetText = ({ destination }: SeenCell): string => shortName(destination.name);

/** What a side is called: its settings, or the lab as it is. */
function sideText({ lab, settings }: SeenSide): string {
  return settings.length === 0 ? `lab ${lab} as it is` : `lab ${lab} with ${settings.join(", ")}`;
}

/** A text in its column, with the gap behind it; a column that nobody fills is none. */
const column = (text: string, width: number): string => (width === 0 ? "" : text.padEnd(width) + GAP);
const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((t) => t.length));

/** A line whose last column is wrapped in its place. */
function row(head: string, last: string, width: number, paint: Paint): string[] {
  const lines = wrap(last, Math.max(20, width - head.length), "").split("\n");
  return lines.map((line, i) => (i === 0 ? head : " ".repeat(head.length)) + paint(line));
}

/** One source under the other, a line for each destination. */
function listText(side: SeenSide, width: number): string {
  const cells = side.rows.flatMap((r) => r.cells);
  const kind = widest(cells.map(kindText));
  const target = widest(cells.map(targetText));
  const eni = widest(cells.map(eniText));
  const lines: string[] = [];
  for (const r of side.rows) {
    lines.push(bold(shortName(r.source.name)), wrap(`  ${sourceText(r)}`, width, "  "));
    for (const cell of r.cells) {
      const head = `  ${column(kindText(cell), kind)}${column(targetText(cell), target)}${column(eniText(cell), eni)}`;
      lines.push(...row(head, outcomeText(cell), width, isLost(cell) ? red : plain));
    }
    lines.push("");
  }
  return lines.join("\n").trimEnd();
}

/** What a side says of a source: where it is, or what it waits for. */
function sideOfPair(side: SeenSide, row: SeenRow | undefined, other: SeenRow | undefined): string {
  if (row !== undefined) return sourceText(row);
  const waits = side.waiting.find((w) => w.name === other?.source.name);
  return waits === undefined ? "there is none" : `waits: ${waits.reason}`;
}

function pairName({ first, second }: RowPair): string {
  const names = [first, second].flatMap((r) => (r === undefined ? [] : [shortName(r.source.name)]));
  return [...new Set(names)].join(" and ");
}

/** Widths of the columns that both sides share. */
interface Columns {
  readonly kind: number;
  readonly target: number;
  readonly eni: number;
}

function pairLines(pair: RowPair, columns: Columns, differs: ReadonlySet<string>, width: number): string[] {
  const { first, second } = pair;
  const cells = first?.cells ?? [];
  const others = second?.cells ?? [];
  const keys = [...new Set([...cells, ...others].map(cellKey))];
  return keys.flatMap((key) => {
    const a = cells.find((c) => cellKey(c) === key);
    const b = others.find((c) => cellKey(c) === key);
    const cell = a ?? b;
    if (cell === undefined) return [];
    const head = column(kindText(cell), columns.kind) + column(targetText(cell), columns.target);
    const eni = (c: SeenCell) => column(eniText(c), columns.eni);
    const line = (mark: string, start: string, c: SeenCell, paint: Paint) =>
      row(`${mark} ${start}${eni(c)}`, outcomeText(c), width, paint);
    if (a === undefined || b === undefined) return line(b === undefined ? "-" : "+", head, cell, plain);
    const isMarked = differs.has(`${first?.source.name} ${key}`);
    if (width >= WIDE) {
      const texts = [a, b].map((c) => ({ eni: eni(c), outcome: outcomeText(c) }));
      return besides(head, texts, Math.floor((width - 2 - head.length - GAP.length) / 2), isMarked);
    }
    if (!isMarked) return line(" ", head, a, plain);
    return [...line("-", head, a, red), ...line("+", " ".repeat(head.length), b, green)];
  });
}

/** Two sides: `*` in front of what differs; beside each other where there is room, else as `-` and `+` lines. */
function compareText({ sides, differences }: SeenReport, width: number): string {
  const lines = ["-", "+"].map((mark, i) => wrap(`${mark} ${sideText(sides[i])}`, width, "    "));
  const all = sides.flatMap((s) => s.rows.flatMap((r) => r.cells));
  const columns = {
    kind: widest(all.map(kindText)),
    target: widest(all.map(targetText)),
    eni: widest(all.map(eniText)),
  };
  const differs = new Set(differences.map((d) => `${d.source} ${d.destination}`));
  for (const pair of pairRows(sides)) {
    const { first, second } = pair;
    lines.push("", bold(pairName(pair)));
    const [was, is] = [sideOfPair(sides[0], first, second), sideOfPair(sides[1], second, first)];
    if (was === is) lines.push(wrap(`  ${was}`, width, "    "));
    else lines.push(red(wrap(`- ${was}`, width, "    ")), green(wrap(`+ ${is}`, width, "    ")));
    lines.push(...pairLines(pair, columns, differs, width));
  }
  const count = differences.length;
  lines.push("", count === 0 ? "no difference" : `${count} ${count === 1 ? "difference" : "differences"}`);
  return lines.join("\n");
}

/** What one side says of a cell. */
interface CellText {
  /** Padded, with the gap behind it. */
  readonly eni: string;
  readonly outcome: string;
}

/** Both sides' texts in columns beside each other, each wrapped in its own. */
function besides(head: string, texts: readonly CellText[], width: number, isMarked: boolean): string[] {
  const [left, right] = texts.map(({ eni, outcome }) => row(eni, outcome, width, plain));
  const count = Math.max(left.length, right.length);
  return Array.from({ length: count }, (_, i) => {
    const start = i === 0 ? `${isMarked ? "*" : " "} ${head}` : " ".repeat(head.length + 2);
    const a = (left[i] ?? "").padEnd(width);
    const b = right[i] ?? "";
    if (b === "") return start + (isMarked ? red : plain)(a.trimEnd());
    return start + (isMarked ? red(a) + GAP + green(b) : a + GAP + b);
  });
}

/** The report for people: a matrix where the width has room for it, else a list for each source. */
export function seenText(report: SeenReport, width: number): string {
  const [first, second] = report.sides;
  if (second !== undefined) return compareText(report, width);
  return `${wrap(sideText(first), width, "  ")}\n\n${matrixText(first, width) ?? listText(first, width)}`;
}
