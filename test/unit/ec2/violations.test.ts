import { describe, expect, it } from "vitest";
import type { NetworkInterface } from "../../../src/control/vpc/ec2/types.ts";
import { type Books, violations } from "../../../src/control/vpc/ec2/violations.ts";
import { ip, LIMITS, slot, World } from "./world.ts";

/** Two instances, one with a trunk and a branch; a host; what EC2 keeps of them as plain lists. */
function books(): Books & { readonly world: World } {
  const world = new World();
  const { ec2 } = world;
  world.launch("node-1");
  world.launch("node-2");
  world.attach("node-1", 1, { prefixes: 2 });
  const trunk = world.attach("node-1", 2, { interfaceType: "trunk" });
  const branch = world.run(
    ec2.createNetworkInterface({
      subnet: "a",
      interfaceType: "branch",
      securityGroups: [],
      description: "",
      tags: {},
      secondaryAddresses: 0,
      prefixes: 0,
    }),
  );
  world.run(ec2.associateTrunkInterface(trunk, branch.id, 9));
  ec2.takeAddress("b", ip("10.0.2.50"), "rds");
  const zone = "us-east-1a";
  const instances = ["node-1", "node-2"].map((name) => ({
    name,
    instanceType: "m5.large",
    limits: LIMITS,
    availabilityZone: zone,
  }));
  return {
    world,
    subnets: new Map(ec2.subnetNames().map((name) => [name, ec2.subnet(name)])),
    interfaces: [...ec2.allInterfaces()],
    instances,
    held: [{ owner: "rds", subnet: "b", address: ip("10.0.2.50") }],
    trunkOf: (id) => ec2.trunkOf(id),
  };
}

const change = (list: readonly NetworkInterface[], id: number, fields: Partial<NetworkInterface>) =>
  list.map((eni) => (eni.id.endsWith(String(id)) ? { ...eni, ...fields } : eni));

