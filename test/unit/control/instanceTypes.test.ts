import { describe, expect, it } from "vitest";
import { instanceType, instanceTypeNames, maxPods, usableSlots } from "../../../src/control/vpc/instanceTypes.ts";

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
    const arm = instanceTypeNames().filter((n) => instanceType(n)?.architecture === "arm64");
    expect(new Set(arm.map((n) => n.split(".")[0]))).toEqual(
      new Set(
        (
          "t4g c6g c6gd c6gn c7g c7gd c7gn c8g c8gb c8gd c8gn c9g c9gd m6g m6gd m7g m7gd m8g m8gb m8gd m8gn m9g m9gd " +
          "r6g r6gd r7g r7gd r8g r8gb r8gd r8gn"
        ).split(" "),
      ),
    );
  });

  it("has every row whole", () => {
    for (const name of instanceTypeNames()) {
      const type = instanceType(name);
      expect(name).toMatch(/^[a-z0-9-]+\.[a-z0-9-]+$/);
      expect(type?.enis, name).toBeGreaterThanOrEqual(2);
      expect(type?.addressesPerEni, name).toBeGreaterThanOrEqual(2);
    }
    expect(new Set(instanceTypeNames()).size).toBe(1044);
    expect(instanceType("m5.huge")).toBeNull();
  });
});
