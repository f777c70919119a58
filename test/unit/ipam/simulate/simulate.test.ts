import { describe, expect, it } from "vitest";
import { at, labScenario, run, runText, scenarioText } from "./scenarios.ts";

const MINUTE = 60_000;

const CHURN = `  ec2: { jitter: 0.3 }
  timeline:
    - { at: 1m, deploy: { name: web, replicas: 12, readyAfter: 5s, terminationGracePeriod: 10s } }
    - { at: 1m, addNodes: { namePrefix: more, count: 2, instanceType: t3.medium, subnet: nodes-a } }
    - { every: 20s, from: 3m, until: 6m, replace: { pods: 5, over: 7s } }
    - { at: 4m, rollout: { name: web } }
    - { at: 5m, restartIpamd: { down: 7s } }
    - { at: 6m, scale: { name: web, replicas: 30 } }
    - { at: 7m, fillSubnet: { subnet: nodes-a, addresses: 100, pattern: scattered } }
    - { at: 8m, removeNodes: { count: 1 } }
    - { at: 9m, freeSubnet: { subnet: nodes-a, addresses: 50 } }
`;
const SETTINGS = `    - { name: default, mode: standard }
    - { name: warm, mode: standard, env: { WARM_IP_TARGET: "2", MINIMUM_IP_TARGET: "4" }, assignOrder: random }
    - { name: auto, mode: auto, parameters: { warmAddresses: 2, prefixCooldown: 20s } }`;

describe("a simulation", () => {
  it("has the same history for the same seed, byte for byte, and another for another", () => {
    const text = scenarioText(CHURN, SETTINGS);
    const first = runText(text);
    expect(runText(text)).toEqual(first);
    expect(new Set(first.map((r) => r.history)).size).toBe(3);
    const other = runText(text, { seed: 2 });
    for (const [i, result] of other.entries()) {
      expect(result.seed).toBe(2);
      expect(result.history).not.toBe(first[i].history);
    }
  });

  it("keeps what must always hold, after every event, and changes nothing by looking", () => {
    const text = scenarioText(CHURN, SETTINGS);
    const checked = runText(text, { check: true });
    expect(checked.map((r) => r.violations)).toEqual([[], [], []]);
    expect(checked.map((r) => r.history)).toEqual(runText(text).map((r) => r.history));
    for (const result of checked) {
      expect(result.duplicates).toEqual([]);
      expect(result.markers.map((m) => m.action).filter((a) => a !== "replace")).toEqual([
        "deploy",
        "addNodes",
        "rollout",
        "restartIpamd",
        "scale",
        "fillSubnet",
        "removeNodes",
        "freeSubnet",
      ]);
    }
  });

  it("accounts for every address of the subnet at every sample", () => {
    for (const { series } of runText(scenarioText(CHURN, SETTINGS)))
      series.time.forEach((time, i) => {
        // Between two samples of 10 s everything else happens; 251 is a /24 without EC2's own.
        const foreign = time > 9 * MINUTE ? 50 : time > 7 * MINUTE ? 100 : 0;
        expect(series.reserved[i] + series.subnetFree[i] + foreign, `at ${time}`).toBe(251);
        expect(series.assigned[i] + series.cooling[i] + series.warm[i]).toBeLessThanOrEqual(series.reserved[i]);
      });
  });

  it("moves a rollout's pods as a Deployment does, each with an address of its own", () => {
    const [result] = runText(
      scenarioText(`  timeline:
    - { at: 2m, deploy: { name: web, replicas: 8, readyAfter: 10s } }
    - { at: 5m, rollout: { name: web, maxSurge: 25%, maxUnavailable: 0 } }
`),
    );
    // Two pods at a time, each pair available after 10 s. An address cools down for 30 s, the last moment included.
    const moment = (seconds: number) => at(result, 5 * MINUTE + seconds * 1000);
    expect(moment(0)).toMatchObject({ assigned: 8, cooling: 0 });
    expect(moment(10)).toMatchObject({ assigned: 10, cooling: 2 });
    expect(moment(30)).toMatchObject({ assigned: 10, cooling: 6 });
    expect(moment(40)).toMatchObject({ assigned: 8, cooling: 8 });
    expect(moment(50)).toMatchObject({ assigned: 8, cooling: 6 });
    expect(at(result, 7 * MINUTE)).toMatchObject({ assigned: 8, cooling: 0 });
    expect(result.startDelay).toEqual({ count: 16, p50: 0, p90: 0, p99: 0, max: 0 });
  });

  it("lets a pod keep its address for the termination grace period, and another one come", () => {
    const [result] = runText(
      scenarioText(`  timeline:
    - { at: 2m, deploy: { name: web, replicas: 2, terminationGracePeriod: 30s } }
    - { at: 5m, replace: { pods: 1 } }
`),
    );
    expect(at(result, 5 * MINUTE + 10_000)).toMatchObject({ assigned: 3, cooling: 0 });
    expect(at(result, 5 * MINUTE + 40_000)).toMatchObject({ assigned: 2, cooling: 1 });
  });

  it("moves a drained node's pods to the others before the instance goes", () => {
    const [result] = runText(
      scenarioText(`  timeline:
    - { at: 10s, addNodes: { name: node-2, instanceType: m5.large, subnet: nodes-a } }
    - { at: 2m, deploy: { name: web, replicas: 6, terminationGracePeriod: 20s } }
    - { at: 5m, removeNodes: { names: [node-1] } }
`),
    );
    expect(at(result, 5 * MINUTE)).toMatchObject({ enis: 4, assigned: 6 });
    expect(at(result, 5 * MINUTE + 10_000)).toMatchObject({ enis: 4, assigned: 9 });
    expect(at(result, 5 * MINUTE + 30_000)).toMatchObject({ enis: 2, assigned: 6, waiting: 0 });
  });

  it("leaves pods without a node where max-pods is reached", () => {
    const [result] = runText(scenarioText("  timeline: [{ at: 2m, deploy: { name: web, replicas: 40 } }]\n"));
    // 29 of an m5.large, less aws-node and kube-proxy.
    expect(at(result, 5 * MINUTE)).toMatchObject({ assigned: 27, unscheduled: 13 });
    expect(result.unscheduled).toBe(13);
  });

  it("sees an address given twice after a restart without checkpoint, and none with it", () => {
    const restarted = (checkpoint: boolean) =>
      runText(
        scenarioText(`  timeline:
    - { at: 2m, deploy: { name: web, replicas: 4 } }
    - { at: 4m, restartIpamd: { checkpoint: ${checkpoint} } }
    - { at: 5m, scale: { name: web, replicas: 8 } }
`),
      )[0];
    expect(restarted(true).duplicates).toEqual([]);
    const { duplicates, violations } = restarted(false);
    expect(duplicates).toHaveLength(4);
    expect(duplicates[0]).toMatchObject({
      time: 5 * MINUTE,
      node: "node-1",
      pods: ["pod/default/web-1", "pod/default/web-5"],
    });
    expect(violations).toEqual([]);
  });

  it("says what a pod is told while the daemon is down", () => {
    const [result] = runText(
      scenarioText(`  timeline:
    - { at: 2m, restartIpamd: { down: 20s } }
    - { at: 125s, deploy: { name: web, replicas: 1 } }
`),
    );
    expect(result.failures).toHaveLength(1);
    expect(result.failures[0]).toMatchObject({ count: 1, pod: "pod/default/web-1", node: "node-1", time: 125_000 });
    expect(result.failures[0].message).toContain("ipamd does not answer yet");
    expect(result.startDelay?.max).toBeGreaterThan(15_000);
  });
});

