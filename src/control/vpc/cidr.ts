import { formatCidr, maskOf, parseCidr } from "../../plane/wire/address.ts";

/** A CIDR block as EC2 keeps it: prefix is int32, no host bits set. */
export interface Cidr {
  readonly prefix: number;
  readonly length: number;
}

const ADDRESS_BITS = 32;

/**
 * A block that the schema has let through, canonicalised as EC2 does it: host bits are cleared.
 *
 * @throws RangeError for text that is no CIDR block.
 */
export function toCidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === null) throw new RangeError(`no CIDR block: ${text}`);
  return { prefix: parsed.prefix, length: parsed.length };
}

export function cidrText(cidr: Cidr): string {
  return formatCidr(cidr.prefix, cidr.length);
}

/** Number of addresses, up to 2^32. */
export function cidrSize(cidr: Cidr): number {
  return 2 ** (ADDRESS_BITS - cidr.length);
}

export function containsAddress(cidr: Cidr, address: number): boolean {
  return ((address ^ cidr.prefix) & maskOf(cidr.length)) === 0;
}

export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return inner.length >= outer.length && containsAddress(outer, inner.prefix);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return containsCidr(a, b) || containsCidr(b, a);
}

/** Position of an address in the block, from 0. */
export function offsetOf(cidr: Cidr, address: number): number {
  return (address - cidr.prefix) >>> 0;
}

/** Address at a position of the block, int32. */
export function addressAt(cidr: Cidr, offset: number): number {
  return (cidr.prefix + offset) | 0;
}
