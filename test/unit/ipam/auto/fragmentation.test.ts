import { describe, expect, it } from "vitest";
import { TestNode, type TestNodeInput } from "./autoNode.ts";

const FAILED = "add cmd: failed to assign an IP address to container";
const NO_BLOCK =
  "allocIPs: InsufficientCidrBlocks: There are not enough free cidr blocks in the specified subnet to satisfy the request.";
const NO_ADDRESS =
  "allocIPs: InsufficientFreeAddressesInSubnet: The specified subnet does not have enough free addresses to satisfy the request.";

/** A node in a /24 of which so many /28 blocks are whole. */
function fragmentedNode(whole: number, input: TestNodeInput = {}): TestNode {
  const node: TestNode = new TestNode({
    ...input,
    prepare: (ec2) => {
      const { prefix } = ec2.subnet("nodes").cidr;
      for (let block = 1 + whole; block < 15; block++)
        ec2.takeAddress("nodes", (prefix + 16 * block + 8) | 0, `somebody-${block}`);
    },
  });
  return node.pass(2);
}

describe("a fragmented subnet", () => {
  it("gives /32s where it has no free /28", () => {
    const node = fragmentedNode(0);
    expect(node.logs()).toEqual([
      NO_BLOCK,
      "subnet nodes has no free /28 prefix, it is asked for /32 addresses for a while",
    ]);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.5"]);
    expect(node.agent.stats()).toMatchObject({ total: 1, prefixes: 0 });
    expect(node.add("p1")).toBe("10.0.1.5");
    node.pass(6);
    expect(node.add("p2")).toBe("10.0.1.6");
    node.sound();
  });

  it("has prefixes and /32s side by side", () => {
    const node = fragmentedNode(1).addUpTo(20).pass(30);
    expect(node.enis()).toEqual([
      "eth0 nodes: 10.0.1.16/28 10.0.1.5 10.0.1.6 10.0.1.7 10.0.1.8 10.0.1.9 10.0.1.10 10.0.1.11",
    ]);
    expect(node.agent.stats()).toMatchObject({ total: 23, assigned: 20, prefixes: 1 });
    node.sound();
  });

  it("asks for no prefix during the fragmentation period, and then again", () => {
    const node = fragmentedNode(0, { settings: { fragmentationPeriod: 60_000 } })
      .addUpTo(2)
      .pass(10);
    expect(node.agent.counters.errors).toEqual(new Map([["allocIPs", 1]]));
    node.ec2.freeAddresses("somebody-3");
    node.addUpTo(3).pass(6);
    expect(node.agent.stats()).toMatchObject({ prefixes: 0 });
    // Nothing lacks when the period ends: nothing is asked for.
    node.pass(60);
    expect(node.agent.stats()).toMatchObject({ prefixes: 0, total: 4, assigned: 3 });
    node.addUpTo(4).pass(6);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.5 10.0.1.6 10.0.1.7 10.0.1.8 10.0.1.48/28"]);
    // Back to prefixes: /32s without pods go first.
    node.delRange(1, 3).pass(60);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.8 10.0.1.48/28"]);
    node.sound();
  });

  it("is found out again where a prefix is still missing after the period", () => {
    const node = fragmentedNode(0, { settings: { fragmentationPeriod: 60_000 } })
      .addUpTo(2)
      .pass(70);
    node.addUpTo(3).pass(6);
    expect(node.agent.counters.errors).toEqual(new Map([["allocIPs", 2]]));
    expect(node.agent.stats()).toMatchObject({ prefixes: 0, total: 4 });
  });

  it("gets as many prefixes as there are: one where several are lacking", () => {
    const settings = { warmAddresses: 40, warmShare: 0 };
    const node = fragmentedNode(1, { settings }).pass(10);
    expect(node.agent.stats()).toMatchObject({ prefixes: 1 });
    expect(node.logs()[0]).toBe(NO_BLOCK);
    expect(node.agent.stats().total).toBe(16 + 8);
  });

  it("makes a new ENI with /32s", () => {
    const limits = { enis: 3, addressesPerEni: 3, prefixes: true, branchEnis: 0 };
    const node = fragmentedNode(0, { limits }).addUpTo(4).pass(30);
    expect(node.enis()).toEqual([
      "eth0 nodes: 10.0.1.5 10.0.1.6",
      "eth1 nodes: 10.0.1.8 10.0.1.9",
      "eth2 nodes: 10.0.1.11",
    ]);
    node.sound();
  });
});

describe("an exhausted subnet", () => {
  it("is left alone for the exhaustion period, and then asked again", () => {
    const node = new TestNode({
      prepare: (ec2) => ec2.takeAddresses("nodes", 248, "contiguous", "somebody"),
    }).pass(2);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.253"]);
    expect(node.logs()[0]).toBe(NO_BLOCK);
    expect(node.add("p1")).toBe("10.0.1.253");
    node.pass(6);
    expect(node.add("p2")).toBe("10.0.1.254");
    node.pass(6);
    expect(node.logs().at(-1)).toBe(NO_ADDRESS);
    expect(node.add("p3")).toBe(FAILED);
    node.ec2.freeAddresses("somebody");
    const { errors } = node.agent.counters;
    const before = errors.get("allocIPs");
    node.pass(100);
    expect(node.add("p3")).toBe(FAILED);
    expect(errors.get("allocIPs")).toBe(before);
    node.pass(25);
    expect(node.add("p3")).toBe("10.0.1.16");
    node.sound();
  });

  it("wakes nobody while nothing is lacking", () => {
    const node = new TestNode({
      prepare: (ec2) => ec2.takeAddresses("nodes", 249, "contiguous", "somebody"),
    }).pass(2);
    node.addUpTo(1).pass(6);
    expect(node.logs().at(-1)).toBe(NO_ADDRESS);
    node.del("p1");
    node.pass(1000);
    expect(node.timeline.next()).toBeNull();
  });
});

describe('mode "32"', () => {
  it("has one secondary address more than pods", () => {
    const node = new TestNode({ settings: { prefixSize: "32" } }).pass(1);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.5"]);
    node.addUpTo(3).pass(6);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.5 10.0.1.6 10.0.1.7 10.0.1.8"]);
    node.addUpTo(12).pass(30);
    expect(node.agent.stats()).toMatchObject({ enis: 2, total: 13, assigned: 12, prefixes: 0 });
    node.sound();
  });

  it("gives addresses back when they have cooled down", () => {
    const node = new TestNode({ settings: { prefixSize: "32" } }).pass(1).addUpTo(12).pass(30);
    node.delRange(2, 12).pass(29);
    expect(node.agent.stats()).toMatchObject({ enis: 2, total: 13 });
    node.pass(20);
    expect(node.agent.stats()).toMatchObject({ enis: 1, total: 2, assigned: 1 });
    expect(node.ec2Enis()).toEqual(node.enis());
    node.sound();
  });

  it("is what an instance type without prefixes gets", () => {
    const limits = { enis: 2, addressesPerEni: 3, prefixes: false, branchEnis: 0 };
    const node = new TestNode({ limits }).pass(1).addUpTo(4).pass(30);
    expect(node.enis()).toEqual(["eth0 nodes: 10.0.1.5 10.0.1.6", "eth1 nodes: 10.0.1.8 10.0.1.9"]);
    expect(node.agent.counters.errors.size).toBe(0);
  });
});
