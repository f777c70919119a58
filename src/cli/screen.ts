import { writeSync } from "node:fs";

/** A full screen that is drawn again and again: what changed alone is written, and the terminal is as it was afterwards. */

// Terminal control sequences (ECMA-48; xterm's private modes; synchronized output:
// https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036).
const ESC = "\u001b[";
const ENTER = `${ESC}?1049h${ESC}?25l`;
const LEAVE = `${ESC}?25h${ESC}?1049l`;
const BEGIN = `${ESC}?2026h`;
const END = `${ESC}?2026l`;
const CLEAR = `${ESC}2J`;
const TO_END_OF_LINE = `${ESC}K`;

/** What turns one screen into another. @param before null: what is there is not known */
export function repaint(before: readonly string[] | null, after: readonly string[]): string {
  let text = "";
  for (let row = 0; row < Math.max(before?.length ?? 0, after.length); row++) {
    const line = after[row] ?? "";
    if (before !== null && (before[row] ?? "") === line) continue;
    text += `${ESC}${row + 1};1H${line}${TO_END_OF_LINE}`;
  }
  if (before === null) text = CLEAR + text;
  return text === "" ? "" : BEGIN + text + END;
}

const STDOUT = 1;
const CTRL_C = "\u0003";

/** The terminal while a program has it. */
export class Screen {
  readonly #onKey: (key: string) => void;
  readonly #onResize: () => void;
  #shown: readonly string[] | null = null;
  #isOpen = true;

  /** @param onKey called with each key, Ctrl-C as `q` @param onResize the size has changed: draw again */
  constructor(onKey: (key: string) => void, onResize: () => void) {
    this.#onKey = onKey;
    this.#onResize = onResize;
    process.stdout.write(ENTER);
    // However the process ends, this comes last.
    process.on("exit", this.close);
    process.stdout.on("resize", this.#resized);
    if (process.stdin.isTTY === true) {
      process.stdin.setRawMode(true);
      process.stdin.setEncoding("utf8");
      process.stdin.on("data", this.#pressed);
    }
  }

  get size(): { width: number; height: number } {
    return { width: process.stdout.columns || 80, height: process.stdout.rows || 24 };
  }

  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return;
    const text = repaint(this.#shown, lines);
    this.#shown = [...lines];
    if (text !== "") process.stdout.write(text);
  }

  /** Gives the terminal back as it was. Idempotent. */
  readonly close = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off("exit", this.close);
    process.stdout.off("resize", this.#resized);
    if (process.stdin.isTTY === true) {
      process.stdin.off("data", this.#pressed);
      process.stdin.setRawMode(false);
      process.stdin.pause();
    }
    try {
      // At the exit nothing is written any more that waits.
      writeSync(STDOUT, LEAVE);
    } catch {
      // The terminal has gone.
    }
  };

  readonly #resized = (): void => {
    this.#shown = null;
    this.#onResize();
  };

  readonly #pressed = (keys: string): void => {
    for (const key of keys) this.#onKey(key === CTRL_C ? "q" : key);
  };
}
