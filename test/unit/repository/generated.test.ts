import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ipamScenarioJsonSchema } from "../../../src/control/objects/ipamScenario.ts";
import { labJsonSchema } from "../../../src/control/objects/lab.ts";
import { reasonsDocument } from "../../../src/observe/reasonsDocument.ts";

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

describe("generated files are up to date (npm run generate)", () => {
  it("schema/lab.schema.json", () => {
    expect(JSON.parse(read("schema/lab.schema.json"))).toEqual(JSON.parse(JSON.stringify(labJsonSchema())));
  });

  it("schema/ipam-scenario.schema.json", () => {
    expect(JSON.parse(read("schema/ipam-scenario.schema.json"))).toEqual(
      JSON.parse(JSON.stringify(ipamScenarioJsonSchema())),
    );
  });

  it("docs/reasons.md", () => {
    expect(read("docs/reasons.md")).toBe(reasonsDocument());
  });
});
