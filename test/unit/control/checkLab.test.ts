import { describe, expect, it } from "vitest";
import { pathText } from "../../../src/control/objects/finding.ts";
import { checkLab } from "../../../src/control/vpc/checkLab.ts";
import { readLab, vpc } from "./objects.ts";

const subnet = (name: string, cidrBlock: string, more = {}) => ({
  name,
  availabilityZone: "us-east-1a",
  cidrBlock,
  ...more,
});
const withSubnets = (...subnets: unknown[]) => ({ vpc: vpc({ subnets }), nodes: [] });
const withRoutes = (...routes: [string, string][]) => ({
  vpc: vpc({
    routeTables: [
      {
        name: "main",
        main: true,
        routes: routes.map(([destinationCidrBlock, target]) => ({ destinationCidrBlock, target })),
      },
    ],
  }),
});
const node = (fields: object) => ({
  nodes: [{ name: "node-1", instanceType: "m5.large", subnet: "nodes-a", ...fields }],
});
const hosts = (...fields: object[]) => ({ hosts: fields.map((f, i) => ({ name: `h${i}`, subnet: "nodes-a", ...f })) });
const office = { name: "office", kind: "onPremises", cidrBlocks: ["192.168.0.0/16"] };
const dc = { name: "dc", kind: "onPremises", cidrBlocks: ["172.31.0.0/16"] };

const findings = (spec: object, kind: "problems" | "notes" = "problems") =>
  checkLab(readLab({ ...spec }))[kind].map((f) => `${pathText(f.path)}: ${f.message}`);

describe("a lab without fault", () => {
  it.each([
    ["the plain one", {}],
    ["no route tables, no nodes", withSubnets(subnet("a", "10.0.0.0/28"))],
    [
      "routes everywhere",
      {
        ...withRoutes(["0.0.0.0/0", "igw"], ["192.168.0.0/16", "tgw"], ["8.8.8.8/32", "blackhole"]),
        networks: [office],
        nodes: [],
      },
    ],
    [
      "a gateway of two networks, told apart by destination",
      { ...withRoutes(["192.168.0.0/16", "tgw"], ["172.31.0.0/16", "tgw"]), networks: [office, dc] },
    ],
    ["an explicit local route", withRoutes(["10.0.0.0/16", "local"])],
    ["hosts", { ...hosts({ address: "10.0.1.200", publicIp: "203.0.113.7" }), networks: [office] }],
  ])("%s", (_, spec) => {
    expect(findings(spec)).toEqual([]);
    expect(findings(spec, "notes")).toEqual([]);
  });
});

