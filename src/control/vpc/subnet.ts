import type { Random } from "../../plane/random.ts";
import { BitSet, bitCount, lowestBit } from "./bitSet.ts";
import { addressAt, type Cidr, cidrSize, containsAddress, containsCidr, offsetOf, overlaps } from "./cidr.ts";
import type { AddressSelection, SubnetReservation } from "./ec2/types.ts";
import { PREFIX_LENGTH, PREFIX_SIZE } from "./instanceTypes.ts";
import { SubnetOwners } from "./subnetOwners.ts";

/** First addresses of a subnet that EC2 keeps: network, router, DNS, future use. The last one is kept too. */
const RESERVED_FIRST = 4;

/** All addresses of a block, as a mask. */
const FULL = 2 ** PREFIX_SIZE - 1;
const BLOCK_SHIFT = 4;
const BLOCK_MASK = PREFIX_SIZE - 1;
/** Draws among all addresses before a draw among the free ones: a /16 that is half full needs the latter once in 256. */
const BLIND_DRAWS = 8;

/** Why an address can be nobody's, whatever its subnet holds; null where it can. */
export function addressRefusal(cidr: Cidr, address: number): "outside" | "reserved" | null {
  if (!containsAddress(cidr, address)) return "outside";
  const offset = offsetOf(cidr, address);
  return offset < RESERVED_FIRST || offset === cidrSize(cidr) - 1 ? "reserved" : null;
}

export interface SubnetSettings {
  readonly reservations: readonly SubnetReservation[];
  readonly selection: AddressSelection;
  /** Chooses among addresses and among prefix reservations; null: always the lowest. */
  readonly random: Random | null;
}

interface BlockRange {
  readonly first: number;
  readonly end: number;
}

const LOWEST: SubnetSettings = { reservations: [], selection: "lowest", random: null };

/**
 * The addresses of a subnet and who has them. EC2 promises no order; `lowest` makes a lab come up the same every time.
 *
 * Aligned blocks of 16 are the unit: a mask of the addresses in use for each, a mask of those that reservations withhold
 * from automatic assignment, and two sets of blocks that are kept along: those that still have an address to give, and
 * those that can go as a prefix. Nothing scans the subnet.
 */
export class SubnetAddresses {
  readonly cidr: Cidr;
  readonly #settings: SubnetSettings;
  readonly #reservations: SubnetReservation[] = [];
  /** Blocks that automatic prefixes come from, `end` left out. */
  #prefixRanges: readonly BlockRange[] = [];
  #hasPrefixReservation = false;
  /** Addresses of each block that are in use, by somebody or by EC2. */
  readonly #used: Uint16Array;
  /** Addresses of each block that only a caller who names them gets. */
  readonly #withheld: Uint16Array;
  /** Blocks with an address for automatic assignment. */
  readonly #open: BitSet;
  /** Blocks for automatic assignment as a prefix. */
  readonly #clean: BitSet;
  readonly #owners = new SubnetOwners();
  #free = 0;
  #automatic = 0;

  constructor(cidr: Cidr, settings: Partial<SubnetSettings> = {}) {
    this.cidr = cidr;
    this.#settings = { ...LOWEST, ...settings };
    const size = cidrSize(cidr);
    const blocks = Math.ceil(size / PREFIX_SIZE);
    this.#used = new Uint16Array(blocks);
    this.#withheld = new Uint16Array(blocks);
    this.#open = new BitSet(blocks);
    this.#clean = new BitSet(blocks);
    this.#used[0] = (1 << RESERVED_FIRST) - 1;
    // The last address, and what a block under /28 has not got.
    this.#used[blocks - 1] |= FULL & (-1 << ((size - 1) & BLOCK_MASK));
    for (const reservation of this.#settings.reservations) {
      const refusal = this.reservationRefusal(reservation.cidr);
      if (refusal !== null) throw new RangeError(`no reservation of the subnet: ${refusal}`);
      this.#reservations.push(reservation);
    }
    this.#recount();
  }

  /** Addresses that nobody has (AvailableIpAddressCount), the reserved ones not counted. */
  get freeAddresses(): number {
    return this.#free;
  }

  /** Those among them that are given to who names none: not in a reservation. */
  get automaticAddresses(): number {
    return this.#automatic;
  }

  /** Aligned /28 blocks that prefix delegation can still take: inside prefix reservations where there are any. */
  get freePrefixes(): number {
    return this.#clean.size;
  }

  get reservations(): readonly SubnetReservation[] {
    return this.#reservations;
  }

