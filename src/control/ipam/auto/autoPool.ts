import { PREFIX_SIZE } from "../../vpc/instanceTypes.ts";
import type { DataStore } from "../standard/dataStore.ts";
import type { StoredCidr, StoredEni } from "../standard/dataStoreEni.ts";
import type { AutoSettings } from "./settings.ts";

/** A slot in the store, and the ENI that has it. */
export interface PoolSlot {
  readonly eni: StoredEni;
  readonly cidr: StoredCidr;
}

/** Counts of addresses of both kinds, of ENIs that pods may use. */
interface Counts {
  readonly total: number;
  readonly assigned: number;
  readonly cooling: number;
}

/** Addresses that a node keeps free, besides those that its pods have. */
export function warmTarget(settings: AutoSettings, scheduledPods: number): number {
  if (settings.prefixSize === "32") return settings.minimalIpTarget;
  return Math.max(settings.warmAddresses, Math.ceil(scheduledPods * settings.warmShare));
}

/**
 * The arithmetic of an Auto Mode node's addresses: what it lacks, and what it has too much of.
 *
 *     slot:  attached --> in use or warm --(empty and not needed)--> cooldown pool --(its time is over)--> the VPC's
 *                              ^-------------(needed again)----------------'
 *
 * Membership of the cooldown pool changes with pods and slots alone, at the moment they change, never by looking.
 */
export class AutoPool {
  readonly store: DataStore;
  readonly #settings: AutoSettings;
  readonly #maxPods: number;
  /** The cooldown pool, with the time when each slot came into it. */
  readonly #unneeded = new Map<StoredCidr, { readonly slot: PoolSlot; readonly since: number }>();
  /** Pods that asked in vain, with the device number that each must have or null. */
  readonly #waiting = new Map<string, number | null>();

  constructor(store: DataStore, settings: AutoSettings, maxPods: number) {
    this.store = store;
    this.#settings = settings;
    this.#maxPods = maxPods;
  }

  /** ENIs that pods may have addresses of. */
  usable(): readonly StoredEni[] {
    return this.store.enis.filter((eni) => !eni.excluded);
  }

  counts(): Counts {
    let total = 0;
    let assigned = 0;
    let cooling = 0;
    for (const eni of this.usable())
      for (const cidr of eni.cidrs.values()) {
        total += cidr.size;
        assigned += cidr.assigned;
        cooling += cidr.cooling(this.store.now, this.store.cooldown).length;
      }
    return { total, assigned, cooling };
  }

  /** A pod got no address: the pool grows for it. */
  wait(pod: string, deviceNumber: number | null): void {
    this.#waiting.set(pod, deviceNumber);
    this.update();
  }

  /** It has one, or is gone. */
  endWait(pod: string): void {
    this.#waiting.delete(pod);
  }

  isWaiting(pod: string): boolean {
    return this.#waiting.has(pod);
  }

  isUnneeded(cidr: StoredCidr): boolean {
    return this.#unneeded.has(cidr);
  }

  /** Device numbers that waiting pods must have, with how many addresses their ENIs lack, lowest first. */
  lackingDevices(): { readonly deviceNumber: number; readonly short: number }[] {
    const wanted = new Map<number, number>();
    for (const device of this.#waiting.values()) if (device !== null) wanted.set(device, (wanted.get(device) ?? 0) + 1);
    const enis = this.store.enis;
    return [...wanted]
      .map(([deviceNumber, pods]) => {
        const eni = enis.find((e) => e.deviceNumber === deviceNumber);
        return { deviceNumber, short: pods - (eni === undefined ? 0 : this.#assignable(eni)) };
      })
      .filter(({ short }) => short > 0)
      .sort((a, b) => a.deviceNumber - b.deviceNumber);
  }

  /**
   * Addresses to add so that all waiting pods can have one and the warm pool is full. Addresses that cool down count as
   * free for the warm pool, as with ipamd, but not for pods that wait. Never beyond an address for each of --max-pods.
   */
  short(): number {
    const { total, assigned, cooling } = this.counts();
    const free = total - assigned;
    const waiting = this.#waiting.size;
    const short = Math.max(this.#wanted(assigned) - free, waiting - (free - cooling));
    return Math.max(0, Math.min(short, this.#maxPods - total));
  }

  /** Brings the cooldown pool up to date after a pod, a slot or an ENI has come or gone. */
  update(): void {
    const { total, assigned } = this.counts();
    let over = total - assigned - this.#wanted(assigned);
    const before = new Map(this.#unneeded);
    this.#unneeded.clear();
    if (this.#settings.staticInterfaces !== null) return;
    for (const slot of this.#emptySlots(before)) {
      if (!slot.eni.excluded) {
        if (slot.cidr.size > over) continue;
        over -= slot.cidr.size;
      }
      const since = before.get(slot.cidr)?.since ?? this.store.now;
      this.#unneeded.set(slot.cidr, { slot, since });
    }
  }

  /** Slots whose time in the cooldown pool is over, and with it that of their addresses. */
  due(): PoolSlot[] {
    const slots: PoolSlot[] = [];
    for (const { slot, since } of this.#unneeded.values())
      if (this.#dueAt(slot.cidr, since) <= this.store.now) slots.push(slot);
    return slots;
  }

  /** When the next slot is due, milliseconds on the timeline; null: the cooldown pool is empty. */
  nextDue(): number | null {
    let next: number | null = null;
    for (const { slot, since } of this.#unneeded.values()) {
      const at = this.#dueAt(slot.cidr, since);
      if (next === null || at < next) next = at;
    }
    return next;
  }

  #dueAt(cidr: StoredCidr, since: number): number {
    const { prefixCooldown, addressCooldown } = this.#settings;
    const last = cidr.lastUnassigned();
    // An address cools up to and including the end of its time.
    const cooled = last === null ? since : last + addressCooldown + 1;
    return Math.max(since + (cidr.isPrefix ? prefixCooldown : addressCooldown), cooled);
  }

  /** Addresses to have without a pod: for the pods that wait, and the warm pool. */
  #wanted(assigned: number): number {
    const waiting = this.#waiting.size;
    return waiting + warmTarget(this.#settings, assigned + waiting);
  }

  #assignable(eni: StoredEni): number {
    const { now, cooldown } = this.store;
    return eni.assignable(true, now, cooldown) + eni.assignable(false, now, cooldown);
  }

  /**
   * Slots without pods, the first to go first: those that cool down already; /32s before prefixes; those of the last ENI,
   * so that it becomes empty; the youngest. Those of an ENI that is not for pods (any more) go in any case. Not those of an ENI that a waiting pod must have an address of.
   */
  #emptySlots(before: ReadonlyMap<StoredCidr, unknown>): PoolSlot[] {
    const slots: PoolSlot[] = [];
    const pinned = new Set(this.#waiting.values());
    for (const eni of this.store.enis)
      for (const cidr of eni.cidrs.values())
        if (cidr.assigned === 0 && (eni.excluded || !pinned.has(eni.deviceNumber))) slots.unshift({ eni, cidr });
    const rank = ({ cidr }: PoolSlot) => (before.has(cidr) ? 0 : cidr.size === PREFIX_SIZE ? 2 : 1);
    return slots.sort((a, b) => rank(a) - rank(b));
  }
}
