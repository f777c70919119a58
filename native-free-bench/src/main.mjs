//   npm run bench -- [lpm] [conntrack] [pipeline] [--rounds 7] [--time 60]
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { conntrackGroups } from "./conntrack.mjs";
import { lpmGroups } from "./lpm.mjs";
import { measure, report } from "./measure.mjs";
import { pipelineGroups } from "./pipeline.mjs";

/** @type {Record<string, () => import("./measure.mjs").Group[]>} */
const BENCHES = { lpm: lpmGroups, conntrack: conntrackGroups, pipeline: pipelineGroups };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "7" }, time: { type: "string", default: "60" } },
});
const options = { rounds: Number(values.rounds), time: Number(values.time) };
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
for (const name of names) {
  if (BENCHES[name] === undefined) throw new Error(`no bench ${name}: there are ${Object.keys(BENCHES).join(", ")}`);
}

const machine = {
  cores: cpus().length,
  model: cpus()[0]?.model ?? "",
  node: process.version,
  platform: process.platform,
};
console.log(`${machine.cores} cores (${machine.model}), Node ${machine.node} on ${machine.platform}`);
console.log(`${options.rounds} interleaved rounds; medians; ratios are taken within a round: below 1 is faster`);
const directory = fileURLToPath(new URL("../results/", import.meta.url));
mkdirSync(directory, { recursive: true });
for (const name of names) {
  const groups = [];
  for (const group of BENCHES[name]()) {
    const results = await measure(group, options);
    report(group, results);
    groups.push({ name: group.name, unit: group.unit, base: group.base, results });
  }
  writeFileSync(`${directory}${name}.json`, `${JSON.stringify({ machine, options, groups }, null, 2)}\n`);
}
console.log(`\nall results agree with their twins; numbers are in ${directory}`);
