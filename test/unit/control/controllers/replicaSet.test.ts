import { describe, expect, it } from "vitest";
import { readObjects } from "../../../../src/control/objects/read.ts";
import { controllerDocument, World } from "./pods.ts";

const set = (version: string, replicas: number, spec = {}) =>
  controllerDocument("ReplicaSet", version, { replicas, ...spec });
const versions = (world: World) => world.pods.map((p) => p.desired.annotations.version).join("");

describe("a ReplicaSet", () => {
  it("has as many pods as it asks for; those that are not ready go first", () => {
    const world = new World().apply(set("1", 3)).ready("api-1", "api-3");
    expect(world.show).toBe("api-1+ api-2 api-3+");
    expect(world.apply(set("1", 2)).show).toBe("api-1+ api-2- api-3+");
    expect(world.stopped("api-2").apply(set("1", 4)).show).toBe("api-1+ api-2 api-3+ api-4");
  });

  it("keeps its pods when the template changes: those that come later have it", () => {
    const world = new World().apply(set("1", 2)).ready("api-1", "api-2").apply(set("2", 2));
    expect([world.show, versions(world)]).toEqual(["api-1+ api-2+", "11"]);
    world.deleted("api-1").stopped("api-1");
    expect([world.show, versions(world)]).toEqual(["api-2+ api-3", "12"]);
  });

  it("replaces a pod that was deleted at once, under another name", () => {
    const world = new World().apply(set("1", 1)).ready("api-1");
    expect(world.deleted("api-1").show).toBe("api-1- api-2");
    expect(world.ready("api-2").stopped("api-1").show).toBe("api-2+");
  });

  it("gives its pods the labels of its template alone", () => {
    expect(new World().apply(set("1", 1)).pods[0].desired.labels).toEqual({ app: "api" });
  });

  it("of a Deployment has no pods: the Deployment makes them", () => {
    const document = set("1", 3);
    const metadata = {
      name: "api",
      ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: "api", controller: true }],
    };
    expect(new World().apply({ ...document, metadata }).show).toBe("");
    expect(readObjects({ ...document, metadata }).notes.map((n) => n.message)).toEqual([
      "ignored: the pods of a Deployment's ReplicaSet are made by the Deployment itself (api)",
    ]);
  });
});

describe("a Deployment's pod that is deleted", () => {
  const deployment = (spec = {}) => controllerDocument("Deployment", "1", { replicas: 2, ...spec });

  it("terminates, and another one comes at once", () => {
    const world = new World().apply(deployment()).ready("api-1", "api-2");
    expect(world.deleted("api-1").show).toBe("api-1- api-2+ api-3");
    expect(world.ready("api-3").stopped("api-1").show).toBe("api-2+ api-3+");
  });

  it("counts no more, whatever else happens to it", () => {
    const world = new World().apply(deployment({ strategy: { type: "Recreate" } })).ready("api-1", "api-2");
    expect(world.deleted("api-1", "api-2").show).toBe("api-1- api-2- api-3 api-4");
    expect(world.deleted("api-1").ready("api-1").show).toBe("api-1- api-2- api-3 api-4");
  });
});
