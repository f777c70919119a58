import { DESTINATION_KINDS, SOURCE_KINDS } from "../control/seen/kinds.ts";
import type { SeenCell, SeenRow, SeenSide } from "../lab/seenReport.ts";
import { bold, red } from "./output.ts";

/** The matrix: a row for each source, a column for each kind of destination, a few short lines a cell. */

const HEAD_WIDTH = 15;
/** Wider cells would only be emptier. */
const WIDEST = 24;
const GAP = 1;

/** Translations by names that fit a cell; the legend says what they are. */
const SHORT: Readonly<Record<string, string>> = {
  "AWS-SNAT-CHAIN-0": "SNAT",
  "internet gateway": "IGW",
  "KUBE-POSTROUTING MASQUERADE": "MASQ",
};

/** Words of a text; a reason's code may be broken behind its underscores. */
function words(text: string): string[] {
  return text.split(" ").flatMap((word) => {
    const parts = word.match(/[^_]+_?/g) ?? [word];
    return parts.map((part, i) => (i === parts.length - 1 ? `${part} ` : part));
  });
}

/** Lines of at most this width, or null where a word is wider. */
function fold(text: string, width: number): string[] | null {
  const lines: string[] = [];
  let line = "";
  for (const word of words(text)) {
    if (word.trimEnd().length > width) return null;
    if (line !== "" && (line + word).trimEnd().length > width) {
      lines.push(line.trimEnd());
      line = word;
    } else line += word;
  }
  return [...lines, line.trimEnd()];
}

function cellTexts(cell: SeenCell | undefined): string[] {
  if (cell === undefined) return ["-"];
  const { eni, seen, translations, reason, answer } = cell;
  const by = eni === null ? "" : eni.slice(eni.lastIndexOf("/") + 1);
  const facts = (how: string) => (by === "" ? how : `${how}, ${by}`);
  if (seen === null) return [facts("dies"), reason ?? ""];
  const how = translations.map((t) => SHORT[t.by] ?? t.by).join(", ");
  const texts = [seen.address, facts(how === "" ? "own" : how)];
  if (answer !== null && !answer.comesBack) texts.push("answer dies:", answer.reason ?? "another address");
  return texts;
}

function legend(rows: readonly SeenRow[]): string {
  const used = new Set(rows.flatMap((r) => r.cells.flatMap((c) => c.translations.map((t) => t.by))));
  const names = [...used].flatMap((rule) => (SHORT[rule] === undefined ? [] : `${SHORT[rule]}: ${rule}`));
  return ["own: the source's own address", ...names].join("; ");
}

/** Cells of one line of the table, each as its lines; the line is as high as its highest cell. */
function blockText(cells: readonly string[][], widths: readonly number[], paint: (text: string, i: number) => string) {
  const height = Math.max(...cells.map((c) => c.length));
  return Array.from({ length: height }, (_, y) =>
    cells
      .map((lines, i) => paint((lines[y] ?? "").padEnd(widths[i]), i))
      .join(" ".repeat(GAP))
      .trimEnd(),
  ).join("\n");
}

/** The matrix, or null where the width has no room for it. */
export function matrixText({ rows }: SeenSide, width: number): string | null {
  const kinds = (Object.keys(DESTINATION_KINDS) as (keyof typeof DESTINATION_KINDS)[]).filter((kind) =>
    rows.some((r) => r.cells.some((c) => c.destination.kind === kind)),
  );
  // Destinations that somebody named are in no column of their own.
  if (kinds.includes("named")) return null;
  const column = Math.min(WIDEST, Math.floor((width - HEAD_WIDTH) / kinds.length) - GAP);
  const widths = [HEAD_WIDTH, ...kinds.map(() => column)];
  const folded = (texts: readonly string[], at: number): string[] | null => {
    const lines = texts.map((text) => fold(text, at));
    return lines.some((l) => l === null) ? null : lines.flatMap((l) => l ?? []);
  };
  const blocks: string[] = [];
  const header = [[""], ...kinds.map((kind) => folded([DESTINATION_KINDS[kind]], column))];
  const table: { cells: (string[] | null)[]; lost: boolean[] }[] = [{ cells: header, lost: [] }];
  for (const r of rows) {
    const found = kinds.map((kind) => r.cells.find((c) => c.destination.kind === kind));
    const head = folded(
      [`${r.source.name.slice(r.source.name.lastIndexOf("/") + 1)}:`, SOURCE_KINDS[r.source.kind]],
      HEAD_WIDTH,
    );
    const lost = found.map((c) => c !== undefined && (c.reason !== null || c.answer?.comesBack === false));
    table.push({ cells: [head, ...found.map((c) => folded(cellTexts(c), column))], lost: [false, ...lost] });
  }
  for (const { cells, lost } of table) {
    const lines = cells.filter((c) => c !== null);
    if (lines.length < cells.length) return null;
    const isHeader = blocks.length === 0;
    blocks.push(blockText(lines, widths, (text, i) => (isHeader ? bold(text) : lost[i] ? red(text) : text)));
  }
  return [...blocks, legend(rows)].join("\n\n");
}
