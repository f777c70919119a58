// npm run profile -- [pipeline]: a flame graph of a bench in .clinic/, by clinic flame.
//
// Clinic asks a question when it first runs, and where it cannot ask (no terminal) it does nothing and says that all is
// well. NO_INSIGHT=1 answers; `script` gives it a terminal; and only a report that exists counts.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const reports = join(root, ".clinic");
/** Enough samples for a graph; an interleaved comparison is not wanted here. */
const LENGTH = ["--rounds", "5", "--time", "400"];

const manifest = createRequire(import.meta.url).resolve("clinic/package.json");
const clinic = join(dirname(manifest), "bin.js");
const bench = process.argv.length > 2 ? process.argv.slice(2) : ["pipeline"];
const command = [
  process.execPath,
  clinic,
  "flame",
  "--dest",
  reports,
  "--",
  "node",
  join(root, "src/main.mjs"),
  ...bench,
  ...LENGTH,
];
const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
const [program, ...rest] = process.stdout.isTTY ? command : ["script", "-qec", quoted, "/dev/null"];

mkdirSync(reports, { recursive: true });
const before = new Set(readdirSync(reports));
// The browser stays closed: `open` is told of by hand.
const done = spawnSync(program, rest, { cwd: root, stdio: "inherit", env: { ...process.env, NO_INSIGHT: "1" } });
if (done.error !== undefined) throw done.error;
const made = readdirSync(reports).filter((name) => !before.has(name) && name.endsWith(".html"));
if (done.status !== 0 || made.length === 0 || !made.every((name) => statSync(join(reports, name)).size > 0)) {
  console.error(`clinic ended with ${done.status} and made no report`);
  process.exit(1);
}
for (const name of made) {
  // The samples behind a report are of no further use.
  const data = join(reports, name.replace(/\.html$/, ""));
  if (existsSync(data)) rmSync(data, { recursive: true });
  console.log(`flame graph: ${join(reports, name)}`);
}
