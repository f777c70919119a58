// Writes the files that are made from the source: the JSON schemas of schema/ and docs/reasons.md.
import { writeFileSync } from "node:fs";
import { ipamScenarioJsonSchema } from "../dist/control/objects/ipamScenario.js";
import { labJsonSchema } from "../dist/control/objects/lab.js";
import { reasonsDocument } from "../dist/observe/reasonsDocument.js";

const root = new URL("..", import.meta.url);
for (const [name, schema] of [
  ["lab", labJsonSchema()],
  ["ipam-scenario", ipamScenarioJsonSchema()],
])
  writeFileSync(new URL(`schema/${name}.schema.json`, root), `${JSON.stringify(schema, null, 2)}\n`);
writeFileSync(new URL("docs/reasons.md", root), reasonsDocument());
