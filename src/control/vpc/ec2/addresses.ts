import type { Random } from "../../../plane/random.ts";
import { formatAddress } from "../../../plane/wire/address.ts";
import { cidrText } from "../cidr.ts";
import { type Slot, slotText } from "../eni.ts";
import { PREFIX_LENGTH } from "../instanceTypes.ts";
import { SubnetAddresses } from "../subnet.ts";
import { Ec2Error, invalid, noFreeAddress, noFreeBlock, noSubnet } from "./ec2Error.ts";
import type { AddressSelection, Ec2Subnet, SubnetReservation } from "./types.ts";

const HOST_LENGTH = 32;

/** What to give an ENI: so many of either, or the named ones. */
export type SlotRequest =
  | { readonly secondaryAddresses: number }
  | { readonly prefixes: number }
  | { readonly slots: readonly Slot[] };

/** An address that a host has, or a scenario that fills a subnet. */
export interface Held {
  readonly owner: string;
  readonly subnet: string;
  readonly address: number;
}

/** The subnets of a VPC, their addresses, and the holders of addresses that are no ENIs of the model. */
export class VpcAddresses {
  readonly #random: Random;
  readonly #selection: AddressSelection;
  readonly #subnets = new Map<string, { readonly description: Ec2Subnet; readonly addresses: SubnetAddresses }>();
  readonly #held = new Map<string, Held[]>();

  constructor(random: Random, selection: AddressSelection) {
    this.#random = random;
    this.#selection = selection;
  }

  /** @throws Ec2Error InvalidSubnet.Conflict where the name is taken. */
  addSubnet(subnet: Ec2Subnet): void {
    if (this.#subnets.has(subnet.name))
      throw new Ec2Error("InvalidSubnet.Conflict", `The subnet '${subnet.name}' conflicts with another subnet`);
    const addresses = new SubnetAddresses(subnet.cidr, {
      reservations: subnet.reservations,
      selection: this.#selection,
      random: this.#random,
    });
    this.#subnets.set(subnet.name, { description: subnet, addresses });
  }

  /** @throws Ec2Error InvalidParameterValue where it leaves the subnet or overlaps another one. */
  addReservation(subnet: string, reservation: SubnetReservation): void {
    if (!this.of(subnet).addReservation(reservation))
      throw invalid(`The CIDR '${cidrText(reservation.cidr)}' is outside the subnet or overlaps a reservation`);
  }

  names(): string[] {
    return [...this.#subnets.keys()];
  }

  /** @throws Ec2Error InvalidSubnetID.NotFound */
  of(subnet: string): SubnetAddresses {
    return this.#entry(subnet).addresses;
  }

  /** @throws Ec2Error InvalidSubnetID.NotFound */
  describe(subnet: string): Ec2Subnet & { readonly availableAddresses: number } {
    const { description, addresses } = this.#entry(subnet);
    return { ...description, reservations: addresses.reservations, availableAddresses: addresses.freeAddresses };
  }

  /** @throws Ec2Error InvalidSubnetID.NotFound */
  availabilityZone(subnet: string): string {
    return this.#entry(subnet).description.availabilityZone;
  }

  /** An address for an owner: the named one, or any where `address` is null. */
  takeAddress(subnet: string, address: number | null, owner: string): number {
    const addresses = this.of(subnet);
    if (address === null) {
      const chosen = addresses.takeAddress(owner);
      if (chosen === null) throw noFreeAddress();
      return chosen;
    }
    const text = formatAddress(address);
    switch (addresses.refusal(address)) {
      case "outside":
        throw invalid(`Address ${text} does not fall within the subnet's address range`);
      case "reserved":
        throw invalid(`Address ${text} is in subnet's reserved address range`);
      case "taken":
        throw new Ec2Error("InvalidIPAddress.InUse", `Address ${text} is in use.`);
      default:
        addresses.take(address, owner);
        return address;
    }
  }

  /** All of the slots or none. */
  takeSlots(subnet: string, request: SlotRequest, owner: string): Slot[] {
    const taken: Slot[] = [];
    try {
      if ("slots" in request) for (const slot of request.slots) taken.push(this.#takeNamed(subnet, slot, owner));
      else if ("prefixes" in request)
        for (let i = 0; i < request.prefixes; i++) taken.push(this.#takePrefix(subnet, owner));
      else
        for (let i = 0; i < request.secondaryAddresses; i++)
          taken.push({ prefix: this.takeAddress(subnet, null, owner), length: HOST_LENGTH });
    } catch (error) {
      for (const slot of taken) this.releaseSlot(subnet, slot);
      throw error;
    }
    return taken;
  }

  releaseAddress(subnet: string, address: number): void {
    this.releaseSlot(subnet, { prefix: address, length: HOST_LENGTH });
  }

  /** @throws RangeError for one that nobody has: the owner's books are wrong. */
  releaseSlot(subnet: string, slot: Slot): void {
    const addresses = this.of(subnet);
    const released =
      slot.length === PREFIX_LENGTH ? addresses.releasePrefix(slot.prefix) : addresses.release(slot.prefix);
    if (!released) throw new RangeError(`nobody has ${slotText(slot)} of ${subnet}`);
  }

  /** An address for a holder. */
  hold(subnet: string, address: number | null, owner: string): number {
    const taken = this.takeAddress(subnet, address, owner);
    const held = this.#held.get(owner);
    if (held === undefined) this.#held.set(owner, [{ owner, subnet, address: taken }]);
    else held.push({ owner, subnet, address: taken });
    return taken;
  }

  /**
   * So many addresses for a holder, all or none: `contiguous` from the lowest, or `scattered` evenly over the free ones,
   * which leaves no free /28 once a sixteenth of the subnet is taken.
   */
  holdMany(subnet: string, count: number, pattern: "scattered" | "contiguous", owner: string): void {
    const free = [...this.of(subnet).available()];
    if (count > free.length) throw noFreeAddress();
    for (let i = 0; i < count; i++)
      this.hold(subnet, free[pattern === "contiguous" ? i : Math.floor(((i + 0.5) * free.length) / count)], owner);
  }

  /** Gives back what a holder took first, so many addresses. @returns how many: fewer where it has no more. */
  release(owner: string, count: number): number {
    const held = this.#held.get(owner) ?? [];
    const back = held.splice(0, count);
    for (const { subnet, address } of back) this.releaseAddress(subnet, address);
    if (held.length === 0) this.#held.delete(owner);
    return back.length;
  }

  *held(): Generator<Held> {
    for (const held of this.#held.values()) yield* held;
  }

  #entry(subnet: string): { readonly description: Ec2Subnet; readonly addresses: SubnetAddresses } {
    const entry = this.#subnets.get(subnet);
    if (entry === undefined) throw noSubnet(subnet);
    return entry;
  }

  #takePrefix(subnet: string, owner: string): Slot {
    const prefix = this.of(subnet).takePrefix(owner);
    if (prefix === null) throw noFreeBlock();
    return { prefix, length: PREFIX_LENGTH };
  }

  #takeNamed(subnet: string, slot: Slot, owner: string): Slot {
    if (slot.length === HOST_LENGTH) this.takeAddress(subnet, slot.prefix, owner);
    else if (slot.length !== PREFIX_LENGTH || !this.of(subnet).takeNamedPrefix(slot.prefix, owner)) throw noFreeBlock();
    return slot;
  }
}
