import { readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { Cluster } from "../control/cluster.ts";
import { type PinnedObjects, pinnedObjects } from "../control/pinnedObjects.ts";
import { ask, findLab } from "../lab/controlClient.ts";
import { Replay } from "../lab/replay/replay.ts";
import { packReport } from "../lab/report/report.ts";
import { openStream } from "../lab/streamClient.ts";
import { readCapture } from "../observe/capture/captureReader.ts";
import { dim, print, printError } from "./output.ts";
import { type PacketOptions, packetOptions, packetQuestion, parseTime } from "./packetQuestion.ts";
import { readLab } from "./replayInput.ts";

/** Bytes of each packet: all. */
const SNAPLEN = 262_144;
const DURATION_MS = 10_000;
const SETTLE_MS = 1000;

interface ReportOptions extends PacketOptions {
  write?: string;
  lab?: string;
  capture?: string;
  at?: string;
  duration: number;
  name?: string;
}

/** A capture, and what became of its packets when they were captured. */
interface Captured {
  readonly bytes: Uint8Array;
  readonly trace: string;
}

export function reportCommand(program: Command): void {
  packetOptions(
    program
      .command("report")
      .description("pack lab, packets and what became of them into one file that `replay` runs elsewhere"),
  )
    .option("-w, --write <file>", "the file; LAB.report.tar when it is left out")
    .option("--lab <lab>", "a lab's files in place of the running lab; with --capture")
    .option("--capture <file>", "a pcap or pcapng file in place of a live capture")
    .option("--at <point>", "where that file was taken: pod/web-1 (our own captures say so)")
    .option("--duration <time>", "how long the live capture takes: 10s, 5m", parseTime, DURATION_MS)
    .option("-n, --name <name>", "which of several running labs")
    .action(report);
}

async function report(expression: string[], options: ReportOptions): Promise<void> {
  if (options.lab !== undefined && options.capture === undefined)
    throw new Error("a lab that does not run has no live packets: name a capture with --capture");
  if (options.at !== undefined && options.capture === undefined)
    throw new Error("--at says where the file of --capture was taken: name one");
  const at = options.at ?? null;
  const cluster = options.lab === undefined ? null : readLab(options.lab);
  const running = cluster === null ? await findLab(options.name) : null;
  const captured =
    running === null || options.capture !== undefined ? null : await captureLive(running, expression, options);
  // Behind the capture: pods that came meanwhile are in it.
  const pinned: PinnedObjects = cluster !== null ? pinnedObjects(cluster) : await ask(running ?? "", "pinned", null);
  const lab = pinned.objects.find((o) => o.kind === "Lab")?.metadata.name ?? "lab";
  const { bytes, trace } = captured ?? replayed(readFileSync(options.capture ?? ""), pinned, at);
  const capture = readCapture(bytes);
  const file = options.write ?? `${lab}.report.tar`;
  const facts = { lab, at, podplane: ownVersion(), node: process.versions.node, notes: pinned.notes };
  writeFileSync(file, packReport({ facts, objects: pinned.objects, capture: bytes, trace }));
  const kinds = new Map<string, number>();
  for (const { kind } of pinned.objects) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  print(
    [
      `${file} has`,
      `  the lab ${lab}: ${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(", ")}`,
      `  ${capture.total} packets with their payload, and what became of each`,
      "  versions of podplane and Node; nothing else of this machine",
      ...pinned.notes.map((note) => `note: ${note}`),
      `replay it with: podplane replay ${file}`,
    ].join("\n"),
  );
}

/** A file, and what becomes of its packets in a replay. */
function replayed(bytes: Uint8Array, { objects }: PinnedObjects, at: string | null): Captured {
  const run = new Replay(new Cluster(objects), readCapture(bytes), { at, seed: null, settleMs: SETTLE_MS }).run();
  return { bytes, trace: [...run].map((event) => `${JSON.stringify(event)}\n`).join("") };
}

/** Captures and traces the same packets until the time is over. */
async function captureLive(lab: string, expression: string[], options: ReportOptions): Promise<Captured> {
  const question = packetQuestion(expression, options);
  const chunks: Buffer[] = [];
  const lines: string[] = [];
  const trace = openStream(lab, "trace", question, { onMessage: (message) => lines.push(JSON.stringify(message)) });
  const live = openStream(
    lab,
    "capture",
    {
      ...question,
      snaplen: SNAPLEN,
      format: "pcapng",
      drops: false,
      segments: false,
      file: null,
      rotateBytes: null,
      rotateSeconds: null,
      rotateKeep: null,
      sidecar: false,
      count: null,
      directory: null,
    },
    {
      onBytes: (bytes) => {
        chunks.push(Buffer.from(bytes));
        return undefined;
      },
    },
  );
  const end = (): void => {
    live.end();
    trace.end();
  };
  printError(dim(`capturing packets of lab ${lab} for ${options.duration / 1000} s; Ctrl-C ends it sooner`));
  process.once("SIGINT", end);
  const timer = setTimeout(end, options.duration);
  try {
    const [summary] = await Promise.all([live.summary, trace.summary]);
    if (summary.lost > 0) printError(`${summary.lost} packets came too fast and are not in the report`);
  } finally {
    clearTimeout(timer);
  }
  return { bytes: Buffer.concat(chunks), trace: lines.map((line) => `${line}\n`).join("") };
}

function ownVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
