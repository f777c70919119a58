// Compiles src/ to dist/. Used by `npm run build` and by `npm ci` through `prepare`.
import { chmodSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { inlineConstants } from "./inlineConstants.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: (/** @type {ts.Diagnostic} */ d) => finish([d]) };
const config = ts.getParsedCommandLineOfConfigFile(join(root, "tsconfig.build.json"), {}, host);
if (config === undefined) process.exit(1);
rmSync(join(root, "dist"), { recursive: true, force: true });
const program = ts.createProgram(config.fileNames, config.options);
const emitted = program.emit(undefined, undefined, undefined, undefined, { before: [inlineConstants(program)] });
finish([...config.errors, ...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics]);
chmodSync(join(root, "dist/cli/main.js"), 0o755);

/** Shows what the compiler has to say, and ends with an error if that is anything. @param {ts.Diagnostic[]} diagnostics */
function finish(diagnostics) {
  if (diagnostics.length === 0) return;
  const unique = ts.sortAndDeduplicateDiagnostics(diagnostics);
  console.error(
    ts.formatDiagnosticsWithColorAndContext(unique, {
      getCanonicalFileName: (name) => name,
      getCurrentDirectory: () => root,
      getNewLine: () => "\n",
    }),
  );
  process.exit(1);
}
