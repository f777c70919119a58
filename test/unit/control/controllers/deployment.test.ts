import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rollingSteps } from "../../../../src/control/ipam/simulate/rollingUpdate.ts";
import type { LivePod } from "../../../../src/control/kube/controllers/livePod.ts";
import { controllerDocument, World } from "./pods.ts";

const deployment = (version: string, replicas: number, spec = {}) =>
  controllerDocument("Deployment", version, { replicas, ...spec });
const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
  strategy: { rollingUpdate: { maxSurge, maxUnavailable } },
});

describe("a Deployment", () => {
  it("rolls one up, one down with maxSurge 1 and maxUnavailable 0, new pods under the lowest free numbers", () => {
    const world = new World().apply(deployment("1", 2, rolling(1, 0)));
    expect(world.show).toBe("api-1 api-2");
    world.ready("api-1", "api-2").apply(deployment("2", 2, rolling(1, 0)));
    expect(world.show).toBe("api-1+ api-2+ api-3");
    world.ready("api-3");
    expect(world.show).toBe("api-1+ api-2- api-3+ api-4");
    world.stopped("api-2");
    expect(world.show).toBe("api-1+ api-3+ api-4");
    world.ready("api-4");
    expect(world.show).toBe("api-1- api-3+ api-4+");
    world.stopped("api-1");
    expect(world.show).toBe("api-3+ api-4+");
    world.apply(deployment("3", 2, rolling(1, 0)));
    expect(world.show).toBe("api-1 api-3+ api-4+");
  });

  it("makes room first with maxSurge 0, and takes an address that is free again", () => {
    const world = new World().apply(deployment("1", 3, rolling(0, 1))).ready("api-1", "api-2", "api-3");
    world.apply(deployment("2", 3, rolling(0, 1)));
    expect(world.show).toBe("api-1+ api-2+ api-3- api-4");
    world.stopped("api-3").ready("api-4");
    expect(world.show).toBe("api-1+ api-2- api-3 api-4+");
  });

  it("waits for minReadySeconds", () => {
    const spec = { ...rolling(1, 0), minReadySeconds: 5 };
    const world = new World()
      .apply(deployment("1", 1, spec))
      .ready("api-1")
      .after(5000);
    world
      .apply(deployment("2", 1, spec))
      .after(1000)
      .ready("api-2");
    expect(world.show).toBe("api-1+ api-2+");
    expect(world.next).toBe(11_000);
    world.after(4999);
    expect(world.show).toBe("api-1+ api-2+");
    world.after(1);
    expect(world.show).toBe("api-1- api-2+");
    expect(world.next).toBe(null);
  });

  it("stays where it is while the new pods do not get ready, and goes back", () => {
    const world = new World().apply(deployment("1", 4, rolling(1, 1))).ready("api-1", "api-2", "api-3", "api-4");
    world.apply(deployment("2", 4, rolling(1, 1)));
    expect(world.show).toBe("api-1+ api-2+ api-3+ api-4- api-5 api-6");
    world.stopped("api-4");
    world.after(1_000_000);
    expect(world.show).toBe("api-1+ api-2+ api-3+ api-5 api-6");
    world.apply(deployment("1", 4, rolling(1, 1)));
    expect(world.show).toBe("api-1+ api-2+ api-3+ api-4 api-5- api-6-");
  });

  it("recreates: nothing comes before the last one is gone", () => {
    const spec = { strategy: { type: "Recreate" } };
    const world = new World().apply(deployment("1", 2, spec)).ready("api-1", "api-2");
    world.apply(deployment("2", 2, spec));
    expect(world.show).toBe("api-1- api-2-");
    world.stopped("api-1");
    expect(world.show).toBe("api-2-");
    world.stopped("api-2");
    expect(world.show).toBe("api-1 api-2");
  });

  it("loses those that are not ready first, then those with the highest numbers", () => {
    const world = new World().apply(deployment("1", 4)).ready("api-1", "api-3", "api-4");
    world.apply(deployment("1", 3));
    expect(world.show).toBe("api-1+ api-2- api-3+ api-4+");
    world.stopped("api-2").apply(deployment("1", 2));
    expect(world.show).toBe("api-1+ api-3+ api-4-");
  });

  it("labels its pods with a hash that the template alone decides", () => {
    const hash = (world: World) => world.pods[0].desired.labels["pod-template-hash"];
    const first = hash(new World().apply(deployment("1", 1)));
    expect(first).toMatch(/^[b-df-hj-np-tv-z2456789]{6,10}$/);
    expect(hash(new World().apply(deployment("1", 5, rolling(2, 2))))).toBe(first);
    expect(hash(new World().apply(deployment("2", 1)))).not.toBe(first);
  });

  it("that is removed leaves its pods to terminate", () => {
    const world = new World().apply(deployment("1", 2)).remove("deployment/default/api");
    expect(world.show).toBe("api-1- api-2-");
    // It comes again: the names are free when the pods are gone.
    world.apply(deployment("1", 2));
    expect(world.show).toBe("api-1- api-2- api-3 api-4");
    expect(world.stopped("api-1", "api-2").show).toBe("api-3 api-4");
  });

  it("is told of stops of pods that terminate alone", () => {
    const world = new World().apply(deployment("1", 1));
    const [{ uid }] = world.pods;
    expect(world.stopped("api-1").pods.map((p) => p.uid)).toEqual([uid]);
  });
});

