import { formatAddress } from "../../../plane/wire/address.ts";
import type { Slot } from "../../vpc/eni.ts";
import type { NodeCounters } from "../types.ts";
import type { AssignOrder } from "./assignOrder.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type EniFacts, type StoredAddress, StoredCidr, StoredEni, slotKey } from "./dataStoreEni.ts";
import { DATA_STORE_ERRORS, DataStoreError } from "./dataStoreError.ts";

/** Where a pod's address is. */
export interface Assignment {
  readonly address: number;
  readonly eni: StoredEni;
  readonly cidr: StoredCidr;
}

export interface DataStoreInput {
  /** Milliseconds on the timeline. */
  readonly now: () => number;
  readonly order: AssignOrder;
  readonly checkpoint: Checkpoint;
  readonly counters: Pick<NodeCounters, "noAvailableAddress" | "forceRemovedEnis" | "forceRemovedIps">;
  readonly prefixDelegation: boolean;
  /** Milliseconds. */
  readonly cooldown: number;
}

/** ipamd's data store: a node's ENIs, their slots, and which pod has which address. */
export class DataStore {
  /** Which kind of slot pods get addresses of, and the counts count. */
  prefixDelegation: boolean;
  readonly cooldown: number;
  readonly #input: DataStoreInput;
  readonly #enis = new Map<string, StoredEni>();
  #byDevice: readonly StoredEni[] = [];
  readonly #pods = new Map<string, Assignment>();
  /**
   * Kept by adding and taking away, as ipamd does, mistakes included: the prefixes of an ENI that is removed by force with
   * pods on it are taken away twice, and one that {@link dropEmptyExcluded} forgets not at all.
   */
  #prefixes = 0;

  constructor(input: DataStoreInput) {
    this.#input = input;
    this.prefixDelegation = input.prefixDelegation;
    this.cooldown = input.cooldown;
  }

  get now(): number {
    return this.#input.now();
  }

  /** In the order of their device numbers. */
  get enis(): readonly StoredEni[] {
    return this.#byDevice;
  }

  eni(id: string): StoredEni | null {
    return this.#enis.get(id) ?? null;
  }

  get trunk(): StoredEni | null {
    return this.#byDevice.find((eni) => eni.trunk) ?? null;
  }

  /** ENIs in the order in which to try them. */
  tried(): readonly StoredEni[] {
    return this.#input.order.of(this.#byDevice);
  }

