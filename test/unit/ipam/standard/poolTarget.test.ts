import { describe, expect, it } from "vitest";
import {
  type PoolCounts,
  type PoolTargets,
  poolTooHigh,
  poolTooLow,
  prefixesNeeded,
  shouldRemoveExtraEnis,
  slotsForNewEni,
  slotsOver,
  slotsWanted,
  targetState,
} from "../../../../src/control/ipam/standard/poolTarget.ts";

const targets = (t: Partial<PoolTargets>): PoolTargets => ({
  warmEniTarget: 0,
  warmIpTarget: 0,
  minimumIpTarget: 0,
  warmPrefixTarget: 0,
  prefixDelegation: false,
  ...t,
});

const addresses = (total: number, assigned = 0): PoolCounts => ({ total, assigned, prefixes: 0, freePrefixes: 0 });

/** So many prefixes with pods in as few of them as can be. */
const prefixes = (count: number, assigned = 0): PoolCounts => ({
  total: count * 16,
  assigned,
  prefixes: count,
  freePrefixes: count - Math.ceil(assigned / 16),
});

// Names of the CNI's tests: pkg/ipamd/ipamd_test.go.
describe("ipamd_test.go", () => {
  it("TestGetWarmIPTargetState: WARM_IP_TARGET=5", () => {
    expect(targetState(targets({}), addresses(0))).toBeNull();
    const warm = targets({ warmIpTarget: 5 });
    expect(targetState(warm, addresses(0))).toEqual({ short: 5, over: 0 });
    expect(targetState(warm, addresses(2))).toEqual({ short: 3, over: 0 });
    expect(targetState(warm, addresses(5))).toEqual({ short: 0, over: 0 });
  });

  it("TestGetWarmIPTargetStateWithPDenabled: WARM_IP_TARGET=5", () => {
    const warm = targets({ warmIpTarget: 5, prefixDelegation: true });
    expect(targetState(targets({ prefixDelegation: true }), prefixes(0))).toBeNull();
    expect(targetState(warm, prefixes(0))).toEqual({ short: 1, over: 0 });
    expect(targetState(warm, prefixes(2))).toEqual({ short: 0, over: 1 });
    expect(targetState(warm, prefixes(1))).toEqual({ short: 0, over: 0 });
  });

  it("TestDecreaseIPPool: 4 addresses, 2 pods, WARM_IP_TARGET=1", () => {
    const warm = targets({ warmIpTarget: 1 });
    expect(slotsOver(warm, addresses(4, 2))).toBe(1);
    expect(slotsOver(warm, addresses(3, 2))).toBe(0);
  });

  it.each([
    ["Test new ds, all defaults", 14, 1, 0, addresses(0), 500, true],
    ["Test new ds, 0 ENIs", 14, 0, 0, addresses(0), 500, true],
    ["Test new ds, 3 warm IPs", 14, 0, 3, addresses(0), 500, true],
    ["Test 3 unused IPs, 1 warm", 3, 1, 1, addresses(3), 500, false],
    ["Test 1 used, 1 warm ENI", 3, 1, 0, addresses(3, 1), 500, true],
    ["Test 1 used, 0 warm ENI", 3, 0, 0, addresses(3, 1), 500, false],
    ["Test 3 used, 1 warm ENI", 3, 1, 0, addresses(3, 3), 500, true],
    ["Test 3 used, 0 warm ENI", 3, 0, 0, addresses(3, 3), 500, true],
    ["Test max pods exceeded", 3, 0, 5, addresses(3, 3), 3, false],
  ])("TestIPAMContext_nodeIPPoolTooLow: %s", (_, slotsPerEni, warmEniTarget, warmIpTarget, counts, maxPods, low) => {
    expect(poolTooLow(targets({ warmEniTarget, warmIpTarget }), counts, { slotsPerEni, maxPods })).toBe(low);
  });

  it.each([
    ["Test new ds, all defaults", 1, prefixes(0), 500, true],
    ["Test new ds, 0 ENIs", 0, prefixes(0), 500, true],
    ["Test 3 unused IPs, 1 warm", 1, prefixes(1), 500, false],
    ["Test 1 used, 1 warm Prefix", 1, prefixes(1, 1), 500, true],
    ["Test 1 used, 0 warm Prefix", 0, prefixes(1, 1), 500, false],
    ["Test 3 used, 1 warm Prefix", 1, prefixes(1, 3), 500, true],
    ["Test 3 used, 0 warm Prefix", 0, prefixes(1, 3), 500, false],
    ["Test max pods exceeded", 1, prefixes(1, 3), 4, false],
  ])("TestIPAMContext_nodePrefixPoolTooLow: %s", (_, warmPrefixTarget, counts, maxPods, low) => {
    const warm = targets({ warmPrefixTarget, prefixDelegation: true });
    expect(poolTooLow(warm, counts, { slotsPerEni: 16, maxPods })).toBe(low);
  });
});

