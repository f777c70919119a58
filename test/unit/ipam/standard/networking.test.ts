import { describe, expect, it } from "vitest";
import { eniSubnets, subnetExcluded } from "../../../../src/control/ipam/standard/subnetDiscovery.ts";
import type { SubnetDescription } from "../../../../src/control/vpc/ec2/api.ts";
import { MINUTE, type Node, SECOND, subnet, World } from "./world.ts";

const FAILED = "add cmd: failed to assign an IP address to container";
const CNI = "kubernetes.io/role/cni";
const none = { warmEniTarget: 0 };
const subnetsOf = (node: Node) => node.ipamd.enis().map((eni) => eni.subnet);

describe("subnet discovery (GetVpcSubnets, isSubnetValidForENICreation)", () => {
  const described = (
    name: string,
    tags: Record<string, string>,
    availableAddresses: number,
    zone?: string,
  ): SubnetDescription => ({ ...subnet(name, "10.0.0.0/24", tags, zone), availableAddresses });
  const node = new World().node("m5.large").ipamd && {
    name: "n",
    instanceType: "m5.large",
    limits: { enis: 3, addressesPerEni: 10, prefixes: true, branchEnis: 9 },
    subnet: "own",
    availabilityZone: "us-east-1a",
    maxPods: 29,
    securityGroups: [],
    clusterName: "lab",
  };
  const names = (...subnets: SubnetDescription[]) => eniSubnets(subnets, node).map(({ name }) => name);

  it("takes tagged subnets of the zone, most free addresses first; the node's own without a tag", () => {
    expect(
      names(
        described("own", {}, 10),
        described("tagged", { [CNI]: "1" }, 50),
        described("elsewhere", { [CNI]: "1" }, 99, "us-east-1b"),
        described("bare", {}, 99),
        described("as-many", { [CNI]: "1" }, 10),
      ),
    ).toEqual(["tagged", "own", "as-many"]);
    expect(names(described("own", { [CNI]: "0" }, 10), described("out", { [CNI]: "0" }, 50))).toEqual([]);
  });

  it("keeps subnets that are tagged for other clusters out", () => {
    const other = { [CNI]: "1", "cni.networking.k8s.aws/cluster/other": "1" };
    const both = { ...other, "cni.networking.k8s.aws/cluster/lab": "1" };
    expect(names(described("other", other, 1), described("both", both, 2), described("own", other, 3))).toEqual([
      "both",
    ]);
    expect(subnetExcluded([subnet("own", "10.0.0.0/24", other)], "own", "lab")).toBe(true);
    expect(subnetExcluded([subnet("own", "10.0.0.0/24", both)], "own", "lab")).toBe(false);
    expect(subnetExcluded([subnet("own", "10.0.0.0/24", { [CNI]: "0" })], "own", "lab")).toBe(true);
    expect(subnetExcluded([subnet("own", "10.0.0.0/24")], "own", "lab")).toBe(false);
    expect(subnetExcluded([], "own", "lab")).toBe(false);
  });

  it("new ENIs are in the subnet with the most free addresses; the next one where that is full", () => {
    const world = new World({
      subnets: [
        subnet("nodes", "10.0.0.0/27"),
        subnet("pods", "10.1.0.0/28", { [CNI]: "1" }),
        subnet("more", "10.2.0.0/26", { [CNI]: "1" }),
      ],
    });
    const node = world.node("m5.large", { warmEniTarget: 3 });
    world.run(MINUTE);
    expect(subnetsOf(node)).toEqual(["nodes", "more", "more"]);
    const off = world.node("m5.large", { subnetDiscovery: false }, { name: "node-2" });
    off.add("a");
    world.run(10 * SECOND);
    off.add("a");
    world.run(MINUTE);
    expect(off.logs().join()).toContain("InsufficientFreeAddressesInSubnet");
    expect(subnetsOf(off)).toEqual(["nodes"]);
  });

  it("an ENI of an excluded subnet gives no addresses, and is drained (TestNodeInitPrimarySubnetExclusionWithExistingPodIPs)", () => {
    const tags: Record<string, string> = {};
    const world = new World({
      subnets: [subnet("nodes", "10.0.0.0/24", tags), subnet("pods", "10.1.0.0/24", { [CNI]: "1" })],
    });
    const node = world.node("m5.large", none);
    world.run(5 * SECOND);
    expect(node.add("a")).toBe("10.0.0.5");
    tags[CNI] = "0";
    node.restart();
    world.run(MINUTE);
    expect(node.ipamd.enis().map((eni) => [eni.subnet, eni.forPods, eni.slots.length])).toEqual([
      ["nodes", false, 1],
      ["pods", true, 9],
    ]);
    expect(node.ipamd.stats()).toMatchObject({ total: 9, assigned: 0, enis: 2 });
    expect(node.add("a")).toBe("10.0.0.5");
    expect(node.add("b")).toMatch(/^10\.1\./);
    node.del("a");
    world.run(4999);
    expect(node.slots()).toEqual([1, 9]);
    world.run(1);
    // Out of the store; EC2 has it still, and so has the store again after the next reconciliation.
    expect(node.slots()).toEqual([0, 9]);
    expect(world.ec2.interfaces(node.name)[0].slots).toHaveLength(1);
  });

  it("an ENI whose subnet is full does not keep the pool from growing elsewhere (tryAssignIPs)", () => {
    const world = new World({
      subnets: [subnet("nodes", "10.0.0.0/28"), subnet("pods", "10.1.0.0/24", { [CNI]: "1" })],
    });
    world.ec2.takeAddresses("nodes", 10, "contiguous", "others");
    const node = world.node("m5.large");
    world.run(15 * SECOND);
    expect(node.slots()).toEqual([0, 9]);
  });

  it("no subnet at all: ready, without a pod address", () => {
    const world = new World({ subnets: [subnet("nodes", "10.0.0.0/24", { [CNI]: "0" })] });
    const node = world.node("m5.large");
    world.run(10 * SECOND);
    expect(node.ipamd.ready).toBe(true);
    expect(node.add("a")).toBe(FAILED);
    expect(node.logs().join()).toContain("no valid subnets available for ENI creation");
    const off = world.node("m5.large", { subnetDiscovery: false }, { name: "node-2" });
    world.run(MINUTE);
    // Without discovery the primary ENI gives its addresses; a new ENI cannot be made.
    expect(off.slots()).toEqual([9]);
    off.add("a");
    world.run(10 * SECOND);
    expect(off.logs().join()).toContain("subnet discovery is disabled - no valid subnets available");
  });
});

