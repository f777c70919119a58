import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";

const root = new URL("../../..", import.meta.url).pathname;
const cruiser = join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");

let planted = "";

afterEach(() => {
  if (planted !== "") rmSync(planted, { recursive: true, force: true });
});

/** Runs the dependency rules on a tree that has one more file; returns the names of the rules that it broke. */
function plant(path: string, text: string): string[] {
  // In the repository, so that its node_modules are found.
  planted = mkdtempSync(join(root, "test/unit/repository/planted-"));
  const file = join(planted, path);
  mkdirSync(dirname(file), { recursive: true });
  for (const floor of ["plane", "device", "control", "observe", "lab", "cli"]) {
    mkdirSync(join(planted, "src", floor), { recursive: true });
    writeFileSync(join(planted, "src", floor, "own.ts"), `export const own = "${floor}";\n`);
  }
  writeFileSync(file, text);
  copyFileSync(join(root, "tsconfig.json"), join(planted, "tsconfig.json"));
  const out = execFileSync(
    process.execPath,
    [cruiser, "--config", join(root, ".dependency-cruiser.cjs"), "--output-type", "json", "src"],
    { cwd: planted, encoding: "utf8", env: { ...process.env } },
  );
  const { summary } = JSON.parse(out) as {
    summary: { violations: { rule: { name: string } }[]; totalCruised: number };
  };
  expect(summary.totalCruised).toBeGreaterThan(5);
  return summary.violations.map((v) => v.rule.name);
}

describe("the dependency rules", () => {
  it("accept a tree whose arrows point down", () => {
    expect(plant("src/device/good.ts", 'import { own } from "../plane/own.ts";\nexport const good = own;\n')).toEqual(
      [],
    );
  });

  it.each([
    [
      "plane-is-closed",
      "src/plane/bad.ts",
      'import { readFileSync } from "node:fs";\nexport const bad = readFileSync;\n',
    ],
    ["plane-is-closed", "src/plane/bad.ts", 'import { z } from "zod";\nexport const bad = z;\n'],
    ["plane-is-closed", "src/plane/bad.ts", 'import { own } from "../device/own.ts";\nexport const bad = own;\n'],
    ["device-looks-down", "src/device/bad.ts", 'import { own } from "../control/own.ts";\nexport const bad = own;\n'],
    ["control-looks-down", "src/control/bad.ts", 'import { own } from "../lab/own.ts";\nexport const bad = own;\n'],
    [
      "observe-looks-down",
      "src/observe/bad.ts",
      'import type { own } from "../cli/own.ts";\nexport type Bad = typeof own;\n',
    ],
    ["lab-looks-down", "src/lab/bad.ts", 'import { own } from "../cli/own.ts";\nexport const bad = own;\n'],
  ])("refuse what %s forbids", (rule, path, text) => {
    expect(plant(path, text)).toContain(rule);
  });
});
