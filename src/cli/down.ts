import { rmSync } from "node:fs";
import type { Command } from "commander";
import { ask, ControlError, findLab, isListening } from "../lab/controlClient.ts";
import { DOWN_WITHIN_MS } from "../lab/deadline.ts";
import { socketPath } from "../lab/stateDirectory.ts";
import { socketOwner } from "../lab/unixSockets.ts";
import { print, printError } from "./output.ts";

const POLL_MS = 50;
const SAY_AFTER_MS = 1000;
/** A lab that does not go down in time has ended itself by then. */
const GIVE_UP_MS = DOWN_WITHIN_MS + 5000;

export function downCommand(program: Command): void {
  program
    .command("down")
    .description("take a running lab down, with nothing left behind")
    .option("-n, --name <name>", "which of several running labs")
    .option("--force", "without asking it, as `kill -9` does: for a lab that does not answer")
    .action(async (options: { name?: string; force?: boolean }) => {
      const lab = await findLab(options.name);
      if (options.force === true) await kill(lab);
      else await takeDown(lab);
    });
}

/** Takes a running lab or kernel twin down; it is gone when this resolves. @throws HungLabError when it does not answer. */
export async function takeDown(lab: string): Promise<void> {
  const { pid } = await ask(lab, "status", null);
  await ask(lab, "down", null);
  await ended(pid, lab);
  if (await isListening(lab)) throw new ControlError(`lab ${lab} was started again`);
  print(`lab ${lab} is down`);
}

/** Ends a lab's inner process: the kernel ends what is left of the lab. */
async function kill(lab: string): Promise<void> {
  const pid = socketOwner(socketPath(lab));
  if (pid === null) throw new ControlError(`lab ${lab} is not running: start it with \`podplane up\``);
  process.kill(pid, "SIGKILL");
  await ended(pid, lab);
  if (!(await isListening(lab))) rmSync(socketPath(lab), { force: true });
  print(`lab ${lab} was ended`);
}

/** Waits for a process of the lab to be gone: its PID 1, with which everything is. Says that it takes time where it does. */
async function ended(pid: number, lab: string): Promise<void> {
  const began = Date.now();
  let said = Date.now();
  while (isAlive(pid)) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const seconds = Math.round((Date.now() - began) / 1000);
    if (Date.now() - began > GIVE_UP_MS)
      throw new ControlError(`lab ${lab} is not down after ${seconds} s: end it with \`kill -9 ${pid}\``);
    if (Date.now() - said < SAY_AFTER_MS) continue;
    said = Date.now();
    printError(`taking lab ${lab} down, ${seconds} s`);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
