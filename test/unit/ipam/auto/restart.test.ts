import { describe, expect, it } from "vitest";
import { SECOND, TestNode } from "./autoNode.ts";

function restart(node: TestNode, keepCheckpoint = true): void {
  node.agent.stop(keepCheckpoint);
  node.agent.start();
  node.pass(1);
}

describe("a restart", () => {
  it("finds ENIs and slots, and the pods of the checkpoint", () => {
    const node = new TestNode().pass(1).addUpTo(17).pass(10);
    const before = node.agent.enis();
    restart(node);
    expect(node.agent.enis()).toEqual(before);
    expect(node.add("p17")).toBe("10.0.1.32");
    expect(node.add("p18")).toBe("10.0.1.33");
    node.sound();
  });

  it("shows ENIs and pods while it is down, and answers nothing", () => {
    const node = new TestNode().pass(1).addUpTo(2);
    node.agent.stop(true);
    expect(node.agent.ready).toBe(false);
    node.pass(100);
    expect(node.agent.enis()[0].assigned).toHaveLength(2);
    expect(node.add("p3")).toBe("add cmd: failed to assign an IP address to container");
    expect(node.agent.violations()).toEqual([]);
  });

  it("forgets pods that went while it was down", () => {
    const node = new TestNode().pass(1).addUpTo(2);
    node.agent.stop(true);
    node.pods.delete("p1");
    node.agent.start();
    node.pass(1);
    expect(node.agent.enis()[0].assigned).toEqual([{ address: 0x0a000111, pod: "p2" }]);
    node.sound();
  });

  it("loses cooldowns, of addresses and of prefixes, and counters", () => {
    const node = new TestNode().pass(1).addUpTo(17).pass(10);
    node.delRange(2, 17).pass(25);
    expect(node.agent.stats().cooling).toBe(16);
    restart(node);
    expect(node.agent.stats()).toMatchObject({ cooling: 0, prefixes: 2 });
    expect(node.agent.counters.addRequests).toBe(0);
    expect(node.add("a")).toBe("10.0.1.17");
    node.pass(58);
    expect(node.agent.stats().prefixes).toBe(2);
    node.pass(10);
    expect(node.agent.stats().prefixes).toBe(1);
    node.sound();
  });

  it("begins anew without its checkpoint", () => {
    const node = new TestNode().pass(1).addUpTo(3);
    restart(node, false);
    expect(node.agent.stats().assigned).toBe(0);
    expect(node.add("other")).toBe("10.0.1.16");
    node.sound();
  });

  it("drops a pod whose address no ENI has any more", () => {
    const node = new TestNode().pass(1).addUpTo(1);
    const [eni] = node.ec2.interfaces("node-1");
    node.agent.stop(true);
    node.ec2.forceUnassign(eni.id, eni.slots[0]);
    node.agent.start();
    node.pass(2);
    expect(node.logs()).toEqual(["p1 has an address that no ENI has; dropped"]);
    expect(node.agent.stats()).toMatchObject({ assigned: 0, total: 16 });
    node.sound();
  });

  it("deletes an ENI that was made and not attached", () => {
    const limits = { enis: 2, addressesPerEni: 2, prefixes: true, branchEnis: 0 };
    const node = new TestNode({ limits }).pass(1).addUpTo(16);
    // CreateNetworkInterface takes 1 s, AttachNetworkInterface 2 s.
    while ([...node.ec2.allInterfaces()].length === 1) node.timeline.step();
    node.agent.stop(true);
    node.pass(100);
    expect([...node.ec2.allInterfaces()].map((e) => e.instance)).toEqual(["node-1", null]);
    node.agent.start();
    node.pass(1);
    expect([...node.ec2.allInterfaces()]).toHaveLength(1);
    node.pass(20);
    expect(node.agent.stats()).toMatchObject({ enis: 2, total: 32 });
    node.sound();
  });

  it("takes over an ENI that was attached while nobody waited for it", () => {
    const limits = { enis: 2, addressesPerEni: 2, prefixes: true, branchEnis: 0 };
    const node = new TestNode({ limits }).pass(1).addUpTo(16);
    while (node.ec2.interfaces("node-1").length === 1) node.timeline.step();
    restart(node);
    expect(node.agent.stats()).toMatchObject({ enis: 2, total: 32 });
    expect(node.agent.ready).toBe(true);
    expect(node.logs()).toEqual([]);
    node.sound();
  });

  it("tries again until EC2 answers", () => {
    const throttle = { bucket: 1, refillPerSecond: 0.01 };
    const node = new TestNode({ ec2: { throttle } });
    node.ec2.describeNetworkInterfaces("node-1").next();
    node.pass(1000);
    expect(node.agent.ready).toBe(true);
  });
});

describe("a daemon with other settings", () => {
  const subnets = { nodes: "10.0.1.0/24", pods: "100.64.0.0/24" };

  it("drains the ENIs that are not for pods any more", () => {
    const node = new TestNode({ subnets }).pass(1).addUpTo(2);
    const before = node.agent.enis();
    node.reconfigure({ podSubnets: ["pods"] });
    expect(node.agent.enis()).toEqual(before);
    node.pass(20);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28", "eth1 pods: 100.64.0.16/28"]);
    expect(node.add("p3")).toBe("100.64.0.16");
    expect(node.add("p1")).toBe("10.0.1.16");
    node.delRange(1, 2).pass(70);
    expect(node.enis()).toEqual(["eth0 nodes:", "eth1 pods: 100.64.0.16/28"]);
    node.reconfigure({}).pass(20);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28", "eth1 pods: 100.64.0.16/28"]);
    node.del("p3");
    node.pass(70);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28"]);
    node.sound();
  });

  it("goes from prefixes to /32s and back as pods go", () => {
    const node = new TestNode().pass(1).addUpTo(16).pass(10);
    node.reconfigure({ prefixSize: "32" }).pass(10);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28 10.0.1.32/28"]);
    node.delRange(1, 16).pass(120);
    expect(node.agent.stats().prefixes).toBe(1);
    node.sound();
  });
});

describe("termination", () => {
  it("ends the daemon and deletes what it has not attached", () => {
    const limits = { enis: 2, addressesPerEni: 2, prefixes: true, branchEnis: 0 };
    const node = new TestNode({ limits }).pass(1).addUpTo(16);
    while ([...node.ec2.allInterfaces()].length === 1) node.timeline.step();
    node.agent.terminate();
    node.ec2.terminateInstance("node-1");
    node.timeline.advance(node.timeline.now + 600 * SECOND);
    expect([...node.ec2.allInterfaces()]).toEqual([]);
    expect(node.timeline.next()).toBeNull();
  });
});