describe("violations()", () => {
  it("are none of books in order", () => {
    const all = books();
    expect(violations(all)).toEqual([]);
    expect(all.world.ec2.violations()).toEqual([]);
  });

  it("tell of addresses that were taken or given back behind EC2's back", () => {
    const { world } = books();
    world.ec2.subnet("a").take(ip("10.0.1.100"), "nobody's");
    expect(world.ec2.violations()).toEqual(["10.0.1.100 of a is nobody's's by the subnet, nobody's by use"]);
    world.ec2.subnet("a").release(ip("10.0.1.100"));
    world.ec2.subnet("a").releasePrefix(ip("10.0.1.16"));
    expect(world.ec2.violations()).toHaveLength(16);
    expect(world.ec2.violations()[0]).toBe("eni-00000003 has 10.0.1.16, which a knows nothing of");
    world.ec2.subnet("b").release(ip("10.0.2.50"));
    expect(world.ec2.violations()).toContain("rds has 10.0.2.50, which b knows nothing of");
  });

  it.each<[string, (all: Books) => Partial<Books>, string]>([
    [
      "an address of two ENIs",
      (all) => ({ interfaces: change(all.interfaces, 2, { address: ip("10.0.1.4") }) }),
      "10.0.1.4 is both eni-00000001's and eni-00000002's",
    ],
    [
      "a prefix over a primary address",
      (all) => ({ interfaces: change(all.interfaces, 2, { slots: [slot("10.0.1.0/28")] }) }),
      "10.0.1.4 is both eni-00000001's and eni-00000002's",
    ],
    [
      "a prefix of two ENIs",
      (all) => ({ interfaces: change(all.interfaces, 2, { slots: [slot("10.0.1.16/28")] }) }),
      "10.0.1.16 is both eni-00000002's and eni-00000003's",
    ],
    [
      "a holder's address that an ENI has",
      () => ({ held: [{ owner: "rds", subnet: "a", address: ip("10.0.1.5") }] }),
      "10.0.1.5 is both eni-00000002's and rds's",
    ],
    [
      "a crooked prefix",
      (all) => ({ interfaces: change(all.interfaces, 2, { slots: [{ prefix: ip("10.0.1.88"), length: 28 }] }) }),
      "eni-00000002 has 10.0.1.88/28, which is not aligned",
    ],
    [
      "a slot of another size",
      (all) => ({ interfaces: change(all.interfaces, 2, { slots: [slot("10.0.1.96/27")] }) }),
      "eni-00000002 has a slot of length 27",
    ],
    [
      "a slot of another subnet",
      (all) => ({ interfaces: change(all.interfaces, 2, { slots: [slot("10.0.2.9")] }) }),
      "eni-00000002 has 10.0.2.9, not of a",
    ],
    [
      "too many ENIs",
      (all) => ({ instances: all.instances.map((i) => ({ ...i, limits: { ...i.limits, enis: 2 } })) }),
      "node-1 has 3 ENIs of 2",
    ],
    [
      "too many slots",
      (all) => ({ instances: all.instances.map((i) => ({ ...i, limits: { ...i.limits, addressesPerEni: 2 } })) }),
      "eni-00000003 has 3 slots of 2",
    ],
    [
      "prefixes on Xen",
      (all) => ({ instances: all.instances.map((i) => ({ ...i, limits: { ...i.limits, prefixes: false } })) }),
      "eni-00000003 has a prefix, which node-1 does not take",
    ],
    [
      "too many branches",
      (all) => ({ instances: all.instances.map((i) => ({ ...i, limits: { ...i.limits, branchEnis: 0 } })) }),
      "node-1 has 1 branch ENIs of 0",
    ],
    [
      "an instance without primary ENI",
      (all) => ({ interfaces: change(all.interfaces, 2, { deviceNumber: 1 }) }),
      "node-2 has no primary ENI",
    ],
    [
      "two devices of a number",
      (all) => ({ interfaces: change(all.interfaces, 4, { deviceNumber: 1 }) }),
      "device 1 of node-1 is both eni-00000003's and eni-00000004's",
    ],
    [
      "two branches of a VLAN",
      (all) => ({
        interfaces: change(all.interfaces, 3, { interfaceType: "branch", deviceNumber: null }),
        trunkOf: () => ({ trunk: "eni-00000004", vlan: 9 }),
      }),
      "VLAN 9 of eni-00000004 is both eni-00000003's and eni-00000005's",
    ],
    [
      "a branch of another instance's trunk",
      (all) => ({ interfaces: change(all.interfaces, 5, { instance: "node-2" }) }),
      "eni-00000005 is node-2's, its trunk node-1's",
    ],
    [
      "a branch with a device number",
      (all) => ({ interfaces: change(all.interfaces, 5, { deviceNumber: 3 }) }),
      "eni-00000005 is a branch ENI with a device number",
    ],
    [
      "an ENI half attached",
      (all) => ({ interfaces: change(all.interfaces, 3, { deviceNumber: null }) }),
      "eni-00000003 is half attached",
    ],
    [
      "an ENI of an instance that is gone",
      (all) => ({ instances: all.instances.slice(0, 1) }),
      "eni-00000002 is node-2's, which there is not",
    ],
    [
      "an ENI of a subnet that is gone",
      (all) => ({ subnets: new Map([...all.subnets].filter(([name]) => name !== "b")) }),
      "rds is of subnet b, which there is not",
    ],
  ])("tell of %s", (_, plant, sentence) => {
    const all = books();
    expect(violations({ ...all, ...plant(all) })).toContain(sentence);
  });

  it("tell of totals that do not add up", () => {
    const all = books();
    const liar = (fields: object) => {
      const subnet = all.world.ec2.subnet("c");
      const lies = new Proxy(subnet, {
        get: (target, key) => {
          const value = Reflect.get({ ...fields }, key) ?? Reflect.get(target, key, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
      return violations({ ...all, subnets: new Map([...all.subnets, ["c", lies]]) });
    };
    expect(liar({})).toEqual([]);
    expect(liar({ freeAddresses: 250 })).toEqual(["c says it has 250 free addresses; 251 are there"]);
    expect(liar({ automaticAddresses: 250 })).toEqual(["c says it has 250 addresses to give; 251 are there"]);
    expect(liar({ freePrefixes: 15 })).toEqual(["c says it has 15 free prefixes; 14 are there"]);
    expect(liar({ available: () => [1] })).toEqual(["c says it has 1 available addresses; 251 are there"]);
    expect(liar({ ownerOf: (address: number) => (address === ip("10.0.3.1") ? "eni-7" : null) })).toEqual([
      "10.0.3.1 of c is EC2's and eni-7's",
    ]);
  });
});
