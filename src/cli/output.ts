/** How the command line writes: tables for people, JSON for programs, colour only on a terminal that wants it. */

export type Format = "table" | "json";

const DEFAULT_WIDTH = 80;

/** Width of the terminal, or 80 where there is none. */
export function terminalWidth(): number {
  // A terminal without a size says 0.
  return process.stdout.columns || DEFAULT_WIDTH;
}

/** Whether standard output wants colours. */
export const useColour =
  process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb";

function paint(code: number): (text: string) => string {
  return useColour ? (text) => `\u001b[${code}m${text}\u001b[0m` : (text) => text;
}

export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);

let isGuarded = false;

/** A reader that has seen enough (`| head`) ends the command, quietly. */
function guard(): void {
  if (isGuarded) return;
  isGuarded = true;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}

export function printJson(value: unknown): void {
  guard();
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function print(text: string): void {
  guard();
  process.stdout.write(`${text}\n`);
}

export function printError(text: string): void {
  process.stderr.write(`${text}\n`);
}

const GAP = 2;

/** How wide {@link table} makes these rows, characters; its header is in bold, which has no width. */
export function tableWidth(header: string[], rows: (string | number | null)[][]): number {
  const widths = header.map((h, i) => Math.max(h.length, ...rows.map((r) => String(r[i] ?? "-").length)));
  return widths.reduce((sum, width) => sum + width + GAP, -GAP);
}

/** A table with as wide columns as their cells need; numbers to the right. Columns that nobody fills are left out. */
export function table(header: string[], rows: (string | number | null)[][]): string {
  const used = header.map((_, i) => rows.length === 0 || rows.some((r) => r[i] !== null && r[i] !== ""));
  const keep = <T>(cells: T[]): T[] => cells.filter((_, i) => used[i]);
  const numbers = (i: number): boolean =>
    rows.some((r) => typeof r[i] === "number") && rows.every((r) => r[i] === null || typeof r[i] === "number");
  const right = keep(header.map((_, i) => numbers(i)));
  const text = [keep(header), ...rows.map((r) => keep(r).map((c) => String(c ?? "-")))];
  const widths = text[0].map((_, i) => Math.max(...text.map((r) => r[i].length)));
  const line = (cells: string[]): string =>
    cells
      .map((c, i) => (right[i] ? c.padStart(widths[i]) : i === cells.length - 1 ? c : c.padEnd(widths[i])))
      .join(" ".repeat(GAP))
      .trimEnd();
  return [bold(line(text[0])), ...text.slice(1).map(line)].join("\n");
}

/** Between the columns that a narrow terminal has no room for, below their row. */
const BELOW = "   ";

/**
 * A {@link table} where it fits. Where it does not, the first columns that fit are the table, and below each row stand the
 * others with their headings, what is empty left out.
 */
export function fittingTable(headings: string[], cells: (string | number | null)[][], width: number): string {
  const used = headings.map((_, i) => cells.some((r) => r[i] !== null && r[i] !== ""));
  const header = headings.filter((_, i) => used[i]);
  const rows = cells.map((row) => row.filter((_, i) => used[i]));
  if (tableWidth(header, rows) <= width) return table(header, rows);
  let fit = header.length - 1;
  const first = () => rows.map((row) => row.slice(0, fit));
  while (fit > 1 && tableWidth(header.slice(0, fit), first()) > width) fit--;
  const [head, ...lines] = table(header.slice(0, fit), first()).split("\n");
  const below = (row: (string | number | null)[]): string =>
    header
      .slice(fit)
      .map((name, i) => ({ name, cell: row[fit + i] }))
      .filter(({ cell }) => cell !== null && cell !== "")
      .map(({ name, cell }) => `${name} ${cell}`)
      .join(BELOW);
  const indent = " ".repeat(2 * GAP);
  return [
    head,
    ...lines.flatMap((line, i) => {
      const rest = below(rows[i]);
      return rest === "" ? [line] : [line, indent + wrap(rest, width - indent.length, indent).replace(/ +$/gm, "")];
    }),
  ].join("\n");
}

/** Breaks a text at spaces to fit a width; further lines are indented. */
export function wrap(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}

/** Progress on stderr: a line that is rewritten on a terminal, nothing elsewhere. */
export class Progress {
  readonly #tty = process.stderr.isTTY === true;
  #shown = false;

  show(what: string, done: number, total: number): void {
    if (!this.#tty || total < 2) return;
    process.stderr.write(`\r\u001b[K${what}: ${done} of ${total}`);
    this.#shown = true;
  }

  end(): void {
    if (this.#shown) process.stderr.write("\r\u001b[K");
    this.#shown = false;
  }
}
