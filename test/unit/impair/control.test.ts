import { describe, expect, it } from "vitest";
import { Cluster } from "../../../src/control/cluster.ts";
import { SettingError, withImpairment } from "../../../src/control/impair/change.ts";
import { checkImpairments } from "../../../src/control/impair/checkImpairments.ts";
import { findPoint, oneWays } from "../../../src/control/impair/points.ts";
import { impairmentViews } from "../../../src/control/impair/views.ts";
import { pathText } from "../../../src/control/objects/finding.ts";
import {
  parseChance,
  parseGeModel,
  parseMicroseconds,
  parseRate,
} from "../../../src/control/objects/impairmentText.ts";
import { readObjects } from "../../../src/control/objects/read.ts";
import { Checker } from "../../../src/control/vpc/checker.ts";
import { impairDetail } from "../../../src/observe/explainImpairment.ts";
import { ACT_IMPAIR, Decision, RULE_IMPAIRMENT, STAGE_IMPAIR } from "../../../src/plane/decision.ts";
import * as I from "../../../src/plane/impair/impairmentRow.ts";
import { labDocument, podDocument, read, readLab } from "../control/documents.ts";

const problemsOf = (...impairments: unknown[]) =>
  readObjects(labDocument({ impairments })).problems.map((p) => `${pathText(p.path)}: ${p.message}`);

const checked = (...impairments: unknown[]) => {
  const check = new Checker();
  checkImpairments(check, readLab({ impairments }));
  return [...check.problems, ...check.notes].map((p) => `${pathText(p.path)}: ${p.message}`);
};

const cluster = (impairments: unknown[], seed = 1) =>
  new Cluster(read(labDocument({ seed, impairments }), podDocument("web-1"), podDocument("web-2")));
const rowsOf = (c: Cluster) => [...c.snapshot().rows.values()].filter((row) => row.t === "impairment");
const change = (...settings: string[]) => ({ directions: ["out"] as const, settings, clear: false });

describe("texts", () => {
  it("are tc's", () => {
    expect(parseChance("1%")).toEqual({ probability: 0.01, correlation: 0 });
    expect(parseChance("0.5% 25%")).toEqual({ probability: 0.005, correlation: 0.25 });
    expect(parseChance("100%,50%")).toEqual({ probability: 1, correlation: 0.5 });
    expect(parseChance("0")).toEqual({ probability: 0, correlation: 0 });
    expect(parseGeModel("10%")).toEqual({ p: 0.1, r: 0.9, lossInBad: 1, lossInGood: 0 });
    expect(parseGeModel("1% 10% 70% 0.1%")).toEqual({ p: 0.01, r: 0.1, lossInBad: 0.7, lossInGood: 0.001 });
    expect([parseMicroseconds("50ms"), parseMicroseconds("1.5ms"), parseMicroseconds("7us")]).toEqual([
      50_000, 1500, 7,
    ]);
    expect([parseRate("10mbit"), parseRate("1.5gbit"), parseRate("64kbit")]).toEqual([10e6, 1.5e9, 64e3]);
  });

  it("are refused where they are not", () => {
    for (const text of ["1", "101%", "-1%", "1% 2% 3%", "", "x"]) expect(parseChance(text), text).toBeNull();
    for (const text of ["50", "1m", "601s", "-5ms", ""]) expect(parseMicroseconds(text), text).toBeNull();
    for (const text of ["10", "10mbps", "2000gbit", "0.5bit"]) expect(parseRate(text), text).toBeNull();
    expect(parseGeModel("1% 1% 1% 1% 1%")).toBeNull();
  });
});

