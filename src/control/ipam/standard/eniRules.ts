import { PREFIX_SIZE } from "../../vpc/instanceTypes.ts";
import type { DataStore } from "./dataStore.ts";
import type { StoredCidr, StoredEni } from "./dataStoreEni.ts";
import { type PoolTargets, prefixesFor } from "./poolTarget.ts";

/** minENILifeTime: an ENI stays at least so long after the daemon got to know it, milliseconds. */
const SHORTEST_ENI_LIFE = 60_000;

/**
 * ENIs that can take more slots (datastore GetAllocatableENIs), in the order of their device numbers.
 *
 * @param skipPrimary with custom networking the primary ENI gives pods nothing.
 */
export function allocatableEnis(store: DataStore, slotsPerEni: number, skipPrimary: boolean): StoredEni[] {
  return store.enis.filter((eni) => givesAddresses(eni, skipPrimary) && eni.cidrs.size < slotsPerEni);
}

/** Whether new slots of an ENI are for pods. */
export function givesAddresses(eni: StoredEni, skipPrimary: boolean): boolean {
  return !(skipPrimary && eni.primary) && !eni.trunk && !eni.excluded;
}

/**
 * When an ENI can be deleted if nothing changes until then (datastore getDeletableENI): the first whole millisecond at
 * which it is a minute old and no address of it cools any more. Null: not as things are, because it is the primary, a trunk
 * or an EFA ENI, has pods, or is needed for a target.
 */
export function deletableFrom(store: DataStore, eni: StoredEni, targets: PoolTargets): number | null {
  if (eni.primary || eni.trunk || eni.efa || eni.pods > 0) return null;
  if (targets.warmIpTarget !== 0 && requiredForWarmIps(store, eni, targets.warmIpTarget)) return null;
  if (targets.minimumIpTarget !== 0 && requiredForMinimumIps(store, eni, targets.minimumIpTarget)) return null;
  if (store.prefixDelegation && requiredForWarmPrefixes(store, eni, targets.warmPrefixTarget)) return null;
  let from = Math.ceil(eni.knownSince + SHORTEST_ENI_LIFE);
  for (const cidr of eni.cidrs.values()) {
    const last = cidr.lastUnassigned();
    // An address cools up to and including the end of its cooldown.
    if (last !== null) from = Math.max(from, Math.floor(last + store.cooldown) + 1);
  }
  return from;
}

/** Whether an ENI is there that could be freed but for its age, its cooling addresses and the targets (CheckFreeableENIexists). */
export function unusedEniExists(store: DataStore): boolean {
  return store.enis.some((eni) => !eni.primary && !eni.trunk && !eni.efa && eni.pods === 0);
}

/** Slots of the current kind of other ENIs that pods may use. */
function* otherCidrs(store: DataStore, eni: StoredEni): Generator<StoredCidr> {
  for (const other of store.enis) {
    if (other === eni || other.excluded) continue;
    for (const cidr of other.cidrs.values()) if (cidr.isPrefix === store.prefixDelegation) yield cidr;
  }
}

/** An IP target in addresses: whole prefixes with prefix delegation. */
function inAddresses(store: DataStore, target: number): number {
  return store.prefixDelegation ? prefixesFor(target) * PREFIX_SIZE : target;
}

/** Whether the other ENIs have fewer addresses without a pod than WARM_IP_TARGET. */
function requiredForWarmIps(store: DataStore, eni: StoredEni, target: number): boolean {
  let free = 0;
  for (const cidr of otherCidrs(store, eni)) free += cidr.size - cidr.assigned;
  return free < inAddresses(store, target);
}

/** Whether the other ENIs have fewer addresses than MINIMUM_IP_TARGET. */
function requiredForMinimumIps(store: DataStore, eni: StoredEni, target: number): boolean {
  let total = 0;
  for (const cidr of otherCidrs(store, eni)) total += cidr.size;
  return total < inAddresses(store, target);
}

/** Whether the other ENIs have fewer slots without a pod than WARM_PREFIX_TARGET. As in ipamd, slots of either kind count. */
function requiredForWarmPrefixes(store: DataStore, eni: StoredEni, target: number): boolean {
  let free = 0;
  for (const other of store.enis) {
    if (other === eni || other.excluded) continue;
    for (const cidr of other.cidrs.values()) if (cidr.assigned === 0) free++;
  }
  return free < target;
}
