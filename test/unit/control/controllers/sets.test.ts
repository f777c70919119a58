import { describe, expect, it } from "vitest";
import { controllerDocument, node, World } from "./pods.ts";

const set = (version: string, replicas: number, spec = {}) =>
  controllerDocument("StatefulSet", version, { replicas, serviceName: "peers", ...spec });
const daemon = (version: string, spec = {}, podSpec = {}) => controllerDocument("DaemonSet", version, spec, podSpec);

describe("a StatefulSet", () => {
  it("comes in order and goes in reverse order, one at a time", () => {
    const world = new World().apply(set("1", 3));
    expect(world.show).toBe("api-0");
    expect(world.ready("api-0").show).toBe("api-0+ api-1");
    expect(world.ready("api-1").show).toBe("api-0+ api-1+ api-2");
    expect(world.ready("api-2").show).toBe("api-0+ api-1+ api-2+");
    world.apply(set("1", 1));
    expect(world.show).toBe("api-0+ api-1+ api-2-");
    expect(world.stopped("api-2").show).toBe("api-0+ api-1-");
    expect(world.stopped("api-1").show).toBe("api-0+");
  });

  it("updates from the highest ordinal down, each under its name", () => {
    const world = new World().apply(set("1", 2)).ready("api-0").ready("api-1").apply(set("2", 2));
    expect(world.show).toBe("api-0+ api-1-");
    const [, old] = world.pods;
    expect(world.stopped("api-1").show).toBe("api-0+ api-1");
    expect(world.pods[1].uid).not.toBe(old.uid);
    expect(world.pods[1].desired.annotations.version).toBe("2");
    expect(world.ready("api-1").show).toBe("api-0- api-1+");
    expect(world.stopped("api-0").ready("api-0").show).toBe("api-0+ api-1+");
    expect(world.pods.map((p) => p.desired.annotations.version)).toEqual(["2", "2"]);
  });

  it("of policy Parallel waits for no neighbour", () => {
    const world = new World().apply(set("1", 3, { podManagementPolicy: "Parallel", ordinals: { start: 5 } }));
    expect(world.show).toBe("api-5 api-6 api-7");
    world.apply(set("1", 0, { podManagementPolicy: "Parallel" }));
    expect(world.show).toBe("api-5- api-6- api-7-");
  });

  it("of strategy OnDelete keeps its pods", () => {
    const onDelete = { updateStrategy: { type: "OnDelete" } };
    const world = new World()
      .apply(set("1", 1, onDelete))
      .ready("api-0")
      .apply(set("2", 1, onDelete));
    expect(world.show).toBe("api-0+");
  });

  describe("with a partition", () => {
    const partition = (n: number) => ({ updateStrategy: { rollingUpdate: { partition: n } } });
    const versions = (world: World) => world.pods.map((p) => p.desired.annotations.version).join("");
    const three = () => new World().apply(set("1", 3)).ready("api-0").ready("api-1").ready("api-2");

    it("updates from there on", () => {
      const world = three().apply(set("2", 3, partition(2)));
      expect(world.show).toBe("api-0+ api-1+ api-2-");
      world.stopped("api-2").ready("api-2");
      expect([world.show, versions(world)]).toEqual(["api-0+ api-1+ api-2+", "112"]);
    });

    it("brings a pod below it back as it was, and one above it as it is now", () => {
      const world = three()
        .apply(set("2", 3, partition(2)))
        .stopped("api-2")
        .ready("api-2");
      world.deleted("api-0").stopped("api-0");
      expect([world.show, versions(world)]).toEqual(["api-0 api-1+ api-2+", "112"]);
      const labels = (i: number) => world.pods[i].desired.labels["controller-revision-hash"];
      expect([labels(0) === labels(1), labels(0) === labels(2)]).toEqual([true, false]);
      world.ready("api-0").deleted("api-2").stopped("api-2");
      expect([world.show, versions(world)]).toEqual(["api-0+ api-1+ api-2", "112"]);
    });

    it("goes on when the partition does, and all have the new template then", () => {
      const world = three()
        .apply(set("2", 3, partition(2)))
        .stopped("api-2")
        .ready("api-2");
      world.apply(set("2", 3, partition(0)));
      expect(world.show).toBe("api-0+ api-1- api-2+");
      world.stopped("api-1").ready("api-1").stopped("api-0").ready("api-0");
      expect(versions(world)).toBe("222");
      // Once the update is complete, the pods below a new partition have this template.
      world
        .apply(set("3", 3, partition(3)))
        .deleted("api-1")
        .stopped("api-1");
      expect(versions(world)).toBe("222");
    });

    it("counts from the first ordinal, and scales with the template of each pod's place", () => {
      const of = (version: string, replicas: number, n: number) =>
        set(version, replicas, { ...partition(n), podManagementPolicy: "Parallel", ordinals: { start: 5 } });
      const world = new World()
        .apply(of("1", 1, 0))
        .ready("api-5")
        .apply(of("2", 3, 2));
      expect([world.show, versions(world)]).toEqual(["api-5+ api-6 api-7", "112"]);
    });
  });

  it("of strategy OnDelete has a pod that was deleted come with the changed template", () => {
    const onDelete = { updateStrategy: { type: "OnDelete" } };
    const world = new World()
      .apply(set("1", 2, onDelete))
      .ready("api-0")
      .ready("api-1");
    world
      .apply(set("2", 2, onDelete))
      .deleted("api-0")
      .stopped("api-0");
    expect(world.pods.map((p) => p.desired.annotations.version)).toEqual(["2", "1"]);
  });

  it("waits until a pod that was deleted is gone, then has it come under its name", () => {
    const world = new World().apply(set("1", 2)).ready("api-0").ready("api-1");
    const [{ uid }] = world.pods;
    expect(world.deleted("api-0").show).toBe("api-0- api-1+");
    expect(world.deleted("api-0").show).toBe("api-0- api-1+");
    expect(world.stopped("api-0").show).toBe("api-0 api-1+");
    expect(world.pods[0].uid).not.toBe(uid);
  });

  it("gives its pods names in its service, and labels", () => {
    const [pod] = new World().apply(set("1", 1)).pods;
    expect(pod.desired.spec).toMatchObject({ hostname: "api-0", subdomain: "peers" });
    expect(pod.desired.labels).toMatchObject({
      app: "api",
      "apps.kubernetes.io/pod-index": "0",
      "statefulset.kubernetes.io/pod-name": "api-0",
    });
  });
});

