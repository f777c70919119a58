import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { ask } from "../lab/controlClient.ts";
import { problemText } from "../lab/files/labError.ts";
import { loadLab } from "../lab/files/load.ts";
import { runInner } from "../lab/inner.ts";
import { isInner } from "../lab/innerChannel.ts";
import { STATE_VARIABLE, socketPath, stateDirectory } from "../lab/stateDirectory.ts";
import { superviseInner } from "../lab/supervisor.ts";
import { Progress, print, printError } from "./output.ts";
import { parsePort, parseQueues } from "./parse.ts";

interface UpOptions {
  detach?: boolean;
  verify?: boolean;
  metricsPort?: number;
  queues: number;
}

const SCRIPT = fileURLToPath(new URL("./main.js", import.meta.url));

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
      const loaded = loadLab(lab);
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
      process.env[STATE_VARIABLE] = stateDirectory();
      process.exitCode = options.detach === true ? await detach(lab, options) : await supervise(name, lab, options);
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

async function supervise(name: string, lab: string, options: UpOptions): Promise<number> {
  const code = await superviseInner(innerArguments(lab, options), {
    script: SCRIPT,
    onReady: () => process.send?.("ready"),
  });
  // A lab that was killed could not remove its socket; one that answers is another lab's.
  if (!(await isRunning(name))) rmSync(socketPath(name), { force: true });
  return code;
}

async function isRunning(name: string): Promise<boolean> {
  return await ask(name, "status", null).then(
    () => true,
    () => false,
  );
}

/** Starts `up` in a session of its own, shows what it says until it is ready, and leaves it alone then. */
function detach(lab: string, options: UpOptions): Promise<number> {
  const child = spawn(process.execPath, [SCRIPT, ...innerArguments(lab, options)], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  child.stdout?.pipe(process.stdout, { end: false });
  child.stderr?.pipe(process.stderr, { end: false });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
    child.on("message", () => {
      child.stdout?.unpipe();
      child.stderr?.unpipe();
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.disconnect();
      child.unref();
      resolve(0);
    });
  });
}
