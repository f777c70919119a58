import { expect, it } from "vitest";
import { repaint } from "../../../src/cli/screen.ts";
import { Dice } from "../plane/dice.ts";

const ESC = "\u001b[";
const BEGIN = `${ESC}?2026h`;
const END = `${ESC}?2026l`;
const CLEAR = `${ESC}2J`;

/** A terminal that knows what repaint() writes. */
class Terminal {
  readonly rows: string[];

  constructor(rows: string[]) {
    this.rows = rows;
  }

  write(text: string): void {
    if (text === "") return;
    expect(text.startsWith(BEGIN) && text.endsWith(END), "drawn at once").toBe(true);
    let rest = text.slice(BEGIN.length, -END.length);
    if (rest.startsWith(CLEAR)) {
      this.rows.fill("");
      rest = rest.slice(CLEAR.length);
    }
    for (const part of rest.split(`${ESC}K`).slice(0, -1)) {
      const [row, line] = part.slice(ESC.length).split(";1H");
      this.rows[Number(row) - 1] = line;
    }
  }
}

it("what is written turns any screen into the next one, and is nothing where they are alike", () => {
  const dice = new Dice(5);
  const line = () => dice.pick(["", "a", "bb", "podplane", "x".repeat(80)]);
  const terminal = new Terminal(Array.from({ length: 30 }, () => "of somebody else"));
  let before: string[] | null = null;
  for (let i = 0; i < 300; i++) {
    if (dice.chance(0.05)) before = null;
    const next: string[] =
      dice.chance(0.5) && before !== null ? [...before] : Array.from({ length: dice.int(30) }, line);
    if (next.length > 0 && dice.chance(0.5)) next[dice.int(next.length)] = line();
    terminal.write(repaint(before, next));
    expect(
      terminal.rows
        .map((r) => r ?? "")
        .join("\n")
        .trimEnd(),
    ).toBe(next.join("\n").trimEnd());
    expect(repaint(next, next)).toBe("");
    before = next;
  }
});
