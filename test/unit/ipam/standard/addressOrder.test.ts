import { describe, expect, it } from "vitest";
import { DATA_STORE_ERRORS } from "../../../../src/control/ipam/standard/dataStoreError.ts";
import { TestStore } from "./stores.ts";

describe("getUnusedIP (data_store.go)", () => {
  it("gives what has cooled before what was never used, and never what cools", () => {
    const test = new TestStore({ prefixDelegation: true });
    test.eni("eni-1", 1, ["10.0.0.0/28"]);
    for (const pod of ["a", "b", "c"]) test.assign(pod);
    test.store.unassign("b");
    test.now += 30_000;
    expect(test.assign("d")).toBe("10.0.0.3");
    test.now += 1;
    expect(test.assign("e")).toBe("10.0.0.1");
    test.store.unassign("e");
    test.store.unassign("c");
    test.now += 30_001;
    // What has cooled and was not taken is forgotten: it is among the lowest never used again.
    expect(test.assign("f")).toBe("10.0.0.1");
    expect(test.assign("g")).toBe("10.0.0.2");
    expect(test.assign("h")).toBe("10.0.0.4");
  });

  it("uses all 16 addresses of a prefix", () => {
    const test = new TestStore({ prefixDelegation: true });
    test.eni("eni-1", 1, ["10.0.0.0/28"]);
    const got = Array.from({ length: 16 }, (_, i) => test.assign(`pod-${i}`));
    expect(got).toEqual(Array.from({ length: 16 }, (_, i) => `10.0.0.${i}`));
    expect(() => test.assign("one more")).toThrow(DATA_STORE_ERRORS.noAddress);
  });

  it("with a cooldown of 0 gives an address again one moment later", () => {
    const test = new TestStore({ cooldown: 0 });
    test.eni("eni-1", 1, ["10.0.0.1"]);
    test.assign("a");
    test.store.unassign("a");
    expect(() => test.assign("b")).toThrow(DATA_STORE_ERRORS.noAddress);
    test.now += 1;
    expect(test.assign("b")).toBe("10.0.0.1");
  });
});

describe("assignOrder", () => {
  const fill = (order: "lowest" | "random", seed: number) => {
    const test = new TestStore({ order, seed });
    for (const device of [2, 0, 1]) test.eni(`eni-${device}`, device, [`10.0.${device}.9`, `10.0.${device}.5`]);
    return Array.from({ length: 6 }, (_, i) => test.assign(`pod-${i}`));
  };

  it("lowest: ENIs by device number, slots by age", () => {
    expect(fill("lowest", 1)).toEqual(["10.0.0.9", "10.0.0.5", "10.0.1.9", "10.0.1.5", "10.0.2.9", "10.0.2.5"]);
  });

  it("random: every address once, in an order that the seed decides", () => {
    expect([...fill("random", 1)].sort()).toEqual([...fill("lowest", 1)].sort());
    expect(fill("random", 1)).toEqual(fill("random", 1));
    expect(new Set([1, 2, 3, 4, 5].map((seed) => fill("random", seed).join())).size).toBeGreaterThan(3);
  });

  it("a pinned pod gets none but its ENI's", () => {
    const test = new TestStore();
    test.eni("eni-0", 0, ["10.0.0.5"]);
    test.eni("eni-1", 1, ["10.0.1.5"]);
    expect(test.assign("a", 1)).toBe("10.0.1.5");
    expect(() => test.assign("b", 1)).toThrow(DATA_STORE_ERRORS.noAddress);
    expect(test.assign("b", 0)).toBe("10.0.0.5");
  });
});
