import { resolve } from "node:path";
import type { Command } from "commander";
import type { Change } from "../control/cluster.ts";
import { ask, findLab } from "../lab/controlClient.ts";
import { type Format, print, printError, printJson } from "./output.ts";
import { outputOption } from "./parse.ts";

interface ChangeOptions {
  filename?: string;
  name?: string;
  output: Format;
}

export function applyCommand(program: Command): void {
  program
    .command("apply")
    .description("put objects into the running lab; established flows live on")
    .requiredOption("-f, --filename <file>", "YAML or JSON file, or a directory of them")
    .option("-n, --name <name>", "which of several running labs")
    .addOption(outputOption())
    .action(async (options: ChangeOptions & { filename: string }) => {
      const lab = await findLab(options.name);
      const change = await ask(lab, "apply", { path: resolve(options.filename) }, { onWait: saysThatItWaits(lab) });
      for (const note of change.notes) printError(`note: ${note}`);
      printChange(change, options.output);
    });
}

export function deleteCommand(program: Command): void {
  program
    .command("delete")
    .description("remove objects from the running lab")
    .argument("[objects...]", "pod/web-1, deployment/api, svc/api, namespace/shop")
    .option("-f, --filename <file>", "remove the objects of this file")
    .option("--no-wait", "do not wait until the pods that are named have ended")
    .option("-n, --name <name>", "which of several running labs")
    .addOption(outputOption())
    .action(async (objects: string[], options: ChangeOptions & { wait: boolean }) => {
      if ((options.filename === undefined) === (objects.length === 0))
        throw new Error("name the objects to delete, or give a file with -f");
      const path = options.filename === undefined ? null : resolve(options.filename);
      const lab = await findLab(options.name);
      const asked = { path, names: objects, wait: options.wait };
      const change = await ask(lab, "delete", asked, { onWait: saysThatItWaits(lab) });
      printChange(change, options.output);
    });
}

/** A change may take long: pods end in their grace period. */
function saysThatItWaits(lab: string): (seconds: number) => void {
  return (seconds) => printError(`waiting for lab ${lab}, ${seconds} s`);
}

function printChange(change: Change, format: Format): void {
  if (format === "json") {
    const { created, changed, unchanged, removed } = change;
    printJson({ created, changed, unchanged, removed });
    return;
  }
  const rows: [readonly string[], string][] = [
    [change.created, "created"],
    [change.changed, "configured"],
    [change.unchanged, "unchanged"],
    [change.removed, "deleted"],
  ];
  for (const [keys, what] of rows) for (const key of keys) print(`${key} ${what}`);
}