const amount = fc.oneof(fc.nat(3), fc.constantFrom("0%", "10%", "25%", "50%", "100%"));
const isNone = (value: number | string) => Number.parseInt(String(value), 10) === 0;

const step = fc.oneof(
  fc.record({ kind: fc.constant("template" as const), version: fc.constantFrom("1", "2", "3") }),
  fc.record({ kind: fc.constant("ready" as const), pod: fc.nat(20) }),
  fc.record({ kind: fc.constant("unready" as const), pod: fc.nat(20) }),
  fc.record({ kind: fc.constant("stopped" as const), pod: fc.nat(20) }),
  fc.record({ kind: fc.constant("after" as const), milliseconds: fc.nat(3000) }),
);

describe("under random changes", () => {
  it("never more than replicas and maxSurge, never taken below replicas less maxUnavailable, and it gets there", () => {
    fc.assert(
      fc.property(
        fc.nat(8),
        amount,
        amount,
        fc.nat(2),
        fc.array(step, { maxLength: 60 }),
        (replicas, maxSurge, maxUnavailable, minReadySeconds, steps) => {
          fc.pre(!isNone(maxSurge) || !isNone(maxUnavailable));
          const spec = { ...rolling(maxSurge, maxUnavailable), minReadySeconds };
          const { surge, unavailable } = rollingSteps(maxSurge, maxUnavailable, replicas);
          const world = new World();
          const isAvailable = (p: LivePod) =>
            p.deletedAt === null && p.readySince !== null && p.readySince + minReadySeconds * 1000 <= world.now;
          const check = (before: ReadonlySet<number>) => {
            expect(world.running.length).toBeLessThanOrEqual(replicas + surge);
            const available = world.pods.filter(isAvailable).length;
            // What the controller deletes, not what fails by itself, has to leave enough.
            const took = world.pods.some(
              (p) => p.deletedAt === world.now && before.has(p.uid) && p.readySince !== null,
            );
            if (took) expect(available).toBeGreaterThanOrEqual(replicas - unavailable);
            expect(new Set(world.pods.map((p) => p.desired.key)).size).toBe(world.pods.length);
          };
          let version = "1";
          world.apply(deployment(version, replicas, spec));
          for (const s of steps) {
            world.now++;
            const before = new Set(world.pods.filter(isAvailable).map((p) => p.uid));
            if (s.kind === "template") {
              version = s.version;
              world.apply(deployment(version, replicas, spec));
            } else if (s.kind === "after") world.after(s.milliseconds);
            else if (world.pods.length > 0) world[s.kind](world.pods[s.pod % world.pods.length].desired.name);
            check(before);
          }
          // Everything gets ready and stops in the end.
          for (let i = 0; i < 60; i++) {
            world.now++;
            const before = new Set(world.pods.filter(isAvailable).map((p) => p.uid));
            if (i % 3 === 0) world.ready(...world.running.map((p) => p.desired.name));
            else if (i % 3 === 1) world.stopped(...world.pods.map((p) => p.desired.name));
            else world.after(minReadySeconds * 1000);
            check(before);
          }
          expect(world.pods.map((p) => [p.deletedAt, p.desired.annotations.version])).toEqual(
            Array.from({ length: replicas }, () => [null, version]),
          );
        },
      ),
      { seed: 5, numRuns: 300 },
    );
  });
});
