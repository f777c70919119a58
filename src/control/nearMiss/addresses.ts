import { formatAddress } from "../../plane/wire/address.ts";
import type { Names } from "../names.ts";
import { type Cidr, cidrText } from "../vpc/cidr.ts";
import { lowest } from "./nearest.ts";
import type { NearMiss } from "./refusal.ts";

const ADDRESS_BITS = 32;
const OCTETS = 4;
/** Octets in which an address differs weigh more than by how much. */
const OCTET_WEIGHT = 2 ** 12;

/** How far two addresses are apart to a person: octets that differ, then by how much these do. */
function distance(a: number, b: number): number {
  let sum = 0;
  for (let shift = 0; shift < OCTETS * 8; shift += 8) {
    const difference = Math.abs(((a >>> shift) & 0xff) - ((b >>> shift) & 0xff));
    if (difference > 0) sum += OCTET_WEIGHT + difference;
  }
  return sum;
}

/** The address that one was most likely mistaken for: a single octet differs. */
export function nearestAddress(wanted: number, known: Iterable<number>, names: Names): NearMiss | null {
  const near = lowest(known, (address) => distance(wanted, address));
  if (near === null || near === wanted || distance(wanted, near) >= 2 * OCTET_WEIGHT) return null;
  return {
    rule: `${names.byAddress(near) ?? "an ENI"} has ${formatAddress(near)}`,
    differs: [`${formatAddress(wanted)} is not ${formatAddress(near)}`],
  };
}

/** Bits by which an address misses a block: those of the prefix that it does not share. */
export function missedBits({ prefix, length }: Cidr, address: number): number {
  const same = Math.clz32(prefix ^ address);
  return Math.max(0, Math.min(length, ADDRESS_BITS) - same);
}

/** The block that an address misses by the fewest bits. */
export function nearestBlock<T extends Cidr>(blocks: Iterable<T>, address: number): T | null {
  return lowest(blocks, (block) => missedBits(block, address));
}

/** `10.0.3.7 is not in 10.0.1.0/24` */
export function notIn(what: string, cidr: Cidr): string {
  return `${what} is not in ${cidrText(cidr)}`;
}