describe("the lab file", () => {
  it("says what was expected, and where", () => {
    expect(problemsOf({ at: "pod/web-1", loss: "1" })).toEqual([
      'spec.impairments[0].loss: expected a percentage such as 1%, or with a correlation such as 1% 25%, got "1"',
    ]);
    expect(problemsOf({ at: "web-1", loss: "1%" })[0]).toMatch(
      /^spec\.impairments\[0\]\.at: expected a pod, host, node or ENI/,
    );
    expect(problemsOf({ at: "pod/web-1", delay: 50 })[0]).toMatch(/delay: expected a time such as 50ms.*got 50/);
    expect(problemsOf({ at: "pod/web-1", jiter: "1ms" })[0]).toMatch(/did you mean jitter\?/);
    expect(problemsOf({ at: "pod/web-1", limit: 0 })[0]).toMatch(/limit: expected a whole number from 1/);
    expect(problemsOf({ at: "pod/web-1", direction: "up" })[0]).toMatch(/direction: expected/);
    expect(problemsOf({ at: "node-1/vlan.eth.1", loss: 0, rate: "10mbit", gap: 5 })).toEqual([]);
  });

  it("names machines that there are, each point and direction once", () => {
    expect(checked({ at: "pod/shop/web-1", loss: "1%" }, { at: "node-1/eth1", loss: "1%" })).toEqual([]);
    expect(checked({ at: "node/node-3", loss: "1%" })[0]).toMatch(
      /expected a node of the lab, got "node\/node-3"; did you/,
    );
    expect(checked({ at: "nodes-1/eth0", loss: "1%" })[0]).toMatch(/got "nodes-1\/eth0"; did you mean node-1/);
    expect(
      checked({ at: "pod/web-1", direction: "both", loss: "1%" }, { at: "pod/default/web-1", loss: "2%" })[0],
    ).toMatch(/expected a point and direction of its own, got pod\/default\/web-1 out/);
  });

  it("notes what has no effect", () => {
    expect(checked({ at: "pod/web-1", reorder: "25%", distribution: "normal" })).toEqual([
      "spec.impairments[0]: reorder does nothing without a delay: no packet waits that could be overtaken",
      "spec.impairments[0]: distribution does nothing without jitter",
    ]);
  });

  it("becomes rows of the points that there are", () => {
    const c = cluster([
      { at: "pod/web-1", direction: "both", loss: "1% 25%", delay: "50ms", jitter: "5ms", distribution: "normal" },
      { at: "pod/later", loss: "1%" },
      { at: "node-2/eth0", rate: "10mbit", limit: 50 },
    ]);
    const rows = rowsOf(c);
    expect(rows).toHaveLength(3);
    expect(rows.map((row) => `${row.at} ${row.direction}`)).toEqual(["0 0", "0 1", "1 0"]);
    expect(rows[0]).toMatchObject({
      loss: { probability: 0.01, correlation: 0.25 },
      delay: 50_000,
      jitter: 5000,
      distribution: I.DISTRIBUTION_NORMAL,
      limit: 1000,
      gemodel: null,
    });
    expect(rows[2]).toMatchObject({ rate: 10e6, limit: 50, delay: 0 });
    expect(c.snapshot().names.device(rows[0].index)).toBe("pod/default/web-1");
    expect(c.snapshot().names.eni(rows[2].index)).toBe("node-2/eth0");
    c.apply(read(podDocument("later")));
    expect(rowsOf(c)).toHaveLength(4);
  });

  it("gives every point its own seed, of its name and the lab's seed alone", () => {
    const seeds = (impairments: unknown[], seed?: number) => rowsOf(cluster(impairments, seed)).map((row) => row.seed);
    const one = { at: "pod/web-1", loss: "1%" };
    const [alone] = seeds([one]);
    expect(
      seeds([
        { at: "pod/web-2", loss: "1%" },
        { ...one, delay: "1ms" },
      ])[1],
    ).toBe(alone);
    expect(seeds([one], 2)[0]).not.toBe(alone);
    expect(
      new Set(
        seeds([
          { ...one, direction: "both" },
          { ...one, at: "pod/web-2" },
        ]),
      ).size,
    ).toBe(3);
  });
});

