import type { Command } from "commander";
import { ask, ControlError, findLab } from "../lab/controlClient.ts";
import { print, printError } from "./output.ts";

const POLL_MS = 50;
const SAY_AFTER_MS = 1000;

export function downCommand(program: Command): void {
  program
    .command("down")
    .description("take a running lab down, with nothing left behind")
    .option("-n, --name <name>", "which of several running labs")
    .action(async (options: { name?: string }) => {
      await takeDown(await findLab(options.name));
    });
}

/** Takes a running lab or kernel twin down; it is gone when this resolves. */
export async function takeDown(lab: string): Promise<void> {
  const { pid } = await ask(lab, "status", null);
  await ask(lab, "down", null);
  await ended(pid, lab);
  print(`lab ${lab} is down`);
}

/** Waits for the lab's PID 1 to be gone: with it everything of the lab is. Says that it takes time where it does. */
async function ended(pid: number, lab: string): Promise<void> {
  const began = Date.now();
  let said = Date.now();
  while (isAlive(pid)) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    if (Date.now() - said < SAY_AFTER_MS) continue;
    said = Date.now();
    printError(`taking lab ${lab} down, ${Math.round((said - began) / 1000)} s`);
  }
  await ask(lab, "status", null).then(
    () => {
      throw new ControlError(`lab ${lab} was started again`);
    },
    () => {},
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
