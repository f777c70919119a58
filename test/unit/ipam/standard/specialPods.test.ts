import { describe, expect, it } from "vitest";
import type { PodAddress } from "../../../../src/control/ipam/types.ts";
import { MINUTE, SECOND, subnet, World } from "./world.ts";

const FAILED = "add cmd: failed to assign an IP address to container";
const none = { warmEniTarget: 0 };

describe("security groups for pods (ENABLE_POD_ENI)", () => {
  const branch: PodAddress = { address: 0x0a000064, eni: "eni-branch", deviceNumber: 1, vlan: 7 };

  it("keeps a place for the trunk ENI until there is one (hasRoomForEni)", () => {
    const world = new World();
    const node = world.node("m5.large", { podEni: true, warmEniTarget: 3 });
    const plain = world.node("t3.small", { podEni: true, warmEniTarget: 3 }, { name: "node-2" });
    world.run(2 * MINUTE);
    expect(node.slots()).toEqual([9, 9]);
    // A type that takes no trunk keeps none.
    expect(plain.slots()).toEqual([3, 3, 3]);
    world.attach(node.name, 2, { interfaceType: "trunk" });
    node.ipamd.poke();
    world.run(10 * SECOND);
    expect(node.ipamd.enis().map((eni) => [eni.kind, eni.forPods, eni.slots.length])).toEqual([
      ["primary", true, 9],
      ["secondary", true, 9],
      ["trunk", false, 0],
    ]);
    expect(node.add("a", 2)).toBe(`${FAILED}: eth2 is the trunk ENI`);
    world.run(20 * MINUTE);
    expect(node.ipamd.stats()).toMatchObject({ enis: 3, total: 18 });
    expect(node.ipamd.violations()).toEqual([]);
  });

  it("gives a pod with security groups its branch ENI's address, once there is one", () => {
    const world = new World();
    const made = new Map<string, PodAddress>();
    const podEnis = { address: (pod: string) => made.get(pod) ?? null };
    const node = world.node("m5.large", { podEni: true }, { podEnis });
    world.run(MINUTE);
    expect(node.add("a", null, ["sg-db"])).toBe(FAILED);
    expect(node.logs().at(-1)).toBe("Send AddNetworkReply: No trunk ENI found, cannot add a pod ENI");
    world.run(20 * MINUTE);
    // Nobody says that the trunk is there: the pod's next attempt makes the daemon look.
    world.attach(node.name, 1, { interfaceType: "trunk" });
    expect(node.add("a", null, ["sg-db"])).toBe(FAILED);
    world.run(10 * SECOND);
    expect(node.add("a", null, ["sg-db"])).toBe(FAILED);
    expect(node.logs().at(-1)).toBe("Send AddNetworkReply: failed to get Branch ENI resource");
    made.set("a", branch);
    expect(node.add("a", null, ["sg-db"])).toBe("10.0.0.100");
    expect(node.add("a", null, ["sg-db"])).toBe("10.0.0.100");
    expect(node.ipamd.stats()).toMatchObject({ assigned: 0, branch: 1 });
    expect(node.ipamd.enis().at(-1)).toMatchObject({
      kind: "branch",
      id: "eni-branch",
      vlan: 7,
      deviceNumber: 1,
      subnet: "nodes",
      securityGroups: ["sg-db"],
      assigned: [{ address: 0x0a000064, pod: "a" }],
    });
    node.del("a");
    expect(node.events.at(-2)?.event).toEqual({ kind: "del", pod: "a", address: branch });
    expect(node.ipamd.stats().branch).toBe(0);
  });

  it("is refused where pods get no branch ENIs", () => {
    const world = new World();
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    expect(node.add("a", null, ["sg-db"])).toBe(FAILED);
  });
});

describe("pinned pods (podplane's own)", () => {
  it("ENIs are attached until the pinned one exists", () => {
    const world = new World();
    const node = world.node("m5.large", none);
    world.run(5 * SECOND);
    expect(node.add("a", 2)).toBe(`${FAILED}: eth2 is not attached yet`);
    world.run(MINUTE);
    expect(node.slots()).toEqual([9, 9, 9]);
    const address = node.add("a", 2);
    expect(node.ipamd.enis()[2].assigned).toEqual([{ pod: "a", address: expect.any(Number) }]);
    expect(node.add("a", 2)).toBe(address);
    expect(node.ipamd.violations()).toEqual([]);
  });

  it("a slot is added to the pinned ENI, whatever the targets say", () => {
    const world = new World();
    const node = world.node("m5.large", { warmIpTarget: 1 });
    world.run(MINUTE);
    expect(node.add("a")).toBe("10.0.0.5");
    world.run(10 * SECOND);
    expect(node.slots()).toEqual([2]);
    expect([node.add("b", 1), node.add("c", 1)]).toEqual(Array(2).fill(`${FAILED}: eth1 is not attached yet`));
    world.run(20 * SECOND);
    // One with the ENI, then one more.
    expect(node.slots()).toEqual([2, 2]);
    world.run(5 * MINUTE);
    // What is over the target goes, but not from the pinned ENI.
    expect(node.slots()).toEqual([1, 2]);
    for (const pod of ["b", "c"]) expect(node.add(pod, 1)).toMatch(/^10/);
    world.run(5 * MINUTE);
    expect(node.slots().reduce((sum, n) => sum + n)).toBe(4);
  });

  it("what a pod waits for is not given back; once it is gone it is", () => {
    const world = new World();
    const node = world.node("m5.large", { warmIpTarget: 1 });
    world.run(MINUTE);
    node.add("b", 1);
    world.run(10 * MINUTE);
    expect(node.slots()).toEqual([0, 1]);
    node.del("b");
    world.run(10 * MINUTE);
    expect(node.ipamd.stats().total).toBe(1);
  });

  it("nor are slots, where other ENIs have none to give back", () => {
    const world = new World();
    const node = world.node("m5.large", { warmIpTarget: 1 });
    world.run(MINUTE);
    node.add("b", 1);
    node.add("c", 1);
    world.run(10 * MINUTE);
    expect(node.slots()).toEqual([0, 2]);
  });

  it("says what is missing", () => {
    const world = new World();
    const node = world.node("m5.large", none);
    world.run(5 * SECOND);
    expect(node.add("a", 3)).toBe(`${FAILED}: eth3 is over the 3 ENIs of m5.large`);
    for (let n = 0; n < 9; n++) node.add(`eth0-${n}`, 0);
    expect(node.add("a", 0)).toBe(`${FAILED}: all 9 slots of eth0 are in use`);
    node.del("eth0-0");
    expect(node.add("a", 0)).toBe(`${FAILED}: all free addresses of eth0 cool down`);
    node.restart({ ...none, maxEni: 2 });
    world.run(5 * SECOND);
    expect(node.add("b", 2)).toBe(`${FAILED}: eth2 is over MAX_ENI 2`);
  });

  it("waits while the subnet is full, and then for the back-off", () => {
    const world = new World({ subnets: [subnet("nodes", "10.0.0.0/27")] });
    const node = world.node("m5.large", none);
    world.run(5 * SECOND);
    world.ec2.takeAddresses("nodes", 17, "contiguous", "others");
    node.add("a", 1);
    world.run(10 * MINUTE);
    expect(world.calls("CreateNetworkInterface")).toBeGreaterThan(3);
    expect(world.calls("CreateNetworkInterface")).toBeLessThan(7);
    world.ec2.freeAddresses("others");
    world.run(3 * MINUTE);
    expect(node.add("a", 1)).toMatch(/^10/);
  });
});
