import { describe, expect, it } from "vitest";
import { Ec2Error } from "../../../../src/control/vpc/ec2/ec2Error.ts";
import { MINUTE, SECOND, subnet, World } from "./world.ts";

const FAILED = "add cmd: failed to assign an IP address to container";
const address = expect.stringMatching(/^\d/);
const none = { warmEniTarget: 0 };

describe("start-up (nodeInit)", () => {
  it("fills the primary ENI and is ready; the second ENI comes with the first pod", () => {
    const world = new World();
    const node = world.node("m5.large");
    expect(node.ipamd.ready).toBe(false);
    expect(node.add("early")).toContain("add cmd: Error received from AddNetwork gRPC call");
    // DescribeNetworkInterfaces, DescribeSubnets, AssignPrivateIpAddresses.
    world.run(899);
    expect(node.ipamd.ready).toBe(false);
    world.run(1);
    expect(node.ipamd.ready).toBe(true);
    world.run(10 * MINUTE);
    expect(node.slots()).toEqual([9]);
    expect(node.add("pod-1")).toBe("10.0.0.5");
    world.run(20 * SECOND);
    expect(node.slots()).toEqual([9, 9]);
    expect(node.ipamd.stats()).toEqual({
      enis: 2,
      maxEnis: 3,
      total: 18,
      assigned: 1,
      cooling: 0,
      prefixes: 0,
      branch: 0,
    });
    expect(node.ipamd.counters.addRequests).toBe(1);
    expect(node.ipamd.violations()).toEqual([]);
  });

  it("looks at the pool 2.5 s after it is ready, then every 5 s", () => {
    const world = new World();
    const node = world.node("m5.large");
    world.run(900);
    node.add("pod-1");
    world.run(2499);
    expect(world.calls("CreateNetworkInterface")).toBe(0);
    // DescribeSubnets comes first.
    world.run(201);
    expect(world.calls("CreateNetworkInterface")).toBe(1);
    const late = new World();
    const other = late.node("m5.large");
    late.run(900 + 2500 + 1);
    other.add("pod-1");
    late.run(4999);
    expect(late.calls("DescribeSubnets")).toBe(2);
  });

  it("takes over what is attached, but not what is tagged no_manage", () => {
    const world = new World();
    const node = world.node("m5.large", none, { name: "node-2" });
    node.ipamd.stop(true);
    const tags = { "node.k8s.amazonaws.com/no_manage": "true" };
    world.attach("node-2", 1, { tags, secondaryAddresses: 2 });
    world.attach("node-2", 2, { secondaryAddresses: 2 });
    node.ipamd.start();
    world.run(5 * SECOND);
    expect(node.ipamd.stats()).toMatchObject({ enis: 2, maxEnis: 2, total: 2 });
    expect(node.ipamd.enis().map((eni) => [eni.deviceNumber, eni.kind, eni.forPods])).toEqual([
      [0, "primary", true],
      [1, "secondary", false],
      [2, "secondary", true],
    ]);
  });

  it("restores pods from the checkpoint, and drops those that are gone", () => {
    const world = new World();
    const node = world.node("m5.large", none);
    world.run(5 * SECOND);
    expect([node.add("a"), node.add("b"), node.add("c")]).toEqual(["10.0.0.5", "10.0.0.6", "10.0.0.7"]);
    node.ipamd.stop(true);
    expect(node.ipamd.ready).toBe(false);
    // Pods stay, and are shown from the checkpoint.
    expect(node.ipamd.enis()[0].assigned.map(({ pod }) => pod)).toEqual(["a", "b", "c"]);
    node.del("b");
    node.ipamd.start();
    world.run(5 * SECOND);
    expect(node.ipamd.stats()).toMatchObject({ total: 9, assigned: 2, cooling: 0 });
    expect(node.add("a")).toBe("10.0.0.5");
    expect(node.add("d")).toBe("10.0.0.6");
    expect(node.ipamd.violations()).toEqual([]);
  });

  it("loses cooldowns (issue #1127), and without a checkpoint the pods", () => {
    const world = new World();
    const node = world.node("m5.large", none);
    world.run(5 * SECOND);
    node.add("a");
    node.add("b");
    node.del("a");
    expect(node.ipamd.stats().cooling).toBe(1);
    node.restart(none);
    world.run(2 * SECOND);
    expect(node.ipamd.stats()).toMatchObject({ assigned: 1, cooling: 0 });
    expect(node.add("c")).toBe("10.0.0.5");
    node.restart(none, false);
    world.run(2 * SECOND);
    expect(node.ipamd.stats().assigned).toBe(0);
    // c has this address still, and nobody knows.
    expect(node.add("d")).toBe("10.0.0.5");
    expect(node.ipamd.counters.addRequests).toBe(1);
  });

  it("falls back to secondary addresses on Xen types (isConfigValid)", () => {
    const world = new World();
    const node = world.node("c4.large", { prefixDelegation: true });
    world.run(5 * SECOND);
    expect(node.slots()).toEqual([9]);
    expect(node.ipamd.stats()).toMatchObject({ total: 9, prefixes: 0 });
    expect(node.logs().join()).toContain("Prefix delegation is not supported on non-nitro instance c4.large");
  });

  it("fails where the ENIs cannot be described, and is started again with kubelet's back-off", () => {
    const world = new World();
    const { describeNetworkInterfaces } = world.ec2;
    const node = world.node("m5.large");
    world.ec2.describeNetworkInterfaces = function* () {
      yield { signal: null, milliseconds: 100 };
      throw new Ec2Error("RequestLimitExceeded", "Request limit exceeded.");
    };
    world.run(35 * SECOND);
    expect(node.events.map(({ time, event }) => [time, event.kind === "log" ? event.message : event.kind])).toEqual(
      [100, 10_200, 30_300].map((time) => [
        time,
        "ipamd init: failed to retrieve attached ENIs info: Request limit exceeded.",
      ]),
    );
    world.ec2.describeNetworkInterfaces = describeNetworkInterfaces;
    world.run(MINUTE);
    expect(node.ipamd.ready).toBe(true);
  });

  it("fails where the primary ENI gets no slots for another reason than a full subnet", () => {
    const world = new World();
    world.ec2.assignPrivateIpAddresses = function* () {
      yield { signal: null, milliseconds: 100 };
      throw new Ec2Error("OperationNotPermitted", "no");
    };
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    expect(node.ipamd.ready).toBe(false);
    expect(node.logs()).toContain("error while trying to increase datastore pool");
    expect([...node.ipamd.counters.podEniErrors]).toEqual([["nodeInit", 1]]);
  });

  it("is ready without an address where the subnet is full", () => {
    const world = new World({ subnets: [subnet("nodes", "10.0.0.0/28")] });
    world.ec2.takeAddresses("nodes", 10, "contiguous", "others");
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    expect(node.ipamd.ready).toBe(true);
    expect(node.add("pod-1")).toBe(FAILED);
    expect(node.logs()).toContain("AssignPodIPAddress: no available IP/Prefix addresses");
    expect(node.ipamd.counters.noAvailableAddress).toBe(1);
  });
});

