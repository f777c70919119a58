import { addressAt, cidrSize, containsAddress } from "../../vpc/cidr.ts";
import type { InterfaceType } from "../../vpc/ec2/types.ts";
import type { Slot } from "../../vpc/eni.ts";
import { PREFIX_LENGTH } from "../../vpc/instanceTypes.ts";
import type { AssignOrder } from "./assignOrder.ts";

/** An address that a pod has, or had not long ago. */
export interface StoredAddress {
  readonly address: number;
  /** null: given back. */
  pod: string | null;
  /** Milliseconds on the timeline. */
  readonly assignedAt: number;
  /** Milliseconds on the timeline; null: never given back by a pod, so it does not cool. */
  unassignedAt: number | null;
}

/** Identity of a slot among those of an ENI. */
export function slotKey(slot: Slot): number {
  return (slot.prefix >>> 0) * 64 + slot.length;
}

/** Whether an address still cools: up to and including the end of its cooldown (datastore inCoolingPeriod). */
function cools(address: StoredAddress, now: number, cooldown: number): boolean {
  return address.unassignedAt !== null && now - address.unassignedAt <= cooldown;
}

/** A slot of an ENI with its pods: a prefix or a secondary address. */
export class StoredCidr {
  readonly slot: Slot;
  readonly isPrefix: boolean;
  readonly size: number;
  /** Addresses with a pod, cooling ones, and those that have cooled but were not looked at since. */
  readonly addresses = new Map<number, StoredAddress>();
  /** How many of them have a pod. */
  assigned = 0;

  constructor(slot: Slot) {
    this.slot = slot;
    this.isPrefix = slot.length === PREFIX_LENGTH;
    this.size = cidrSize(slot);
  }

  contains(address: number): boolean {
    return containsAddress(this.slot, address);
  }

  /**
   * An address to assign (datastore getUnusedIP): one that has been a pod's and has cooled, else the lowest that was none's.
   * What has cooled is forgotten on the way. Null: all are in use or cool.
   */
  unused(now: number, cooldown: number, order: AssignOrder): number | null {
    if (this.assigned === this.size) return null;
    const cooled: number[] = [];
    for (const entry of this.addresses.values())
      if (entry.pod === null && !cools(entry, now, cooldown)) cooled.push(entry.address);
    for (const address of cooled) this.addresses.delete(address);
    cooled.sort((a, b) => (a >>> 0) - (b >>> 0));
    return order.pick(cooled) ?? this.#lowestUnknown();
  }

  /** Addresses that cannot be assigned because they cool, with the last moment of their cooldown. */
  cooling(now: number, cooldown: number): { address: number; until: number }[] {
    const list: { address: number; until: number }[] = [];
    for (const entry of this.addresses.values())
      if (entry.pod === null && entry.unassignedAt !== null && cools(entry, now, cooldown))
        list.push({ address: entry.address, until: entry.unassignedAt + cooldown });
    return list;
  }

  /** When a pod last gave an address back; null: none did, or it has been assigned again. */
  lastUnassigned(): number | null {
    let last: number | null = null;
    for (const { unassignedAt } of this.addresses.values())
      if (unassignedAt !== null && (last === null || unassignedAt > last)) last = unassignedAt;
    return last;
  }

  #lowestUnknown(): number | null {
    for (let offset = 0; offset < this.size; offset++) {
      const address = addressAt(this.slot, offset);
      if (!this.addresses.has(address)) return address;
    }
    return null;
  }
}

/** What the store is told of an ENI. */
export interface EniFacts {
  readonly id: string;
  readonly interfaceType: InterfaceType;
  /** 0: the primary ENI. */
  readonly deviceNumber: number;
  /** Name of the subnet. */
  readonly subnet: string;
  /** Primary address, int32. */
  readonly address: number;
  readonly securityGroups: readonly string[];
}

/** An ENI in the store. */
export class StoredEni implements EniFacts {
  readonly id: string;
  readonly interfaceType: InterfaceType;
  readonly deviceNumber: number;
  readonly subnet: string;
  readonly address: number;
  readonly securityGroups: readonly string[];
  /** When the daemon got to know it: after a restart every ENI is young again. Milliseconds on the timeline. */
  readonly knownSince: number;
  /** Its subnet is excluded from pod addresses: what it has is drained. */
  excluded = false;
  /** By {@link slotKey}, oldest first. */
  readonly cidrs = new Map<number, StoredCidr>();

  constructor(facts: EniFacts, now: number) {
    this.id = facts.id;
    this.interfaceType = facts.interfaceType;
    this.deviceNumber = facts.deviceNumber;
    this.subnet = facts.subnet;
    this.address = facts.address;
    this.securityGroups = facts.securityGroups;
    this.knownSince = now;
  }

  get primary(): boolean {
    return this.deviceNumber === 0;
  }

  get trunk(): boolean {
    return this.interfaceType === "trunk";
  }

  get efa(): boolean {
    return this.interfaceType === "efa";
  }

  /** Pods with an address of it, of either kind. */
  get pods(): number {
    let pods = 0;
    for (const cidr of this.cidrs.values()) pods += cidr.assigned;
    return pods;
  }

  /** Addresses that could be assigned now. */
  assignable(prefixes: boolean, now: number, cooldown: number): number {
    let free = 0;
    for (const cidr of this.cidrs.values())
      if (cidr.isPrefix === prefixes) free += cidr.size - cidr.assigned - cidr.cooling(now, cooldown).length;
    return free;
  }
}
