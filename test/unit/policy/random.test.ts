import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DIFFERENCES } from "./awsResolve.ts";
import { differenceOf, evaluateAws } from "./awsTwin.ts";
import { tableFlows } from "./cases.ts";
import { PolicyLab } from "./policyLab.ts";
import { evaluate } from "./referenceTwin.ts";
import type { Flow, World } from "./world.ts";
import { BASE, worlds } from "./worlds.ts";

const ALL = new Set(DIFFERENCES);

const text = (flow: Flow) => `${flow.from} to ${flow.to}, ${flow.protocol} ${flow.port}`;

/** One lab goes from world to world: what a change leaves behind shows. */
function property(lab: PolicyLab, look: (world: World, flow: Flow) => string | null) {
  return fc.property(worlds, (world) => {
    lab.become(world);
    const wrong = tableFlows(lab.world).flatMap((flow) => {
      const problem = look(lab.world, flow);
      return problem === null ? [] : [`${text(flow)}: ${problem}`];
    });
    expect(wrong).toEqual([]);
  });
}

describe("random worlds", () => {
  it("are to the engine upstream what they are to the API", () => {
    const lab = new PolicyLab(BASE, "upstream");
    let denied = 0;
    const look = (world: World, flow: Flow) => {
      const [verdict, seen] = [evaluate(world, flow), lab.ask(flow)];
      if (!seen.allowed) denied++;
      return verdict.allowed === seen.allowed ? null : `${verdict.by}, not ${seen.by}`;
    };
    fc.assert(property(lab, look), { seed: 51, numRuns: 60 });
    expect(denied).toBeGreaterThan(1000);
  });

  it("differ for the engine aws in documented ways alone", () => {
    const lab = new PolicyLab(BASE, "aws");
    const found = new Set<string>();
    const look = (world: World, flow: Flow) => {
      const [verdict, aws, seen] = [evaluate(world, flow), evaluateAws(world, flow, ALL), lab.ask(flow)];
      if (aws.allowed !== seen.allowed) return `the twin: ${aws.by}, the plane: ${seen.by}`;
      if (verdict.allowed === seen.allowed) return null;
      const difference = differenceOf(world, flow, ALL, verdict.allowed);
      if (difference === null) return `nothing explains ${seen.by} instead of ${verdict.by}`;
      found.add(difference);
      return null;
    };
    fc.assert(property(lab, look), { seed: 52, numRuns: 60 });
    // Nobody has so many ports by chance.
    expect(DIFFERENCES.filter((d) => d !== "port-limit" && !found.has(d))).toEqual([]);
  });
});
