import type { Command } from "commander";
import { problemText } from "../lab/files/labError.ts";
import { loadLab } from "../lab/files/load.ts";
import { runInner } from "../lab/inner.ts";
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
      const loaded = loadLab(lab, { manual: true });
      if (isInner()) {
        const progress = new Progress();
        process.exitCode = await runInner(loaded, {
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
      for (const note of loaded.notes) printError(`note: ${problemText(note)}`);
      const name = loaded.cluster.lab.metadata.name;
      const args = innerArguments(lab, options);
      process.exitCode = options.detach === true ? await detach(args) : await supervise(name, args);
    });
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
