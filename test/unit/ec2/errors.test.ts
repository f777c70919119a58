import { describe, expect, it } from "vitest";
import { ip, request, slot, subnetOf, World } from "./world.ts";

describe("what EC2 refuses", () => {
  it("a prefix where no /28 is free, while single addresses are left", () => {
    const world = new World({}, [subnetOf("a", "10.0.1.0/26")]);
    world.ec2.takeAddresses("a", 4, "scattered", "rds");
    expect(world.ec2.subnet("a").freeAddresses).toBe(59 - 4);
    expect(world.refusal(world.ec2.createNetworkInterface(request({ prefixes: 1 })))).toBe(
      "InsufficientCidrBlocks: There are not enough free cidr blocks in the specified subnet to satisfy the request.",
    );
    // The primary address that came before the prefix is free again.
    expect(world.ec2.subnet("a").freeAddresses).toBe(59 - 4);
    expect([...world.ec2.allInterfaces()]).toEqual([]);
  });

  it("some of several prefixes: all or none", () => {
    const world = new World({}, [subnetOf("a", "10.0.1.0/26")]);
    const eni = world.launch("node-1");
    expect(world.refusal(world.ec2.assignPrivateIpAddresses(eni, { prefixes: 3 }))).toContain("InsufficientCidrBlocks");
    expect(world.slots(eni)).toEqual([]);
    expect(world.ec2.subnet("a").freePrefixes).toBe(2);
  });

  it("an address in a full subnet", () => {
    const world = new World({}, [subnetOf("a", "10.0.1.0/28")]);
    world.ec2.takeAddresses("a", 10, "contiguous", "rds");
    const eni = world.launch("node-1");
    const text =
      "InsufficientFreeAddressesInSubnet: The specified subnet does not have enough free addresses to satisfy the request.";
    expect(world.refusal(world.ec2.createNetworkInterface(request()))).toBe(text);
    expect(world.refusal(world.ec2.assignPrivateIpAddresses(eni, { secondaryAddresses: 1 }))).toBe(text);
    expect(world.refusal(() => world.ec2.takeAddresses("a", 1, "contiguous", "rds"))).toBe(text);
    expect(world.refusal(() => world.launch("node-2"))).toBe(text);
    expect(world.ec2.interfaces("node-2")).toEqual([]);
  });

  it("more slots than an ENI has, the primary address's counted", () => {
    const world = new World();
    const eni = world.launch("node-1");
    world.run(world.ec2.assignPrivateIpAddresses(eni, { secondaryAddresses: 8 }));
    world.run(world.ec2.assignPrivateIpAddresses(eni, { prefixes: 1 }));
    expect(world.refusal(world.ec2.assignPrivateIpAddresses(eni, { secondaryAddresses: 1 }))).toBe(
      `PrivateIpAddressLimitExceeded: ${eni}: Number of private addresses will exceed limit.`,
    );
    const { id } = world.run(world.ec2.createNetworkInterface(request({ secondaryAddresses: 10 })));
    expect(world.refusal(world.ec2.attachNetworkInterface(id, "node-1", 1))).toContain("PrivateIpAddressLimitExceeded");
  });

  it("more ENIs than the instance has", () => {
    const world = new World();
    world.launch("node-1");
    world.attach("node-1", 1);
    world.attach("node-1", 2);
    const { id } = world.run(world.ec2.createNetworkInterface(request()));
    expect(world.refusal(world.ec2.attachNetworkInterface(id, "node-1", 3))).toBe(
      "AttachmentLimitExceeded: Interface count 4 exceeds the limit for m5.large",
    );
  });

  it("prefixes on a Xen instance, assigned or attached", () => {
    const world = new World();
    const eni = world.launch("node-1", { prefixes: false });
    expect(world.refusal(world.ec2.assignPrivateIpAddresses(eni, { prefixes: 1 }))).toBe(
      "UnsupportedOperation: Prefixes are not supported on instance type m5.large",
    );
    const { id } = world.run(world.ec2.createNetworkInterface(request({ prefixes: 1 })));
    expect(world.refusal(world.ec2.attachNetworkInterface(id, "node-1", 1))).toContain("UnsupportedOperation");
  });

  it("what there is not", () => {
    const world = new World();
    const { ec2 } = world;
    const unknown = "InvalidNetworkInterfaceID.NotFound: The networkInterface ID 'eni-x' does not exist";
    expect(world.refusal(ec2.deleteNetworkInterface("eni-x"))).toBe(unknown);
    expect(world.refusal(ec2.detachNetworkInterface("eni-x"))).toBe(unknown);
    expect(world.refusal(ec2.assignPrivateIpAddresses("eni-x", { prefixes: 1 }))).toBe(unknown);
    expect(world.refusal(ec2.unassignPrivateIpAddresses("eni-x", []))).toBe(unknown);
    expect(world.refusal(ec2.attachNetworkInterface("eni-x", "node-1", 1))).toBe(unknown);
    expect(world.refusal(ec2.createNetworkInterface(request({ subnet: "z" })))).toBe(
      "InvalidSubnetID.NotFound: The subnet ID 'z' does not exist",
    );
    const { id } = world.run(ec2.createNetworkInterface(request()));
    expect(world.refusal(ec2.attachNetworkInterface(id, "node-1", 1))).toBe(
      "InvalidInstanceID.NotFound: The instance ID 'node-1' does not exist",
    );
    expect(world.refusal(() => ec2.terminateInstance("node-1"))).toContain("InvalidInstanceID.NotFound");
    expect(world.run(ec2.describeNetworkInterfaces("node-1"))).toEqual([]);
    expect(ec2.metadata("node-1")).toEqual([]);
  });

  it("to attach, detach or delete what is not in the state for it", () => {
    const world = new World();
    const { ec2 } = world;
    const primary = world.launch("node-1");
    const eni = world.attach("node-1", 1);
    expect(world.refusal(ec2.attachNetworkInterface(eni, "node-1", 2))).toBe(
      `InvalidNetworkInterface.InUse: Interface: [${eni}] in use.`,
    );
    expect(world.refusal(ec2.deleteNetworkInterface(eni))).toBe(
      `InvalidParameterValue: Network interface '${eni}' is currently in use.`,
    );
    expect(world.refusal(ec2.detachNetworkInterface(primary))).toBe(
      "OperationNotPermitted: The network interface at device index 0 cannot be detached.",
    );
    const { id } = world.run(ec2.createNetworkInterface(request()));
    expect(world.refusal(ec2.detachNetworkInterface(id))).toContain("InvalidParameterValue");
    expect(world.refusal(ec2.attachNetworkInterface(id, "node-1", 1))).toBe(
      "InvalidParameterValue: Instance 'node-1' already has an interface attached at device index '1'.",
    );
    expect(world.refusal(ec2.attachNetworkInterface(id, "node-1", -1))).toContain("InvalidParameterValue");
    const far = world.run(ec2.createNetworkInterface(request({ subnet: "c" })));
    expect(world.refusal(ec2.attachNetworkInterface(far.id, "node-1", 2))).toContain("InvalidParameterCombination");
  });

  it("addresses that cannot be given or taken back", () => {
    const world = new World();
    const { ec2 } = world;
    const eni = world.launch("node-1");
    world.run(ec2.assignPrivateIpAddresses(eni, { secondaryAddresses: 1 }));
    expect(world.refusal(ec2.unassignPrivateIpAddresses(eni, [slot("10.0.1.5"), slot("10.0.1.9")]))).toBe(
      `InvalidParameterValue: Some of [10.0.1.5, 10.0.1.9] are not assigned to interface ${eni}`,
    );
    expect(world.slots(eni)).toEqual(["10.0.1.5"]);
    expect(world.refusal(() => ec2.takeAddress("a", ip("10.0.1.5"), "rds"))).toBe(
      "InvalidIPAddress.InUse: Address 10.0.1.5 is in use.",
    );
    expect(world.refusal(() => ec2.takeAddress("a", ip("10.0.1.3"), "rds"))).toBe(
      "InvalidParameterValue: Address 10.0.1.3 is in subnet's reserved address range",
    );
    expect(world.refusal(() => ec2.takeAddress("a", ip("10.0.2.7"), "rds"))).toBe(
      "InvalidParameterValue: Address 10.0.2.7 does not fall within the subnet's address range",
    );
    expect(world.refusal(ec2.assignPrivateIpAddresses(eni, { prefixes: 0 }))).toContain("InvalidParameterValue");
    expect(world.refusal(ec2.assignPrivateIpAddresses(eni, { prefixes: 0.5 }))).toContain("InvalidParameterValue");
    expect(world.refusal(ec2.createNetworkInterface(request({ prefixes: 1, secondaryAddresses: 1 })))).toContain(
      "InvalidParameterCombination",
    );
    expect(world.refusal(() => ec2.forceAssign(eni, { slots: [slot("10.0.1.9"), slot("10.0.1.4")] }))).toContain(
      "InvalidIPAddress.InUse",
    );
    expect(world.slots(eni)).toEqual(["10.0.1.5"]);
    expect(world.refusal(() => ec2.addSubnet(subnetOf("a", "10.0.9.0/24")))).toContain("InvalidSubnet.Conflict");
    expect(ec2.violations()).toEqual([]);
  });
});

