import { closeSync, openSync, writeSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import type { Cluster } from "../control/cluster.ts";
import { parseDuration } from "../control/objects/duration.ts";
import { clusterWith } from "../lab/clusterWith.ts";
import { type FinalTables, finalTables } from "../lab/replay/finalTables.ts";
import { Replay, type ReplayOptions } from "../lab/replay/replay.ts";
import { REPLAY_VERDICTS, type ReplayEvent, type ReplaySummary } from "../lab/replay/replayEvent.ts";
import { ReplayFile } from "../lab/replay/replayFile.ts";
import { replayLine, replaySummaryText } from "../lab/replay/replayText.ts";
import type { Capture } from "../observe/capture/capture.ts";
import type { DiffSide } from "../observe/diff/diffPacket.ts";
import { diffTraces } from "../observe/diff/diffTraces.ts";
import { packetOf } from "../observe/diff/readSide.ts";
import type { TraceStyle } from "../observe/trace/traceStyle.ts";
import { printDiff } from "./diff.ts";
import { bold, dim, type Format, fittingTable, terminalWidth, useColour } from "./output.ts";
import { outputOption, parseCount, parseRepeated, parseSeed } from "./parse.ts";
import { readLab, readReplayInput } from "./replayInput.ts";
import { TraceOutput } from "./traceOutput.ts";
import { packetsText } from "./traceSummary.ts";

const SETTLE_MS = 1000;

interface ReplayCliOptions {
  lab?: string;
  set?: string[];
  at?: string;
  write?: string;
  seed?: number;
  settle: number;
  vs?: string;
  tables?: boolean;
  verbose?: boolean;
  verdict?: string[];
  count?: number;
  output: Format;
}

export function replayCommand(program: Command): void {
  program
    .command("replay")
    .description("send a capture through a lab's plane again, from where it was taken; nothing runs")
    .argument("<capture>", "pcap or pcapng file, or a report")
    .option("--lab <lab>", "directory or file of the lab (a report has its own)")
    .option(
      "--set <key=value>",
      "replay through the lab under another setting, such as spec.cluster.conntrack.max=4",
      parseRepeated,
    )
    .option("--at <point>", "where it was taken: pod/web-1, node/node-1, host/rds (our own captures say so)")
    .option("-w, --write <file>", "write what happened as pcapng")
    .option("--seed <seed>", "of random choices, in place of the lab's", parseSeed)
    .option("--settle <time>", "how long the clock runs on at the end", parseTime, SETTLE_MS)
    .option("--vs <lab>", "replay through this lab too, and show where packets part: exit code 1 if any does")
    .option("--tables", "show conntrack and source NAT at the end")
    .option("-v, --verbose", "each packet's stages below its line; with --vs every packet that differs")
    .option(
      "--verdict <verdict>",
      "show packets of this verdict alone: DROPPED, MISSING; may be repeated",
      parseVerdict,
    )
    .option("-c, --count <count>", "show so many packets at most; 0: the summary alone", parseCount)
    .addOption(outputOption())
    .action(replay);
}

async function replay(path: string, options: ReplayCliOptions): Promise<void> {
  if (options.vs !== undefined && (options.verdict !== undefined || options.count !== undefined))
    throw new Error("--verdict and --count choose packets to show, and --vs shows where packets part: use one of them");
  const { capture, cluster: lab, at: reported } = readReplayInput(path, options.lab);
  const settings = options.set ?? [];
  const cluster = clusterWith(lab, settings);
  const { at = reported, seed = null, settle: settleMs } = options;
  const how: ReplayOptions = { at, seed, settleMs };
  if (options.vs === undefined) await show(capture, cluster, how, options);
  else {
    const other = readLab(options.vs);
    const name = (text: string, used: string): string => (text === used ? `${text} (--vs)` : text);
    const first = [options.lab ?? path, ...settings].join(" ");
    const a = side(first, cluster, capture, how);
    printDiff(
      diffTraces(a, side(name(options.vs, first), other, capture, how)),
      options.output,
      options.verbose === true,
    );
  }
}

/** A replay as one side of a comparison. */
function side(name: string, cluster: Cluster, capture: Capture, how: ReplayOptions): DiffSide {
  return {
    name,
    packets: [...new Replay(cluster, capture, how).run()].map((event) => packetOf({ ...event }, event.id)),
  };
}

async function show(capture: Capture, cluster: Cluster, how: ReplayOptions, options: ReplayCliOptions): Promise<void> {
  const run = new Replay(cluster, capture, how);
  const file = options.write === undefined ? null : openSync(options.write, "w");
  const title = { lab: cluster.lab.metadata.name, seed: how.seed ?? cluster.lab.spec.seed };
  const recorder =
    file === null
      ? null
      : new ReplayFile((bytes) => writeSync(file, bytes), run.plane.context.tables, run.names, title);
  let isClosed = false;
  const out = new TraceOutput(process.stdout, () => {
    isClosed = true;
  });
  const line = lineOf(options);
  const { count = Number.POSITIVE_INFINITY, verdict } = options;
  let shown = 0;
  let hidden = 0;
  const events = run.run(recorder);
  // Without a reader the file is still to be written.
  for (let next = events.next(); ; next = events.next()) {
    if (!next.done) {
      if (shown === count || verdict?.includes(next.value.verdict) === false) hidden++;
      else {
        shown++;
        if (!isClosed) await out.line(line(next.value));
      }
      continue;
    }
    if (hidden > 0 && count > 0 && !isClosed && options.output !== "json")
      await out.line(dim(`... ${packetsText(hidden)} not shown`));
    if (!isClosed)
      await out.line(endText(next.value, options.tables === true ? tablesOf(run, cluster) : null, options));
    break;
  }
  recorder?.end();
  if (file !== null) closeSync(file);
}

function lineOf({ output, verbose }: ReplayCliOptions): (event: ReplayEvent) => string {
  if (output === "json") return (event) => JSON.stringify(event);
  const style: TraceStyle = { width: terminalWidth(), wrap: process.stdout.isTTY === true, colour: useColour };
  return (event) => replayLine(event, verbose === true, style);
}

function tablesOf(run: Replay, cluster: Cluster): FinalTables {
  return finalTables(run.plane, cluster.snapshot().machines.values(), run.names);
}

function endText(summary: ReplaySummary, tables: FinalTables | null, { output, count }: ReplayCliOptions): string {
  if (output === "json") return JSON.stringify({ summary, ...(tables === null ? {} : { tables }) });
  return [
    ...(count === 0 ? [] : [""]),
    replaySummaryText(summary),
    ...(tables === null ? [] : ["", tablesText(tables)]),
  ].join("\n");
}

function tablesText({ conntrack, nat }: FinalTables): string {
  const end = (address: string, port: number): string => (port === 0 ? address : `${address}:${port}`);
  const tuple = (t: FinalTables["conntrack"][number]["original"]): string =>
    `${end(t.source, t.sourcePort)} -> ${end(t.destination, t.destinationPort)}`;
  const entries = conntrack.map((row) => [
    row.node,
    row.protocol,
    row.state,
    row.timeout,
    tuple(row.original),
    tuple(row.reply),
  ]);
  const pools = nat.map((row) => [row.node, row.translated, row.collisions, row.portsTaken, row.failures, row.busiest]);
  const width = terminalWidth();
  return [
    bold(entries.length === 0 ? "no conntrack entries" : "conntrack"),
    ...(entries.length === 0
      ? []
      : [fittingTable(["NODE", "PROTOCOL", "STATE", "TIMEOUT", "ORIGINAL", "REPLY"], entries, width)]),
    "",
    bold("source NAT"),
    fittingTable(["NODE", "TRANSLATED", "COLLISIONS", "PORTS-TAKEN", "FAILURES", "BUSIEST"], pools, width),
  ].join("\n");
}

/** One more verdict, for commander. */
function parseVerdict(text: string, before?: string[]): string[] {
  const verdict = text.toUpperCase();
  if (!REPLAY_VERDICTS.some((known) => known === verdict))
    throw new InvalidArgumentError(`expected one of ${REPLAY_VERDICTS.join(", ")}, got "${text}".`);
  return parseRepeated(verdict, before);
}

/** A duration, for commander. */
function parseTime(text: string): number {
  const time = parseDuration(text);
  if (time === null) throw new InvalidArgumentError(`expected a time such as 1s or 5m, got "${text}".`);
  return time;
}
