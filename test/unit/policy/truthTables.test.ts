import { describe, expect, it } from "vitest";
import { expected, type PolicyCase, pairs } from "./cases.ts";
import { evaluate } from "./referenceTwin.ts";
import { UPSTREAM_CASES } from "./upstreamEgress.ts";
import { withMadeUpAddresses } from "./world.ts";

/** What the twin says otherwise than upstream's tables. */
function differences({ world, steps }: PolicyCase): string[] {
  const found: string[] = [];
  let now = withMadeUpAddresses(world);
  for (const { change, tables = [], title = "" } of steps) {
    now = withMadeUpAddresses(change(now));
    for (const table of tables) {
      for (const [from, to] of pairs(now)) {
        const verdict = evaluate(now, { from, to, port: table.port, protocol: table.protocol });
        if (verdict.allowed !== expected(table, from, to))
          found.push(`${title}: ${from} to ${to}, ${table.protocol} ${table.port}: ${verdict.by}`);
      }
    }
  }
  return found;
}

describe("the twin of the API", () => {
  it("knows the whole suite of Kubernetes", () => {
    expect(new Set(UPSTREAM_CASES.map((c) => c.name)).size).toBe(42 + 3 + 3);
  });

  it.each(UPSTREAM_CASES.map((c) => [c.name, c] as const))("%s", (_name, policyCase) => {
    expect(differences(policyCase)).toEqual([]);
  });
});