describe("a DaemonSet", () => {
  it("has a pod on every node that takes it", () => {
    const world = new World();
    const taint = { key: "dedicated", value: "db", effect: "NoSchedule" } as const;
    world.nodes = [
      node("node-1", { labels: { disk: "ssd" } }),
      node("node-2", { taints: [taint] }),
      node("node-3", { taints: [{ key: "node.kubernetes.io/unschedulable", value: "", effect: "NoSchedule" }] }),
    ];
    expect(world.apply(daemon("1")).show).toBe("api-node-1 api-node-3");
    expect(world.pods[0].desired.spec.nodeName).toBe("node-1");
    world.apply(daemon("1", {}, { tolerations: [{ key: "dedicated", operator: "Exists" }] }));
    // The template changed with the tolerations: nothing is available, so all are replaced.
    expect(world.show).toBe("api-node-1- api-node-2 api-node-3-");
    world.stopped("api-node-1", "api-node-3");
    expect(world.show).toBe("api-node-1 api-node-2 api-node-3");
    const onDisk = daemon("1", {}, { nodeSelector: { disk: "ssd" } });
    expect(world.ready("api-node-1").apply(onDisk).stopped("api-node-2", "api-node-3").show).toBe("api-node-1-");
  });

  it("replaces one node's after the other", () => {
    const world = new World().apply(daemon("1")).ready("api-node-1", "api-node-2").apply(daemon("2"));
    expect(world.show).toBe("api-node-1- api-node-2+");
    expect(world.stopped("api-node-1").show).toBe("api-node-1 api-node-2+");
    expect(world.ready("api-node-1").show).toBe("api-node-1+ api-node-2-");
    expect(world.stopped("api-node-2").ready("api-node-2").show).toBe("api-node-1+ api-node-2+");
  });

  it("replaces as many as maxUnavailable says", () => {
    const spec = { updateStrategy: { rollingUpdate: { maxUnavailable: "100%" } } };
    const world = new World().apply(daemon("1", spec)).ready("api-node-1", "api-node-2").apply(daemon("2", spec));
    expect(world.show).toBe("api-node-1- api-node-2-");
  });
});

