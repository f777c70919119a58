import { Command } from "commander";
import { vi } from "vitest";
import { capacityCommand } from "../../../src/cli/capacity.ts";
import { getCommand } from "../../../src/cli/get.ts";
import { ipamCommand } from "../../../src/cli/ipam.ts";
import { replayCommand } from "../../../src/cli/replay.ts";
import { seenCommand } from "../../../src/cli/seen.ts";
import { whyCommand } from "../../../src/cli/why.ts";

/** Commands that need files alone. */
const COMMANDS = [whyCommand, replayCommand, seenCommand, getCommand, ipamCommand, capacityCommand];

/** Words of a command line: quotes keep words together, as in a shell. */
export function words(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare,
  );
}

/** Runs a podplane command in this process, as on a terminal of 80 columns without colour. @returns what it prints */
export async function runCommand(command: string): Promise<string> {
  let text = "";
  const write = vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  const { exitCode: status, stdout } = process;
  const { isTTY } = stdout;
  const listeners = stdout.listeners("error");
  stdout.isTTY = true;
  try {
    const program = new Command("podplane").exitOverride();
    for (const add of COMMANDS) add(program);
    await program.parseAsync(words(command), { from: "user" });
  } finally {
    write.mockRestore();
    stdout.isTTY = isTTY;
    // A command is a process elsewhere, and leaves its listeners behind.
    stdout.removeAllListeners("error");
    for (const listener of listeners) stdout.on("error", listener as (error: Error) => void);
    process.exitCode = status;
  }
  return text.replace(/\s+$/, "");
}
