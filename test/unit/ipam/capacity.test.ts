import { describe, expect, it } from "vitest";
import { type CapacityAnswer, type CapacityQuestion, capacity } from "../../../src/control/ipam/capacity.ts";
import { CAPACITY_MODES, kubeletMemory, nodeadmMaxPods } from "../../../src/control/ipam/capacityModes.ts";
import { instanceType, knownInstanceType } from "../../../src/control/vpc/instanceTypes.ts";

type Options = Omit<CapacityQuestion, "type" | "modes">;

function ask(type: string, mode: string, options: Options = {}): CapacityAnswer {
  const modes = CAPACITY_MODES.filter((m) => m.name === mode);
  expect(modes, mode).toHaveLength(1);
  return capacity({ type: knownInstanceType(type), modes, ...options })[0];
}

describe("what a node has room for", () => {
  it.each([
    // EKS best practices, "prefix mode" and "custom networking"; ipamd.go: IPv4 limit - 1 slots of an ENI.
    ["m5.large", "secondary", 3, 27, 27],
    ["m5.large", "prefix", 3, 27, 432],
    ["m5.large", "custom", 2, 18, 18],
    ["m5.large", "custom-prefix", 2, 18, 288],
    // 8 x 29: the CNI's README says 234, which is max-pods.
    ["c5.4xlarge", "secondary", 8, 232, 232],
    // Pods use ENIs of the default network card alone: 2 of 64.
    ["p5.48xlarge", "secondary", 2, 98, 98],
    ["t3.medium", "prefix", 3, 15, 240],
    // A trunk takes an ENI (ipamd.go hasRoomForEni).
    ["m5.large", "pod-eni", 2, 18, 18],
    ["m5.large", "pod-eni-prefix", 2, 18, 288],
    ["m5.large", "custom-pod-eni", 1, 9, 9],
    ["m5.large", "custom-pod-eni-prefix", 1, 9, 144],
    ["m5.large", "auto", 3, 27, 432],
    ["m5.large", "auto-32", 3, 27, 27],
    ["m5.large", "auto-pod-subnets", 2, 18, 288],
    ["m5.large", "auto-32-pod-subnets", 2, 18, 18],
    // Xen: ipamd falls back to secondary addresses.
    ["m4.large", "prefix", 2, 18, 18],
    // Bare metal takes prefixes.
    ["m5.metal", "prefix", 15, 735, 11760],
    // One ENI: with custom networking none is left for pods.
    ["hpc6id.32xlarge", "custom", 0, 0, 0],
  ])("%s, %s: %i ENIs, %i slots, %i pod addresses", (type, mode, enis, slots, addresses) => {
    const answer = ask(type, mode);
    expect([answer.enis, answer.slots, answer.podAddresses]).toEqual([enis, slots, addresses]);
  });

  it.each([
    // Every ENI has an address of its own; a trunk and each branch ENI as well.
    ["secondary", 3 + 27],
    ["prefix", 3 + 432],
    ["custom", 3 + 18],
    ["pod-eni", 3 + 18 + 9],
    ["pod-eni-prefix", 3 + 288 + 9],
    ["auto-pod-subnets", 3 + 288],
  ])("m5.large, %s: a full node holds %i addresses", (mode, addresses) => {
    expect(ask("m5.large", mode).addresses).toBe(addresses);
  });

  it("MAX_ENI lowers the ENIs, and does not raise them; Auto Mode has no such setting", () => {
    expect(ask("m5.large", "secondary", { maxEni: 2 }).podAddresses).toBe(18);
    expect(ask("m5.large", "secondary", { maxEni: 9 }).podAddresses).toBe(27);
    expect(ask("m5.large", "custom", { maxEni: 1 }).podAddresses).toBe(0);
    expect(ask("m5.large", "auto-32", { maxEni: 1 }).podAddresses).toBe(27);
  });

  it("branch ENIs need a trunk", () => {
    // amazon-vpc-resource-controller-k8s pkg/aws/vpc/limits.go
    expect(["m5.large", "m5.xlarge", "c5.4xlarge", "t3.large"].map((t) => ask(t, "pod-eni").branchEnis)).toEqual([
      9, 18, 54, 0,
    ]);
    // No trunk: no ENI is kept for it.
    expect(ask("t3.large", "pod-eni").enis).toBe(3);
    // ipamd takes a type that the controller does not list for one that gets a trunk.
    const unlisted = ask("c9g.large", "pod-eni");
    expect([unlisted.enis, unlisted.trunk, unlisted.branchEnis]).toEqual([2, false, 0]);
    expect(unlisted.notes.join()).toMatch(/does not list c9g\.large/);
    // The primary ENI is there before any trunk.
    const alone = ask("m5.large", "pod-eni", { maxEni: 1 });
    expect([alone.enis, alone.branchEnis, alone.podAddresses]).toEqual([1, 0, 9]);
    expect(alone.notes).toEqual(["MAX_ENI leaves no place for a trunk ENI"]);
    expect(ask("t3.large", "pod-eni").notes.join()).toMatch(/takes no trunk ENI/);
    expect(ask("m5.large", "secondary").branchEnis).toBe(0);
  });
});

