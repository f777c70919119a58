import { parseAddress } from "../../plane/wire/address.ts";
import type { Finding } from "../objects/finding.ts";
import type { Lab } from "../objects/lab.ts";
import { PREFIX_LENGTH } from "./instanceTypes.ts";
import { labVpcs, vpcPath } from "./labVpcs.ts";
import type { VpcModel } from "./model.ts";
import { placedEnis } from "./placedEnis.ts";
import { SubnetAddresses } from "./subnet.ts";

export interface MachineAddresses {
  /** Primary addresses of the nodes by name, int32. */
  readonly primaries: Map<string, number>;
  /** Private addresses of the NAT gateways by name, int32. */
  readonly natGateways: Map<string, number>;
  readonly problems: Finding[];
}

/** What EC2 says InsufficientFreeAddressesInSubnet to. */
export function fullSubnet(name: string): string {
  return `expected a subnet with a free address, got ${name}, which is full; choose a larger one`;
}

/**
 * Gives hosts and NAT gateways the addresses that they name, nodes those of the ENIs that they write, and then every other node
 * and after them every other NAT gateway the lowest free one of its subnet. Nodes come before any prefix, so that their
 * addresses do not depend on pods.
 */
export function placeMachines(lab: Lab, model: VpcModel): MachineAddresses {
  const subnets = new Map(
    [...model.subnets].map(([name, subnet]) => [
      name,
      new SubnetAddresses(subnet.cidr, { reservations: subnet.reservations }),
    ]),
  );
  const primaries = new Map<string, number>();
  const natGateways = new Map<string, number>();
  const problems: Finding[] = [];
  for (const host of lab.spec.hosts) {
    const address = parseAddress(host.address);
    if (host.subnet !== undefined && address !== null) subnets.get(host.subnet)?.take(address);
  }
  const gateways = labVpcs(lab).flatMap((vpc, v) =>
    vpc.natGateways.map((gateway, i) => ({ gateway, path: [...vpcPath(v), "natGateways", i] })),
  );
  for (const { gateway } of gateways) {
    const address = gateway.privateIp === undefined ? null : parseAddress(gateway.privateIp);
    if (address === null) continue;
    subnets.get(gateway.subnet)?.take(address);
    natGateways.set(gateway.name, address);
  }
  for (const node of lab.spec.nodes)
    for (const eni of placedEnis(lab.spec.vpc, node)) {
      const addresses = subnets.get(eni.subnet);
      addresses?.take(eni.address);
      for (const { prefix, length } of eni.slots)
        if (length === PREFIX_LENGTH) addresses?.takeNamedPrefix(prefix, node.name);
        else addresses?.take(prefix);
      if (eni.deviceNumber === 0) primaries.set(node.name, eni.address);
    }
  lab.spec.nodes.forEach((node, i) => {
    if (primaries.has(node.name)) return;
    const address = subnets.get(node.subnet)?.takeLowest() ?? null;
    if (address !== null) primaries.set(node.name, address);
    else
      problems.push({
        path: ["spec", "nodes", i, "subnet"],
        message: fullSubnet(node.subnet),
      });
  });
  for (const { gateway, path } of gateways) {
    if (natGateways.has(gateway.name)) continue;
    const address = subnets.get(gateway.subnet)?.takeLowest() ?? null;
    if (address !== null) natGateways.set(gateway.name, address);
    else problems.push({ path: [...path, "subnet"], message: fullSubnet(gateway.subnet) });
  }
  return { primaries, natGateways, problems };
}
