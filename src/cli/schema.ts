import { writeFileSync } from "node:fs";
import { Argument, type Command } from "commander";
import { ipamScenarioJsonSchema } from "../control/objects/ipamScenario.ts";
import { labJsonSchema } from "../control/objects/lab.ts";
import { print } from "./output.ts";

const SCHEMAS = { lab: labJsonSchema, "ipam-scenario": ipamScenarioJsonSchema };

export function schemaCommand(program: Command): void {
  program
    .command("schema")
    .description("print the JSON schema of lab files, or of what ipam simulate reads, for editors")
    .addArgument(new Argument("[what]", "files of this kind").choices(Object.keys(SCHEMAS)).default("lab"))
    .option("-f, --file <file>", "write it to a file instead")
    .action((what: keyof typeof SCHEMAS, options: { file?: string }) => {
      const text = JSON.stringify(SCHEMAS[what](), null, 2);
      if (options.file === undefined) print(text);
      else writeFileSync(options.file, `${text}\n`);
    });
}
