import { describe, expect, it } from "vitest";
import type { Process } from "../../../../src/control/time/process.ts";
import { SECOND, TestNode } from "./autoNode.ts";

/** Makes a call at once, whatever time it takes. */
function finish<T>(call: Process<T>): T {
  for (;;) {
    const step = call.next();
    if (step.done === true) return step.value;
  }
}

const FAILED = "add cmd: failed to assign an IP address to container";

describe("AutoAgent", () => {
  it("starts with one prefix on the primary ENI", () => {
    const node = new TestNode();
    expect(node.agent.ready).toBe(false);
    expect(node.enis()).toEqual(["eth0 nodes:"]);
    node.pass(1);
    expect(node.agent.ready).toBe(true);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28"]);
    expect(node.agent.stats()).toEqual({
      enis: 1,
      maxEnis: 3,
      total: 16,
      assigned: 0,
      cooling: 0,
      prefixes: 1,
      branch: 0,
    });
    node.sound();
  });

  it("gives a pod the same address when asked again, and each pod its own", () => {
    const node = new TestNode().pass(1);
    expect(node.add("a")).toBe("10.0.1.16");
    expect(node.add("b")).toBe("10.0.1.17");
    expect(node.add("a")).toBe("10.0.1.16");
    expect(node.agent.counters.addRequests).toBe(3);
    expect(node.events.filter((e) => e.kind === "add")).toHaveLength(2);
    expect(node.agent.enis()[0].assigned.map((a) => a.pod)).toEqual(["a", "b"]);
  });

  it("refuses while it starts", () => {
    const node = new TestNode();
    expect(node.add("a")).toBe(FAILED);
    expect(node.agent.counters.noAvailableAddress).toBe(0);
  });

  it("lets a given back address cool down for 30 s", () => {
    const node = new TestNode({ settings: { warmAddresses: 0, warmShare: 0 } }).pass(1).addUpTo(16);
    node.del("p3");
    expect(node.agent.stats()).toMatchObject({ total: 16, assigned: 15, cooling: 1 });
    expect(node.agent.enis()[0].cooling).toEqual([{ address: 0x0a000112, until: node.timeline.now + 30 * SECOND }]);
    node.pass(30);
    expect(node.agent.stats().cooling).toBe(1);
    node.timeline.advance(node.timeline.now + 1);
    expect(node.add("next")).toBe("10.0.1.18");
  });

  it("a del of an unknown pod is no error and is counted", () => {
    const node = new TestNode().pass(1);
    node.agent.del("nobody");
    expect(node.agent.counters.delRequests).toEqual(new Map([["PodDeleted", 1]]));
    expect(node.events.at(-1)).toEqual({ kind: "del", pod: "nobody", address: null });
  });

  it("is asleep for ever when it has nothing to do", () => {
    const node = new TestNode().pass(1).addUpTo(14).pass(600);
    expect(node.timeline.next()).toBeNull();
    node.delRange(1, 1).pass(600);
    expect(node.timeline.next()).toBeNull();
  });

  it("ignores security groups for pods, which Auto Mode has not", () => {
    const node = new TestNode().pass(1);
    const address = node.agent.add({ key: "a", deviceNumber: null, securityGroups: ["db"] });
    expect(address).toMatchObject({ deviceNumber: 0, vlan: 0 });
  });
});

