import { describe, expect, it } from "vitest";
import { CAPACITY_MODES, modeRoom } from "../../../src/control/ipam/capacityModes.ts";
import { DEFAULT_WARM_TARGETS, heldAddresses } from "../../../src/control/ipam/capacityWarm.ts";
import { knownInstanceType } from "../../../src/control/vpc/instanceTypes.ts";

function held(type: string, mode: string, pods: number, targets = {}) {
  const found = CAPACITY_MODES.find((m) => m.name === mode);
  if (found === undefined) throw new Error(`no mode ${mode}`);
  const room = modeRoom(knownInstanceType(type), found, null);
  const warm = { ...DEFAULT_WARM_TARGETS, ...targets };
  return heldAddresses(room, { pods, branchPods: 0, maxPods: 1000, warm });
}

describe("addresses that a node holds", () => {
  // amazon-vpc-cni-k8s docs/eni-and-ip-target.md: pods, then addresses for pods and ENIs
  it.each([
    ["t3.small", {}, 0, 3, 1],
    ["t3.small", {}, 5, 9, 3],
    ["t3.small", {}, 9, 9, 3],
    ["t3.small", { warmIpTarget: 1, minimumIpTarget: 1 }, 0, 1, 1],
    ["t3.small", { warmIpTarget: 1, minimumIpTarget: 1 }, 5, 6, 2],
    ["t3.small", { warmIpTarget: 1, minimumIpTarget: 1 }, 9, 9, 3],
    ["t3.small", { warmIpTarget: 2, minimumIpTarget: 5 }, 0, 5, 2],
    ["t3.small", { warmIpTarget: 2, minimumIpTarget: 5 }, 5, 7, 3],
    ["p3dn.24xlarge", {}, 0, 49, 1],
    ["p3dn.24xlarge", {}, 3, 98, 2],
    ["p3dn.24xlarge", {}, 95, 147, 3],
    ["p3dn.24xlarge", { warmIpTarget: 5, minimumIpTarget: 10 }, 0, 10, 1],
    ["p3dn.24xlarge", { warmIpTarget: 5, minimumIpTarget: 10 }, 7, 12, 1],
    ["p3dn.24xlarge", { warmIpTarget: 5, minimumIpTarget: 10 }, 15, 20, 1],
    ["p3dn.24xlarge", { warmIpTarget: 5, minimumIpTarget: 10 }, 45, 50, 2],
  ])("%s %o with %i pods: %i on %i ENIs", (type, targets, pods, addresses, enis) => {
    expect(held(type, "secondary", pods, targets)).toEqual({ enis, forPods: addresses, addresses: addresses + enis });
  });

  // docs/prefix-and-ip-target.md: pods, then prefixes
  it.each([
    ["t3.small", {}, 0, 1],
    ["t3.small", {}, 5, 2],
    ["t3.small", {}, 16, 2],
    ["t3.small", {}, 17, 3],
    ["t3.small", {}, 58, 5],
    ["t3.small", { warmIpTarget: 1, minimumIpTarget: 1 }, 0, 1],
    ["t3.small", { warmIpTarget: 1, minimumIpTarget: 1 }, 17, 2],
    ["t3.small", { warmIpTarget: 1, minimumIpTarget: 1 }, 58, 4],
    ["t3.small", { warmIpTarget: 7, minimumIpTarget: 20 }, 5, 2],
    ["t3.small", { warmIpTarget: 7, minimumIpTarget: 20 }, 58, 5],
    ["p3dn.24xlarge", {}, 3, 2],
    ["p3dn.24xlarge", {}, 95, 7],
    ["p3dn.24xlarge", { warmIpTarget: 5, minimumIpTarget: 10 }, 15, 2],
    ["p3dn.24xlarge", { warmIpTarget: 5, minimumIpTarget: 10 }, 45, 4],
  ])("%s %o with %i pods: %i prefixes", (type, targets, pods, prefixes) => {
    expect(held(type, "prefix", pods, targets)?.forPods).toBe(prefixes * 16);
  });

  it.each([
    // The primary ENI's address, and a first ENI of pods with one of its own.
    ["custom", { enis: 2, forPods: 9, addresses: 11 }],
    ["custom-prefix", { enis: 2, forPods: 16, addresses: 18 }],
    // The trunk's address.
    ["pod-eni", { enis: 2, forPods: 9, addresses: 11 }],
    ["auto-32", { enis: 1, forPods: 1, addresses: 2 }],
    ["auto", null],
    ["auto-pod-subnets", null],
  ])("m5.large, %s, without pods: %o", (mode, expected) => {
    expect(held("m5.large", mode, 0)).toEqual(expected);
  });

  it("stops growing at max-pods", () => {
    const room = modeRoom(knownInstanceType("m5.large"), CAPACITY_MODES[0], null);
    const warm = DEFAULT_WARM_TARGETS;
    expect(heldAddresses(room, { pods: 5, branchPods: 0, maxPods: 9, warm })?.forPods).toBe(9);
    expect(heldAddresses(room, { pods: 5, branchPods: 0, maxPods: 10, warm })?.forPods).toBe(18);
  });
});