describe("trunk and branch ENIs", () => {
  const trunked = (limits = {}) => {
    const world = new World();
    world.launch("node-1", limits);
    const branch = () => world.run(world.ec2.createNetworkInterface(request({ interfaceType: "branch" }))).id;
    return { world, ec2: world.ec2, branch };
  };

  it("a trunk takes an ENI's place, its branches take none", () => {
    const { world, ec2, branch } = trunked({ enis: 3 });
    const trunk = world.attach("node-1", 1, { interfaceType: "trunk" });
    const branches = [branch(), branch()];
    world.run(ec2.associateTrunkInterface(trunk, branches[0], 7));
    world.run(ec2.associateTrunkInterface(trunk, branches[1], 3));
    expect(ec2.interfaces("node-1").map((eni) => eni.id)).toEqual(["eni-00000001", trunk, branches[1], branches[0]]);
    // Two devices and two branch ENIs are there; the third device comes before the branch ENIs, whatever its number.
    const third = world.attach("node-1", 8);
    expect(ec2.interfaces("node-1").map((eni) => eni.id)).toEqual([
      "eni-00000001",
      trunk,
      third,
      ...branches.toReversed(),
    ]);
    expect(ec2.trunkOf(branches[0])).toEqual({ trunk, vlan: 7 });
    expect(ec2.vlanOf(branches[1])).toBe(3);
    // The instance does not see them as devices of its own.
    expect(ec2.metadata("node-1").map((eni) => eni.id)).toEqual(["eni-00000001", trunk, third]);
    expect(ec2.violations()).toEqual([]);
  });

  it("limits, types and VLANs are checked", () => {
    const { world, ec2, branch } = trunked();
    const trunk = world.attach("node-1", 1, { interfaceType: "trunk" });
    const plain = world.attach("node-1", 2);
    const first = branch();
    world.run(ec2.associateTrunkInterface(trunk, first, 1));
    expect(world.refusal(ec2.associateTrunkInterface(trunk, branch(), 1))).toBe(
      `InvalidParameterValue: VLAN 1 of trunk interface ${trunk} is in use`,
    );
    for (const vlan of [0, 4095, 1.5])
      expect(world.refusal(ec2.associateTrunkInterface(trunk, branch(), vlan))).toContain("is not between 1 and 4094");
    expect(world.refusal(ec2.associateTrunkInterface(plain, branch(), 2))).toContain("is not a trunk interface");
    expect(world.refusal(ec2.associateTrunkInterface(trunk, plain, 2))).toContain("is not a branch interface");
    expect(world.refusal(ec2.associateTrunkInterface(trunk, first, 2))).toContain("InvalidNetworkInterface.InUse");
    expect(world.refusal(ec2.attachNetworkInterface(branch(), "node-1", 3))).toContain("is a branch interface");
    world.run(ec2.associateTrunkInterface(trunk, branch(), 2));
    world.run(ec2.associateTrunkInterface(trunk, branch(), 3));
    expect(world.refusal(ec2.associateTrunkInterface(trunk, branch(), 4))).toBe(
      "AttachmentLimitExceeded: Branch interface count 4 exceeds the limit for m5.large",
    );
    expect(world.refusal(ec2.detachNetworkInterface(trunk))).toContain("is currently in use");
  });

  it("a type without trunks takes none", () => {
    const { world, ec2 } = trunked({ branchEnis: 0 });
    const { id } = world.run(ec2.createNetworkInterface(request({ interfaceType: "trunk" })));
    expect(world.refusal(ec2.attachNetworkInterface(id, "node-1", 1))).toBe(
      "UnsupportedOperation: Trunk interfaces are not supported on instance type m5.large",
    );
  });

  it("a branch can go while it is the trunk's; termination takes all", () => {
    const { world, ec2, branch } = trunked();
    const trunk = world.attach("node-1", 1, { interfaceType: "trunk", prefixes: 1 });
    const branches = [branch(), branch()];
    branches.forEach((id, i) => {
      world.run(ec2.associateTrunkInterface(trunk, id, i + 1));
    });
    world.run(ec2.deleteNetworkInterface(branches[0]));
    expect(ec2.vlanOf(branches[0])).toBe(0);
    expect(ec2.interfaces("node-1")).toHaveLength(3);
    ec2.terminateInstance("node-1");
    expect([...ec2.allInterfaces()]).toEqual([]);
    expect(ec2.subnet("a").freeAddresses).toBe(251);
    expect(ec2.subnet("a").freePrefixes).toBe(14);
    expect(ec2.violations()).toEqual([]);
  });
});
