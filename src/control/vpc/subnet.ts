import { addressAt, type Cidr, cidrSize, containsAddress, offsetOf } from "./cidr.ts";
import { PREFIX_SIZE } from "./instanceTypes.ts";

/** First addresses of a subnet that EC2 keeps: network, router, DNS, future use. The last one is kept too. */
const RESERVED_FIRST = 4;

/**
 * The addresses of a subnet and who has them. EC2 promises no order; this one always gives the lowest that is free, so
 * that a lab comes up the same every time.
 */
export class SubnetAddresses {
  readonly cidr: Cidr;
  readonly #used: Uint8Array;
  #free: number;

  constructor(cidr: Cidr) {
    this.cidr = cidr;
    this.#used = new Uint8Array(cidrSize(cidr));
    this.#used.fill(1, 0, RESERVED_FIRST);
    this.#used[this.#used.length - 1] = 1;
    this.#free = this.#used.length - RESERVED_FIRST - 1;
  }

  clone(): SubnetAddresses {
    const copy = new SubnetAddresses(this.cidr);
    copy.#used.set(this.#used);
    copy.#free = this.#free;
    return copy;
  }

  /** Addresses that nobody has, the reserved ones not counted. */
  get freeAddresses(): number {
    return this.#free;
  }

  /** Aligned /28 blocks without a used address: what prefix delegation can still take. */
  get freePrefixes(): number {
    let count = 0;
    for (let start = 0; start < this.#used.length; start += PREFIX_SIZE) if (this.#blockFree(start)) count++;
    return count;
  }

  /** Why an address cannot be a machine's, or null where it can. */
  refusal(address: number): "outside" | "reserved" | "taken" | null {
    if (!containsAddress(this.cidr, address)) return "outside";
    const offset = offsetOf(this.cidr, address);
    if (offset < RESERVED_FIRST || offset === this.#used.length - 1) return "reserved";
    return this.#used[offset] === 1 ? "taken" : null;
  }

  /** Takes a given address; false where refusal() has a reason. */
  take(address: number): boolean {
    if (this.refusal(address) !== null) return false;
    this.#set(offsetOf(this.cidr, address), 1);
    return true;
  }

  /** The lowest free address, or null: InsufficientFreeAddressesInSubnet. */
  takeLowest(): number | null {
    const offset = this.#used.indexOf(0);
    if (offset < 0) return null;
    this.#set(offset, 1);
    return addressAt(this.cidr, offset);
  }

  /** First address of the lowest free aligned /28, or null: InsufficientCidrBlocks. */
  takePrefix(): number | null {
    for (let start = 0; start < this.#used.length; start += PREFIX_SIZE) {
      if (!this.#blockFree(start)) continue;
      this.#set(start, PREFIX_SIZE);
      return addressAt(this.cidr, start);
    }
    return null;
  }

  #blockFree(start: number): boolean {
    for (let i = start; i < start + PREFIX_SIZE; i++) if (this.#used[i] !== 0) return false;
    return true;
  }

  #set(offset: number, count: number): void {
    this.#used.fill(1, offset, offset + count);
    this.#free -= count;
  }
}
