import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CAPTURES, captureFile } from "./captures.ts";
import { cookbookDocument } from "./document.ts";
import { PARTS } from "./recipes/parts.ts";
import { runCommand } from "./runCommand.ts";

const PAGE = fileURLToPath(new URL("../../../docs/cookbook.md", import.meta.url));
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
/** Characters of a line that a page has room for; tables are not broken in a pipe. */
const WIDTH = 100;

const outputs = new Map<string, string>();
const before = process.cwd();
const isWriting = process.env.UPDATE_COOKBOOK !== undefined;
beforeAll(() => process.chdir(ROOT));
afterAll(() => process.chdir(before));

it.each([...CAPTURES])("%s is what captures.ts makes (UPDATE_COOKBOOK=1 writes it)", (path, packets) => {
  const bytes = captureFile(packets);
  if (isWriting) writeFileSync(path, bytes);
  expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
});

describe.each(PARTS)("$title", ({ recipes }) => {
  describe.each(recipes)("$title", ({ steps }) => {
    it.each(steps)("podplane $command", async ({ command, says, saysNot }) => {
      const text = await runCommand(command);
      outputs.set(command, text);
      // A sentence is one, wherever the terminal's width breaks it.
      const flowing = text.replace(/\s+/g, " ");
      expect(says.length).toBeGreaterThan(0);
      for (const part of says) expect(flowing).toMatch(part);
      for (const part of saysNot ?? []) expect(flowing).not.toMatch(part);
      expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(WIDTH);
    });
  });
});

it("docs/cookbook.md is what the commands print (UPDATE_COOKBOOK=1 writes it)", () => {
  const page = cookbookDocument(PARTS, outputs);
  if (isWriting) writeFileSync(PAGE, page);
  expect(readFileSync(PAGE, "utf8")).toBe(page);
});
