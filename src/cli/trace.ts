import type { Command } from "commander";
import { findLab } from "../lab/controlClient.ts";
import { openStream } from "../lab/streamClient.ts";
import type { PacketEvent } from "../observe/trace/packetEvent.ts";
import { traceLine } from "../observe/trace/traceLine.ts";
import { traceStages } from "../observe/trace/traceStages.ts";
import type { TraceStyle } from "../observe/trace/traceStyle.ts";
import { dim, type Format, printError, terminalWidth, useColour } from "./output.ts";
import { type PacketOptions, packetOptions, packetQuestion, parseTime } from "./packetQuestion.ts";
import { outputOption, parsePositive } from "./parse.ts";
import { TraceOutput } from "./traceOutput.ts";
import { packetsText, summaryText } from "./traceSummary.ts";

interface TraceOptions extends PacketOptions {
  verbose?: boolean;
  output: Format;
  count?: number;
  duration?: number;
  name?: string;
}

export function traceCommand(program: Command): void {
  packetOptions(program.command("trace").description("show live packets as they are decided, one line each"))
    .option("-v, --verbose", "each packet's stages below its line")
    .addOption(outputOption())
    .option("-c, --count <count>", "end after so many packets", parsePositive)
    .option("--duration <time>", "end after a time: 10s, 5m", parseTime)
    .option("-n, --name <name>", "which of several running labs")
    .action(trace);
}

async function trace(expression: string[], options: TraceOptions): Promise<void> {
  const lab = await findLab(options.name);
  const question = packetQuestion(expression, options);
  const show = shownAs(options);
  const stdout = new TraceOutput(process.stdout, () => stream.end());
  let shown = 0;
  let isOver = false;
  const end = () => {
    isOver = true;
    stream.end();
  };
  const stream = openStream(lab, "trace", question, {
    onMessage: (message) => {
      if (isOver) return undefined;
      if ("lost" in message) return stdout.line(lostText(message.lost, options.output));
      const wait = stdout.line(show(message));
      if (++shown === options.count) end();
      return wait;
    },
  });
  if (process.stderr.isTTY) printError(dim(`packets of lab ${lab}, times in UTC; Ctrl-C ends it`));
  // A second Ctrl-C ends a command whose lab does not answer.
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  // What was read within the time is still shown.
  const timer = options.duration === undefined ? undefined : setTimeout(() => stream.end(), options.duration);
  try {
    const summary = await stream.summary;
    if (!stdout.isClosed) printError(summaryText(summary, question, shown));
  } finally {
    clearTimeout(timer);
  }
}

/** How a packet is written. */
function shownAs({ output, verbose }: TraceOptions): (event: PacketEvent) => string {
  if (output === "json") return (event) => JSON.stringify(event);
  return (event) => {
    // A terminal's width may change meanwhile.
    const style: TraceStyle = { width: terminalWidth(), wrap: process.stdout.isTTY === true, colour: useColour };
    const line = traceLine(event, style);
    return verbose === true ? `${line}\n${traceStages(event, style)}\n` : line;
  };
}

function lostText(lost: number, output: Format): string {
  if (output === "json") return JSON.stringify({ lost });
  return dim(`... ${packetsText(lost)} not shown: they came too fast`);
}
