import { describe, expect, it } from "vitest";
import { Ec2Error } from "../../../../src/control/vpc/ec2/ec2Error.ts";
import { MINUTE, type Node, SECOND, subnet, World } from "./world.ts";

const FAILED = "add cmd: failed to assign an IP address to container";
const none = { warmEniTarget: 0 };

const attached = (node: Node) =>
  node.world.ec2.interfaces(node.name).map((eni) => [eni.deviceNumber, eni.slots.length]);

describe("growing and shrinking (updateIPPoolIfRequired)", () => {
  it("attaches one ENI at a time, under the lowest free device numbers", () => {
    const world = new World();
    const node = world.node("m5.large", { warmEniTarget: 3 });
    const counts: number[] = [];
    for (let i = 0; i < 8; i++) {
      world.run(5 * SECOND);
      counts.push(node.slots().length);
    }
    // Ready at 0.9 s, a tick at 3.4 s; an ENI takes 7.6 s, and the next tick is 5 s after that.
    expect(counts).toEqual([1, 1, 2, 2, 3, 3, 3, 3]);
    expect(attached(node)).toEqual([
      [0, 9],
      [1, 9],
      [2, 9],
    ]);
  });

  it("keeps to MAX_ENI and stops at --max-pods", () => {
    const world = new World();
    const node = world.node("m5.large", { warmEniTarget: 3, maxEni: 2 });
    const small = world.node("m5.large", { warmEniTarget: 3 }, { name: "node-2", maxPods: 10 });
    world.run(5 * MINUTE);
    expect([node.slots(), node.ipamd.stats().maxEnis]).toEqual([[9, 9], 2]);
    expect(small.slots()).toEqual([9, 9]);
  });

  it("an unmanaged ENI takes a place and a device number (TestIPAMContext_filterUnmanagedENIs)", () => {
    const world = new World();
    const node = world.node("m5.large", { warmEniTarget: 3 });
    node.ipamd.stop(true);
    world.attach(node.name, 2, { tags: { "node.k8s.amazonaws.com/no_manage": "true" } });
    node.ipamd.start();
    world.run(5 * MINUTE);
    expect(attached(node)).toEqual([
      [0, 9],
      [1, 9],
      [2, 0],
    ]);
    expect(world.calls("CreateNetworkInterface")).toBe(2);
    expect(node.add("a", 2)).toBe(`${FAILED}: eth2 is not managed by ipamd (its tags say so)`);
    expect(node.ipamd.violations()).toEqual([]);
  });

  it("shrinks at most every 30 s", () => {
    const world = new World();
    const node = world.node("m5.large", { warmIpTarget: 2 });
    world.run(MINUTE);
    for (let n = 0; n < 6; n++) {
      node.add(`pod-${n}`);
      world.run(10 * SECOND);
    }
    expect(node.ipamd.stats().total).toBe(8);
    world.run(MINUTE);
    const unassigned = () => world.calls("UnassignPrivateIpAddresses");
    const start = unassigned();
    node.del("pod-0");
    world.run(6 * SECOND);
    expect([node.ipamd.stats().total, unassigned() - start]).toEqual([7, 1]);
    node.del("pod-1");
    world.run(20 * SECOND);
    expect(node.ipamd.stats().total).toBe(7);
    world.run(15 * SECOND);
    expect([node.ipamd.stats().total, unassigned() - start]).toEqual([6, 2]);
  });

  it("frees one ENI per cycle, none that is younger than a minute", () => {
    const world = new World();
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    for (let n = 0; n < 18; n++) {
      node.add(`pod-${n}`);
      if (n === 8) world.run(20 * SECOND);
    }
    world.run(20 * SECOND);
    expect(node.slots()).toEqual([9, 9, 9]);
    for (const pod of [...node.pods]) node.del(pod);
    world.run(29 * SECOND);
    expect(node.slots()).toEqual([9, 9, 9]);
    world.run(MINUTE);
    // The last one stays: WARM_ENI_TARGET asks for 9, and 18 are not a full ENI too many.
    expect(node.slots()).toEqual([9]);
    expect(world.calls("DetachNetworkInterface")).toBe(2);
    expect(world.calls("DeleteNetworkInterface")).toBe(2);
    expect(world.ec2.violations()).toEqual([]);
  });

  it("backs off for 120 s after InsufficientFreeAddressesInSubnet, having tried a single address", () => {
    const world = new World({ subnets: [subnet("nodes", "10.0.0.0/27")] });
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    world.ec2.takeAddresses("nodes", 15, "contiguous", "others");
    const start = world.timeline.now;
    node.add("pod-1");
    world.run(110 * SECOND);
    // CreateNetworkInterface wants an address of its own and nine more.
    expect(world.calls("CreateNetworkInterface")).toBe(1);
    expect(node.logs().filter((log) => log.startsWith("Unable to attach IPs/Prefixes"))).toHaveLength(1);
    expect([...node.ipamd.counters.errors]).toEqual([
      ["increaseIPPoolAllocENI", 1],
      ["increaseIPPoolAllocIPAddressesFailed", 1],
    ]);
    world.run(10 * MINUTE);
    const tries = Math.floor((world.timeline.now - start) / (120 * SECOND + 5 * SECOND));
    expect(world.calls("CreateNetworkInterface")).toBe(tries + 1);
    world.ec2.freeAddresses("others");
    world.run(150 * SECOND);
    expect(node.slots()).toEqual([9, 9]);
  });

  it("InsufficientCidrBlocks: a fragmented subnet gives no prefix, and ipamd falls back to no secondary address", () => {
    const world = new World({ subnets: [subnet("nodes", "10.0.0.0/24")] });
    for (let block = 1; block < 16; block++) world.ec2.takeAddress("nodes", 0x0a000000 + block * 16, "others");
    const node = world.node("m5.large", { prefixDelegation: true });
    world.run(20 * MINUTE);
    expect(node.ipamd.ready).toBe(true);
    expect(world.ec2.subnet("nodes").freeAddresses).toBeGreaterThan(200);
    expect(node.shape()).toEqual(["eth0: "]);
    expect(node.add("pod-1")).toBe(FAILED);
    expect(node.logs().join()).toContain("InsufficientCidrBlocks");
    expect(world.ec2.calls.get("AssignPrivateIpAddresses")?.errors.get("InsufficientCidrBlocks")).toBeGreaterThan(5);
  });

  it("takes one address where the subnet has not as many as it wants (tryAssignIPs)", () => {
    const world = new World({ subnets: [subnet("nodes", "10.0.0.0/27")] });
    world.ec2.takeAddresses("nodes", 20, "contiguous", "others");
    const node = world.node("m5.large");
    world.run(SECOND + 500);
    expect(node.slots()).toEqual([1]);
    world.run(5 * MINUTE);
    expect(world.ec2.subnet("nodes").freeAddresses).toBe(0);
    expect(node.slots()).toEqual([6]);
  });

  it("PrivateIpAddressLimitExceeded: takes what EC2 has", () => {
    const world = new World();
    const node = world.node("m5.large", { warmIpTarget: 2, warmEniTarget: 0 });
    world.run(MINUTE);
    const [eni] = world.ec2.interfaces(node.name);
    // Nobody tells the daemon.
    world.ec2.forceAssign(eni.id, { secondaryAddresses: 7 });
    node.add("pod-1");
    world.run(6 * SECOND);
    expect(node.slots()).toEqual([9]);
    expect(node.ipamd.counters.errors.size).toBe(0);
  });

  it("tries again at the next tick after other failures", () => {
    const world = new World();
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    const { createNetworkInterface } = world.ec2;
    world.ec2.createNetworkInterface = function* () {
      yield { signal: null, milliseconds: 800 };
      throw new Ec2Error("RequestLimitExceeded", "Request limit exceeded.");
    };
    node.add("pod-1");
    world.run(25 * SECOND);
    // Each takes a second: DescribeSubnets and this.
    expect(node.ipamd.counters.errors.get("increaseIPPoolAllocENI")).toBe(4);
    world.ec2.createNetworkInterface = createNetworkInterface;
    world.run(15 * SECOND);
    expect(node.slots()).toEqual([9, 9]);
  });

  it("works in prefixes: an ENI with room first", () => {
    const world = new World();
    const node = world.node("t3.small", { prefixDelegation: true });
    world.run(5 * SECOND);
    expect(node.shape()).toEqual(["eth0: 10.0.0.16/28"]);
    expect(node.add("pod-1")).toBe("10.0.0.16");
    expect(node.add("pod-2")).toBe("10.0.0.17");
    world.run(10 * SECOND);
    expect(node.shape()).toEqual(["eth0: 10.0.0.16/28, 10.0.0.32/28"]);
    node.del("pod-1");
    node.del("pod-2");
    world.run(MINUTE);
    expect(node.ipamd.stats()).toMatchObject({ total: 16, prefixes: 1 });
  });
});