  /** @throws DataStoreError for an ENI that is in the store. */
  addEni(facts: EniFacts): StoredEni {
    if (this.#enis.has(facts.id)) throw new DataStoreError(DATA_STORE_ERRORS.duplicateEni);
    const eni = new StoredEni(facts, this.now);
    this.#enis.set(eni.id, eni);
    this.#sort();
    return eni;
  }

  /** @throws DataStoreError for an unknown ENI, and for a slot that is in the store. */
  addCidr(id: string, slot: Slot): void {
    const eni = this.#enis.get(id);
    if (eni === undefined) throw new DataStoreError(DATA_STORE_ERRORS.addToUnknownEni);
    const key = slotKey(slot);
    if (eni.cidrs.has(key)) throw new DataStoreError(DATA_STORE_ERRORS.duplicateIp);
    const cidr = new StoredCidr(slot);
    eni.cidrs.set(key, cidr);
    if (cidr.isPrefix) this.#prefixes++;
  }

  /**
   * @param force takes it from its pods, which keep the address and do not know.
   * @throws DataStoreError for what is unknown, and without force for a slot with pods.
   */
  delCidr(id: string, slot: Slot, force: boolean): void {
    const eni = this.#known(id);
    const cidr = eni.cidrs.get(slotKey(slot));
    if (cidr === undefined) throw new DataStoreError(DATA_STORE_ERRORS.unknownIp);
    if (cidr.assigned > 0) {
      if (!force) throw new DataStoreError(DATA_STORE_ERRORS.ipInUse);
      this.#input.counters.forceRemovedIps += cidr.assigned;
      this.#orphan(cidr);
    }
    if (cidr.isPrefix) this.#prefixes--;
    eni.cidrs.delete(slotKey(slot));
  }

  /**
   * Forgets a slot of an excluded ENI whose last pod has gone. EC2 still has it on the ENI, and the count of prefixes keeps it
   * (datastore deallocateEmptyCIDR). False: it is not so any more.
   */
  dropEmptyExcluded(id: string, slot: Slot): boolean {
    const eni = this.#enis.get(id);
    const cidr = eni?.cidrs.get(slotKey(slot));
    if (eni === undefined || cidr === undefined || !eni.excluded || cidr.assigned > 0) return false;
    eni.cidrs.delete(slotKey(slot));
    return true;
  }

  /**
   * @param force takes its addresses from their pods.
   * @throws DataStoreError for an unknown ENI, and without force for one with pods.
   */
  removeEni(id: string, force: boolean): void {
    const eni = this.#known(id);
    const { pods } = eni;
    if (pods > 0) {
      if (!force) throw new DataStoreError(DATA_STORE_ERRORS.eniInUse);
      this.#input.counters.forceRemovedEnis++;
      this.#input.counters.forceRemovedIps += pods;
      for (const cidr of eni.cidrs.values()) {
        this.#orphan(cidr);
        if (cidr.isPrefix) this.#prefixes--;
      }
    }
    for (const cidr of eni.cidrs.values()) if (cidr.isPrefix) this.#prefixes--;
    this.#enis.delete(id);
    this.#sort();
  }

  /** @throws DataStoreError for an unknown ENI. */
  setExcluded(id: string, excluded: boolean): void {
    this.#known(id).excluded = excluded;
  }

  /**
   * Gives a pod an address; the one it has when it has one.
   *
   * @param deviceNumber of the ENI it must be of, or null for any.
   * @throws DataStoreError where none can be assigned; what the checkpoint throws, and then nothing is assigned.
   */
  assign(pod: string, deviceNumber: number | null = null): Assignment {
    const known = this.#pods.get(pod);
    if (known !== undefined) return known;
    const { order, counters } = this.#input;
    for (const eni of order.of(this.#byDevice)) {
      if (eni.excluded || (deviceNumber !== null && eni.deviceNumber !== deviceNumber)) continue;
      for (const cidr of order.of([...eni.cidrs.values()])) {
        if (cidr.isPrefix !== this.prefixDelegation) continue;
        const assignment = this.#assignOf(pod, eni, cidr);
        if (assignment !== null) return assignment;
      }
    }
    counters.noAvailableAddress++;
    throw new DataStoreError(DATA_STORE_ERRORS.noAddress);
  }

  /**
   * Gives a pod an address of the first of these slots that has one, whatever its kind; the one it has when it has one.
   *
   * @returns null where none of them has one.
   * @throws what the checkpoint throws, and then nothing is assigned.
   */
  assignFrom(pod: string, slots: readonly Omit<Assignment, "address">[]): Assignment | null {
    const known = this.#pods.get(pod);
    if (known !== undefined) return known;
    for (const { eni, cidr } of slots) {
      const assignment = this.#assignOf(pod, eni, cidr);
      if (assignment !== null) return assignment;
    }
    return null;
  }

  /**
   * Gives a pod the address that it must have; the one it has when it has one.
   *
   * @param address int32
   * @returns why it cannot have it.
   * @throws what the checkpoint throws, and then nothing is assigned.
   */
  assignNamed(pod: string, address: number): Assignment | string {
    const known = this.#pods.get(pod);
    if (known !== undefined) return known;
    const place = this.#cidrOf(address);
    const text = formatAddress(address);
    if (place === null) return `no ENI of the node has ${text} for pods`;
    const entry = place.cidr.addresses.get(address);
    if (entry !== undefined && entry.pod !== null) return `${text} is ${entry.pod}'s`;
    if (place.cidr.cooling(this.now, this.cooldown).some((c) => c.address === address)) return `${text} cools down`;
    this.#input.checkpoint.put({ pod, address, assignedAt: this.now });
    return this.#enter(pod, address, this.now, place.eni, place.cidr);
  }

  /** The pod's address, or null. */
  find(pod: string): Assignment | null {
    return this.#pods.get(pod) ?? null;
  }

  /**
   * Takes a pod's address back; its cooldown begins.
   *
   * @throws DataStoreError for an unknown pod; what the checkpoint throws, and then the pod keeps its address.
   */
  unassign(pod: string): Assignment {
    const known = this.#pods.get(pod);
    if (known === undefined) throw new DataStoreError(DATA_STORE_ERRORS.unknownPod);
    this.#input.checkpoint.remove(pod);
    const entry = this.#release(known);
    if (entry !== null) entry.unassignedAt = this.now;
    return known;
  }

  /**
   * Puts back what the checkpoint has (datastore ReadBackingStore).
   *
   * @param alive whether the pod is still there; entries of others are dropped.
   * @returns pods whose address no attached ENI has: presumed stale, dropped too.
   * @throws DataStoreError where an address is in the checkpoint twice.
   */
  restore(alive: (pod: string) => boolean): string[] {
    const { checkpoint } = this.#input;
    const stale: string[] = [];
    for (const { pod, address, assignedAt } of checkpoint.entries()) {
      const place = alive(pod) ? this.#cidrOf(address) : null;
      if (place === null) {
        if (alive(pod)) stale.push(pod);
        checkpoint.remove(pod);
        continue;
      }
      if (place.cidr.addresses.has(address)) throw new DataStoreError(DATA_STORE_ERRORS.duplicateIp);
      this.#enter(pod, address, assignedAt, place.eni, place.cidr);
    }
    return stale;
  }

  /** Every pod with an address of the store. */
  assignments(): IterableIterator<[string, Assignment]> {
    return this.#pods.entries();
  }

  /** Delegated prefixes, counted as ipamd counts them: see above. */
  get prefixes(): number {
    return this.#prefixes;
  }

  /**
   * Slots without a pod, in the order in which to free them. Cooling addresses do not hold them (FreeableIPs,
   * FreeablePrefixes, FindFreeableCidrs).
   */
  freeable(id: string, kind: "addresses" | "prefixes" | "all"): readonly Slot[] {
    const slots: Slot[] = [];
    for (const cidr of this.#enis.get(id)?.cidrs.values() ?? [])
      if (cidr.assigned === 0 && (kind === "all" || cidr.isPrefix === (kind === "prefixes"))) slots.push(cidr.slot);
    return this.#input.order.of(slots);
  }

  #known(id: string): StoredEni {
    const eni = this.#enis.get(id);
    if (eni === undefined) throw new DataStoreError(DATA_STORE_ERRORS.unknownEni);
    return eni;
  }

  #sort(): void {
    this.#byDevice = [...this.#enis.values()].sort((a, b) => a.deviceNumber - b.deviceNumber);
  }

  #cidrOf(address: number): { eni: StoredEni; cidr: StoredCidr } | null {
    for (const eni of this.#byDevice)
      for (const cidr of eni.cidrs.values()) if (cidr.contains(address)) return { eni, cidr };
    return null;
  }

  #assignOf(pod: string, eni: StoredEni, cidr: StoredCidr): Assignment | null {
    const { checkpoint, order } = this.#input;
    const { now } = this;
    const address = cidr.unused(now, this.cooldown, order);
    if (address === null) return null;
    checkpoint.put({ pod, address, assignedAt: now });
    return this.#enter(pod, address, now, eni, cidr);
  }

  #enter(pod: string, address: number, assignedAt: number, eni: StoredEni, cidr: StoredCidr): Assignment {
    cidr.addresses.set(address, { address, pod, assignedAt, unassignedAt: null });
    cidr.assigned++;
    const assignment = { address, eni, cidr };
    this.#pods.set(pod, assignment);
    return assignment;
  }

  #release({ address, cidr }: Assignment): StoredAddress | null {
    const entry = cidr.addresses.get(address);
    if (entry === undefined || entry.pod === null) return null;
    this.#pods.delete(entry.pod);
    entry.pod = null;
    cidr.assigned--;
    return entry;
  }

  /** Takes a slot's addresses from their pods without a cooldown, and from the checkpoint. */
  #orphan(cidr: StoredCidr): void {
    for (const entry of [...cidr.addresses.values()]) {
      if (entry.pod === null) continue;
      const { pod } = entry;
      const known = this.#pods.get(pod);
      if (known !== undefined) this.#release(known);
      this.#input.checkpoint.remove(pod);
    }
  }
}
