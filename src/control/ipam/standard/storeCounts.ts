import type { DataStore } from "./dataStore.ts";
import type { PoolCounts } from "./poolTarget.ts";

/** Counts of the current kind without excluded ENIs (datastore GetIPStats), but prefixes of all ENIs (GetFreePrefixes). */
export function poolCounts(store: DataStore): PoolCounts {
  let total = 0;
  let assigned = 0;
  let freePrefixes = 0;
  for (const eni of store.enis)
    for (const cidr of eni.cidrs.values()) {
      if (cidr.isPrefix && cidr.assigned === 0) freePrefixes++;
      if (eni.excluded || cidr.isPrefix !== store.prefixDelegation) continue;
      total += cidr.size;
      assigned += cidr.assigned;
    }
  return { total, assigned, prefixes: store.prefixes, freePrefixes };
}

/** Addresses in cooldown among those that {@link poolCounts} counts. */
export function coolingAddresses(store: DataStore): number {
  let cooling = 0;
  for (const eni of store.enis) {
    if (eni.excluded) continue;
    for (const cidr of eni.cidrs.values())
      if (cidr.isPrefix === store.prefixDelegation) cooling += cidr.cooling(store.now, store.cooldown).length;
  }
  return cooling;
}

/** Addresses of all ENIs and both kinds. */
export function allAddresses(store: DataStore): number {
  let total = 0;
  for (const eni of store.enis) for (const cidr of eni.cidrs.values()) total += cidr.size;
  return total;
}