describe("labs/cooling-counted-as-available", () => {
  it("shows that cooling addresses hold pods up, and that a larger minimum or a shorter cooldown does not", () => {
    const [reported, cooldown, minimum] = run(labScenario("cooling-counted-as-available"));
    for (const quiet of [cooldown, minimum]) {
      expect(quiet.stalls).toEqual([]);
      expect(quiet.startDelay).toEqual({ count: 71, p50: 0, p90: 0, p99: 0, max: 0 });
    }
    expect(reported.stalls).toHaveLength(12);
    expect(reported.stalls[0]).toMatchObject({ node: "node-1", from: 195_000, to: 210_001, pods: 8 });
    // ipamd counts more than WARM_IP_TARGET=2 as available all the while, so that it asks EC2 for nothing.
    for (const stall of reported.stalls) expect(stall.available).toBeGreaterThan(2);
    const after = (r: typeof reported) =>
      r.series.calls[r.series.time.indexOf(370_000)] - r.series.calls[r.series.time.indexOf(180_000)];
    expect(after(reported)).toBe(0);
    expect(reported.stalledPods).toBe(48);
    // An address is assignable after 30 s, and kubelet asks every 10 to 15 s.
    expect(reported.startDelay?.p50).toBeGreaterThan(15_000);
    expect(reported.startDelay?.max).toBeGreaterThan(30_000);
    expect(reported.startDelay?.max).toBeLessThan(60_000);
  });
});

describe("labs/first-pod-second-eni", () => {
  it("shows that the first pod has the daemon attach a second ENI by default", () => {
    const [byDefault, warmIp, prefixes] = run(labScenario("first-pod-second-eni"));
    expect(at(byDefault, 2 * MINUTE)).toMatchObject({ enis: 1, warm: 9, assigned: 0 });
    expect(at(byDefault, 3 * MINUTE)).toMatchObject({ enis: 2, warm: 17, assigned: 1, reserved: 20 });
    expect(at(warmIp, 2 * MINUTE)).toMatchObject({ enis: 1, warm: 3, assigned: 0, reserved: 4 });
    expect(at(warmIp, 3 * MINUTE)).toMatchObject({ enis: 1, warm: 3, assigned: 1, reserved: 5 });
    expect(at(prefixes, 2 * MINUTE)).toMatchObject({ enis: 1, prefixes: 1, assigned: 0 });
    expect(at(prefixes, 3 * MINUTE)).toMatchObject({ enis: 1, prefixes: 2, assigned: 1, reserved: 33 });
    for (const result of [byDefault, warmIp, prefixes]) expect(result.startDelay?.max).toBe(0);
  });
});

describe("labs/subnet-fragmentation", () => {
  it("shows that Standard mode has no addresses in a fragmented subnet, where Auto Mode takes single ones", () => {
    const [standard, auto] = run(labScenario("subnet-fragmentation"));
    expect(at(standard, 9 * MINUTE)).toMatchObject({ assigned: 0, prefixes: 0, waiting: 30, subnetFree: 217 });
    expect(standard.refusals).toEqual({ InsufficientCidrBlocks: 30 });
    // Two minutes at most after the subnet is free again, ipamd asks again.
    expect(at(standard, 13 * MINUTE)).toMatchObject({ assigned: 30, prefixes: 4, waiting: 0 });
    expect(standard.startDelay?.p50).toBeGreaterThan(8 * MINUTE);
    expect(at(auto, 4 * MINUTE)).toMatchObject({ assigned: 30, prefixes: 0, waiting: 0 });
    expect(auto.startDelay?.max).toBeLessThan(30_000);
  });
});