describe("ENABLE_PREFIX_DELEGATION turned", () => {
  it("on: unused addresses go at start-up, used ones stay", () => {
    const world = new World();
    const node = world.node("m5.large");
    world.run(5 * SECOND);
    expect(node.add("a")).toBe("10.0.0.5");
    world.run(20 * SECOND);
    node.restart({ prefixDelegation: true });
    world.run(20 * SECOND);
    expect(node.shape()).toEqual(["eth0: 10.0.0.5, 10.0.0.16/28", "eth1: "]);
    expect(node.ipamd.stats()).toMatchObject({ total: 16, assigned: 0, prefixes: 1 });
    expect(node.add("a")).toBe("10.0.0.5");
    expect(node.add("b")).toBe("10.0.0.16");
    expect(node.ipamd.violations()).toEqual([]);
  });

  it("off: a prefix goes with its last pod (rpc_handler.go DelNetwork)", () => {
    const world = new World();
    const node = world.node("m5.large", { prefixDelegation: true });
    world.run(5 * SECOND);
    expect([node.add("a"), node.add("b")]).toEqual(["10.0.0.16", "10.0.0.17"]);
    world.run(10 * SECOND);
    node.restart(none);
    world.run(5 * SECOND);
    expect(node.ipamd.stats()).toMatchObject({ total: 8, assigned: 0, prefixes: 1 });
    node.del("a");
    world.run(5 * SECOND);
    expect(node.shape()[0]).toContain("10.0.0.16/28");
    node.del("b");
    world.run(5 * SECOND);
    expect(node.shape()[0]).not.toContain("/28");
    expect(world.ec2.interfaces(node.name)[0].slots).toHaveLength(8);
  });
});
