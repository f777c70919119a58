import { Command } from "commander";
import { afterEach, describe, expect, it, vi } from "vitest";
import { capacityCommand } from "../../../src/cli/capacity.ts";
import { allTypesText, typeText } from "../../../src/cli/capacityText.ts";
import { type CapacityQuestion, capacity } from "../../../src/control/ipam/capacity.ts";
import { CAPACITY_MODES } from "../../../src/control/ipam/capacityModes.ts";
import { SubnetSupply } from "../../../src/control/ipam/subnetSupply.ts";
import { toCidr } from "../../../src/control/vpc/cidr.ts";
import { instanceTypeNames, knownInstanceType } from "../../../src/control/vpc/instanceTypes.ts";

const QUICKSTART = new URL("../../../labs/quickstart", import.meta.url).pathname;

/** The command's output, or the error that it ends with. */
function run(...args: string[]): { stdout: string; stderr: string } {
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += String(text);
      return true;
    });
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  capacityCommand(program);
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  try {
    program.parse(["node", "podplane", "capacity", ...args]);
  } finally {
    vi.restoreAllMocks();
  }
  return written;
}

function modes(stdout: string): Record<string, Record<string, unknown>> {
  const [{ modes: list }] = JSON.parse(stdout) as { modes: { mode: string }[] }[];
  return Object.fromEntries(list.map((m) => [m.mode, m]));
}

const width = (text: string): number => Math.max(...text.split("\n").map((line) => line.length));

afterEach(() => vi.restoreAllMocks());

