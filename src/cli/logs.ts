import type { Command } from "commander";
import { ask, findLab } from "../lab/controlClient.ts";
import { asPod } from "./exec.ts";
import { bold, print } from "./output.ts";

export function logsCommand(program: Command): void {
  program
    .command("logs")
    .description("show what the processes of a pod or host wrote")
    .argument("<object>", "pod/web-1 or host/rds; a bare name is a pod")
    .option("-n, --name <name>", "which of several running labs")
    .action(async (object: string, options: { name?: string }) => {
      const logs = await ask(await findLab(options.name), "logs", { name: asPod(object) });
      for (const { container, text } of logs) {
        if (logs.length > 1) print(bold(`${container}:`));
        print(text.trimEnd());
      }
    });
}