describe("ADD and DEL", () => {
  it("answer the same address again; an address cools for 30 s, that moment included", () => {
    const world = new World({ subnets: [subnet("nodes", "10.0.0.0/24")] });
    const node = world.node("t3.small", { ...none, maxEni: 1 });
    world.run(5 * SECOND);
    for (const pod of ["a", "b", "c"]) expect(node.add(pod)).toEqual(address);
    expect(node.add("a")).toBe("10.0.0.5");
    expect(node.add("d")).toBe(FAILED);
    node.del("b");
    expect(node.ipamd.enis()[0].cooling).toEqual([{ address: 0x0a000006, until: world.timeline.now + 30 * SECOND }]);
    world.run(30 * SECOND);
    expect(node.add("d")).toBe(FAILED);
    world.run(1);
    expect(node.add("d")).toBe("10.0.0.6");
    const kinds = node.events.map(({ event }) => event.kind);
    expect(kinds.filter((kind) => kind === "add")).toHaveLength(4);
    expect(kinds.filter((kind) => kind === "addFailed")).toHaveLength(2);
  });

  it("DEL of a pod without address is no error", () => {
    const world = new World();
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    node.del("nobody");
    expect(node.events.at(-1)?.event).toEqual({ kind: "del", pod: "nobody", address: null });
    expect([...node.ipamd.counters.delRequests]).toEqual([["PodDeleted", 1]]);
  });

  it("issue #2896: cooling addresses count as available, so the pool is not refilled and pods wait", () => {
    const world = new World();
    const node = world.node("m5.large", { warmIpTarget: 3 });
    world.run(MINUTE);
    for (const pod of ["a", "b", "c"]) node.add(pod);
    world.run(20 * SECOND);
    expect(node.ipamd.stats()).toMatchObject({ total: 6, assigned: 3 });
    for (const pod of ["d", "e", "f"]) node.add(pod);
    for (const pod of ["a", "b", "c"]) node.del(pod);
    world.run(20 * SECOND);
    expect(node.ipamd.stats()).toMatchObject({ total: 6, assigned: 3, cooling: 3 });
    expect(node.add("g")).toBe(FAILED);
  });
});

describe("terminate", () => {
  it("ends the daemon for good", () => {
    const world = new World();
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    node.add("a");
    world.run(3 * SECOND);
    node.ipamd.terminate();
    world.ec2.terminateInstance(node.name);
    world.run(MINUTE);
    node.ipamd.start();
    world.run(MINUTE);
    expect(node.ipamd.ready).toBe(false);
    expect(node.ipamd.enis()).toEqual([]);
    expect(node.ipamd.violations()).toEqual([]);
  });
});
