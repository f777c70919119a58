import { describe, expect, it } from "vitest";
import { LabError, problemText } from "../../../src/lab/files/labError.ts";
import { loadScenario, parseScenario } from "../../../src/lab/files/loadScenario.ts";

const SCENARIO = `apiVersion: podplane.dev/v1alpha1
kind: IpamScenario
metadata: { name: test }
spec:
  duration: 10m
  vpc:
    cidrBlocks: [10.0.0.0/16]
    subnets:
      - { name: nodes-a, availabilityZone: us-east-1a, cidrBlock: 10.0.1.0/24 }
  nodes:
    - { name: node-1, instanceType: m5.large, subnet: nodes-a }
  settings:
    - { name: default, mode: standard }
  timeline:
    - at: 1m
      deploy: { name: web, replicas: 3 }
`;

function problems(text: string): string[] {
  try {
    parseScenario(text, "s.yaml");
  } catch (error) {
    if (error instanceof LabError) return error.problems.map(problemText);
    throw error;
  }
  return [];
}

/** The scenario with one line replaced. */
function changed(from: string, to: string): string {
  expect(SCENARIO).toContain(from);
  return SCENARIO.replace(from, to);
}

const event = (line: string) => `${SCENARIO}    - ${line}\n`;

describe("problems of a scenario", () => {
  it.each([
    [
      "an unknown field",
      changed("duration: 10m", "duration: 10m\n  sampel: 1s"),
      ['s.yaml:6:3: spec.sampel: expected a known field, got "sampel"; did you mean sample?'],
    ],
    [
      "an unknown action",
      changed("deploy: {", "deplyo: {"),
      ['s.yaml:16:7: spec.timeline[0].deplyo: expected a known field, got "deplyo"; did you mean deploy?'],
    ],
    [
      "an unknown field of an action",
      event("{ at: 2m, rollout: { name: web, maxSurg: 1 } }"),
      ['s.yaml:17:39: spec.timeline[1].rollout.maxSurg: expected a known field, got "maxSurg"; did you mean maxSurge?'],
    ],
    [
      "a duration that is none",
      changed("duration: 10m", "duration: 10 minutes"),
      ['s.yaml:5:3: spec.duration: expected a duration such as 90s, 15m or 7d, got "10 minutes"'],
    ],
    [
      "no settings",
      changed("    - { name: default, mode: standard }", "    []"),
      ["s.yaml:12:3: spec.settings: expected at least 1 item, got []"],
    ],
    [
      "settings of the other mode",
      changed("mode: standard }", "mode: auto, env: { WARM_IP_TARGET: '1' } }"),
      ["s.yaml:13:36: spec.settings[0].env: env belongs to mode standard; remove it, or write mode: standard"],
    ],
    [
      "two settings of one name",
      changed(
        "    - { name: default, mode: standard }",
        "    - { name: a, mode: auto }\n    - { name: a, mode: auto }",
      ),
      ['s.yaml:14:9: spec.settings[1].name: expected a name of its own, got "a", which is settings[0]\'s'],
    ],
    [
      "two times, or none",
      event("{ at: 2m, every: 1m, scale: { name: web, replicas: 1 } }"),
      ["s.yaml:17:7: spec.timeline[1]: an event happens either at a time or every so often; write at or every"],
    ],
    [
      "two actions",
      event("{ at: 2m, scale: { name: web, replicas: 1 }, rollout: { name: web } }"),
      ["s.yaml:17:52: spec.timeline[1].rollout: an event does one thing, got scale and rollout; write two events"],
    ],
    [
      "no action",
      event("{ at: 2m }"),
      [
        "s.yaml:17:7: spec.timeline[1]: an event does one thing; write one of deploy, scale, rollout, replace, addNodes, removeNodes, fillSubnet, freeSubnet, restartIpamd",
      ],
    ],
    [
      "a time after the end",
      event("{ at: 11m, scale: { name: web, replicas: 1 } }"),
      ["s.yaml:17:7: spec.timeline[1]: expected a time within the duration (10m), got none; change it"],
    ],
    [
      "a deployment that nobody makes",
      event("{ at: 2m, scale: { name: wbe, replicas: 1 } }"),
      [
        's.yaml:17:26: spec.timeline[1].scale.name: expected a deployment of the timeline, got "wbe"; did you mean web?',
      ],
    ],
    [
      "a node, a subnet and an instance type that are not there",
      changed("m5.large, subnet: nodes-a }", "m5.larg, subnet: nodes-b }").concat(
        "    - { at: 2m, restartIpamd: { node: node-2 } }\n",
      ),
      [
        's.yaml:11:23: spec.nodes[0].instanceType: expected an EC2 instance type, got "m5.larg"; did you mean m5.large or c5.large or m1.large?',
        's.yaml:11:46: spec.nodes[0].subnet: expected a subnet of the VPC, got "nodes-b"; did you mean nodes-a?',
        's.yaml:17:33: spec.timeline[1].restartIpamd.node: expected a node of the scenario, got "node-2"; did you mean node-1?',
      ],
    ],
    [
      "a node twice",
      event("{ at: 2m, addNodes: { namePrefix: node, count: 2, instanceType: m5.large, subnet: nodes-a } }"),
      [
        "s.yaml:17:17: spec.timeline[1].addNodes: expected names of their own, got node node-1 twice; rename one of them",
      ],
    ],
    [
      "what a lab's VPC would be refused for",
      changed("cidrBlock: 10.0.1.0/24", "cidrBlock: 10.1.1.0/24"),
      [
        "s.yaml:9:56: spec.vpc.subnets[0].cidrBlock: expected a block inside the VPC (10.0.0.0/16), got 10.1.1.0/24; change it, or add a block to the VPC",
      ],
    ],
    [
      "too many samples",
      changed("duration: 10m", "duration: 10m\n  sample: 1ms"),
      ["s.yaml:6:3: spec.sample: expected at most 10000 samples, got one every 1ms of 10m; choose a longer sample"],
    ],
    [
      "another kind",
      changed("kind: IpamScenario", "kind: Lab"),
      ['s.yaml:2:1: kind: expected one document of kind IpamScenario (podplane.dev/v1alpha1), got "Lab"'],
    ],
    [
      "two documents",
      `${SCENARIO}---\n${SCENARIO}`,
      ["s.yaml: expected one document of kind IpamScenario (podplane.dev/v1alpha1), got 2"],
    ],
    [
      "a file that is not there",
      "",
      ["s.yaml: expected one document of kind IpamScenario (podplane.dev/v1alpha1), got none"],
    ],
  ])("%s", (_, text, expected) => {
    expect(problems(text)).toEqual(expected);
  });

  it("a file that cannot be read", () => {
    expect(() => loadScenario("/nowhere/s.yaml")).toThrow(
      /^\/nowhere\/s.yaml: expected a file that can be read, got ENOENT/,
    );
  });
});