describe("a lab with a fault", () => {
  it.each([
    [
      "subnet outside the VPC",
      withSubnets(subnet("a", "10.1.0.0/24")),
      "spec.vpc.subnets[0].cidrBlock: expected a block inside the VPC (10.0.0.0/16), got 10.1.0.0/24; change it, or add a block to the VPC",
    ],
    [
      "subnet too small",
      withSubnets(subnet("a", "10.0.0.0/29")),
      "spec.vpc.subnets[0].cidrBlock: expected a block from /16 to /28, got 10.0.0.0/29; EC2 takes no other size",
    ],
    [
      "overlapping subnets after EC2's canonicalising",
      withSubnets(subnet("nodes", "10.0.1.0/24"), subnet("pods", "10.0.2.0/20")),
      "spec.vpc.subnets[1].cidrBlock: expected a block that overlaps no other subnet, got 10.0.0.0/20 (written 10.0.2.0/20), which overlaps nodes 10.0.1.0/24; move one of them",
    ],
    [
      "two subnets of one name",
      withSubnets(subnet("a", "10.0.1.0/24"), subnet("a", "10.0.2.0/24")),
      "spec.vpc.subnets[1].name: expected a subnet name of its own, got a, which spec.vpc.subnets[0].name has; change one of them",
    ],
    [
      "a zone of another region",
      withSubnets(subnet("a", "10.0.1.0/24", { availabilityZone: "eu-west-1a" })),
      'spec.vpc.subnets[0].availabilityZone: expected a zone of us-east-1, got "eu-west-1a"; write us-east-1a, or change spec.region',
    ],
    [
      "an unknown route table",
      withSubnets(subnet("a", "10.0.1.0/24", { routeTable: "mian" })),
      'spec.vpc.subnets[0].routeTable: expected a route table of the VPC, got "mian"; did you mean main?',
    ],
    [
      "an unknown route target",
      { ...withRoutes(["192.168.0.0/16", "ofice"]), networks: [office] },
      'spec.vpc.routeTables[0].routes[0].target: expected local, igw, blackhole or a network, got "ofice"; did you mean office?',
    ],
    [
      "a gateway that leads to two networks",
      { ...withRoutes(["0.0.0.0/0", "tgw"]), networks: [office, dc] },
      `spec.vpc.routeTables[0].routes[0].target: expected a target that leads to one network, got "tgw", which leads to office, dc; write the network's name`,
    ],
    [
      "a route inside the VPC",
      withRoutes(["10.0.1.0/24", "blackhole"]),
      "spec.vpc.routeTables[0].routes[0].destinationCidrBlock: expected a destination outside the VPC, got 10.0.1.0/24 inside 10.0.0.0/16, which is local; remove the route",
    ],
    [
      "two routes to one destination",
      withRoutes(["0.0.0.0/0", "igw"], ["0.0.0.0/0", "blackhole"]),
      "spec.vpc.routeTables[0].routes[1].destinationCidrBlock: expected one route to 0.0.0.0/0, got a second one; remove one of them",
    ],
    [
      "a table called main that is not",
      { vpc: vpc({ routeTables: [{ name: "main" }] }) },
      'spec.vpc.routeTables[0].name: expected "main: true" beside the name main, got none; add it, or rename the table',
    ],
    [
      "an unknown instance type",
      node({ instanceType: "m5.lage" }),
      'spec.nodes[0].instanceType: expected an EC2 instance type, got "m5.lage"; did you mean m5.large or c5.large or m1.large?',
    ],
    [
      "an unknown subnet",
      node({ subnet: "node-a" }),
      'spec.nodes[0].subnet: expected a subnet of the VPC, got "node-a"; did you mean nodes-a or nodes-b?',
    ],
    [
      "a host named like a node",
      { hosts: [{ name: "node-1", address: "10.0.1.9", subnet: "nodes-a" }] },
      "spec.hosts[0].name: expected a name among nodes and hosts of its own, got node-1, which spec.nodes[0].name has; change one of them",
    ],
    [
      "a host outside its subnet",
      hosts({ address: "10.0.2.9" }),
      "spec.hosts[0].address: expected an address of subnet nodes-a 10.0.1.0/24, got 10.0.2.9; change it, or the host's subnet",
    ],
    [
      "a host on a reserved address",
      hosts({ address: "10.0.1.2" }),
      "spec.hosts[0].address: expected an address that EC2 does not reserve, got 10.0.1.2; the first four and the last of nodes-a 10.0.1.0/24 are reserved",
    ],
    [
      "two hosts on one address",
      hosts({ address: "10.0.1.9" }, { address: "10.0.1.9" }),
      "spec.hosts[1].address: expected a address of its own, got 10.0.1.9, which spec.hosts[0].address has; change one of them",
    ],
    [
      "a host on an unknown network",
      { hosts: [{ name: "h", address: "1.2.3.4", network: "internt" }] },
      'spec.hosts[0].network: expected a network of the lab, got "internt"; did you mean internet?',
    ],
    [
      "a host outside its network",
      { networks: [office], hosts: [{ name: "h", address: "1.2.3.4", network: "office" }] },
      "spec.hosts[0].address: expected an address of network office (192.168.0.0/16), got 1.2.3.4; change it",
    ],
    [
      "an internet host inside the VPC",
      { hosts: [{ name: "h", address: "10.0.9.9", network: "internet" }] },
      "spec.hosts[0].address: expected an address outside the VPC, got 10.0.9.9 of 10.0.0.0/16; change it, or write subnet for network",
    ],
    [
      "a service CIDR in the VPC",
      { cluster: { serviceCidr: "10.0.0.0/20" } },
      "spec.cluster.serviceCidr: expected a block apart from the VPC, got 10.0.0.0/20, which overlaps 10.0.0.0/16; choose another one",
    ],
    [
      "a service CIDR that EKS refuses",
      { cluster: { serviceCidr: "172.20.0.0/25" } },
      "spec.cluster.serviceCidr: expected a block from /12 to /24, got 172.20.0.0/25; EKS takes no other size",
    ],
    [
      "a second internet",
      {
        networks: [
          { name: "a", kind: "internet", cidrBlocks: ["0.0.0.0/0"] },
          { name: "b", kind: "internet", cidrBlocks: ["0.0.0.0/0"] },
        ],
      },
      "spec.networks[1].kind: expected one internet, got a second one beside a; remove one",
    ],
  ])("%s", (_, spec, message) => {
    expect(findings(spec)).toEqual([message]);
  });

  it("with several faults has them all", () => {
    expect(findings({ ...node({ instanceType: "m5", subnet: "x" }), ...hosts({ address: "10.9.9.9" }) })).toHaveLength(
      3,
    );
  });
});

it("says what EC2 makes of host bits", () => {
  expect(findings(withSubnets(subnet("pods", "10.0.2.0/20")), "notes")).toEqual([
    "spec.vpc.subnets[0].cidrBlock: 10.0.2.0/20 has host bits set: EC2 makes it 10.0.0.0/20",
  ]);
});

it("says that Xen types take no prefixes", () => {
  const spec = { ...node({ instanceType: "t2.micro" }), cluster: { mode: "auto" } };
  expect(findings(spec, "notes")).toEqual([
    "spec.nodes[0].instanceType: t2.micro is no Nitro type and takes no prefixes: its pods get secondary IPs",
  ]);
});
