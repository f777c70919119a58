import type { Command } from "commander";
import { ask, findLab } from "../lab/controlClient.ts";
import { execCommand } from "../lab/execCommand.ts";

export function execCommandLine(program: Command): void {
  program
    .command("exec")
    .description("run a command in the network namespace of a pod, host or node")
    .argument("<object>", "pod/web-1, host/rds, node/node-1; a bare name is a pod")
    .argument("<command...>", "the command and its arguments, after --")
    .option("-n, --name <name>", "which of several running labs")
    .passThroughOptions()
    .action(async (object: string, command: string[], options: { name?: string }) => {
      const lab = await findLab(options.name);
      const { hostPid, entry } = await ask(lab, "exec", { name: asPod(object) });
      process.exitCode = await execCommand(hostPid, entry, command);
    });
}

/** `web-1` means `pod/web-1`. */
export function asPod(object: string): string {
  return object.includes("/") || /^[\d.]+$/.test(object) ? object : `pod/${object}`;
}