describe("a change while the lab runs", () => {
  it("combines: what it does not name stays", () => {
    let lab = readLab({ impairments: [{ at: "pod/web-2", direction: "both", loss: "5%" }] });
    const at = "pod/default/web-1";
    lab = withImpairment(lab, at, change("loss=1%,25%"));
    lab = withImpairment(lab, at, change("delay=50ms", "jitter=5ms"));
    lab = withImpairment(lab, at, { ...change("limit=9"), directions: ["in"] });
    expect(oneWays(lab)).toEqual([
      { at: "pod/default/web-2", direction: "out", loss: "5%" },
      { at: "pod/default/web-2", direction: "in", loss: "5%" },
      { at, direction: "out", loss: "1% 25%", delay: "50ms", jitter: "5ms" },
      { at, direction: "in", limit: 9 },
    ]);
    lab = withImpairment(lab, at, change("loss=0"));
    expect(oneWays(lab)[2]).toEqual({ at, direction: "out", delay: "50ms", jitter: "5ms" });
    lab = withImpairment(lab, at, { ...change("rate=1mbit"), clear: true });
    expect(oneWays(lab)[2]).toEqual({ at, direction: "out", rate: "1mbit" });
    lab = withImpairment(lab, at, { directions: ["out", "in"], settings: [], clear: true });
    expect(oneWays(lab)).toHaveLength(2);
  });

  it("is one that a running lab takes, and its lab still reads as a file", () => {
    const c = cluster([]);
    const change1 = change(
      "gemodel=1%,10%",
      "reorder=25%",
      "gap=5",
      "delay=10ms",
      "distribution=normal",
      "corrupt=0.1%",
    );
    c.apply([withImpairment(c.lab, "pod/default/web-1", change1)]);
    expect(rowsOf(c)[0]).toMatchObject({ gap: 5, delay: 10_000, gemodel: { p: 0.01, r: 0.1 } });
    expect(readObjects(JSON.parse(JSON.stringify(c.lab))).problems).toEqual([]);
    const [view] = impairmentViews(c.state(), () => null);
    expect(view.settings).toBe("gemodel 1% 10%, delay 10ms, distribution normal, reorder 25%, gap 5, corrupt 0.1%");
  });

  it("says what is wrong with it", () => {
    const wrong = (setting: string) => () => withImpairment(readLab(), "pod/default/web-1", change(setting));
    expect(wrong("loss")).toThrow(new SettingError('expected NAME=VALUE such as loss=1% or delay=50ms, got "loss"'));
    expect(wrong("los=1%")).toThrow(/got "los"; did you mean loss\?/);
    expect(wrong("loss=1")).toThrow(/^loss: expected a percentage such as 1%.*, got "1"$/);
    expect(wrong("limit=x")).toThrow(/^limit: expected a whole number from 1 to 65536, got "x"$/);
    expect(wrong("distribution=even")).toThrow(/expected uniform or normal/);
  });

  it("finds points as people name them", () => {
    const c = cluster([]);
    const find = (text: string) => findPoint(text, c.state(), c.snapshot().names);
    expect(find("pod/web-1")).toBe("pod/default/web-1");
    expect(find("po/web-1")).toBe("pod/default/web-1");
    expect(find("node-1/eth0")).toBe("node-1/eth0");
    expect(find("node/node-2")).toBe("node/node-2");
    expect(() => find("pod/wbe-1")).toThrow(/there is no pod\/wbe-1; did you mean pod\/default\/web-1/);
    expect(() => find("node-1/eth9")).toThrow(/there is no ENI node-1\/eth9; .*node-1\/eth0/);
    expect(() => find("10.0.1.99")).toThrow(/has no device/);
  });
});

it("steps are told in words", () => {
  const explainImpairment = (what: number, b: number, c: number) => {
    const d = new Decision();
    return impairDetail(d, d.addWith(0, STAGE_IMPAIR, ACT_IMPAIR, RULE_IMPAIRMENT, 0, what, b, c, 0));
  };
  expect(explainImpairment(I.IMPAIR_PASSED, 430_000_000, 10_000_000)).toBe("loss 1 %: passes (draw 0.4300)");
  expect(explainImpairment(I.IMPAIR_LOST, 4_000_000, 10_000_000)).toBe("loss 1 %: lost (draw 0.0040)");
  expect(explainImpairment(I.IMPAIR_LOST, 0, -1)).toBe("lost by the Gilbert-Elliott model");
  expect(explainImpairment(I.IMPAIR_DELAYED, 50_120, 0)).toBe("delayed by 50.12 ms");
  expect(explainImpairment(I.IMPAIR_CORRUPTED, 33, 5)).toBe("corrupted: bit 5 of byte 33");
  expect(explainImpairment(I.IMPAIR_FULL, 1000, 1000)).toBe("1000 packets wait, limit 1000");
});
