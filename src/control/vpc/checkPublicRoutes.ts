import type { Lab, LabVpc } from "../objects/lab.ts";
import type { Checker } from "./checker.ts";
import { toCidr } from "./cidr.ts";
import { labVpcs, vpcPath } from "./labVpcs.ts";
import { IMPLICIT_MAIN } from "./model.ts";
import { INTERNET_GATEWAY } from "./networks.ts";
import { publicAddresses } from "./publicAddresses.ts";

/** Whether what a subnet sends to everywhere goes to the internet gateway. */
function isPublic(vpc: LabVpc, subnet: LabVpc["subnets"][number]): boolean {
  const main = vpc.routeTables.find((t) => t.main)?.name ?? IMPLICIT_MAIN;
  const table = vpc.routeTables.find((t) => t.name === (subnet.routeTable ?? main));
  return (table?.routes ?? []).some(
    (r) => r.target === INTERNET_GATEWAY && toCidr(r.destinationCidrBlock).length === 0,
  );
}

/**
 * Notes on subnets whose default route is the internet gateway and whose machines have no public address: the gateway
 * carries nothing of theirs.
 */
export function checkPublicRoutes(check: Checker, lab: Lab): void {
  const given = publicAddresses(lab);
  const machines = [...lab.spec.nodes, ...lab.spec.hosts];
  labVpcs(lab).forEach((vpc, v) => {
    vpc.subnets.forEach((subnet, i) => {
      if (!isPublic(vpc, subnet)) return;
      const without = machines.filter((m) => m.subnet === subnet.name && !given.has(m.name)).map((m) => m.name);
      if (without.length === 0) return;
      const what = without.length === 1 ? "has no public address" : "have no public addresses";
      check.notes.push({
        path: [...vpcPath(v), "subnets", i],
        message: `${without.join(", ")} in ${subnet.name} ${what}: the internet gateway drops what they send to the internet`,
      });
    });
  });
}
