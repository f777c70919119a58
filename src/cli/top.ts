import { type Command, InvalidArgumentError, Option } from "commander";
import { ask, findLab } from "../lab/controlClient.ts";
import { type FrameLine, type TopView, topFrame } from "../observe/topFrame.ts";
import { TOP_SORTS, type TopSort, topRates } from "../observe/topRates.ts";
import type { TopSample } from "../observe/topSample.ts";
import { bold, dim, print, printJson, terminalWidth } from "./output.ts";
import { outputOption, parsePositive } from "./parse.ts";
import { Screen } from "./screen.ts";

interface TopOptions {
  name?: string;
  once?: boolean;
  count?: number;
  interval: number;
  view: TopView;
  sort: TopSort;
  output: "table" | "json";
}

const VIEWS: readonly TopView[] = ["flows", "devices", "drops", "services"];
const KEY_VIEWS: Readonly<Record<string, TopView>> = { f: "flows", d: "devices", r: "drops", v: "services" };
const MS_PER_SECOND = 1000;
const LONGEST_INTERVAL = 60;
/** A frame that is no screen's: rows enough for what a person reads. */
const PLAIN_HEIGHT = 40;

export function topCommand(program: Command): void {
  program
    .command("top")
    .description("a live screen of a running lab: rates, drops, busiest connections, how full its tables are")
    .option("-n, --name <name>", "which of several running labs")
    .option("--once", "print one frame; so does what is no terminal")
    .option("-c, --count <frames>", "print so many frames", parsePositive)
    .option("-i, --interval <seconds>", "between two frames", parseInterval, 1)
    .addOption(new Option("--view <what>", "what is listed").choices([...VIEWS]).default("flows"))
    .addOption(new Option("--sort <by>", "rate: by bytes a second").choices([...TOP_SORTS]).default("rate"))
    .addOption(outputOption())
    .action(async (options: TopOptions) => {
      const lab = await findLab(options.name);
      const isPlain = options.once === true || options.count !== undefined || options.output === "json";
      if (isPlain || process.stdout.isTTY !== true) await printFrames(lab, options);
      else await showScreen(lab, options);
    });
}

function parseInterval(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= LONGEST_INTERVAL))
    throw new InvalidArgumentError(`expected seconds from 0.1 to ${LONGEST_INTERVAL}, got "${text}".`);
  return seconds;
}

async function printFrames(lab: string, { count, interval, output, sort, view }: TopOptions): Promise<void> {
  const frames = count ?? 1;
  let before = await ask(lab, "top", { asker: process.pid });
  for (let i = 0; i < frames; i++) {
    await new Promise((resolve) => setTimeout(resolve, interval * MS_PER_SECOND));
    const now = await ask(lab, "top", { asker: process.pid });
    if (output === "json") {
      const { flows: _, ...sample } = now;
      const frame = { ...sample, rates: topRates(before, now, sort) };
      if (frames === 1) printJson(frame);
      else print(JSON.stringify(frame));
    } else {
      const size = { width: terminalWidth(), height: PLAIN_HEIGHT };
      const lines = topFrame(before, now, size, view, sort).filter(({ kind }) => kind !== "keys");
      if (i > 0) print("");
      print(lines.map(styled).join("\n").trimEnd());
    }
    before = now;
  }
}

function styled({ kind, text }: FrameLine): string {
  if (kind === "title" || kind === "header") return bold(text);
  return kind === "keys" ? dim(text) : text;
}

/** Shows frames until somebody wants no more, or the lab goes down. */
async function showScreen(lab: string, options: TopOptions): Promise<void> {
  let { sort, view } = options;
  let before: TopSample | null = null;
  let now = await ask(lab, "top", { asker: process.pid });
  let isOver = false;
  let wake = (): void => {};
  const end = (): void => {
    isOver = true;
    wake();
  };
  const draw = (): void => screen.draw(topFrame(before, now, screen.size, view, sort).map(styled));
  const press = (key: string): void => {
    if (key === "q") end();
    else if (key === "s") sort = TOP_SORTS[(TOP_SORTS.indexOf(sort) + 1) % TOP_SORTS.length];
    else view = KEY_VIEWS[key] ?? view;
    if (!isOver) draw();
  };
  const screen = new Screen(press, () => draw());
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.once(signal, end);
  // The terminal has gone.
  process.stdout.on("error", end);
  try {
    while (!isOver) {
      draw();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, options.interval * MS_PER_SECOND);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (isOver) break;
      const next = await ask(lab, "top", { asker: process.pid });
      before = now;
      now = next;
    }
  } finally {
    screen.close();
    for (const signal of signals) process.off(signal, end);
  }
}
