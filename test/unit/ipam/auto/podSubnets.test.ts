import { describe, expect, it } from "vitest";
import { TestNode, type TestNodeInput } from "./autoNode.ts";

const FAILED = "add cmd: failed to assign an IP address to container";

const SUBNETS = { nodes: "10.0.1.0/24", "pods-1": "100.64.0.0/24", "pods-2": "100.64.4.0/22" };

function podSubnetNode(podSubnets: string[], input: TestNodeInput = {}): TestNode {
  const settings = { podSubnets, podSecurityGroups: ["pods"], ...input.settings };
  return new TestNode({ subnets: SUBNETS, ...input, settings }).pass(20);
}

describe("pod subnets", () => {
  it("have the pods' ENIs; the primary ENI is the node's alone", () => {
    const node = podSubnetNode(["pods-1"]);
    expect(node.enis()).toEqual(["eth0 nodes:", "eth1 pods-1: 100.64.0.16/28"]);
    expect(node.agent.enis().map((e) => e.forPods)).toEqual([false, true]);
    expect(node.agent.enis().map((e) => e.securityGroups)).toEqual([["nodes"], ["pods"]]);
    expect(node.add("p1")).toBe("100.64.0.16");
    expect(node.agent.stats()).toMatchObject({ enis: 2, total: 16, assigned: 1 });
    node.sound();
  });

  it("lower the density by one ENI", () => {
    const limits = { enis: 2, addressesPerEni: 2, prefixes: true, branchEnis: 0 };
    const node = podSubnetNode(["pods-1"], { limits }).addUpTo(16).pass(60);
    expect(node.add("p17")).toBe(FAILED);
    expect(node.enis()).toEqual(["eth0 nodes:", "eth1 pods-1: 100.64.0.16/28"]);
  });

  it("are chosen by their free addresses", () => {
    expect(podSubnetNode(["pods-1", "pods-2"]).enis()[1]).toBe("eth1 pods-2: 100.64.4.16/28");
    const taken = podSubnetNode(["pods-1", "pods-2"], {
      prepare: (ec2) => ec2.takeAddresses("pods-2", 900, "contiguous", "somebody"),
    });
    expect(taken.enis()[1]).toBe("eth1 pods-1: 100.64.0.16/28");
  });

  it("take turns when one is exhausted", () => {
    const limits = { enis: 4, addressesPerEni: 2, prefixes: true, branchEnis: 0 };
    const node = podSubnetNode(["pods-1", "pods-2"], { limits });
    node.ec2.takeAddresses("pods-2", node.ec2.subnet("pods-2").freeAddresses - 1, "contiguous", "somebody");
    node.addUpTo(17).pass(30);
    // pods-1 has more free addresses by now.
    expect(node.enis().slice(1)).toEqual(["eth1 pods-2: 100.64.4.16/28", "eth2 pods-1: 100.64.0.16/28"]);
    node.sound();
  });

  it("have prefixes on one ENI while the subnet of another is fragmented", () => {
    const node = podSubnetNode(["pods-1", "pods-2"]);
    const { ec2 } = node;
    ec2.takeAddresses("pods-2", ec2.subnet("pods-2").freeAddresses - 8, "contiguous", "somebody");
    node.add("pinned", 2);
    node.pass(20);
    node.add("pinned", 2);
    expect(node.enis().slice(1)).toEqual(["eth1 pods-2: 100.64.4.16/28", "eth2 pods-1: 100.64.0.16/28"]);
    node.addUpTo(28).pass(6);
    expect(node.enis()[1]).toMatch(/^eth1 pods-2: 100.64.4.16\/28 100.64.7.\d+/);
    node.addUpTo(31).pass(6);
    expect(node.enis()[2]).toBe("eth2 pods-1: 100.64.0.16/28 100.64.0.32/28");
    node.sound();
  });

  it("are left alone when they have no address for an ENI", () => {
    const node = podSubnetNode(["pods-1"], {
      prepare: (ec2) => ec2.takeAddresses("pods-1", 251, "contiguous", "somebody"),
    });
    node.pass(80);
    expect(node.logs()).toEqual([
      "allocENI: InsufficientFreeAddressesInSubnet: The specified subnet does not have enough free addresses to satisfy the request.",
    ]);
    node.ec2.freeAddresses("somebody");
    node.pass(40);
    expect(node.enis()).toEqual(["eth0 nodes:", "eth1 pods-1: 100.64.0.16/28"]);
  });

  it("give no address where none is in the node's zone", () => {
    const node = podSubnetNode([]);
    expect(node.agent.ready).toBe(true);
    expect(node.logs()).toEqual(["no pod subnet is in us-east-1a: pods get no address"]);
    expect(node.add("p1")).toBe(FAILED);
    node.pass(600);
    expect(node.timeline.next()).toBeNull();
  });

  it("are found again after a restart, as is what is the node's", () => {
    const node = podSubnetNode(["pods-1"]).addUpTo(2);
    node.agent.stop(true);
    node.agent.start();
    node.pass(10);
    expect(node.enis()).toEqual(["eth0 nodes:", "eth1 pods-1: 100.64.0.16/28"]);
    expect(node.add("p3")).toBe("100.64.0.18");
  });
});