describe("ipamd.go", () => {
  const limits = { slotsPerEni: 9, maxPods: 500 };

  it("datastoreTargetState: MINIMUM_IP_TARGET is a floor of the total, WARM_IP_TARGET of what is free", () => {
    const both = targets({ warmIpTarget: 2, minimumIpTarget: 5 });
    expect(targetState(both, addresses(0))).toEqual({ short: 5, over: 0 });
    expect(targetState(both, addresses(5, 4))).toEqual({ short: 1, over: 0 });
    expect(targetState(both, addresses(5))).toEqual({ short: 0, over: 0 });
    expect(targetState(both, addresses(9, 1))).toEqual({ short: 0, over: 4 });
    expect(targetState(both, addresses(9, 6))).toEqual({ short: 0, over: 1 });
  });

  it("datastoreTargetState with prefixes: what a prefix has over is not over; MINIMUM_IP_TARGET 20 is as good as 32", () => {
    const warm = targets({ warmIpTarget: 16, prefixDelegation: true });
    expect(targetState(warm, prefixes(2, 1))).toEqual({ short: 0, over: 0 });
    expect(targetState(warm, prefixes(3, 1))).toEqual({ short: 0, over: 1 });
    const minimum = targets({ minimumIpTarget: 20, prefixDelegation: true });
    expect(targetState(minimum, prefixes(0))).toEqual({ short: 2, over: 0 });
    expect(targetState(minimum, prefixes(3))).toEqual({ short: 0, over: 1 });
    // Pods spread over all prefixes: none is free.
    expect(targetState(warm, { total: 64, assigned: 4, prefixes: 4, freePrefixes: 0 })).toEqual({ short: 0, over: 0 });
  });

  it("isDatastorePoolTooHigh: never with WARM_ENI_TARGET alone, with prefixes over WARM_PREFIX_TARGET free ones", () => {
    expect(poolTooHigh(targets({ warmEniTarget: 1 }), addresses(27))).toBe(false);
    expect(poolTooHigh(targets({ warmPrefixTarget: 1, prefixDelegation: true }), prefixes(1))).toBe(false);
    expect(poolTooHigh(targets({ warmPrefixTarget: 1, prefixDelegation: true }), prefixes(2))).toBe(true);
    expect(poolTooHigh(targets({ prefixDelegation: true }), prefixes(1))).toBe(true);
    // WARM_IP_TARGET overrides WARM_PREFIX_TARGET.
    const both = targets({ warmIpTarget: 20, warmPrefixTarget: 1, prefixDelegation: true });
    expect(poolTooHigh(both, prefixes(2))).toBe(false);
  });

  it("getPrefixesNeeded: one, or what the target that rules lacks", () => {
    const pd = (t: Partial<PoolTargets>) => targets({ prefixDelegation: true, ...t });
    expect(prefixesNeeded(pd({ warmPrefixTarget: 3 }), prefixes(1))).toBe(2);
    expect(prefixesNeeded(pd({ warmPrefixTarget: 0 }), prefixes(1, 16))).toBe(1);
    expect(prefixesNeeded(pd({ warmPrefixTarget: 3, warmIpTarget: 33 }), prefixes(0))).toBe(3);
    expect(prefixesNeeded(pd({ warmPrefixTarget: 3, warmIpTarget: 1 }), prefixes(1))).toBe(1);
  });

  it("tryAssignIPs, GetENIResourcesToAllocate: what lacks, or a full ENI", () => {
    expect(slotsWanted(targets({ warmEniTarget: 1 }), addresses(9, 1), limits)).toBe(9);
    expect(slotsWanted(targets({ warmIpTarget: 3 }), addresses(9, 8), limits)).toBe(2);
    expect(slotsWanted(targets({ warmIpTarget: 3 }), addresses(9), limits)).toBe(0);
    expect(slotsForNewEni(targets({ warmIpTarget: 30 }), addresses(9), limits)).toBe(9);
    expect(slotsForNewEni(targets({ warmPrefixTarget: 30, prefixDelegation: true }), prefixes(9), limits)).toBe(9);
  });

  it("shouldRemoveExtraENIs: from one full ENI over the target on", () => {
    const none = () => false;
    const some = () => true;
    expect(shouldRemoveExtraEnis(targets({ warmEniTarget: 1 }), addresses(27, 10), limits, some)).toBe(false);
    expect(shouldRemoveExtraEnis(targets({ warmEniTarget: 1 }), addresses(27, 9), limits, none)).toBe(true);
    expect(shouldRemoveExtraEnis(targets({ warmIpTarget: 1 }), addresses(1), limits, none)).toBe(true);
    const pd = targets({ warmPrefixTarget: 1, prefixDelegation: true });
    expect(shouldRemoveExtraEnis(pd, prefixes(18), limits, none)).toBe(true);
    expect(shouldRemoveExtraEnis(pd, prefixes(17), limits, none)).toBe(false);
    expect(shouldRemoveExtraEnis(pd, prefixes(2), limits, some)).toBe(true);
  });
});
