import type { ObjectPath } from "../objects/finding.ts";
import type { Lab } from "../objects/lab.ts";
import { blockText, type Checker } from "./checker.ts";
import { type Cidr, cidrText, containsCidr, overlaps } from "./cidr.ts";
import { PREFIX_LENGTH } from "./instanceTypes.ts";

type LabSubnet = Lab["spec"]["vpc"]["subnets"][number];

/** The rules of "Subnet CIDR reservations" (VPC user guide). @param block the subnet's, canonical. */
export function checkReservations(check: Checker, path: ObjectPath, subnet: LabSubnet, block: Cidr): void {
  const seen: Cidr[] = [];
  subnet.reservations.forEach((reservation, i) => {
    const at = [...path, "reservations", i, "cidrBlock"];
    const range = check.cidr(at, reservation.cidrBlock);
    const text = blockText(reservation.cidrBlock, range);
    if (!containsCidr(block, range))
      check.problem(at, `expected a range inside subnet ${subnet.name} ${cidrText(block)}, got ${text}; change it`);
    const other = seen.find((r) => overlaps(r, range));
    if (other !== undefined)
      check.problem(at, `expected a range apart from ${cidrText(other)}, got ${text}; reservations cannot overlap`);
    seen.push(range);
    if (reservation.type === "prefix" && range.length > PREFIX_LENGTH)
      check.notes.push({ path: at, message: `${text} holds no /${PREFIX_LENGTH}: no prefix will come from it` });
  });
}
