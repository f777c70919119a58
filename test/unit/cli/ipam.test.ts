import { describe, expect, it } from "vitest";
import { simulationTable } from "../../../src/cli/ipamTable.ts";
import { labScenario, run, runText, scenarioText } from "../ipam/simulate/scenarios.ts";

/** The fingerprints differ with everything that anybody logs; here they are as long as they are. */
function table(name: string, results: ReturnType<typeof run>, width: number): string {
  return simulationTable(name, results, width).replace(/\b[0-9a-f]{16}\b/g, "0123456789abcdef");
}

const SETTINGS = `    - { name: warm-ip, mode: standard, env: { WARM_IP_TARGET: "2", MINIMUM_IP_TARGET: "4" } }
    - { name: auto, mode: auto }`;
const TIMELINE = `  kubelet: { jitter: 0 }
  timeline:
    - { at: 2m, deploy: { name: web, replicas: 4 } }
    - { at: 5m, replace: { pods: 4 } }
`;

describe("ipam simulate, as a table", () => {
  it("has the settings side by side and then what went wrong", () => {
    expect(table("test", runText(scenarioText(TIMELINE, SETTINGS)), 80)).toMatchInlineSnapshot(`
      "test: 10m, seed 1

                                          warm-ip              auto
      mode                               standard              auto
      pods started                              8                 8
      start delay p50                          0s                0s
      start delay p90                         40s                0s
      start delay p99                         40s                0s
      start delay max                         40s                0s
      most pods waiting                         2                 0
      ADDs failed                               8                 0
      not assignable: times                     1                 0
      not assignable: node time               30s                0s
      not assignable: pods                      2                 0
      most assigned                             4                 4
      most reserved by nodes                    7                17
      least free in subnets                   244               234
      most ENIs                                 1                 1
      most prefixes                             0                 1
      EC2 calls                                 7                 2
      history                    0123456789abcdef  0123456789abcdef

      warm-ip
        8 ADDs failed, first pod/default/web-7 on node-1 at 5m: add cmd: failed to
          assign an IP address to container
        not assignable on node-1 from 5m to 5m30s: 3 counted as available, 2 pods held
          up"
    `);
  });

  it("fits 80 columns in two tables, 140 in one", () => {
    const results = run(labScenario("cooling-counted-as-available")).map((r) => ({
      ...r,
      variant: `${r.variant}, of three`,
    }));
    const narrow = table("cooling", results, 80).split("\n");
    expect(Math.max(...narrow.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(narrow.filter((line) => line.startsWith("history"))).toHaveLength(2);
    const wide = table("cooling", results, 140).split("\n");
    expect(Math.max(...wide.map((line) => line.length))).toBeLessThanOrEqual(140);
    expect(wide.filter((line) => line.startsWith("history"))).toHaveLength(1);
  });
});
