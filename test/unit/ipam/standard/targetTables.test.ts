import { describe, expect, it } from "vitest";
import type { IpamdSettings } from "../../../../src/control/ipam/standard/settings.ts";
import { MINUTE, subnet, type TypeName, World } from "./world.ts";

/** A row: so many pods, then the slots of each ENI and the addresses that no pod has. */
type Row = readonly [pods: number, slots: readonly number[], unused: number];

const warmEni = (warmEniTarget: number) => ({ warmEniTarget });
const warmIps = (warmIpTarget: number, minimumIpTarget: number) => ({ warmIpTarget, minimumIpTarget });
const prefixes = { prefixDelegation: true };

/** The whole daemon, pods added one at a time, each after the pool has come to rest. */
function check(type: TypeName, settings: Partial<IpamdSettings>, rows: readonly Row[]): void {
  const world = new World({ subnets: [subnet("nodes", "10.0.0.0/16")] });
  const node = world.node(type, settings);
  world.run(3 * MINUTE);
  let pods = 0;
  const seen: Row[] = [];
  for (const [count] of rows) {
    node.addSlowly(pods + 1, count);
    world.run(3 * MINUTE);
    pods = count;
    seen.push([count, node.slots(), node.unused]);
  }
  expect(seen).toEqual(rows);
  expect([...node.ipamd.violations(), ...world.ec2.violations()]).toEqual([]);
}

describe('docs/eni-and-ip-target.md of the CNI, "Some example cases"', () => {
  it("t3.small, WARM_ENI_TARGET=1", () => {
    check("t3.small", warmEni(1), [
      [0, [3], 3],
      [5, [3, 3, 3], 4],
      [9, [3, 3, 3], 0],
    ]);
  });

  it("t3.small, WARM_IP_TARGET=1, MINIMUM_IP_TARGET=1", () => {
    check("t3.small", warmIps(1, 1), [
      [0, [1], 1],
      [5, [3, 3], 1],
      [9, [3, 3, 3], 0],
    ]);
  });

  it("t3.small, WARM_IP_TARGET=2, MINIMUM_IP_TARGET=5", () => {
    check("t3.small", warmIps(2, 5), [
      [0, [3, 2], 5],
      [5, [3, 3, 1], 2],
      [9, [3, 3, 3], 0],
    ]);
  });

  it("p3dn.24xlarge, WARM_ENI_TARGET=1", () => {
    check("p3dn.24xlarge", warmEni(1), [
      [0, [49], 49],
      [3, [49, 49], 95],
      [95, [49, 49, 49], 52],
    ]);
  });

  it("p3dn.24xlarge, WARM_IP_TARGET=5, MINIMUM_IP_TARGET=10", () => {
    check("p3dn.24xlarge", warmIps(5, 10), [
      [0, [10], 10],
      [7, [12], 5],
      [15, [20], 5],
      [45, [49, 1], 5],
    ]);
  });
});

describe('docs/prefix-and-ip-target.md of the CNI, "Examples"', () => {
  it("t3.small, WARM_PREFIX_TARGET=1", () => {
    check("t3.small", { ...prefixes, warmPrefixTarget: 1 }, [
      [0, [1], 16],
      [5, [2], 27],
      [16, [2], 16],
      [17, [3], 31],
      [58, [3, 2], 22],
    ]);
  });

  it("t3.small, WARM_IP_TARGET=1, MINIMUM_IP_TARGET=1", () => {
    check("t3.small", { ...prefixes, ...warmIps(1, 1) }, [
      [0, [1], 16],
      [5, [1], 11],
      [17, [2], 15],
      [58, [3, 1], 6],
    ]);
  });

  it("t3.small, WARM_IP_TARGET=7, MINIMUM_IP_TARGET=20", () => {
    check("t3.small", { ...prefixes, ...warmIps(7, 20) }, [
      // The table says 1 prefix and 16 addresses; the text above it that 20 is as good as 32, and so does the code.
      [0, [2], 32],
      [5, [2], 27],
      [17, [2], 15],
      [58, [3, 2], 22],
    ]);
  });

  it("p3dn.24xlarge, WARM_PREFIX_TARGET=1", () => {
    // The table has two and three ENIs; the code attaches none before the first has all its 49 prefixes.
    check("p3dn.24xlarge", { ...prefixes, warmPrefixTarget: 1 }, [
      [0, [1], 16],
      [3, [2], 29],
      [95, [7], 17],
    ]);
  });

  it("p3dn.24xlarge, WARM_IP_TARGET=5, MINIMUM_IP_TARGET=10", () => {
    check("p3dn.24xlarge", { ...prefixes, ...warmIps(5, 10) }, [
      [0, [1], 16],
      [7, [1], 9],
      [15, [2], 17],
      [45, [4], 19],
    ]);
  });
});

describe("EKS best practices, latest/bpg/networking/vpc-cni.adoc", () => {
  it("3 c5.large with two CoreDNS pods: 50 addresses of the VPC in use, 43 of them warm", () => {
    const world = new World();
    const nodes = ["node-1", "node-2", "node-3"].map((name) => world.node("c5.large", {}, { name }));
    const free = () => world.ec2.subnet("nodes").freeAddresses;
    const before = free() + nodes.length;
    world.run(3 * MINUTE);
    nodes[0].add("coredns-1");
    nodes[1].add("coredns-2");
    world.run(5 * MINUTE);
    expect(before - free()).toBe(50);
    expect(nodes.reduce((sum, node) => sum + node.unused, 0)).toBe(43);
    expect(nodes.map((node) => node.slots())).toEqual([[9, 9], [9, 9], [9]]);
  });
});
