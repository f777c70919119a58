import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DIFFERENCES, type Difference } from "./awsResolve.ts";
import { differenceOf, evaluateAws } from "./awsTwin.ts";
import { type PolicyCase, tableFlows } from "./cases.ts";
import { CYCLONUS_CASES } from "./cyclonusCases.ts";
import { DIFFERENCE_CASES } from "./differenceCases.ts";
import { type Engine, PolicyLab } from "./policyLab.ts";
import { evaluate } from "./referenceTwin.ts";
import { UPSTREAM_CASES } from "./upstreamEgress.ts";
import type { Flow, World } from "./world.ts";

const ALL = new Set(DIFFERENCES);
/** Upstream's and Cyclonus's cases, and those of AWS's engine. */
const CASES: readonly PolicyCase[] = [...UPSTREAM_CASES, ...CYCLONUS_CASES, ...DIFFERENCE_CASES];
const FAMILIES = {
  "Kubernetes' own suite": UPSTREAM_CASES,
  ...byTag(CYCLONUS_CASES),
  "where AWS's engine differs": DIFFERENCE_CASES,
};

/** Cyclonus' cases by what stands in front of the colon of their names. */
function byTag(cases: readonly PolicyCase[]): Record<string, PolicyCase[]> {
  const families: Record<string, PolicyCase[]> = {};
  for (const c of cases) {
    const [tag] = c.name.split(":");
    families[`Cyclonus' ${tag}`] = [...(families[`Cyclonus' ${tag}`] ?? []), c];
  }
  return families;
}

type Look = (world: World, flow: Flow, seen: { allowed: boolean; by: string }, at: string) => void;

/** Labs by engine and pods: a case leaves its lab as it found it. */
const LABS = new Map<string, PolicyLab>();

function labOf(engine: Engine, world: World): PolicyLab {
  const key = JSON.stringify([engine, world]);
  const lab = LABS.get(key) ?? new PolicyLab(world, engine);
  LABS.set(key, lab);
  return lab;
}

/** Runs a case in a plane. @returns how many flows it looked at */
function run(engine: Engine, { name, world, steps }: PolicyCase, look: Look): number {
  const lab = labOf(engine, world);
  let count = 0;
  for (const [i, step] of steps.entries()) {
    lab.become(step.change(lab.world));
    for (const flow of step.flows ?? tableFlows(lab.world)) {
      count++;
      look(lab.world, flow, lab.ask(flow), `${name}, step ${i + 1}: ${JSON.stringify(flow)}`);
    }
  }
  lab.become(world);
  return count;
}

describe("the engine upstream", () => {
  it.each(Object.entries(FAMILIES))("says what the API says: %s", (_name, cases) => {
    const wrong: string[] = [];
    let flows = 0;
    for (const policyCase of cases)
      flows += run("upstream", policyCase, (world, flow, seen, at) => {
        const verdict = evaluate(world, flow);
        if (verdict.allowed !== seen.allowed) wrong.push(`${at}: ${verdict.by}, not ${seen.by}`);
      });
    expect(wrong).toEqual([]);
    expect(flows).toBeGreaterThan(cases.length);
  });
});

describe("the engine aws", () => {
  const found = new Map<Difference, string[]>(DIFFERENCES.map((d) => [d, []]));

  it.each(Object.entries(FAMILIES))("differs from the API in documented ways alone: %s", (_name, cases) => {
    const wrong: string[] = [];
    for (const policyCase of cases)
      run("aws", policyCase, (world, flow, seen, at) => {
        const specified = evaluate(world, flow);
        const aws = evaluateAws(world, flow, ALL);
        if (aws.allowed !== seen.allowed) wrong.push(`${at}: the twin: ${aws.by}, the plane: ${seen.by}`);
        if (specified.allowed === seen.allowed) return;
        const difference = differenceOf(world, flow, ALL, specified.allowed);
        if (difference === null) wrong.push(`${at}: nothing explains ${seen.by} instead of ${specified.by}`);
        else found.get(difference)?.push(at);
      });
    expect(wrong).toEqual([]);
  });

  it("differs in each of the documented ways", () => {
    expect(DIFFERENCES.filter((d) => found.get(d)?.length === 0)).toEqual([]);
  });
});

it("is documented difference by difference", () => {
  const [, section] = readFileSync("docs/policy.md", "utf8").split("## Where AWS's engine differs\n");
  const named = [...section.split(/^## /m)[0].matchAll(/^### (.+)$/gm)].map((m) => m[1]);
  // What time and the mode bring is in overTime.test.ts, the tiers in clusterPolicies.test.ts.
  const elsewhere = ["first-policy", "strict", "cluster-rule-order", "cluster-first-peer"];
  expect(named).toEqual([...DIFFERENCES, ...elsewhere]);
});

it("has more than 200 cases of policies", () => {
  expect(CASES.length).toBeGreaterThan(200);
  expect(new Set(CASES.map((c) => c.name)).size).toBe(CASES.length);
});
