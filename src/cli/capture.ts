import { openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { findLab } from "../lab/controlClient.ts";
import type { CaptureQuestion } from "../lab/controlStreams.ts";
import { openStream } from "../lab/streamClient.ts";
import { ByteOutput } from "./captureOutput.ts";
import { captureSummaryText, sizeText } from "./captureSummary.ts";
import { printError } from "./output.ts";
import { type PacketOptions, packetOptions, packetQuestion, parseTime } from "./packetQuestion.ts";
import { parsePositive } from "./parse.ts";
import { countText } from "./traceSummary.ts";

interface CaptureOptions extends PacketOptions {
  write?: string;
  snaplen: number;
  format: "pcapng" | "pcap";
  drops?: boolean;
  segments?: boolean;
  sidecar?: boolean;
  rotateSize?: number;
  rotateTime?: number;
  rotateKeep?: number;
  count?: number;
  duration?: number;
  name?: string;
}

/** What Wireshark and libpcap keep of a packet at most (MAXIMUM_SNAPLEN). */
const SNAPLEN_MAX = 262_144;
const STDOUT = "-";
const MS_PER_S = 1000;
const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

export function captureCommand(program: Command): void {
  const command = program
    .command("capture")
    .description("write live packets to a pcapng file, at every place where they are seen, each with its decision");
  packetOptions(command)
    .option("-w, --write <file>", "the file; - for standard output; LAB.pcapng when it is left out")
    .addOption(
      new Option("--snaplen <bytes>", "bytes of each packet that are kept")
        .argParser(parseSnaplen)
        .default(SNAPLEN_MAX),
    )
    .addOption(new Option("--format <format>", "how to write it").choices(["pcapng", "pcap"]).default("pcapng"))
    .option("--drops", "dropped packets once more, marked as dropped, where they were seen last")
    .option("--segments", "GSO super-packets as the segments that a wire would have")
    .option("--sidecar", "the events of `trace -o json` beside each file, in FILE.jsonl")
    .option("--rotate-size <size>", "begin another file at this size: 100M", parseSize)
    .option("--rotate-time <time>", "begin another file after this time: 60s, 1h", parseTime)
    .option("--rotate-keep <n>", "how many of these files stay", parsePositive)
    .option("-c, --count <count>", "end after so many packets", parsePositive)
    .option("--duration <time>", "end after a time: 10s, 5m", parseTime)
    .option("-n, --name <name>", "which of several running labs")
    .action(capture);
}

async function capture(expression: string[], options: CaptureOptions): Promise<void> {
  const lab = await findLab(options.name);
  const target = resolve(options.write ?? `${lab}.${options.format}`);
  const toStdout = options.write === STDOUT;
  if (toStdout && process.stdout.isTTY === true)
    throw new Error("a capture is no text for a terminal: write it to a file with -w FILE, or into a pipe");
  checkCombination(options, toStdout);
  const toFile = !toStdout && isPlainFile(target);
  const question: CaptureQuestion = {
    ...packetQuestion(expression, options),
    snaplen: options.snaplen,
    format: options.format,
    drops: options.drops ?? false,
    segments: options.segments ?? false,
    file: toFile ? target : null,
    rotateBytes: options.rotateSize ?? null,
    rotateSeconds: options.rotateTime === undefined ? null : Math.max(1, Math.round(options.rotateTime / MS_PER_S)),
    rotateKeep: options.rotateKeep ?? null,
    sidecar: options.sidecar ?? false,
    count: options.count ?? null,
    directory: toFile ? identity(dirname(target)) : null,
  };
  await runCapture(lab, question, toFile ? null : toStdout ? process.stdout.fd : openSync(target, "w"), {
    ...(options.duration === undefined ? {} : { duration: options.duration }),
    quiet: false,
  });
}

/** @throws Error for what cannot be had together */
function checkCombination(o: CaptureOptions, toStdout: boolean): void {
  const rotates = o.rotateSize !== undefined || o.rotateTime !== undefined;
  if (o.rotateKeep !== undefined && !rotates)
    throw new Error("--rotate-keep says how many files stay: it needs --rotate-size or --rotate-time");
  if (toStdout && (rotates || o.sidecar === true))
    throw new Error("standard output is one stream: -w - goes with no other file; name one with -w FILE");
  if (o.format === "pcap" && o.drops === true)
    throw new Error("a pcap file cannot mark a packet as dropped: leave out --drops, or write pcapng");
}

export interface RunOptions {
  /** Milliseconds after which it ends. */
  readonly duration?: number;
  /** Says nothing but what went wrong. */
  readonly quiet: boolean;
}

/** Captures until it ends, is ended, or nobody reads it any more. @param fd where its bytes go; null: the lab writes them */
export async function runCapture(
  lab: string,
  question: CaptureQuestion,
  fd: number | null,
  { duration, quiet }: RunOptions,
): Promise<void> {
  const terminal = !quiet && process.stderr.isTTY === true;
  const output = fd === null ? null : new ByteOutput(fd, () => stream.end());
  const clear = terminal ? "\r\u001b[K" : "";
  let began = false;
  const stream = openStream(lab, "capture", question, {
    onMessage: ({ packets, bytes, lost }) => {
      if (!began && !quiet) printError(`${clear}capturing packets of lab ${lab}${where(question)}; Ctrl-C ends it`);
      began = true;
      if (terminal && packets > 0)
        process.stderr.write(
          `${clear}${countText(packets)} packets, ${sizeText(bytes)}${lost === 0 ? "" : `, ${countText(lost)} lost`}`,
        );
    },
    onBytes: (bytes) => output?.write(bytes),
  });
  // A second Ctrl-C ends a command whose lab does not answer.
  const end = (): void => stream.end();
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  const timer = duration === undefined ? undefined : setTimeout(end, duration);
  try {
    const summary = await stream.summary;
    await output?.close();
    if (!quiet && output?.isClosed !== true) printError(`${clear}${captureSummaryText(summary, question)}`);
  } finally {
    clearTimeout(timer);
  }
}

function where({ file }: CaptureQuestion): string {
  return file === null ? "" : ` into ${file}`;
}

/** Whether the lab may write it itself: a FIFO or a device is written here. */
function isPlainFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? true;
}

/** @throws Error where there is no such directory */
function identity(directory: string): { device: number; inode: number } {
  const found = statSync(directory, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) throw new Error(`there is no directory ${directory}: make it first`);
  return { device: found.dev, inode: found.ino };
}

function parseSnaplen(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n < 1 || n > SNAPLEN_MAX)
    throw new InvalidArgumentError(`expected a whole number from 1 to ${SNAPLEN_MAX}, got "${text}".`);
  return n;
}

/** `100M`, `64Ki`, `1000000`, in bytes. */
function parseSize(text: string): number {
  const [, digits, unit] = /^(\d+)(|k|M|G|Ki|Mi|Gi)B?$/.exec(text) ?? [];
  const size = Number(digits) * (UNITS[unit] ?? 0);
  if (!(size > 0)) throw new InvalidArgumentError(`expected a size such as 100M or 64Mi, got "${text}".`);
  return size;
}
