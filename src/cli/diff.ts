import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { loadLab } from "../lab/files/load.ts";
import { askOffline } from "../lab/question.ts";
import type { DiffSide } from "../observe/diff/diffPacket.ts";
import { diffText } from "../observe/diff/diffText.ts";
import { diffTraces, isSame, type TraceDiff } from "../observe/diff/diffTraces.ts";
import { packetOf, readSide } from "../observe/diff/readSide.ts";
import { bold, type Format, green, print, printError, printJson, red, terminalWidth } from "./output.ts";
import { outputOption, parsePort } from "./parse.ts";

/** As of diff(1): 0 the same, 1 different, 2 trouble. */
const EXIT_DIFFERENT = 1;
const EXIT_TROUBLE = 2;
const STANDARD_INPUT = "-";
const STANDARD_INPUT_FD = 0;

interface DiffOptions {
  why?: boolean;
  lab?: string;
  vs?: string;
  fromPort?: number;
  ignorePorts?: boolean;
  all?: boolean;
  output: Format;
}

export function diffCommand(program: Command): void {
  program
    .command("diff")
    .description("show where two traces part: the first stage, and what differs there")
    .argument("<a>", "trace -o json, replay -o json, a capture's .jsonl, or why -o json; - is standard input")
    .argument("<b>", "the same, to compare with")
    .argument("[destination]", "with --why: PROTOCOL SOURCE DESTINATION, as for `why`")
    .option("--why", "ask two labs the same question: diff --why tcp pod/a svc/b:80 --lab OLD --vs NEW")
    .option("--lab <lab>", "with --why: the first lab's files")
    .option("--vs <lab>", "with --why: the second lab's files")
    .option("--from-port <port>", "with --why: source port", parsePort)
    .option("--ignore-ports", "match flows whatever their source ports")
    .option("--all", "show every packet that differs, not the first of each kind alone")
    .addOption(outputOption())
    .addHelpText("after", "\nExit code: 0 nothing differs, 1 something does, 2 trouble.")
    .action((a: string, b: string, destination: string | undefined, options: DiffOptions) => {
      try {
        const [left, right] = options.why === true ? asked(a, b, destination, options) : files(a, b, destination);
        printDiff(diffTraces(left, right, options.ignorePorts === true), options.output, options.all === true);
      } catch (error) {
        if (error instanceof InvalidArgumentError) throw error;
        printError(error instanceof Error ? error.message : String(error));
        process.exitCode = EXIT_TROUBLE;
      }
    });
}

/** Prints a comparison and sets the exit code. */
export function printDiff(diff: TraceDiff, output: Format, all: boolean): void {
  if (output === "json") printJson({ isSame: isSame(diff), ...diff });
  else print(diffText(diff, { width: terminalWidth(), red, green, bold }, all));
  if (!isSame(diff)) process.exitCode = EXIT_DIFFERENT;
}

function files(a: string, b: string, more: string | undefined): [DiffSide, DiffSide] {
  if (more !== undefined) throw new Error(`expected two files, got "${more}" besides; a question needs --why`);
  if (a === STANDARD_INPUT && b === STANDARD_INPUT)
    throw new Error(`standard input (${STANDARD_INPUT}) can be read once; name a file for the other side`);
  return [file(a), file(b)];
}

function file(path: string): DiffSide {
  return readSide(path, readFileSync(path === STANDARD_INPUT ? STANDARD_INPUT_FD : path, "utf8"));
}

function asked(
  protocol: string,
  source: string,
  destination: string | undefined,
  { lab, vs, fromPort }: DiffOptions,
): [DiffSide, DiffSide] {
  if (destination === undefined) throw new Error("--why asks PROTOCOL SOURCE DESTINATION: tcp pod/a svc/b:80");
  if (lab === undefined || vs === undefined) throw new Error("--why compares two labs: name them with --lab and --vs");
  const question = { protocol, source, destination, fromPort: fromPort ?? null };
  const side = (name: string): DiffSide => ({
    name,
    packets: [packetOf({ ...askOffline(loadLab(name).cluster, question) }, 1)],
  });
  return [side(lab), side(vs)];
}
