import { suggestion } from "../near.ts";
import type { ObjectPath } from "../objects/finding.ts";
import type { Lab, LabVpc } from "../objects/lab.ts";
import type { Checker } from "./checker.ts";
import { cidrText, overlaps, toCidr } from "./cidr.ts";
import { labVpcs } from "./labVpcs.ts";

/** The first blocks of two VPCs that have addresses in common, as text; null: there are none. */
function sharedBlocks(a: LabVpc, b: LabVpc): [string, string] | null {
  for (const one of a.cidrBlocks.map(toCidr))
    for (const other of b.cidrBlocks.map(toCidr)) if (overlaps(one, other)) return [cidrText(one), cidrText(other)];
  return null;
}

/** VPC peering connections: EC2 lets one fail whose VPCs have any addresses in common, and takes one of a pair. */
export function checkPeerings(check: Checker, lab: Lab): void {
  const vpcs = new Map(labVpcs(lab).map((vpc) => [vpc.name, vpc]));
  const pairs = new Map<string, string>();
  lab.spec.peerings.forEach((peering, i) => {
    const path: ObjectPath = ["spec", "peerings", i, "vpcs"];
    const [first, second] = peering.vpcs;
    const unknown = peering.vpcs.findIndex((name) => !vpcs.has(name));
    if (unknown >= 0) {
      const name = peering.vpcs[unknown];
      const hint = suggestion(name, vpcs.keys());
      check.problem([...path, unknown], `expected a VPC of the lab, got "${name}" (InvalidVpcID.NotFound); ${hint}`);
      return;
    }
    if (first === second) {
      check.problem(path, `expected two VPCs, got ${first} twice; a VPC has no peering with itself`);
      return;
    }
    const pair = [...peering.vpcs].sort().join(" ");
    const before = pairs.get(pair);
    if (before !== undefined)
      check.problem(
        path,
        `expected one peering between ${first} and ${second}, got a second one beside ${before} (VpcPeeringConnectionAlreadyExists); remove one of them`,
      );
    pairs.set(pair, peering.name);
    const [a, b] = [vpcs.get(first), vpcs.get(second)];
    const shared = a === undefined || b === undefined ? null : sharedBlocks(a, b);
    if (shared !== null)
      check.problem(
        path,
        `expected VPCs without common addresses, got ${shared[0]} of ${first} and ${shared[1]} of ${second} (the connection fails: overlapping CIDR range); change one of them, or reach it by a private NAT gateway and a transit gateway`,
      );
  });
}