describe("custom networking (TestIncreaseIPPoolCustomENI)", () => {
  const subnets = [subnet("nodes", "10.0.0.0/24"), subnet("pods", "100.64.0.0/24")];
  const config = { name: "us-east-1a", subnet: "pods", securityGroups: ["sg-pods"] };

  it("pods have addresses of the ENIConfig's subnet; the primary ENI gives none", () => {
    const world = new World({ subnets });
    const node = world.node("m5.large", { customNetworking: config });
    world.run(MINUTE);
    expect(node.ipamd.enis().map((eni) => [eni.subnet, eni.forPods, eni.slots.length, eni.securityGroups])).toEqual([
      ["nodes", false, 0, ["sg-node"]],
      ["pods", true, 9, ["sg-pods"]],
    ]);
    expect(node.add("a")).toBe("100.64.0.5");
    expect(node.add("b", 0)).toBe(`${FAILED}: eth0 gives pods no addresses with custom networking`);
    world.run(MINUTE);
    // ENIs - 1: 18 pods on an m5.large.
    for (let n = 0; n < 17; n++) expect(node.add(`pod-${n}`)).toMatch(/^100\.64\./);
    world.run(MINUTE);
    expect(node.add("one more")).toBe(FAILED);
    expect(node.slots()).toEqual([0, 9, 9]);
  });

  it("an ENIConfig without security groups means the primary ENI's", () => {
    const world = new World({ subnets });
    const node = world.node("m5.large", { customNetworking: { ...config, securityGroups: [] } });
    world.run(MINUTE);
    expect(node.ipamd.enis()[1].securityGroups).toEqual(["sg-node"]);
  });

  it("without an ENIConfig the node does not become ready, and is tried again", () => {
    const world = new World({ subnets });
    const node = world.node("m5.large", { customNetworking: "missing" });
    world.run(MINUTE);
    expect(node.ipamd.ready).toBe(false);
    expect(node.logs()).toContain("No ENIConfig could be found for this node");
    expect(node.logs().filter((log) => log === "Failed to attach any ENIs for custom networking")).toHaveLength(3);
    expect(node.ipamd.enis()).toHaveLength(1);
    node.restart({ customNetworking: config });
    world.run(20 * SECOND);
    expect(node.ipamd.ready).toBe(true);
  });

  it("nor does it where no ENI can be attached: a full subnet, MAX_ENI 1", () => {
    const world = new World({ subnets });
    world.ec2.takeAddresses("pods", 251, "contiguous", "others");
    const node = world.node("m5.large", { customNetworking: config });
    const one = world.node("m5.large", { customNetworking: config, maxEni: 1 }, { name: "node-2" });
    world.run(5 * SECOND);
    expect([node.ipamd.ready, one.ipamd.ready]).toEqual([false, false]);
    world.ec2.freeAddresses("others");
    world.run(MINUTE);
    expect([node.ipamd.ready, one.ipamd.ready]).toEqual([true, false]);
  });
});
