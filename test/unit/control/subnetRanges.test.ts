import { describe, expect, it } from "vitest";
import { subnetRanges, subnetReservations } from "../../../src/control/subnetRanges.ts";
import { toCidr } from "../../../src/control/vpc/cidr.ts";
import { SubnetAddresses } from "../../../src/control/vpc/subnet.ts";
import { parseAddress } from "../../../src/plane/wire/address.ts";

const address = (text: string): number => parseAddress(text) ?? 0;

function state(cidrBlock: string) {
  const subnet = new SubnetAddresses(toCidr(cidrBlock));
  return {
    subnet,
    subnets: new Map([["nodes-a", subnet]]),
    nodes: [
      { enis: [{ id: "eni-00000001", name: "node-1/eth0", address: address("10.0.1.4") }] },
      {
        enis: [
          { id: "eni-00000002", name: "node-2/eth0", address: address("10.0.1.8") },
          { id: "eni-00000003", name: "node-2/vlan.eth.1", address: address("10.0.1.9") },
        ],
      },
    ],
    hosts: [{ spec: { name: "rds" } }],
    natGateways: [{ spec: { name: "nat-a" } }],
  };
}

describe("who has a subnet's addresses", () => {
  it("is told by the names of nodes, hosts and ENIs", () => {
    const s = state("10.0.1.0/24");
    s.subnet.take(address("10.0.1.4"), "eni-00000001");
    s.subnet.take(address("10.0.1.8"), "eni-00000002");
    s.subnet.take(address("10.0.1.9"), "eni-00000003");
    s.subnet.take(address("10.0.1.20"), "eni-00000001");
    s.subnet.takeNamedPrefix(address("10.0.1.64"), "eni-00000002");
    s.subnet.takeNamedPrefix(address("10.0.1.128"), "eni-00000009");
    s.subnet.take(address("10.0.1.200"), "eni-00000009");
    s.subnet.take(address("10.0.1.250"), "host/rds");
    s.subnet.take(address("10.0.1.251"), "nat/nat-a");
    expect(subnetRanges(s, "nodes-a").map((r) => `${r.cidrBlock} ${r.kind} ${r.owner}`)).toEqual([
      ...["10.0.1.0/32", "10.0.1.1/32", "10.0.1.2/32", "10.0.1.3/32", "10.0.1.255/32"].map((r) => `${r} reserved EC2`),
      "10.0.1.4/32 primary node-1/eth0",
      "10.0.1.8/32 primary node-2/eth0",
      "10.0.1.9/32 primary node-2/vlan.eth.1",
      "10.0.1.20/32 secondary node-1/eth0",
      "10.0.1.64/28 prefix node-2/eth0",
      "10.0.1.128/28 prefix eni-00000009",
      "10.0.1.200/32 other eni-00000009",
      "10.0.1.250/32 host rds/eth0",
      "10.0.1.251/32 host nat/nat-a",
    ]);
  });

  it("is EC2 five times, in the smallest subnet too", () => {
    expect(subnetRanges(state("10.0.1.0/28"), "nodes-a").map((r) => r.cidrBlock)).toEqual(
      [0, 1, 2, 3, 15].map((i) => `10.0.1.${i}/32`),
    );
    expect(subnetRanges(state("10.0.1.0/28"), "nodes-b")).toEqual([]);
  });

  it("comes with the reservations", () => {
    const s = state("10.0.1.0/24");
    s.subnet.addReservation({ cidr: toCidr("10.0.1.128/25"), type: "prefix" });
    expect(subnetReservations(s, "nodes-a")).toEqual([{ cidrBlock: "10.0.1.128/25", type: "prefix" }]);
    expect(subnetReservations(s, "nodes-b")).toEqual([]);
  });
});
