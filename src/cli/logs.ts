import type { Command } from "commander";
import { ask, findLab } from "../lab/controlClient.ts";
import { asPod } from "./exec.ts";
import { bold, print } from "./output.ts";

interface LogsOptions {
  name?: string;
  policy?: boolean;
  cloudwatch?: boolean;
}

export function logsCommand(program: Command): void {
  program
    .command("logs")
    .description("show what the processes of a pod or host wrote, or a node's policy event log")
    .argument("<object>", "pod/web-1 or host/rds; a bare name is a pod; with --policy node/node-1")
    .option("-n, --name <name>", "which of several running labs")
    .option("--policy", "of a node: what its network policy agent wrote of packets that it denied")
    .option("--cloudwatch", "with --policy: in the form that CloudWatch Logs has it in")
    .action(async (object: string, options: LogsOptions) => {
      if (options.cloudwatch === true && options.policy !== true)
        throw new Error("--cloudwatch is a form of policy event logs: podplane logs node/NAME --policy --cloudwatch");
      if (options.policy === true) {
        const format = options.cloudwatch === true ? "cloudwatch" : "agent";
        const text = await ask(await findLab(options.name), "policyLog", { node: object, format });
        if (text !== "") print(text.trimEnd());
        return;
      }
      const logs = await ask(await findLab(options.name), "logs", { name: asPod(object) });
      for (const { container, text } of logs) {
        if (logs.length > 1) print(bold(`${container}:`));
        print(text.trimEnd());
      }
    });
}