describe("the warm pool", () => {
  it("grows with the scheduled pods, ENI by ENI", () => {
    const node = new TestNode({ subnets: { nodes: "10.0.0.0/20" } }).pass(1);
    // Warm at 13 pods: ceil(13 / 8) = 2 of the 3 that are free; at 14: 2 of 2; at 15: 2 of 1.
    node.addUpTo(14).pass(20);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.0.16/28"]);
    node.addUpTo(15);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.0.16/28"]);
    node.pass(6);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.0.16/28 10.0.0.32/28"]);
    // 9 prefixes of eth0 are 144 addresses, more than --max-pods.
    node.addUpTo(110).pass(60);
    expect(node.agent.stats()).toMatchObject({ enis: 1, prefixes: 7, total: 112, assigned: 110 });
    node.sound();
  });

  it("attaches another ENI when all slots are in use", () => {
    const limits = { enis: 3, addressesPerEni: 2, prefixes: true, branchEnis: 0 };
    const node = new TestNode({ limits }).pass(1).addUpTo(40).pass(60);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28", "eth1 nodes: 10.0.1.32/28", "eth2 nodes: 10.0.1.48/28"]);
    expect(node.agent.enis().map((e) => e.assigned.length)).toEqual([16, 16, 8]);
    node.addUpTo(48).pass(60);
    expect(node.add("one more")).toBe(FAILED);
    expect(node.agent.counters.noAvailableAddress).toBeGreaterThan(0);
    expect(node.events.at(-1)).toEqual({ kind: "addFailed", pod: "one more", message: FAILED });
    node.pass(600);
    expect(node.timeline.next()).toBeNull();
    node.sound();
  });

  it("looks again one interval after a look that did something has ended", () => {
    const limits = { enis: 3, addressesPerEni: 2, prefixes: true, branchEnis: 0 };
    const node = new TestNode({ limits, settings: { warmAddresses: 33 } }).pass(60);
    const times = node.times.filter((_, i) => node.events[i].kind === "changed");
    // DescribeNetworkInterfaces 0.2 s, a prefix 0.5 s; then 5 s, and an ENI in 1 s + 2 s + 4 s.
    expect(times).toEqual([700, 700, 12_700, 24_700]);
  });

  it("grows for a pod that waits while all free addresses cool down", () => {
    const node = new TestNode().pass(1).addUpTo(14);
    node.delRange(1, 14);
    node.add("a");
    node.add("b");
    expect(node.add("c")).toBe(FAILED);
    expect(node.agent.stats()).toMatchObject({ total: 16, assigned: 2, cooling: 14 });
    node.pass(6);
    expect(node.add("c")).toBe("10.0.1.32");
  });

  it("does not grow beyond an address for each of --max-pods", () => {
    const node = new TestNode({ maxPods: 16 }).pass(1).addUpTo(16).pass(60);
    expect(node.agent.stats()).toMatchObject({ total: 16, assigned: 16 });
    expect(node.timeline.next()).toBeNull();
  });

  it("shrinks: a prefix without pods goes after its time in the cooldown pool", () => {
    const node = new TestNode().pass(1).addUpTo(33).pass(10);
    expect(node.agent.stats().prefixes).toBe(3);
    node.delRange(2, 33);
    node.pass(59);
    expect(node.agent.stats().prefixes).toBe(3);
    node.pass(10);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28"]);
    expect(node.ec2Enis()).toEqual(node.enis());
    node.sound();
  });

  it("restores a prefix of the cooldown pool at once when it is needed again", () => {
    const node = new TestNode().pass(1).addUpTo(33).pass(10);
    const calls = node.ec2.calls.get("AssignPrivateIpAddresses")?.calls;
    node.delRange(17, 33).pass(40);
    for (let n = 1; n <= 17; n++) expect(node.add(`q${n}`)).not.toBe(FAILED);
    node.pass(600);
    expect(node.agent.stats()).toMatchObject({ prefixes: 3, assigned: 33 });
    expect(node.ec2.calls.get("AssignPrivateIpAddresses")?.calls).toBe(calls);
    // Its time begins anew when it is not needed again.
    for (let n = 1; n <= 17; n++) node.del(`q${n}`);
    node.pass(59);
    expect(node.agent.stats().prefixes).toBe(3);
    node.pass(10);
    expect(node.agent.stats().prefixes).toBe(2);
    node.sound();
  });

  it("prefers prefixes that are needed to those of the cooldown pool", () => {
    const node = new TestNode().pass(1).addUpTo(33).pass(10).delRange(1, 16);
    expect(node.add("a")).toBe("10.0.1.49");
    node.pass(70);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.32/28 10.0.1.48/28"]);
  });

  it("deletes an ENI with its last prefix", () => {
    const limits = { enis: 3, addressesPerEni: 2, prefixes: true, branchEnis: 0 };
    const node = new TestNode({ limits }).pass(1).addUpTo(33).pass(30);
    node.delRange(33, 33).delRange(17, 32).pass(120);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28", "eth1 nodes: 10.0.1.32/28"]);
    expect([...node.ec2.allInterfaces()]).toHaveLength(2);
    node.del("p16");
    node.pass(30);
    node.delRange(2, 15).pass(120);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28"]);
    node.sound();
  });

  it("leaves the prefix that came into the cooldown pool first there, when another one becomes empty", () => {
    const limits = { enis: 3, addressesPerEni: 2, prefixes: true, branchEnis: 0 };
    const node = new TestNode({ limits }).pass(1).addUpTo(33).pass(30).delRange(17, 32).pass(40);
    node.del("p33");
    node.pass(29);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28", "eth2 nodes: 10.0.1.48/28"]);
  });

  it("gives no prefix back before its addresses have cooled down", () => {
    const node = new TestNode({ settings: { prefixCooldown: 0 } })
      .pass(1)
      .addUpTo(17)
      .pass(10)
      .delRange(2, 17)
      .pass(29);
    expect(node.agent.stats().prefixes).toBe(2);
    node.pass(7);
    expect(node.agent.stats().prefixes).toBe(1);
  });

  it("deletes an ENI that EC2 does not attach", () => {
    const limits = { enis: 3, addressesPerEni: 2, prefixes: true, branchEnis: 0 };
    const node = new TestNode({ limits }).pass(1).addUpTo(16);
    while ([...node.ec2.allInterfaces()].length === 1) node.timeline.step();
    // Somebody else takes eth1.
    const foreign = finish(
      node.ec2.createNetworkInterface({
        subnet: "nodes",
        securityGroups: [],
        description: "",
        tags: {},
        secondaryAddresses: 0,
        prefixes: 0,
      }),
    );
    finish(node.ec2.attachNetworkInterface(foreign.id, "node-1", 1));
    node.pass(3);
    expect([...node.ec2.allInterfaces()].map((e) => e.deviceNumber)).toEqual([0, 1]);
    expect(node.agent.counters.errors).toEqual(new Map([["attachENI", 1]]));
    node.sound();
  });

  it("keeps an ENI that EC2 does not detach", () => {
    const limits = { enis: 3, addressesPerEni: 2, prefixes: true, branchEnis: 0 };
    const node = new TestNode({ limits }).pass(1).addUpTo(17).pass(30);
    const { id } = node.agent.enis()[1];
    node.ec2.forceDetach(id);
    node.delRange(2, 17).pass(70);
    expect(node.agent.counters.errors).toEqual(new Map([["detachENI", 1]]));
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28", "eth1 nodes: 10.0.1.32/28"]);
    expect(node.agent.violations()).toEqual([]);
  });

  it("keeps a prefix whose release EC2 refuses", () => {
    const node = new TestNode().pass(1).addUpTo(17).pass(10);
    const [, second] = node.ec2.interfaces("node-1")[0].slots;
    node.ec2.forceUnassign(node.ec2.interfaces("node-1")[0].id, second);
    node.delRange(2, 17).pass(75);
    expect(node.logs().at(-1)).toContain("deallocIPs: InvalidParameterValue");
    expect(node.agent.counters.errors).toEqual(new Map([["deallocIPs", 1]]));
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28 10.0.1.32/28"]);
    expect(node.agent.violations()).toEqual([]);
  });
});
