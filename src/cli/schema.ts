import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { labJsonSchema } from "../control/objects/lab.ts";
import { print } from "./output.ts";

export function schemaCommand(program: Command): void {
  program
    .command("schema")
    .description("print the JSON schema of lab files, for editors")
    .option("-f, --file <file>", "write it to a file instead")
    .action((options: { file?: string }) => {
      const text = JSON.stringify(labJsonSchema(), null, 2);
      if (options.file === undefined) print(text);
      else writeFileSync(options.file, `${text}\n`);
    });
}