describe("max-pods", () => {
  it.each([
    // Formula, and what max-pods-calculator.sh prints without --show-max-allowed: 110 up to 30 vCPUs, else 250.
    ["m5.large", "secondary", 29, 29],
    ["m5.large", "prefix", 434, 110],
    // EKS best practices, "custom networking": 20, with prefixes 290.
    ["m5.large", "custom", 20, 20],
    ["m5.large", "custom-prefix", 290, 110],
    // nodeadm's own tests, eni_max_pods_test.go.
    ["t3.medium", "secondary", 17, 17],
    ["t3.medium", "prefix", 242, 110],
    ["t3.medium", "custom", 12, 12],
    ["c5.4xlarge", "secondary", 234, 110],
    ["m5.8xlarge", "secondary", 234, 234],
    ["m5.8xlarge", "prefix", 3714, 250],
    ["m5.24xlarge", "secondary", 737, 250],
    ["p5.48xlarge", "secondary", 100, 100],
    // The formula knows no trunk.
    ["m5.large", "pod-eni", 29, 29],
    ["m4.large", "prefix", 20, 20],
    // 24 and 16 vCPUs, whatever their size sounds like.
    ["hpc7a.12xlarge", "secondary", 100, 100],
    ["hpc7a.12xlarge", "prefix", 1570, 110],
    ["a1.metal", "prefix", 3714, 110],
    // The script counts prefixes on Nitro alone, which bare metal is not: 5 x 29 + 2.
    ["u-6tb1.metal", "prefix", 2322, 147],
    // 27 pods of c6a.large: no +2 (a node of Auto Mode, as it shows itself); never over 110.
    ["c6a.large", "auto", 27, 27],
    ["m5.4xlarge", "auto", 232, 110],
    ["m5.large", "auto-pod-subnets", 18, 18],
  ])("%s, %s: %i by the formula, %i as recommended", (type, mode, formula, recommended) => {
    const { maxPods } = ask(type, mode);
    expect([maxPods.formula, maxPods.recommended, maxPods.inEffect]).toEqual([formula, recommended, recommended]);
  });

  it("MAX_ENI lowers it, as --cni-max-eni does", () => {
    expect(ask("m5.large", "secondary", { maxEni: 2 }).maxPods.formula).toBe(20);
    expect(ask("m5.large", "custom", { maxEni: 1 }).maxPods.formula).toBe(2);
  });

  it.each([
    ["m5.large", "secondary", 29, null],
    ["m5.large", "custom", 29, "((default_enis - 1) * (ips_per_eni - 1)) + 2"],
    ["m5.large", "prefix", 29, "110"],
    ["t3.nano", "prefix", 4, "(default_enis * (ips_per_eni - 1) * 16) + 2"],
    ["m5.24xlarge", "secondary", 737, "250"],
    ["m5.large", "auto", null, null],
  ])("nodeadm on %s, %s: %s, unless maxPodsExpression is %s", (type, mode, nodeadm, expression) => {
    const { maxPods } = ask(type, mode);
    expect([maxPods.nodeadm, maxPods.nodeadmExpression]).toEqual([nodeadm, expression]);
  });

  it("nodeadm's expression has MAX_ENI as a number", () => {
    const { maxPods } = ask("m5.xlarge", "custom", { maxEni: 3 });
    expect(maxPods.nodeadmExpression).toBe("((3 - 1) * (ips_per_eni - 1)) + 2");
    expect(maxPods.recommended).toBe((3 - 1) * 14 + 2);
  });

  it("nodeadm takes 110 for a type that it cannot find", () => {
    expect(nodeadmMaxPods(instanceType("m5.huge"))).toBe(110);
  });

  it("reserves 11 MiB a pod and 255", () => {
    expect(kubeletMemory(29)).toBe(574);
    expect(ask("m5.large", "prefix").maxPods.memory).toBe(1465);
    expect(ask("m5.large", "prefix", { maxPods: 29 }).maxPods.memory).toBe(574);
    expect(ask("m5.large", "auto").maxPods.memory).toBeNull();
  });
});

describe("the question", () => {
  it("without modes is answered for those people choose from", () => {
    expect(capacity({ type: knownInstanceType("m5.large") }).map((a) => a.mode)).toEqual([
      "secondary",
      "prefix",
      "custom",
      "custom-prefix",
      "pod-eni",
      "pod-eni-prefix",
      "auto",
      "auto-32",
      "auto-pod-subnets",
    ]);
  });

  it("says what is idle, and what is held with the pods asked for", () => {
    // EKS best practices, "VPC CNI": an empty node of c5.large holds 10 addresses, one with a pod 20.
    const answer = ask("c5.large", "secondary", { pods: 1 });
    expect(answer.idle).toEqual({ enis: 1, forPods: 9, addresses: 10 });
    expect(answer.held).toEqual({ enis: 2, forPods: 18, addresses: 20 });
    expect(ask("c5.large", "secondary").held).toBeNull();
    // Two of 30 pods find no slot and take branch ENIs: 3 ENIs, 18 secondary addresses, 9 branch ENIs.
    expect(ask("m5.large", "pod-eni", { pods: 30 }).held?.addresses).toBe(30);
  });
});
