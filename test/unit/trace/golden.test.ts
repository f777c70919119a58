import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { stageName } from "../../../src/observe/explain.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import { readDocument, writeTrace } from "./goldenDocument.ts";
import { type GoldenRun, run } from "./goldenRun.ts";

/**
 * The documents of test/golden: each shows packets and what the trace says of them. UPDATE_GOLDEN=1 writes what it says
 * now. Every reason and every stage has one.
 */

const GOLDEN = fileURLToPath(new URL("../../golden", import.meta.url));
const UPDATE = process.env.UPDATE_GOLDEN === "1";
/** More numbers than there are stages. */
const STAGE_NUMBERS = 64;

const STAGES = [
  ...new Set(
    Array.from({ length: STAGE_NUMBERS }, (_, i) => stageName(i)).filter((name) => !name.startsWith("stage ")),
  ),
];
const CODES = REASONS.map(({ code }) => code).filter((code) => code !== "NONE");

const filesOf = (folder: string): string[] =>
  readdirSync(`${GOLDEN}/${folder}`)
    .filter((name) => name.endsWith(".md"))
    .map((name) => name.slice(0, -".md".length))
    .sort();

/** Runs a document and compares its trace, or writes it. @returns null where nothing leads there */
function check(folder: string, name: string): GoldenRun | null {
  const file = `${GOLDEN}/${folder}/${name}.md`;
  const document = readDocument(file);
  expect(document.title).toBe(name);
  if (document.packets === null) {
    expect(document.trace, "without packets there is no trace").toBeNull();
    return null;
  }
  const result = run(file, document);
  if (UPDATE) writeTrace(file, result.text);
  else expect(result.text).toBe(document.trace);
  return result;
}

describe("test/golden/reasons", () => {
  it("has a document for every reason, and none besides", () => {
    expect(filesOf("reasons")).toEqual([...CODES].sort());
  });
  it.each(filesOf("reasons"))("%s", (code) => {
    const result = check("reasons", code);
    if (result !== null) expect([...result.reasons]).toContain(code);
  });
});

describe("test/golden/stages", () => {
  it("has a document for every stage, and none besides", () => {
    expect(filesOf("stages")).toEqual([...STAGES].sort());
  });
  it.each(filesOf("stages"))("%s", (stage) => {
    const result = check("stages", stage);
    expect(result?.last.steps.map((step) => step.stage)).toContain(stage);
  });
});
