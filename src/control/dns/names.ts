import { formatAddress, parseAddress } from "../../plane/wire/address.ts";

/** Root of the tree of addresses, RFC 1035 section 3.5. */
export const REVERSE_ZONE = "in-addr.arpa";
const REVERSE_SUFFIX = `.${REVERSE_ZONE}`;
/** EC2 names its first region's machines without the region (VPC user guide, "DNS attributes for your VPC"). */
const FIRST_REGION = "us-east-1";

/** A name as it is compared and looked up: lower case (RFC 4343), without the dot at its end. The root is empty. */
export function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** Whether a name is a zone's own or below it; both canonical. */
export function isWithin(name: string, zone: string): boolean {
  return zone === "" || name === zone || name.endsWith(`.${zone}`);
}

/** The labels of a canonical name in front of its zone, leftmost first. */
export function labelsBelow(name: string, zone: string): string[] {
  if (name === zone) return [];
  return name.slice(0, name.length - zone.length - 1).split(".");
}

/** `10-0-1-16` for 10.0.1.16 */
export function dashed(address: string): string {
  return address.replaceAll(".", "-");
}

/** The address that a canonical name of in-addr.arpa stands for; null: none. */
export function reversedAddress(name: string): string | null {
  if (!name.endsWith(REVERSE_SUFFIX)) return null;
  const text = name.slice(0, -REVERSE_SUFFIX.length).split(".").reverse().join(".");
  const address = parseAddress(text);
  // Leading zeros and the like are other names.
  return address !== null && formatAddress(address) === text ? text : null;
}

/** Domain of the names that EC2 gives to a region's machines: `ec2.internal`, `eu-west-1.compute.internal`. */
export function regionDomain(region: string): string {
  return region === FIRST_REGION ? "ec2.internal" : `${region}.compute.internal`;
}
