import { parseAddress } from "../../plane/wire/address.ts";
import type { Finding } from "../objects/finding.ts";
import type { Lab } from "../objects/lab.ts";
import type { VpcModel } from "./model.ts";
import { SubnetAddresses } from "./subnet.ts";

export interface MachineAddresses {
  /** Primary addresses of the nodes by name, int32. */
  readonly primaries: Map<string, number>;
  readonly problems: Finding[];
}

/**
 * Gives hosts the addresses that they name and then every node the lowest free one of its subnet. Nodes come before any
 * prefix, so that their addresses do not depend on pods.
 */
export function placeMachines(lab: Lab, model: VpcModel): MachineAddresses {
  const subnets = new Map(
    [...model.subnets].map(([name, subnet]) => [
      name,
      new SubnetAddresses(subnet.cidr, { reservations: subnet.reservations }),
    ]),
  );
  const primaries = new Map<string, number>();
  const problems: Finding[] = [];
  for (const host of lab.spec.hosts) {
    const address = parseAddress(host.address);
    if (host.subnet !== undefined && address !== null) subnets.get(host.subnet)?.take(address);
  }
  lab.spec.nodes.forEach((node, i) => {
    const address = subnets.get(node.subnet)?.takeLowest() ?? null;
    if (address !== null) primaries.set(node.name, address);
    else
      problems.push({
        path: ["spec", "nodes", i, "subnet"],
        message: `expected a subnet with a free address, got ${node.subnet}, which is full; choose a larger one`,
      });
  });
  return { primaries, problems };
}
