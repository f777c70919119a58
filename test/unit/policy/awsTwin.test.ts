import { describe, expect, it } from "vitest";
import { DIFFERENCES } from "./awsResolve.ts";
import { differenceOf, evaluateAws } from "./awsTwin.ts";
import { type PolicyCase, tableFlows } from "./cases.ts";
import { CYCLONUS_CASES } from "./cyclonusCases.ts";
import { DIFFERENCE_CASES } from "./differenceCases.ts";
import { evaluate } from "./referenceTwin.ts";
import { UPSTREAM_CASES } from "./upstreamEgress.ts";
import { type Flow, type World, withMadeUpAddresses } from "./world.ts";

const ALL = new Set(DIFFERENCES);

function* worlds({ world, steps }: PolicyCase): Generator<[World, readonly Flow[]]> {
  let now = withMadeUpAddresses(world);
  for (const { change, flows } of steps) {
    now = withMadeUpAddresses(change(now));
    yield [now, flows ?? tableFlows(now)];
  }
}

describe("the twin of AWS's engine", () => {
  it("says what the API's says, without any of its differences", () => {
    const wrong: string[] = [];
    for (const policyCase of [...UPSTREAM_CASES, ...CYCLONUS_CASES, ...DIFFERENCE_CASES])
      for (const [world, flows] of worlds(policyCase))
        for (const flow of flows) {
          const [one, two] = [evaluate(world, flow), evaluateAws(world, flow, new Set())];
          if (one.allowed !== two.allowed)
            wrong.push(`${policyCase.name}: ${JSON.stringify(flow)}: ${one.by}, not ${two.by}`);
        }
    expect(wrong).toEqual([]);
  });

  it.each(DIFFERENCE_CASES.map((c) => [c.difference, c.name, c] as const))("differs by %s: %s", (_d, _n, example) => {
    for (const [world] of worlds(example))
      for (const [flow, specified] of example.differs) {
        expect(evaluate(world, flow).allowed, JSON.stringify(flow)).toBe(specified);
        expect(evaluateAws(world, flow, ALL).allowed, JSON.stringify(flow)).toBe(!specified);
        expect(differenceOf(world, flow, ALL, specified)).toBe(example.difference);
      }
  });
});