describe("capacity", () => {
  it("prints a type's modes as a table, each with the limit that binds first", () => {
    const type = knownInstanceType("m5.large");
    expect(typeText(type, capacity({ type }), 80)).toMatchInlineSnapshot(`
      "m5.large: 2 vCPUs, nitro, 3 ENIs x 10 addresses, 9 branch ENIs

      MODE              ENIS  SLOTS  IPS  MAX-PODS  CAPPED  NODEADM  IDLE  PODS
      secondary            3     27   27        29      29       29    10    27
      prefix               3     27  432       434     110       29    17   108
      custom               2     18   18        20      20       29    11    18
      custom-prefix        2     18  288       290     110       29    18   108
      pod-eni              2     18   18        29      29       29    11    27
      pod-eni-prefix       2     18  288       434     110       29    18   108
      auto                 3     27  432        27      27        -     -    27
      auto-32              3     27   27        27      27        -     2    27
      auto-pod-subnets     2     18  288        18      18        -     -    18

      secondary         27 pods, bound by ENI slots: 3 ENIs x 9 slots = 27 addresses
      prefix            108 pods, bound by kubelet cap: EKS recommends 110 pods at
                        most with 2 vCPUs, less 2 for aws-node and kube-proxy
      custom            18 pods, bound by ENI slots: 2 ENIs beside the primary one x 9
                        slots = 18 addresses
      custom-prefix     108 pods, bound by kubelet cap: EKS recommends 110 pods at
                        most with 2 vCPUs, less 2 for aws-node and kube-proxy
      pod-eni           27 pods, bound by ENI slots: 2 ENIs x 9 slots = 18 addresses,
                        and 9 branch ENIs
      pod-eni-prefix    108 pods, bound by kubelet cap: EKS recommends 110 pods at
                        most with 2 vCPUs, less 2 for aws-node and kube-proxy
      auto              27 pods, bound by max-pods: max-pods is 27, an address a slot,
                        as if every subnet were fragmented
      auto-32           27 pods, bound by ENI slots: 3 ENIs x 9 slots = 27 addresses
      auto-pod-subnets  18 pods, bound by max-pods: max-pods is 18, an address a slot,
                        as if every subnet were fragmented"
    `);
  });

  it("prints one mode with all its limits", () => {
    const type = knownInstanceType("m5.large");
    const question: CapacityQuestion = {
      type,
      modes: CAPACITY_MODES.filter((m) => m.name === "prefix"),
      subnet: new SubnetSupply(toCidr("10.0.0.0/24")),
      nodes: 3,
      pods: 40,
    };
    expect(typeText(type, capacity(question), 80)).toMatchInlineSnapshot(`
      "m5.large: 2 vCPUs, nitro, 3 ENIs x 10 addresses, 9 branch ENIs

      MODE    ENIS  SLOTS  IPS  MAX-PODS  CAPPED  NODEADM  IDLE  PODS
      prefix     3     27  432       434     110       29    17    64

      prefix   40 pods of 64; prefixes in subnet would bind first: 10.0.0.0/24 has 14
               free /28 blocks beside single addresses; each of 3 nodes gets 1 address
               for its ENI and 4 prefixes
               then 108 by kubelet cap: EKS recommends 110 pods at most with 2 vCPUs,
               less 2 for aws-node and kube-proxy
               then 432 by ENI slots: 3 ENIs x 9 slots x 16 = 432 addresses
      idle     holds 17 addresses on 1 ENI before it has a pod
      held     holds 65 addresses on 1 ENI with 40 pods
      subnet   holds 4 nodes with 40 pods each, warm pools not counted
      kubelet  max-pods 110; nodeadm keeps 1465 MiB of memory for it
      nodeadm  computes max-pods 29; for 110 set maxPodsExpression: "110""
    `);
  });

  it.each([80, 140])("fits %i columns", (columns) => {
    const questions: CapacityQuestion[] = instanceTypeNames().map((name) => ({ type: knownInstanceType(name) }));
    const rows = questions.map((question) => ({
      type: question.type,
      answers: new Map(capacity(question).map((a) => [a.mode, a])),
    }));
    const all = allTypesText(rows, columns);
    expect(width(all)).toBeLessThanOrEqual(columns);
    expect(all.split("\n")).toHaveLength(1392);
    for (const name of ["p5.48xlarge", "u7in-32tb.224xlarge", "c9g.large"]) {
      const type = knownInstanceType(name);
      const subnet = new SubnetSupply(toCidr("10.0.0.0/24"));
      const answers = capacity({ type, modes: CAPACITY_MODES, subnet, nodes: 4, pods: 300, securityGroupPods: 200 });
      expect(width(typeText(type, answers, columns))).toBeLessThanOrEqual(columns);
    }
  });

  it("has more columns where there is room", () => {
    const type = knownInstanceType("m5.large");
    const wide = typeText(type, capacity({ type }), 140).split("\n");
    expect(wide[2].split(/\s+/)).toEqual(
      "MODE ENIS SLOTS ADDRESSES IPS BRANCH MAX-PODS CAPPED NODEADM MEMORY-MIB IDLE PODS".split(" "),
    );
    expect(wide[3].split(/\s+/)).toEqual("secondary 3 27 30 27 0 29 29 29 574 10 27".split(" "));
  });

  it("lists all types, family by family", () => {
    const lines = run("--all").stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(1392);
    expect(lines[0]).toMatch(/^TYPE +SLOTS +IPS +PODS +\/28 +CUSTOM +C-\/28 +CAP +BRANCH +AUTO$/);
    expect(lines.find((l) => l.startsWith("m5.large "))?.split(/\s+/)).toEqual(
      "m5.large 3x9 27 29 434 20 290 110 9 27".split(" "),
    );
    const families = lines.slice(1).map((l) => l.slice(0, l.indexOf(".")));
    expect(new Set(families).size).toBe(families.filter((f, i) => f !== families[i - 1]).length);
  });

  it("prints JSON", () => {
    const answers = modes(run("m5.large", "-o", "json").stdout);
    expect(answers.secondary).toMatchObject({ slots: 27, podAddresses: 27, pods: 27, maxPods: { formula: 29 } });
    expect(answers.prefix).toMatchObject({ podAddresses: 432, pods: 108, maxPods: { formula: 434, recommended: 110 } });
    expect(JSON.parse(run("--all", "--mode", "secondary", "-o", "json").stdout)).toHaveLength(1391);
  });

  it("takes several types, modes and what is asked of them", () => {
    const text = run("m5.large", "t3.small", "--mode", "secondary,prefix", "--max-eni", "2").stdout;
    expect(text).toMatch(/^m5\.large: /);
    expect(text).toMatch(/\n\nt3\.small: /);
    expect(text).toContain("2 ENIs x 9 slots = 18 addresses");
    const json = modes(
      run("m5.large", "--subnet", "10.0.0.0/24", "--used", "12", "--scattered", "--nodes", "2", "-o", "json").stdout,
    );
    expect(json.prefix).toMatchObject({ pods: 16, limits: [{ kind: "prefixes in subnet" }, {}, {}] });
    const apart = modes(
      run("m5.4xlarge", "--subnet", "10.0.0.0/24", "--pod-subnet", "100.64.0.0/28", "--used", "1", "-o", "json").stdout,
    );
    expect([apart.custom.pods, apart.secondary.pods]).toEqual([9, 108]);
    const kubelet = modes(run("m5.large", "--max-pods", "20", "--pods", "19", "--sg-pods", "1", "-o", "json").stdout);
    expect(kubelet.secondary).toMatchObject({ pods: 18, fits: false, asked: 19 });
    expect(kubelet["pod-eni"]).toMatchObject({ limits: [{ kind: "max-pods", pods: 18 }, { pods: 19 }] });
  });

  it("says that EC2 clears a subnet's host bits", () => {
    const { stdout, stderr } = run("m5.large", "--subnet", "10.0.2.0/20", "--mode", "secondary", "--nodes", "400");
    expect(stderr).toBe("note: 10.0.2.0/20 has host bits; EC2 makes it 10.0.0.0/20\n");
    expect(stdout.replace(/\s+/g, " ")).toContain("10.0.0.0/20 has 4091 free addresses");
  });

  it("answers for a node of a lab", () => {
    const [{ type, modes: list }] = JSON.parse(run("--lab", QUICKSTART, "--node", "node-1", "-o", "json").stdout) as {
      type: { name: string };
      modes: unknown[];
    }[];
    expect(type.name).toBe("m5.large");
    // 10.0.1.0/24: a host's address in one /28, the node's in the first, which holds no prefix anyhow.
    expect(list).toMatchObject([{ mode: "prefix", pods: 108, nodesInSubnets: 1 }]);
    expect(run("--lab", QUICKSTART, "--node", "node-1").stdout).toContain("holds 1 node with 108 pods each");
    const many = run("--lab", QUICKSTART, "--node", "node-1", "--nodes", "2").stdout;
    expect(many.replace(/\s+/g, " ")).toContain("10.0.1.0/24 has 13 free /28 blocks");
  });

  it.each<[string[], string | RegExp]>([
    [["m5.lage"], /^expected an EC2 instance type, got "m5\.lage"; did you mean m5\.large or .*max-pods 110/],
    [["zzz"], /there are 1391, none like it/],
    [[], "name an instance type such as m5.large, or use --all, or --lab"],
    [["m5.large", "--all"], "instance types, --all and --lab exclude each other; use one of them"],
    [["m5.large", "--node", "node-1"], "--node is of a lab; add --lab, or leave it out"],
    [["--lab", QUICKSTART, "--node", "node-3"], 'the lab has no node "node-3"; did you mean node-1 or node-2?'],
    [["--lab", QUICKSTART, "--node", "node-1", "--used", "3"], /a lab has its own subnets/],
    [["m5.large", "--used", "3"], "--used counts in a subnet; add --subnet CIDR"],
    [["m5.large", "--subnet", "10.0.0.0/28", "--used", "12"], /expected at most 11 used addresses in 10\.0\.0\.0\/28/],
    [["m5.large", "--subnet", "10.0.0.0/29"], /expected a CIDR block from \/16 to \/28/],
    [["m5.large", "--mode", "prefixes"], /There is no mode "prefixes"; choose from secondary, prefix, custom/],
    [["m5.large", "--nodes", "0"], /expected a whole number from 1/],
    [["m5.large", "--pods", "3", "--sg-pods", "4"], /--sg-pods 4 are among --pods 3/],
  ])("refuses %j", (args, message) => {
    expect(() => run(...args)).toThrow(message);
  });
});
