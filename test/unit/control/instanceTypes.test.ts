import { describe, expect, it } from "vitest";
import {
  type InstanceType,
  instanceLimits,
  instanceType,
  instanceTypeNames,
  knownInstanceType,
  maxPods,
  podCeiling,
  recommendedMaxPods,
  usableSlots,
} from "../../../src/control/vpc/instanceTypes.ts";

const ALL: readonly InstanceType[] = instanceTypeNames().map(knownInstanceType);

function count(test: (type: InstanceType) => boolean): number {
  return ALL.filter(test).length;
}

describe("instance types", () => {
  // amazon-vpc-cni-k8s, misc/eni-max-pods.txt
  it.each([
    ["t2.micro", 4],
    ["t3.nano", 4],
    ["t3.micro", 4],
    ["t3.small", 11],
    ["t3a.small", 8],
    ["t3.medium", 17],
    ["t3.large", 35],
    ["t3.xlarge", 58],
    ["m4.large", 20],
    ["m5.large", 29],
    ["c5.large", 29],
    ["m6i.large", 29],
    ["m7i.large", 29],
    ["r5.large", 29],
    ["c6g.large", 29],
    ["c6g.medium", 8],
    ["m5.xlarge", 58],
    ["m5.2xlarge", 58],
    ["c7g.xlarge", 58],
    ["m5.4xlarge", 234],
    ["m5.8xlarge", 234],
    ["c5.4xlarge", 234],
    ["m4.4xlarge", 234],
    ["c6in.32xlarge", 394],
    ["m5.24xlarge", 737],
    ["m6i.32xlarge", 737],
    ["a1.metal", 234],
    ["p3dn.24xlarge", 737],
    ["p4d.24xlarge", 737],
    ["p5.48xlarge", 100],
    ["d3.xlarge", 10],
    ["i7ie.12xlarge", 394],
    ["hpc6id.32xlarge", 51],
    ["x8i.48xlarge", 1514],
    ["trn2.3xlarge", 30],
  ])("%s: max-pods %i", (name, pods) => {
    const type = instanceType(name);
    expect(type && maxPods(type, false)).toBe(pods);
  });

  it("m5.large: 27 pod addresses, 434 max-pods with prefixes", () => {
    const type = instanceType("m5.large");
    if (type === null) throw new Error("m5.large is missing");
    expect(type.enis * usableSlots(type)).toBe(27);
    expect(maxPods(type, true)).toBe(434);
    const medium = instanceType("t3.medium");
    // nodeadm's own test has 242 for it.
    expect(medium && maxPods(medium, true)).toBe(242);
  });

  it("knows what holds no prefixes and what is arm64", () => {
    expect(["t2.large", "m4.large", "c4.large", "r4.large"].map((n) => instanceType(n)?.prefixes)).toEqual([
      false,
      false,
      false,
      false,
    ]);
    expect(instanceType("m5.metal")?.prefixes).toBe(true);
    const arm = new Set(ALL.filter((t) => t.architecture === "arm64").map((t) => t.name.split(".")[0]));
    expect([...arm].sort()).toEqual(
      (
        "a1 c6g c6gd c6gn c7g c7gd c7gn c8g c8gb c8gd c8gn c9g c9gd g5g hpc7g i4g i8g i8ge im4gn is4gen m6g m6gd m7g m7gd " +
        "m8g m8gb m8gd m8gn m9g m9gd mac-m3ultra mac-m4 mac-m4max mac-m4pro mac2 mac2-m1ultra mac2-m2 mac2-m2pro r6g r6gd " +
        "r7g r7gd r8g r8gb r8gd r8gn t4g x2gd x8g"
      ).split(" "),
    );
  });

  // Sums over the table, so that no row changes unseen; the rows were compared with the files named in instanceTable.ts.
  it("has as many types of each kind as its sources", () => {
    expect(ALL.length).toBe(1391);
    expect(count((t) => t.hypervisor === "nitro")).toBe(1149);
    expect(count((t) => t.hypervisor === "bare metal")).toBe(160);
    // 80, and cr1 and hs1, whose hypervisor the source does not know.
    expect(count((t) => t.hypervisor === "xen")).toBe(82);
    expect(count((t) => t.prefixes)).toBe(1149 + 160);
    expect(count((t) => t.networkCards > 1)).toBe(67);
    expect(count((t) => t.trunk === "yes")).toBe(1059);
    expect(count((t) => t.trunk === "no")).toBe(104);
    expect(count((t) => t.trunk === "unlisted")).toBe(228);
    expect(count((t) => t.vcpus === null)).toBe(11);
    const sum = (of: (type: InstanceType) => number): number => ALL.reduce((total, type) => total + of(type), 0);
    expect({
      enis: sum((t) => t.enis),
      addresses: sum((t) => t.addressesPerEni),
      branchEnis: sum((t) => t.branchEnis),
      networkCards: sum((t) => t.networkCards),
      vcpus: sum((t) => t.vcpus ?? 0),
    }).toEqual({ enis: 13058, addresses: 48713, branchEnis: 68683, networkCards: 1597, vcpus: 84816 + 128 + 32 + 12 });
  });

  it.each([
    // amazon-vpc-resource-controller-k8s pkg/aws/vpc/limits.go
    ["m5.large", "yes", 9],
    ["m5.xlarge", "yes", 18],
    ["m5.2xlarge", "yes", 38],
    ["c5.4xlarge", "yes", 54],
    ["c6i.8xlarge", "yes", 84],
    ["m5.24xlarge", "yes", 107],
    ["m5.metal", "yes", 120],
    ["g4ad.16xlarge", "yes", 6],
    ["c7i-flex.large", "yes", 3],
    ["a1.medium", "yes", 10],
    ["p5.48xlarge", "yes", 120],
    ["dl1.24xlarge", "yes", 62],
    ["t3.2xlarge", "no", 0],
    ["m4.16xlarge", "no", 0],
    ["i4i.large", "no", 0],
    ["c9g.large", "unlisted", 0],
    ["c8gn.metal-48xl", "unlisted", 0],
  ])("%s: trunk %s, %i branch ENIs", (name, trunk, branchEnis) => {
    expect(knownInstanceType(name)).toMatchObject({ trunk, branchEnis });
  });

  it.each([
    ["m5.large", "nitro", 1],
    ["m5.metal", "bare metal", 1],
    ["c7g.metal", "bare metal", 1],
    ["t2.micro", "xen", 1],
    ["p3.2xlarge", "xen", 1],
    ["p3dn.24xlarge", "nitro", 1],
    ["p4d.24xlarge", "nitro", 4],
    ["p5.48xlarge", "nitro", 32],
    ["p6-b300.48xlarge", "nitro", 17],
    ["c6in.metal", "bare metal", 2],
  ])("%s: %s, %i network cards, of which pods use the first", (name, hypervisor, networkCards) => {
    expect(knownInstanceType(name)).toMatchObject({ hypervisor, networkCards, defaultNetworkCard: 0 });
  });

  it.each([
    // Karpenter's instance-types.md
    ["t3.nano", 2, 110],
    ["t2.micro", 1, 110],
    ["m6g.medium", 1, 110],
    ["t4g.medium", 2, 110],
    ["m5.large", 2, 110],
    ["m5.xlarge", 4, 110],
    ["c5.4xlarge", 16, 110],
    ["i7ie.6xlarge", 24, 110],
    ["a1.metal", 16, 110],
    ["hpc7a.12xlarge", 24, 110],
    ["hpc7a.24xlarge", 48, 250],
    ["m5.8xlarge", 32, 250],
    ["c4.8xlarge", 36, 250],
    ["c5.9xlarge", 36, 250],
    ["m7i.metal-24xl", 96, 250],
    ["m6g.metal", 64, 250],
    ["u7in-32tb.224xlarge", 896, 250],
    // The cluster autoscaler's ec2_instance_types.go
    ["mac1.metal", 12, 110],
    ["p3.2xlarge", 8, 110],
    // Nobody lists them.
    ["u-24tb1.metal", null, 250],
    ["hs1.8xlarge", null, 250],
  ])("%s: %s vCPUs, at most %i pods", (name, vcpus, ceiling) => {
    const type = knownInstanceType(name);
    expect([type.vcpus, podCeiling(type)]).toEqual([vcpus, ceiling]);
  });

  it("gives EC2's limits and the recommended max-pods", () => {
    expect(instanceLimits(knownInstanceType("m5.large"))).toEqual({
      enis: 3,
      addressesPerEni: 10,
      prefixes: true,
      branchEnis: 9,
    });
    const type = knownInstanceType("m5.large");
    expect(recommendedMaxPods(type, { prefixes: false, customNetworking: false })).toBe(29);
    expect(recommendedMaxPods(type, { prefixes: true, customNetworking: true })).toBe(110);
    expect(recommendedMaxPods(type, { prefixes: false, customNetworking: true, maxEni: 2 })).toBe(11);
  });

  it("names what is near an unknown type", () => {
    expect(() => knownInstanceType("m5.lage")).toThrow(
      'expected an EC2 instance type, got "m5.lage"; did you mean m5.large or c5.large or m1.large?',
    );
    expect(() => knownInstanceType("x")).toThrow("there are 1391, none like it");
  });

  it("has every row whole", () => {
    for (const name of instanceTypeNames()) {
      const type = instanceType(name);
      expect(name).toMatch(/^[a-z0-9-]+\.[a-z0-9-]+$/);
      expect(type?.enis, name).toBeGreaterThanOrEqual(name === "hpc6id.32xlarge" ? 1 : 2);
      expect(type?.addressesPerEni, name).toBeGreaterThanOrEqual(2);
    }
    expect(new Set(instanceTypeNames()).size).toBe(1391);
    expect(instanceType("m5.huge")).toBeNull();
  });
});
