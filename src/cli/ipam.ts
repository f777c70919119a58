import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { simulate } from "../control/ipam/simulate/simulate.ts";
import { problemText } from "../lab/files/labError.ts";
import { loadScenario } from "../lab/files/loadScenario.ts";
import { simulationSvg } from "../observe/ipamSvg.ts";
import { simulationTable } from "./ipamTable.ts";
import { type Format, Progress, print, printError, printJson, terminalWidth } from "./output.ts";
import { outputOption, parseSeed } from "./parse.ts";

interface SimulateCommandOptions {
  output: Format;
  svg?: string;
  seed?: number;
  check?: boolean;
}

/** Exit status where an invariant did not hold. */
const EXIT_VIOLATIONS = 1;

export function ipamCommand(program: Command): void {
  const ipam = program.command("ipam").description("addresses of nodes and pods: warm pools, prefixes, cooldown");
  ipam
    .command("simulate")
    .description("run a cluster's addresses over virtual time, under each of the scenario's settings")
    .argument("<scenario>", "scenario file, such as labs/cooling-counted-as-available/scenario.yaml")
    .addOption(outputOption())
    .option("--svg <file>", "draw it: the settings one below the other, with the same axes")
    .option("--seed <n>", "seed in place of the scenario's", parseSeed)
    .option("--check", "check what must always hold after every event, not at the end alone (slow)")
    .action((file: string, options: SimulateCommandOptions) => {
      const { scenario, notes } = loadScenario(file);
      for (const note of notes) printError(`note: ${problemText(note)}`);
      const progress = new Progress();
      const results = scenario.spec.settings.map((settings) =>
        simulate(scenario, settings, {
          ...(options.seed === undefined ? {} : { seed: options.seed }),
          check: options.check === true,
          onProgress: (done, total) => progress.show(settings.name, done, total),
        }),
      );
      progress.end();
      const { name } = scenario.metadata;
      if (options.svg !== undefined) writeFileSync(options.svg, simulationSvg(name, results));
      if (options.output === "json") printJson({ scenario: name, results });
      else print(simulationTable(name, results, terminalWidth()));
      if (results.some((r) => r.violations.length > 0)) process.exitCode = EXIT_VIOLATIONS;
    });
}