describe("static network interfaces", () => {
  const settings = {
    staticInterfaces: [
      { index: 0, deviceNumber: 0, secondaryAddresses: 0, prefixes: 1 },
      { index: 1, deviceNumber: 2, secondaryAddresses: 3, prefixes: 0 },
    ],
  };

  it("are there from launch on, and nothing is added", () => {
    const node = new TestNode({ settings }).pass(20);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28", "eth2 nodes: 10.0.1.6 10.0.1.7 10.0.1.8"]);
    node.addUpTo(19).pass(60);
    expect(node.add("p20")).toBe(FAILED);
    node.pass(600);
    expect(node.timeline.next()).toBeNull();
    node.delRange(1, 19).pass(600);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28", "eth2 nodes: 10.0.1.6 10.0.1.7 10.0.1.8"]);
    node.sound();
  });

  it("are not made again by a restart", () => {
    const node = new TestNode({ settings }).pass(20);
    const { id } = node.agent.enis()[1];
    node.agent.stop(false);
    node.agent.start();
    node.pass(20);
    expect(node.agent.enis().map((e) => e.id)).toContain(id);
    expect(node.ec2Enis()).toEqual(["eth0 nodes: 10.0.1.16/28", "eth2 nodes: 10.0.1.6 10.0.1.7 10.0.1.8"]);
  });

  it("refuse a pod that must be on another one", () => {
    const node = new TestNode({ settings }).pass(20);
    expect(node.add("p1", 1)).toBe(`${FAILED}: eth1 is none of the NodeClass's networkInterfaces`);
    expect(node.add("p2", 2)).toBe("10.0.1.6");
  });
});

describe("a pod that must have an address of one ENI", () => {
  it("gets the ENI attached", () => {
    const node = new TestNode().pass(1);
    expect(node.add("p1", 2)).toBe(`${FAILED}: eth2 is not attached yet`);
    node.pass(20);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.16/28", "eth2 nodes: 10.0.1.32/28"]);
    expect(node.add("p1", 2)).toBe("10.0.1.32");
    // eth0's prefix is not needed any more.
    node.pass(120);
    expect(node.enis()).toEqual(["eth0 nodes:", "eth2 nodes: 10.0.1.32/28"]);
    expect(node.add("p2", 0)).toBe(`${FAILED}: eth0 has no free address yet`);
    node.pass(6);
    expect(node.add("p2", 0)).toBe("10.0.1.16");
    node.sound();
  });

  it("keeps the ENI for which it waits from going", () => {
    const node = new TestNode({ settings: { prefixCooldown: 0 } }).pass(1);
    node.add("p1", 1);
    node.pass(60);
    expect(node.add("p1", 1)).toBe("10.0.1.32");
  });

  it("is told why it has none", () => {
    const node = podSubnetNode(["pods-1"]);
    expect(node.add("p1", 0)).toBe(`${FAILED}: eth0 has no pods, the NodeClass gives them subnets of their own`);
    expect(node.add("p2", 3)).toBe(`${FAILED}: eth3 is over the 3 ENIs of m5.large`);
    node.pass(600);
    expect(node.timeline.next()).toBeNull();
  });
});