describe("a DaemonSet with maxSurge", () => {
  const surge = (maxSurge: number | string) => ({ updateStrategy: { rollingUpdate: { maxSurge, maxUnavailable: 0 } } });
  const names = ["api-node-1", "api-node-2"];

  it("has the new pod beside the old one, which goes when the new one is available", () => {
    const world = new World().apply(daemon("1", surge(1))).ready(...names);
    expect(world.apply(daemon("2", surge(1))).show).toBe("api-node-1+ api-node-1-2 api-node-2+");
    expect(world.ready("api-node-1-2").show).toBe("api-node-1- api-node-1-2+ api-node-2+ api-node-2-2");
    expect(world.stopped("api-node-1").ready("api-node-2-2").stopped("api-node-2").show).toBe(
      "api-node-1-2+ api-node-2-2+",
    );
    // The next one has the first name again.
    expect(world.apply(daemon("3", surge(1))).show).toBe("api-node-1 api-node-1-2+ api-node-2-2+");
  });

  it("surges on as many nodes as it says, rounded up, and waits for minReadySeconds", () => {
    const spec = { ...surge("51%"), minReadySeconds: 3 };
    const world = new World()
      .apply(daemon("1", spec))
      .ready(...names)
      .after(3000);
    expect(world.apply(daemon("2", spec)).show).toBe("api-node-1+ api-node-1-2 api-node-2+ api-node-2-2");
    expect(world.ready("api-node-1-2").after(2999).show).toBe("api-node-1+ api-node-1-2+ api-node-2+ api-node-2-2");
    expect(world.after(1).show).toBe("api-node-1- api-node-1-2+ api-node-2+ api-node-2-2");
  });

  it("does not count nodes whose old pod is not available, and ends an old pod that is not ready", () => {
    const world = new World().apply(daemon("1", surge(1))).ready("api-node-1");
    expect(world.apply(daemon("2", surge(1))).show).toBe("api-node-1+ api-node-1-2 api-node-2- api-node-2-2");
  });

  it("that is called off ends the newer pod, and goes on without", () => {
    const world = new World()
      .apply(daemon("1", surge(1)))
      .ready(...names)
      .apply(daemon("2", surge(1)));
    expect(world.apply(daemon("2")).show).toBe("api-node-1- api-node-1-2- api-node-2+");
    expect(world.stopped("api-node-1-2").show).toBe("api-node-1- api-node-2+");
    expect(world.stopped("api-node-1").show).toBe("api-node-1 api-node-2+");
  });

  it("may not be set beside maxUnavailable, nor both be 0", () => {
    expect(() => new World().apply(daemon("1", { updateStrategy: { rollingUpdate: { maxSurge: 1 } } }))).toThrow(
      /maxUnavailable: 0 beside a maxSurge/,
    );
    expect(() => new World().apply(daemon("1", surge("0%")))).toThrow(/maxUnavailable over 0/);
  });
});

describe("a DaemonSet", () => {
  it("rounds maxUnavailable up", () => {
    const spec = { updateStrategy: { rollingUpdate: { maxUnavailable: "51%" } } };
    const world = new World().apply(daemon("1", spec)).ready("api-node-1", "api-node-2").apply(daemon("2", spec));
    expect(world.show).toBe("api-node-1- api-node-2-");
  });

  it("of strategy OnDelete has a pod that was deleted come with the changed template", () => {
    const onDelete = { updateStrategy: { type: "OnDelete" } };
    const world = new World().apply(daemon("1", onDelete)).ready("api-node-1", "api-node-2");
    expect(world.apply(daemon("2", onDelete)).show).toBe("api-node-1+ api-node-2+");
    expect(world.deleted("api-node-2").show).toBe("api-node-1+ api-node-2-");
    expect(world.stopped("api-node-2").show).toBe("api-node-1+ api-node-2");
    expect(world.pods.map((p) => p.desired.annotations.version)).toEqual(["1", "2"]);
  });
});

describe("a pod of its own", () => {
  const pod = (name: string, image: string) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { containers: [{ name: "main", image }] },
  });

  it("comes back under its name when the last one is gone", () => {
    const world = new World().apply(pod("x", "1")).ready("x");
    const [{ uid }] = world.pods;
    expect(world.remove("pod/default/x").show).toBe("x-");
    expect(world.apply(pod("x", "1")).show).toBe("x-");
    expect(world.stopped("x").show).toBe("x");
    expect(world.pods[0].uid).not.toBe(uid);
  });

  it("is the same one when its description changes", () => {
    const world = new World().apply(pod("x", "1")).ready("x").apply(pod("x", "2"));
    expect(world.show).toBe("x+");
    expect(world.pods[0].desired.spec.containers[0].image).toBe("2");
  });
});
