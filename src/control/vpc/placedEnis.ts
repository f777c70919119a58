import { parseAddress } from "../../plane/wire/address.ts";
import type { LabNode, LabVpc } from "../objects/lab.ts";
import { toCidr } from "./cidr.ts";
import type { PlacedEni } from "./ec2/types.ts";
import type { Slot } from "./eni.ts";
import { securityGroupNames } from "./references.ts";

const HOST_LENGTH = 32;

/**
 * The ENIs that a node of a checked lab writes down, by device number; none: it has a primary ENI alone, with any address.
 * ipamd and Auto Mode find them attached when they start, and take them over.
 */
export function placedEnis(vpc: LabVpc, node: LabNode): PlacedEni[] {
  return node.enis
    .map((eni): PlacedEni => {
      const singles = eni.addresses.map((text): Slot => ({ prefix: parseAddress(text) ?? 0, length: HOST_LENGTH }));
      return {
        id: eni.id ?? null,
        interfaceType: eni.trunk ? "trunk" : "interface",
        deviceNumber: eni.deviceNumber,
        subnet: eni.subnet,
        address: parseAddress(eni.address) ?? 0,
        slots: [...eni.prefixes.map(toCidr), ...singles],
        securityGroups: securityGroupNames(vpc, eni.securityGroups ?? node.securityGroups),
        tags: eni.tags,
        description: "",
      };
    })
    .sort((a, b) => a.deviceNumber - b.deviceNumber);
}
