import { type Cidr, cidrSize, cidrText, containsAddress, offsetOf } from "../vpc/cidr.ts";
import { PREFIX_SIZE } from "../vpc/instanceTypes.ts";

/** Addresses that EC2 keeps: the first four (network, router, DNS, future use) and the last (VPC user guide, "Subnet sizing"). */
const RESERVED_FIRST = 4;

/** Addresses that others have in a subnet and of which only the number is known. */
export interface OthersAddresses {
  readonly count: number;
  /** Each in a /28 of its own as far as that goes, which leaves the fewest prefixes; otherwise the lowest addresses. */
  readonly scattered: boolean;
}

/** What a subnet can still give: free addresses in all, and /28 blocks that nobody has touched. */
export class SubnetSupply {
  readonly cidr: Cidr;
  readonly freeAddresses: number;
  readonly freePrefixes: number;
  /** Free addresses of the blocks up to and with each. */
  readonly #freeUpTo: number[] = [];
  /** Untouched blocks after each. */
  readonly #prefixesAfter: number[];

  /**
   * @param cidr /16 to /28, as EC2 has it.
   * @param taken addresses in use, int32; those outside the block or reserved do not matter.
   * @throws RangeError where the others have more than there is.
   */
  constructor(cidr: Cidr, taken: Iterable<number> = [], others: OthersAddresses = { count: 0, scattered: false }) {
    this.cidr = cidr;
    const free = freeOfBlocks(cidr, taken);
    const had = free.reduce((a, b) => a + b, 0);
    if (others.count > had)
      throw new RangeError(`expected at most ${had} used addresses in ${cidrText(cidr)}, got ${others.count}`);
    take(free, others);
    let sum = 0;
    for (const count of free) {
      sum += count;
      this.#freeUpTo.push(sum);
    }
    this.freeAddresses = sum;
    this.#prefixesAfter = new Array<number>(free.length).fill(0);
    let prefixes = 0;
    for (let block = free.length - 1; block >= 0; block--) {
      this.#prefixesAfter[block] = prefixes;
      if (free[block] === PREFIX_SIZE) prefixes++;
    }
    this.freePrefixes = prefixes;
  }

  /**
   * Untouched /28 blocks once so many single addresses are taken, the lowest first. EC2 promises no order: addresses that
   * lie elsewhere, or come after prefixes were given back, leave fewer.
   */
  prefixesBeside(singles: number): number {
    if (singles <= 0) return this.freePrefixes;
    const block = this.#freeUpTo.findIndex((sum) => sum >= singles);
    return block < 0 ? 0 : this.#prefixesAfter[block];
  }

  /** What runs out where singles and prefixes are wanted, or null: there is enough of both. */
  shortage(singles: number, prefixes: number): "addresses" | "prefixes" | null {
    if (singles > this.freeAddresses) return "addresses";
    return prefixes > this.prefixesBeside(singles) ? "prefixes" : null;
  }
}

function freeOfBlocks(cidr: Cidr, taken: Iterable<number>): number[] {
  const size = cidrSize(cidr);
  const used = new Uint8Array(size);
  used.fill(1, 0, RESERVED_FIRST);
  used[size - 1] = 1;
  for (const address of taken) if (containsAddress(cidr, address)) used[offsetOf(cidr, address)] = 1;
  const free = new Array<number>(size / PREFIX_SIZE).fill(0);
  for (let offset = 0; offset < size; offset++) if (used[offset] === 0) free[Math.floor(offset / PREFIX_SIZE)]++;
  return free;
}

function take(free: number[], others: OthersAddresses): void {
  let left = others.count;
  if (others.scattered)
    for (let block = 0; block < free.length && left > 0; block++)
      if (free[block] === PREFIX_SIZE) {
        free[block]--;
        left--;
      }
  for (let block = 0; block < free.length && left > 0; block++) {
    const count = Math.min(left, free[block]);
    free[block] -= count;
    left -= count;
  }
}
