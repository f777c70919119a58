import { toCidr } from "../../../src/control/vpc/cidr.ts";
import { type SubnetMapInput, type SubnetMapView, subnetBlocks } from "../../../src/observe/subnetBlocks.ts";

/** `10.0.1.16/28 prefix node-1/eth0`; without a length, one address. */
export type RangeText = string;

function range(text: RangeText): SubnetMapInput["ranges"][number] {
  const [block, kind, owner] = text.split(" ");
  const kinds = ["reserved", "primary", "secondary", "prefix", "host", "other"] as const;
  const known = kinds.find((k) => k === kind);
  if (known === undefined) throw new Error(`no kind: ${text}`);
  return { ...toCidr(block.includes("/") ? block : `${block}/32`), kind: known, owner };
}

/** A subnet with EC2's own addresses and the ranges given. Reservations: `10.0.1.128/25 prefix`. */
export function subnet(cidrBlock: string, ranges: readonly RangeText[], reservations: readonly string[] = []) {
  const cidr = toCidr(cidrBlock);
  const last = (cidr.prefix + 2 ** (32 - cidr.length) - 1) | 0;
  const reserved = [0, 1, 2, 3].map((i) => cidr.prefix + i).concat(last);
  const input: SubnetMapInput = {
    name: "nodes-a",
    cidrBlock,
    cidr,
    ranges: [
      ...reserved.map((prefix) => ({ prefix: prefix | 0, length: 32, kind: "reserved" as const, owner: "EC2" })),
      ...ranges.map(range),
    ],
    reservations: reservations.map((text) => {
      const [block, type] = text.split(" ");
      return { ...toCidr(block), type: type === "prefix" ? "prefix" : "explicit" };
    }),
  };
  return input;
}

export function view(...of: Parameters<typeof subnet>): SubnetMapView {
  return subnetBlocks(subnet(...of));
}
