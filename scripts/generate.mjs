// Writes the files that are made from the source: schema/lab.schema.json and docs/reasons.md.
import { writeFileSync } from "node:fs";
import { labJsonSchema } from "../dist/control/objects/lab.js";
import { reasonsDocument } from "../dist/observe/reasonsDocument.js";

const root = new URL("..", import.meta.url);
writeFileSync(new URL("schema/lab.schema.json", root), `${JSON.stringify(labJsonSchema(), null, 2)}\n`);
writeFileSync(new URL("docs/reasons.md", root), reasonsDocument());