describe("a scenario", () => {
  it("has its defaults, and times in milliseconds", () => {
    const { scenario, notes } = parseScenario(SCENARIO, "s.yaml");
    expect(notes).toEqual([]);
    expect(scenario.spec).toMatchObject({
      seed: 1,
      duration: 600_000,
      kubelet: { backOff: 10_000, jitter: 0.5 },
      timeline: [{ at: 60_000, deploy: { name: "web", replicas: 3, readyAfter: 0, terminationGracePeriod: 0 } }],
    });
  });

  it("says what a variable of aws-node means beside what it says", () => {
    const text = changed("mode: standard }", 'mode: standard, env: { WARM_IP_TARGET: "x" } }');
    const { notes } = parseScenario(text, "s.yaml");
    expect(notes.map(problemText)).toEqual([
      's.yaml:13:47: spec.settings[0].env.WARM_IP_TARGET: WARM_IP_TARGET is "x": ipamd takes it for 0, as if it were not set, as for every negative or unreadable value',
    ]);
  });

  it.each(["cooling-counted-as-available", "first-pod-second-eni", "subnet-fragmentation", "rolling-week"])(
    "labs/%s can be read, without a note",
    (name) => {
      const file = new URL(`../../../labs/${name}/scenario.yaml`, import.meta.url).pathname;
      const { scenario, notes } = loadScenario(file);
      expect(scenario.metadata.name).toBe(name);
      expect(notes).toEqual([]);
    },
  );
});
