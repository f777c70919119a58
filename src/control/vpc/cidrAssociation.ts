import { type Cidr, cidrText, overlaps, toCidr } from "./cidr.ts";

/** Sizes of VPC blocks and subnets that EC2 takes (VPC user guide, "VPC CIDR blocks", "Subnet CIDR blocks"). */
const LARGEST_LENGTH = 16;
const SMALLEST_LENGTH = 28;
/** IPv4 CIDR blocks of a VPC, the primary one included (VPC user guide, "Amazon VPC quotas"). AWS raises it on request. */
const MAX_BLOCKS = 5;

const LINK_LOCAL = toCidr("169.254.0.0/16");
const PRIVATE_RANGES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(toCidr);
const BENCHMARK = toCidr("198.19.0.0/16");
/** The block that AWS makes default VPCs of. */
const DEFAULT_VPC = toCidr("172.31.0.0/16");
const TEN_FIFTEEN = toCidr("10.0.0.0/15");
const TEN_SIXTEEN = toCidr("10.0.0.0/16");

/** Why EC2 takes no block of this size, for a VPC or a subnet; null: it does. */
export function sizeProblem(block: Cidr): string | null {
  if (block.length >= LARGEST_LENGTH && block.length <= SMALLEST_LENGTH) return null;
  return `expected a block from /${LARGEST_LENGTH} to /${SMALLEST_LENGTH}, got ${cidrText(block)}; EC2 takes no other size`;
}

/** Why EC2 makes no VPC of this primary block; null: it does. */
export function primaryProblem(block: Cidr): string | null {
  return sizeProblem(block) ?? linkLocalProblem(block);
}

/**
 * Why EC2 does not associate a further block with a VPC (AssociateVpcCidrBlock), or null: it does. The ranges are those
 * of the VPC user guide, "IPv4 CIDR block association restrictions"; its "publicly routable" is taken as all that is in
 * none of the ranges it names.
 *
 * @param existing all blocks that the VPC has, the primary one among them.
 */
export function associationProblem(primary: Cidr, existing: readonly Cidr[], wanted: Cidr): string | null {
  const other = existing.find((b) => overlaps(b, wanted));
  if (other !== undefined)
    return `expected a block apart from ${cidrText(other)}, got ${cidrText(wanted)}; choose another one`;
  if (existing.length >= MAX_BLOCKS)
    return `expected at most ${MAX_BLOCKS} blocks, got ${cidrText(wanted)} as one more (CidrLimitExceeded); remove one`;
  return sizeProblem(wanted) ?? linkLocalProblem(wanted) ?? rangeProblem(primary, existing, wanted);
}

function linkLocalProblem(block: Cidr): string | null {
  if (!overlaps(block, LINK_LOCAL)) return null;
  return `expected a block outside ${cidrText(LINK_LOCAL)}, got ${cidrText(block)} (InvalidVpc.Range); link-local addresses are no VPC's`;
}

function rangeProblem(primary: Cidr, existing: readonly Cidr[], wanted: Cidr): string | null {
  const home = PRIVATE_RANGES.find((range) => overlaps(range, primary));
  const target = PRIVATE_RANGES.find((range) => overlaps(range, wanted));
  const restricted = (expected: string) =>
    `expected ${expected}, got ${cidrText(wanted)}, which is restricted beside ${cidrText(primary)} (InvalidVpc.Range); choose another one`;

  if (target !== undefined && target !== home)
    return restricted(
      home === undefined ? "a block outside RFC 1918" : `a block of ${cidrText(home)} or outside RFC 1918`,
    );
  // A VPC of 198.19.0.0/16 itself may have more of it: the guide restricts RFC 1918 ranges alone there.
  if (overlaps(wanted, BENCHMARK) && !overlaps(primary, BENCHMARK))
    return restricted(`a block outside ${cidrText(BENCHMARK)}`);
  if (overlaps(wanted, DEFAULT_VPC)) return restricted(`a block outside ${cidrText(DEFAULT_VPC)}`);
  const low = existing.find((b) => overlaps(b, TEN_FIFTEEN));
  if (overlaps(wanted, TEN_SIXTEEN) && low !== undefined)
    return `expected a block outside ${cidrText(TEN_SIXTEEN)}, got ${cidrText(wanted)}, which is restricted beside ${cidrText(low)} (InvalidVpc.Range); choose another one`;
  return null;
}
