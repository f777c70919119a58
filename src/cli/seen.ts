import { resolve } from "node:path";
import type { Command } from "commander";
import { ask, findLab } from "../lab/controlClient.ts";
import type { SeenQuestion, SeenReport } from "../lab/seenReport.ts";
import { type Format, print, printJson, terminalWidth } from "./output.ts";
import { outputOption, parseRepeated } from "./parse.ts";
import { seenText } from "./seenText.ts";

interface SeenOptions {
  lab?: string;
  name?: string;
  set?: string[];
  vs?: string[];
  vsLab?: string;
  from?: string[];
  to?: string[];
  output: Format;
}

export function seenCommand(program: Command): void {
  program
    .command("seen")
    .description(
      "which address the other side sees, for each kind of source and destination; nothing is sent or changed",
    )
    .option("--lab <lab>", "ask a lab's files instead of the running lab")
    .option("-n, --name <name>", "which of several running labs")
    .option(
      "--set <key=value>",
      "change a setting for this question, such as AWS_VPC_K8S_CNI_EXTERNALSNAT=true",
      parseRepeated,
    )
    .option("--vs <key=value>", "compare with the lab under another setting", parseRepeated)
    .option("--vs-lab <lab>", "compare with another lab's files")
    .option("--from <source>", "ask this pod, node or host alone; may be repeated", parseRepeated)
    .option("--to <destination>", "ask about this destination alone; may be repeated", parseRepeated)
    .addOption(outputOption())
    .action(async (options: SeenOptions) => {
      const question: SeenQuestion = {
        set: options.set ?? [],
        vs: options.vs ?? null,
        from: options.from ?? [],
        to: options.to ?? [],
      };
      const vsLab = options.vsLab === undefined ? null : resolve(options.vsLab);
      const report =
        options.lab === undefined
          ? await ask(await findLab(options.name), "seen", { ...question, vsLab })
          : await seenOfFiles(question, options.lab, vsLab);
      if (options.output === "json") printJson(report);
      else print(seenText(report, terminalWidth()));
    });
}

async function seenOfFiles(question: SeenQuestion, lab: string, vsLab: string | null): Promise<SeenReport> {
  const { askSeen, loadLab } = await import("../lab/fromFiles.ts");
  return askSeen(loadLab(lab).cluster, question, vsLab === null ? null : loadLab(vsLab).cluster);
}
