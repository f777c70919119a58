import { setFlagsFromString } from "node:v8";
import type { Command } from "commander";
import type { RunnableLab } from "../lab/files/load.ts";
import { isInner } from "../lab/innerChannel.ts";
import { Progress, print, printError } from "./output.ts";
import { parsePort, parseQueues } from "./parse.ts";
import { detach, supervise } from "./start.ts";

interface UpOptions {
  detach?: boolean;
  verify?: boolean;
  metricsPort?: number;
  queues: number;
}

export function upCommand(program: Command): void {
  program
    .command("up")
    .description("bring a lab up: in the foreground until Ctrl-C, or in the background")
    .argument("[lab]", "lab directory or file", ".")
    .option("-d, --detach", "run in the background; `podplane down` takes it down")
    .option("--metrics-port <port>", "port of the Prometheus endpoint, 0 for any free one", parsePort)
    .option("--queues <n>", "TUN queues of each device", parseQueues, 1)
    .option("--verify", "check the checksums of every packet that is written (slow; for tests)")
    .action(async (lab: string, options: UpOptions) => {
      // Only the process that runs the lab reads its files, and loads what runs it: it would all be there twice.
      if (isInner()) {
        const { runInner } = await import("../lab/inner.ts");
        const progress = new Progress();
        process.exitCode = await runInner(await runnable(lab), {
          verify: options.verify === true,
          queues: options.queues,
          metricsPort: options.metricsPort ?? null,
          onProgress: (what, done, total) => {
            progress.show(what, done, total);
            if (done === total) progress.end();
          },
          print,
          printError,
        });
        return;
      }
      const args = innerArguments(lab, options);
      process.exitCode = options.detach === true ? await detach(args) : await supervise(args);
    });
}

/**
 * How much the heap may grow beyond what lives in it before it is collected, percent. Reading leaves much garbage at once,
 * and V8's own choice would make all of it part of the process for good; 0 is V8's own choice.
 */
const GROWTH_WHILE_READING = 20;

function growHeapBy(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

/** Reads a lab and shows its notes; what only messages are made of is not kept. */
async function runnable(lab: string): Promise<RunnableLab> {
  const { loadLab } = await import("../lab/files/load.ts");
  const { problemText } = await import("../lab/files/labError.ts");
  growHeapBy(GROWTH_WHILE_READING);
  const { cluster, directory, notes } = loadLab(lab, { manual: true });
  growHeapBy(0);
  for (const note of notes) printError(`note: ${problemText(note)}`);
  return { cluster, directory };
}

function innerArguments(lab: string, options: UpOptions): string[] {
  return [
    "up",
    lab,
    "--queues",
    String(options.queues),
    ...(options.metricsPort === undefined ? [] : ["--metrics-port", String(options.metricsPort)]),
    ...(options.verify === true ? ["--verify"] : []),
  ];
}
