import { describe, expect, it } from "vitest";
import { DATA_STORE_ERRORS } from "../../../../src/control/ipam/standard/dataStoreError.ts";
import { allocatableEnis, deletableFrom, unusedEniExists } from "../../../../src/control/ipam/standard/eniRules.ts";
import type { PoolTargets } from "../../../../src/control/ipam/standard/poolTarget.ts";
import { allAddresses, poolCounts } from "../../../../src/control/ipam/standard/storeCounts.ts";
import { slotText } from "../../../../src/control/vpc/eni.ts";
import { slot, TestStore } from "./stores.ts";

/** The ENIs that could be freed now (RemoveUnusedENIFromStore takes one of them). */
function removable(test: TestStore, warmIpTarget = 0, minimumIpTarget = 0, warmPrefixTarget = 0): string[] {
  const targets: PoolTargets = {
    warmEniTarget: 0,
    warmIpTarget,
    minimumIpTarget,
    warmPrefixTarget,
    prefixDelegation: test.store.prefixDelegation,
  };
  return test.store.enis
    .filter((eni) => (deletableFrom(test.store, eni, targets) ?? Number.POSITIVE_INFINITY) <= test.now)
    .map(({ id }) => id);
}

// Names of the CNI's tests: pkg/ipamd/datastore/data_store_test.go.
describe("data_store_test.go", () => {
  it("TestAddENI: an ENI is in the store once", () => {
    const test = new TestStore();
    test.eni("eni-1", 1);
    test.eni("eni-0", 0);
    expect(() => test.eni("eni-1", 1)).toThrow("data store: duplicate ENI");
    test.eni("eni-2", 2);
    expect(test.store.enis.map(({ id, subnet }) => [id, subnet])).toEqual([
      ["eni-0", "a"],
      ["eni-1", "a"],
      ["eni-2", "a"],
    ]);
  });

  it("TestAddENIIPv4Address: a slot is of a known ENI, and there once", () => {
    const test = new TestStore();
    test.eni("eni-1", 0, ["1.1.1.1", "1.1.1.2"]);
    test.eni("eni-2", 1);
    expect(() => test.store.addCidr("eni-1", slot("1.1.1.1"))).toThrow("datastore: IP already in data store");
    test.store.addCidr("eni-2", slot("1.1.2.2"));
    expect(() => test.store.addCidr("dummy-eni", slot("1.1.1.1"))).toThrow("add ENI's IP to datastore: unknown ENI");
    expect(allAddresses(test.store)).toBe(3);
  });

  it("TestDeleteENI: one with pods only by force", () => {
    const test = new TestStore();
    test.eni("eni-1", 0, ["1.1.1.1"]);
    test.eni("eni-2", 2);
    test.eni("eni-3", 3);
    test.store.removeEni("eni-2", false);
    expect(() => test.store.removeEni("unknown-eni", false)).toThrow("datastore: unknown ENI");
    expect(test.store.enis).toHaveLength(2);
    expect(test.assign("pod-1")).toBe("1.1.1.1");
    expect(() => test.store.removeEni("eni-1", false)).toThrow("datastore: ENI is used and can not be deleted");
    test.store.removeEni("eni-1", true);
    expect(test.store.enis.map(({ id }) => id)).toEqual(["eni-3"]);
    expect(test.store.find("pod-1")).toBeNull();
    expect(test.written()).toEqual([]);
  });

  it("TestDelENIIPv4Address: a slot with a pod only by force", () => {
    const test = new TestStore();
    test.eni("eni-1", 0, ["1.1.1.1"]);
    expect(test.assign("pod-1")).toBe("1.1.1.1");
    for (const text of ["1.1.1.2", "1.1.1.3"]) test.store.addCidr("eni-1", slot(text));
    expect(poolCounts(test.store).total).toBe(3);
    test.store.delCidr("eni-1", slot("1.1.1.2"), false);
    expect(() => test.store.delCidr("eni-1", slot("10.10.10.10"), false)).toThrow("datastore: unknown IP");
    expect(() => test.store.delCidr("eni-9", slot("1.1.1.1"), false)).toThrow("datastore: unknown ENI");
    expect(() => test.store.delCidr("eni-1", slot("1.1.1.1"), false)).toThrow(
      "datastore: IP is used and can not be deleted",
    );
    expect(poolCounts(test.store).total).toBe(2);
    test.store.delCidr("eni-1", slot("1.1.1.1"), true);
    expect(poolCounts(test.store)).toMatchObject({ total: 1, assigned: 0 });
  });

  it("TestDelENIIPv4AddressWithPDEnabled: 48, 32, by force 16", () => {
    const test = new TestStore({ prefixDelegation: true });
    test.eni("eni-1", 0, ["10.0.0.0/28"]);
    expect(test.assign("pod-1")).toBe("10.0.0.0");
    for (const text of ["20.0.0.0/28", "30.0.0.0/28"]) test.store.addCidr("eni-1", slot(text));
    expect(poolCounts(test.store).total).toBe(48);
    test.store.delCidr("eni-1", slot("30.0.0.0/28"), false);
    expect(poolCounts(test.store).total).toBe(32);
    expect(() => test.store.delCidr("eni-1", slot("10.10.10.0/28"), true)).toThrow(DATA_STORE_ERRORS.unknownIp);
    expect(() => test.store.delCidr("eni-1", slot("10.0.0.0/28"), false)).toThrow(DATA_STORE_ERRORS.ipInUse);
    test.store.delCidr("eni-1", slot("10.0.0.0/28"), true);
    expect(poolCounts(test.store).total).toBe(16);
  });

  it("TestTogglePD: 1, 17, 16, 17, 1 addresses, and pods get those of the current kind", () => {
    const test = new TestStore();
    const totals: number[] = [];
    const note = () => totals.push(allAddresses(test.store));
    test.eni("eni-1", 0, ["1.1.1.1"]);
    note();
    expect(test.assign("pod-1")).toBe("1.1.1.1");
    test.store.prefixDelegation = true;
    test.store.addCidr("eni-1", slot("10.0.0.0/28"));
    note();
    expect(poolCounts(test.store)).toMatchObject({ total: 16, assigned: 0 });
    expect(test.assign("pod-2")).toBe("10.0.0.0");
    expect(() => test.store.delCidr("eni-1", slot("1.1.1.1"), false)).toThrow(DATA_STORE_ERRORS.ipInUse);
    test.store.delCidr("eni-1", slot("1.1.1.1"), true);
    note();
    test.store.prefixDelegation = false;
    test.store.addCidr("eni-1", slot("1.1.1.1"));
    note();
    expect(poolCounts(test.store)).toMatchObject({ total: 1, assigned: 0 });
    expect(() => test.store.delCidr("eni-1", slot("10.0.0.0/28"), false)).toThrow(DATA_STORE_ERRORS.ipInUse);
    test.store.delCidr("eni-1", slot("10.0.0.0/28"), true);
    note();
    expect(totals).toEqual([1, 17, 16, 17, 1]);
  });

  it("TestPodIPv4Address: the same pod has the same address; a checkpoint error undoes; cooldown and age hold the ENI", () => {
    const test = new TestStore();
    test.eni("eni-1", 0, ["1.1.1.1"]);
    test.eni("eni-2", 1);
    expect(test.assign("pod-1")).toBe("1.1.1.1");
    test.store.addCidr("eni-2", slot("1.1.2.2"));
    expect(test.assign("pod-1")).toBe("1.1.1.1");
    expect(poolCounts(test.store)).toMatchObject({ total: 2, assigned: 1 });
    test.checkpoint.broken = true;
    expect(() => test.assign("pod-2")).toThrow("fake checkpoint error");
    expect(poolCounts(test.store)).toMatchObject({ total: 2, assigned: 1 });
    expect(() => test.store.unassign("pod-1")).toThrow("fake checkpoint error");
    expect(test.store.find("pod-1")).not.toBeNull();
    test.checkpoint.broken = false;
    expect(test.written()).toEqual(["pod-1 1.1.1.1"]);
    expect(test.assign("pod-2")).toBe("1.1.2.2");
    test.store.addCidr("eni-1", slot("1.1.1.2"));
    expect(test.assign("pod-3")).toBe("1.1.1.2");
    expect(test.written()).toEqual(["pod-1 1.1.1.1", "pod-2 1.1.2.2", "pod-3 1.1.1.2"]);
    expect(() => test.assign("pod-4")).toThrow("AssignPodIPAddress: no available IP/Prefix addresses");
    expect(test.counters.noAvailableAddress).toBe(1);
    expect(() => test.store.unassign("pod-4")).toThrow("datastore: unknown pod");
    test.now += 50_000;
    expect(test.store.unassign("pod-2").eni.deviceNumber).toBe(1);
    expect(poolCounts(test.store)).toMatchObject({ total: 3, assigned: 2 });
    expect(test.written()).toEqual(["pod-1 1.1.1.1", "pod-3 1.1.1.2"]);
    // Too young, then (the minute is over) an address that cools until 30 s after, that moment included.
    expect(removable(test)).toEqual([]);
    test.now += 30_000;
    expect(removable(test)).toEqual([]);
    test.now += 1;
    expect(removable(test)).toEqual(["eni-2"]);
    test.store.removeEni("eni-2", false);
    expect(poolCounts(test.store)).toMatchObject({ total: 2, assigned: 2 });
  });

  it("TestPodIPv4AddressWithPDEnabled: .0, .1, .2; the ENI with pods stays", () => {
    const test = new TestStore({ prefixDelegation: true });
    test.eni("eni-1", 0, ["10.0.0.0/28"]);
    test.eni("eni-2", 2);
    expect(test.assign("pod-1")).toBe("10.0.0.0");
    expect(test.assign("pod-1")).toBe("10.0.0.0");
    test.checkpoint.broken = true;
    expect(() => test.assign("pod-2")).toThrow("fake checkpoint error");
    test.checkpoint.broken = false;
    expect(test.assign("pod-2")).toBe("10.0.0.1");
    expect(test.assign("pod-3")).toBe("10.0.0.2");
    test.store.unassign("pod-2");
    expect(test.stats()).toEqual({ total: 16, assigned: 2, cooling: 1, prefixes: 1 });
    expect(() => test.store.removeEni("eni-1", false)).toThrow(DATA_STORE_ERRORS.eniInUse);
  });

  it("TestGetIPStatsV4: 2 assigned; 1 and 1 cooling; 1", () => {
    const test = new TestStore({ cooldown: 1000 });
    test.eni("eni-1", 1, ["1.1.1.1", "1.1.1.2"]);
    test.assign("pod-1");
    test.assign("pod-2");
    expect(test.stats()).toEqual({ total: 2, assigned: 2, cooling: 0, prefixes: 0 });
    test.store.unassign("pod-2");
    expect(test.stats()).toEqual({ total: 2, assigned: 1, cooling: 1, prefixes: 0 });
    test.now += 1000;
    expect(test.stats().cooling).toBe(1);
    test.now += 1;
    expect(test.stats()).toEqual({ total: 2, assigned: 1, cooling: 0, prefixes: 0 });
  });

  it("TestGetIPStatsV4WithPD: the same in a prefix", () => {
    const test = new TestStore({ cooldown: 1000, prefixDelegation: true });
    test.eni("eni-1", 1, ["10.0.0.0/28"]);
    test.assign("pod-1");
    test.assign("pod-2");
    expect(test.stats()).toEqual({ total: 16, assigned: 2, cooling: 0, prefixes: 1 });
    test.store.unassign("pod-2");
    expect(test.stats()).toEqual({ total: 16, assigned: 1, cooling: 1, prefixes: 1 });
    test.now += 1001;
    expect(test.stats()).toEqual({ total: 16, assigned: 1, cooling: 0, prefixes: 1 });
  });

  it("TestWarmENIInteractions: which ENI the targets can spare; never a trunk or an EFA ENI", () => {
    const test = new TestStore();
    test.eni("eni-1", 0, ["1.1.1.1", "1.1.1.2"]);
    test.eni("eni-2", 2);
    test.eni("eni-3", 3);
    test.assign("pod-1");
    test.assign("pod-2");
    for (const text of ["1.1.2.1", "1.1.2.2"]) test.store.addCidr("eni-2", slot(text));
    test.store.addCidr("eni-3", slot("1.1.3.1"));
    test.now += 59_999;
    expect(removable(test, 2, 4)).toEqual([]);
    test.now += 1;
    expect(removable(test, 3, 1)).toEqual([]);
    expect(removable(test, 1, 5)).toEqual([]);
    expect(removable(test, 2, 4)).toEqual(["eni-3"]);
    test.store.removeEni("eni-3", false);
    expect(removable(test, 0, 3)).toEqual([]);
    expect(removable(test, 0, 2)).toEqual(["eni-2"]);
    test.store.removeEni("eni-2", false);
    test.eni("eni-4", 4, ["1.1.4.1"], "trunk");
    test.eni("eni-5", 5, ["1.1.5.1"], "efa");
    test.now += 60_000;
    expect(removable(test, 0, 2)).toEqual([]);
    test.eni("eni-6", 6);
    test.now += 60_000;
    expect(removable(test, 0, 2)).toEqual(["eni-6"]);
  });

  it("isRequiredForWarmPrefixTarget, isRequiredForWarmIPTarget with prefixes: targets in whole prefixes", () => {
    const test = new TestStore({ prefixDelegation: true });
    test.eni("eni-0", 0, ["10.0.0.0/28"]);
    test.eni("eni-1", 1, ["10.0.1.0/28"]);
    test.now += 60_000;
    expect(removable(test, 0, 0, 1)).toEqual(["eni-1"]);
    expect(removable(test, 0, 0, 2)).toEqual([]);
    expect(removable(test, 16, 16)).toEqual(["eni-1"]);
    expect(removable(test, 17, 0)).toEqual([]);
    expect(removable(test, 0, 17)).toEqual([]);
  });

  it("TestForceRemovalMetrics", () => {
    const test = new TestStore();
    test.eni("eni-1", 1, ["1.1.1.1"]);
    test.assign("pod-1");
    expect(() => test.store.delCidr("eni-1", slot("1.1.1.1"), false)).toThrow(DATA_STORE_ERRORS.ipInUse);
    expect(test.counters.forceRemovedIps).toBe(0);
    test.store.delCidr("eni-1", slot("1.1.1.1"), true);
    expect(test.counters.forceRemovedIps).toBe(1);
    test.store.addCidr("eni-1", slot("1.1.1.2"));
    test.assign("pod-2");
    test.store.removeEni("eni-1", true);
    expect(test.counters).toMatchObject({ forceRemovedEnis: 1, forceRemovedIps: 2 });
  });

  it("RemoveENIFromDataStore by force counts its prefixes away twice, as ipamd does; without pods once", () => {
    const test = new TestStore({ prefixDelegation: true });
    test.eni("eni-0", 0, ["10.0.0.0/28", "10.0.0.16/28"]);
    test.eni("eni-1", 1, ["10.0.1.0/28"]);
    test.eni("eni-2", 2, ["10.0.2.0/28"]);
    test.assign("pod-1", 1);
    expect(poolCounts(test.store).prefixes).toBe(4);
    test.store.removeEni("eni-2", true);
    expect(poolCounts(test.store)).toMatchObject({ total: 48, prefixes: 3 });
    test.store.removeEni("eni-1", true);
    expect(poolCounts(test.store)).toMatchObject({ total: 32, prefixes: 1 });
  });

  it("TestAssignPodIPv4AddressWithExcludedENI, TestGetIPStatsWithExcludedENI, TestGetAllocatableENIsWithExclusion", () => {
    const test = new TestStore();
    test.eni("eni-1", 0, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    test.store.setExcluded("eni-1", true);
    expect(() => test.assign("pod-1")).toThrow("no available IP/Prefix addresses");
    test.eni("eni-2", 1, ["10.0.0.11", "10.0.0.12"]);
    expect(test.stats()).toMatchObject({ total: 2, assigned: 0 });
    expect(allocatableEnis(test.store, 10, false).map(({ id }) => id)).toEqual(["eni-2"]);
    expect(test.assign("pod-1")).toBe("10.0.0.11");
    expect(() => test.store.setExcluded("eni-9", true)).toThrow(DATA_STORE_ERRORS.unknownEni);
  });

  it("GetAllocatableENIs: not full ones, no trunk, with custom networking not the primary", () => {
    const test = new TestStore();
    test.eni("eni-0", 0, ["10.0.0.1"]);
    test.eni("eni-1", 1, ["10.0.1.1", "10.0.1.2"]);
    test.eni("eni-2", 2, [], "trunk");
    test.eni("eni-3", 3);
    expect(allocatableEnis(test.store, 2, false).map(({ id }) => id)).toEqual(["eni-0", "eni-3"]);
    expect(allocatableEnis(test.store, 2, true).map(({ id }) => id)).toEqual(["eni-3"]);
  });

  it("TestDeallocateEmptyCIDR: only an empty slot of an excluded ENI", () => {
    const test = new TestStore();
    test.eni("eni-1", 1, ["192.168.1.1", "192.168.1.2"]);
    expect(test.store.dropEmptyExcluded("eni-1", slot("192.168.1.1"))).toBe(false);
    test.assign("pod-1");
    test.store.setExcluded("eni-1", true);
    expect(test.store.dropEmptyExcluded("eni-1", slot("192.168.1.1"))).toBe(false);
    expect(test.store.dropEmptyExcluded("eni-1", slot("192.168.1.2"))).toBe(true);
    expect(test.store.dropEmptyExcluded("eni-1", slot("192.168.1.2"))).toBe(false);
    expect(test.store.dropEmptyExcluded("eni-9", slot("192.168.1.2"))).toBe(false);
    expect(test.store.eni("eni-1")?.cidrs.size).toBe(1);
  });

  it("TestDataStore_CheckFreeableENIexists", () => {
    const test = new TestStore();
    test.eni("eni-primary", 0);
    expect(unusedEniExists(test.store)).toBe(false);
    test.eni("eni-trunk", 2, [], "trunk");
    test.eni("eni-efa", 3, [], "efa");
    expect(unusedEniExists(test.store)).toBe(false);
    test.eni("eni-secondary", 1, ["10.0.0.1"]);
    expect(unusedEniExists(test.store)).toBe(true);
    test.assign("pod-1");
    expect(unusedEniExists(test.store)).toBe(false);
  });

  it("TestDataStore_FreeableIPs, FindFreeableCidrs, GetFreePrefixes: without pods, cooling or not", () => {
    const test = new TestStore({ prefixDelegation: true });
    test.eni("eni-1", 1, ["10.0.1.1", "10.0.1.16/28", "10.0.1.32/28"]);
    test.assign("pod-1");
    const freeable = (kind: "addresses" | "prefixes" | "all") => test.store.freeable("eni-1", kind).map(slotText);
    expect(freeable("addresses")).toEqual(["10.0.1.1"]);
    expect(freeable("prefixes")).toEqual(["10.0.1.32/28"]);
    expect(poolCounts(test.store).freePrefixes).toBe(1);
    test.store.unassign("pod-1");
    expect(freeable("all")).toEqual(["10.0.1.1", "10.0.1.16/28", "10.0.1.32/28"]);
    expect(poolCounts(test.store).freePrefixes).toBe(2);
    expect(test.store.freeable("eni-9", "all")).toEqual([]);
  });

  it("normalizeCheckpointDataByPodVethExistence: pods that are gone, and addresses that nobody has, are dropped", () => {
    const test = new TestStore({ cooldown: 1000 });
    const { checkpoint } = test;
    checkpoint.put({ pod: "gone", address: slot("10.0.0.1").prefix, assignedAt: 1 });
    checkpoint.put({ pod: "here", address: slot("10.0.0.2").prefix, assignedAt: 2 });
    checkpoint.put({ pod: "stray", address: slot("10.9.9.9").prefix, assignedAt: 3 });
    test.eni("eni-1", 1, ["10.0.0.0/28"]);
    expect(test.store.restore((pod) => pod !== "gone")).toEqual(["stray"]);
    expect(test.written()).toEqual(["here 10.0.0.2"]);
    expect(test.assign("here")).toBe("10.0.0.2");
    checkpoint.put({ pod: "twin", address: slot("10.0.0.2").prefix, assignedAt: 2 });
    const other = new TestStore();
    other.eni("eni-1", 1, ["10.0.0.0/28"]);
    for (const entry of checkpoint.entries()) other.checkpoint.put(entry);
    expect(() => other.store.restore(() => true)).toThrow(DATA_STORE_ERRORS.duplicateIp);
  });
});
