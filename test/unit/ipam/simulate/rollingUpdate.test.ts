import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rollingSteps, rolloutStep } from "../../../../src/control/ipam/simulate/rollingUpdate.ts";

describe("rollingSteps", () => {
  // The table of kubernetes pkg/controller/deployment/util/deployment_util_test.go, TestResolveFenceposts, and its like.
  it.each([
    ["25%", "25%", 10, 3, 2],
    ["25%", "25%", 1, 1, 0],
    ["0%", "0%", 0, 0, 1],
    ["39%", "39%", 10, 4, 3],
    ["34%", "34%", 10, 4, 3],
    ["10%", "0%", 10, 1, 0],
    ["0%", "10%", 10, 0, 1],
    [0, 0, 10, 0, 1],
    ["0%", "5%", 10, 0, 1],
    [2, 3, 10, 2, 3],
    ["100%", 0, 7, 7, 0],
    [0, 50, 10, 0, 10],
  ])("maxSurge %s and maxUnavailable %s of %i pods are %i and %i", (surge, unavailable, replicas, up, down) => {
    const resolved = rollingSteps(surge, unavailable, replicas);
    // No pods: nothing can be missing, and one is said all the same.
    expect(resolved).toEqual({ surge: up, unavailable: down });
  });
});

describe("rolloutStep", () => {
  const steps = { surge: 3, unavailable: 2 };

  it("creates what is missing, and deletes what is too much, where nothing is old", () => {
    const none = { old: 0, oldAvailable: 0 };
    expect(rolloutStep({ replicas: 10, current: 4, currentAvailable: 4, ...none }, steps)).toEqual({
      create: 6,
      deleteCurrent: 0,
      deleteOldUnavailable: 0,
      deleteOldAvailable: 0,
    });
    expect(rolloutStep({ replicas: 3, current: 4, currentAvailable: 4, ...none }, steps).deleteCurrent).toBe(1);
  });

  it("begins with the surge and as many old pods less as may be missing", () => {
    const counts = { replicas: 10, current: 0, currentAvailable: 0, old: 10, oldAvailable: 10 };
    expect(rolloutStep(counts, steps)).toEqual({
      create: 3,
      deleteCurrent: 0,
      deleteOldUnavailable: 0,
      deleteOldAvailable: 2,
    });
  });

  it("deletes old pods that are not available before those that are", () => {
    const counts = { replicas: 10, current: 3, currentAvailable: 0, old: 10, oldAvailable: 9 };
    // 13 pods, of which 3 new ones do not count: 2 of the other 10 may go, 1 of them the one that is not available.
    expect(rolloutStep(counts, steps)).toMatchObject({ create: 0, deleteOldUnavailable: 1, deleteOldAvailable: 1 });
  });

  it("waits for new pods while as many are missing as may be", () => {
    const counts = { replicas: 10, current: 5, currentAvailable: 0, old: 8, oldAvailable: 8 };
    expect(rolloutStep(counts, steps)).toEqual({
      create: 0,
      deleteCurrent: 0,
      deleteOldUnavailable: 0,
      deleteOldAvailable: 0,
    });
  });

  it("keeps old pods that are not available while new ones are not either", () => {
    const counts = { replicas: 10, current: 3, currentAvailable: 0, old: 8, oldAvailable: 7 };
    expect(rolloutStep(counts, steps)).toMatchObject({ create: 2, deleteOldUnavailable: 0, deleteOldAvailable: 0 });
  });

  it("never has more pods than replicas and surge, never fewer available than allowed, and comes to an end", () => {
    const share = fc.oneof(
      fc.integer({ min: 0, max: 8 }),
      fc.integer({ min: 0, max: 100 }).map((n) => `${n}%`),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        share,
        share,
        fc.infiniteStream(fc.nat(3)),
        (replicas, s, u, dice) => {
          const allowed = rollingSteps(s, u, replicas);
          const state = { replicas, current: 0, currentAvailable: 0, old: replicas, oldAvailable: replicas };
          for (let round = 0; state.old > 0 || state.currentAvailable < replicas; round++) {
            expect(round).toBeLessThan(1000);
            const step = rolloutStep(state, allowed);
            state.current += step.create - step.deleteCurrent;
            state.old -= step.deleteOldUnavailable + step.deleteOldAvailable;
            state.oldAvailable -= step.deleteOldAvailable;
            expect(state.current + state.old).toBeLessThanOrEqual(replicas + allowed.surge);
            expect(state.currentAvailable + state.oldAvailable).toBeGreaterThanOrEqual(replicas - allowed.unavailable);
            // Some of the new pods become available; at least one, or nothing could go on.
            const ready = 1 + (dice.next().value ?? 0);
            state.currentAvailable = Math.min(state.current, state.currentAvailable + ready);
          }
          expect(state.current).toBe(replicas);
        },
      ),
      { seed: 7, numRuns: 300 },
    );
  });
});