  /** Why a range cannot be set aside, or null where it can. */
  reservationRefusal(cidr: Cidr): "outside" | "overlap" | null {
    if (!containsCidr(this.cidr, cidr)) return "outside";
    return this.#reservations.some((r) => overlaps(r.cidr, cidr)) ? "overlap" : null;
  }

  /** Sets a range aside. Addresses in use stay so. False where reservationRefusal() has a reason. */
  addReservation(reservation: SubnetReservation): boolean {
    if (this.reservationRefusal(reservation.cidr) !== null) return false;
    this.#reservations.push(reservation);
    this.#recount();
    return true;
  }

  /** Why an address cannot be a machine's, or null where it can. */
  refusal(address: number): "outside" | "reserved" | "taken" | null {
    const refused = addressRefusal(this.cidr, address);
    if (refused !== null) return refused;
    const offset = offsetOf(this.cidr, address);
    return ((this.#used[offset >> BLOCK_SHIFT] >> (offset & BLOCK_MASK)) & 1) === 1 ? "taken" : null;
  }

  /** Takes a given address, one of a reservation too; false where refusal() has a reason. */
  take(address: number, owner = ""): boolean {
    if (this.refusal(address) !== null) return false;
    this.#takeOffset(offsetOf(this.cidr, address), owner);
    return true;
  }

  /** An address for who names none, or null: InsufficientFreeAddressesInSubnet. */
  takeAddress(owner: string): number | null {
    const { selection, random } = this.#settings;
    if (selection === "lowest" || random === null) return this.takeLowest(owner);
    if (this.#automatic === 0) return null;
    // Most draws hit while much is free; else the drawn one is counted out. Either way all have the same chance.
    for (let i = 0; i < BLIND_DRAWS; i++) {
      const offset = random.below(this.#used.length * PREFIX_SIZE);
      const mask = this.#automaticMask(offset >> BLOCK_SHIFT);
      if (((mask >> (offset & BLOCK_MASK)) & 1) === 1) return this.#takeOffset(offset, owner);
    }
    return this.#takeOffset(this.#automaticAt(random.below(this.#automatic)), owner);
  }

  /** The lowest address for who names none, or null. */
  takeLowest(owner = ""): number | null {
    const block = this.#open.next(0);
    if (block < 0) return null;
    return this.#takeOffset((block << BLOCK_SHIFT) + lowestBit(this.#automaticMask(block)), owner);
  }

  /** First address of a free aligned /28 for who names none, or null: InsufficientCidrBlocks. */
  takePrefix(owner = ""): number | null {
    const block = this.#chooseBlock();
    if (block < 0) return null;
    this.#takeBlock(block, owner);
    return addressAt(this.cidr, block << BLOCK_SHIFT);
  }

  /** Takes a given /28, inside or outside reservations; false where it is not aligned, not the subnet's or not free. */
  takeNamedPrefix(prefix: number, owner: string): boolean {
    if (!containsCidr(this.cidr, { prefix, length: PREFIX_LENGTH }) || (prefix & BLOCK_MASK) !== 0) return false;
    const block = offsetOf(this.cidr, prefix) >> BLOCK_SHIFT;
    if (this.#used[block] !== 0) return false;
    this.#takeBlock(block, owner);
    return true;
  }

  /** Gives a single address back. False: nobody has it, or it is part of a prefix. */
  release(address: number): boolean {
    if (!containsAddress(this.cidr, address)) return false;
    const offset = offsetOf(this.cidr, address);
    if (!this.#owners.deleteAddress(offset)) return false;
    const block = offset >> BLOCK_SHIFT;
    this.#setUsed(block, this.#used[block] & ~(1 << (offset & BLOCK_MASK)));
    return true;
  }

  /** Gives a prefix back. False: nobody has it as a prefix. */
  releasePrefix(prefix: number): boolean {
    if (!containsAddress(this.cidr, prefix)) return false;
    const offset = offsetOf(this.cidr, prefix);
    if ((offset & BLOCK_MASK) !== 0 || !this.#owners.deleteBlock(offset >> BLOCK_SHIFT)) return false;
    this.#setUsed(offset >> BLOCK_SHIFT, 0);
    return true;
  }

  /** Who has an address, by itself or in a prefix; null: nobody. */
  ownerOf(address: number): string | null {
    return containsAddress(this.cidr, address) ? this.#owners.ownerOf(offsetOf(this.cidr, address)) : null;
  }

  /** What is in use, EC2's own five left out, in the order of the addresses: prefixes as /28, single addresses as /32. */
  *owners(): Generator<{ readonly prefix: number; readonly length: number; readonly owner: string }> {
    for (const { offset, length, owner } of this.#owners.ranges(this.#used.length))
      yield { prefix: addressAt(this.cidr, offset), length, owner };
  }

  /** The addresses for who names none, ascending. */
  *available(): Generator<number> {
    for (let block = this.#open.next(0); block >= 0; block = this.#open.next(block + 1))
      for (let mask = this.#automaticMask(block); mask !== 0; mask &= mask - 1)
        yield addressAt(this.cidr, (block << BLOCK_SHIFT) + lowestBit(mask));
  }

  #automaticMask(block: number): number {
    return FULL & ~(this.#used[block] | this.#withheld[block]);
  }

  /** Position of the address for who names none that `index` others are below. */
  #automaticAt(index: number): number {
    let left = index;
    let block = this.#open.next(0);
    let mask = this.#automaticMask(block);
    for (let count = bitCount(mask); count <= left; count = bitCount(mask)) {
      left -= count;
      block = this.#open.next(block + 1);
      mask = this.#automaticMask(block);
    }
    for (; left > 0; left--) mask &= mask - 1;
    return (block << BLOCK_SHIFT) + lowestBit(mask);
  }

  /** A block for an automatic prefix, or -1. EC2 chooses at random among several prefix reservations. */
  #chooseBlock(): number {
    if (this.#clean.size === 0) return -1;
    const { selection, random } = this.#settings;
    const ranges = this.#prefixRanges.filter(({ first, end }) => {
      const block = this.#clean.next(first);
      return block >= 0 && block < end;
    });
    const { first, end } = ranges[random === null || ranges.length === 1 ? 0 : random.below(ranges.length)];
    if (selection === "lowest" || random === null) return this.#clean.next(first);
    const below = this.#clean.countBelow(first);
    return this.#clean.at(below + random.below(this.#clean.countBelow(end) - below));
  }

  #takeOffset(offset: number, owner: string): number {
    const block = offset >> BLOCK_SHIFT;
    this.#setUsed(block, this.#used[block] | (1 << (offset & BLOCK_MASK)));
    this.#owners.setAddress(offset, owner);
    return addressAt(this.cidr, offset);
  }

  #takeBlock(block: number, owner: string): void {
    this.#setUsed(block, FULL);
    this.#owners.setBlock(block, owner);
  }

  #setUsed(block: number, mask: number): void {
    const withheld = this.#withheld[block];
    const before = this.#used[block];
    this.#free += bitCount(before) - bitCount(mask);
    this.#automatic += bitCount(before | withheld) - bitCount(mask | withheld);
    this.#used[block] = mask;
    this.#open.set(block, (mask | withheld) !== FULL);
    this.#clean.set(block, mask === 0 && this.#prefixable(block));
  }

  #prefixable(block: number): boolean {
    // What is withheld beside a prefix reservation is in none of its ranges.
    if (!this.#hasPrefixReservation) return this.#withheld[block] === 0;
    return this.#prefixRanges.some(({ first, end }) => first <= block && block < end);
  }

  /** The whole blocks inside a range of the subnet. */
  #blocksIn(cidr: Cidr): BlockRange {
    const offset = offsetOf(this.cidr, cidr.prefix);
    return { first: Math.ceil(offset / PREFIX_SIZE), end: (offset + cidrSize(cidr)) >> BLOCK_SHIFT };
  }

  /** Everything that follows from what is in use and from the reservations. */
  #recount(): void {
    for (const { cidr } of this.#reservations) {
      const first = offsetOf(this.cidr, cidr.prefix);
      const end = first + cidrSize(cidr);
      for (let offset = first; offset < end; offset++)
        this.#withheld[offset >> BLOCK_SHIFT] |= 1 << (offset & BLOCK_MASK);
    }
    const prefixReservations = this.#reservations.filter((r) => r.type === "prefix");
    this.#hasPrefixReservation = prefixReservations.length > 0;
    this.#prefixRanges = this.#hasPrefixReservation
      ? prefixReservations.map((r) => this.#blocksIn(r.cidr))
      : [{ first: 0, end: this.#used.length }];
    this.#free = 0;
    this.#automatic = 0;
    for (let block = 0; block < this.#used.length; block++) {
      this.#free += PREFIX_SIZE - bitCount(this.#used[block]);
      this.#automatic += bitCount(this.#automaticMask(block));
      this.#setUsed(block, this.#used[block]);
    }
  }
}
