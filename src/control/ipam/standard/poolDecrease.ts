import type { Process } from "../../time/process.ts";
import type { StoredEni } from "./dataStoreEni.ts";
import { freeEni } from "./eniFree.ts";
import { deletableFrom, unusedEniExists } from "./eniRules.ts";
import { releaseSlots } from "./eniSlots.ts";
import type { NodeState } from "./nodeState.ts";
import { waitsForNewEni } from "./pinnedNeed.ts";
import { type PoolCounts, shouldRemoveExtraEnis, slotsOver } from "./poolTarget.ts";

/** Gives back the slots over the targets, ENI by ENI (tryUnassignCidrsFromAll). Those of an ENI that a pod waits for stay. */
export function* decreasePool(state: NodeState): Process<void> {
  const { store } = state;
  let over = slotsOver(state.targets, state.counts());
  for (const eni of over > 0 ? store.tried() : []) {
    if (state.pinned.waitsFor(eni.deviceNumber)) continue;
    over -= yield* releaseSlots(state, eni.id, store.freeable(eni.id, "all").slice(0, over), true);
    if (over <= 0) break;
  }
}

/** When the first of the ENIs that could be freed can be, if nothing changes until then; null: none as things are. */
export function freeableFrom(state: NodeState): number | null {
  const times = candidates(state).map(({ from }) => from);
  return times.length === 0 ? null : Math.min(...times);
}

/** Whether to look for an ENI to free. */
export function hasExtraEnis(state: NodeState, counts: PoolCounts): boolean {
  return shouldRemoveExtraEnis(state.targets, counts, state.limits, () => unusedEniExists(state.store));
}

/** Frees one ENI of those that can be (tryFreeENI). False: there is none. */
export function* freeOneEni(state: NodeState): Process<boolean> {
  const now = state.now;
  const ready = candidates(state).filter(({ from }) => from <= now);
  const eni = state.order.pick(ready)?.eni;
  if (eni === undefined) return false;
  state.store.removeEni(eni.id, false);
  state.changed();
  yield* freeEni(state, eni.id);
  return true;
}

function candidates(state: NodeState): { eni: StoredEni; from: number }[] {
  const { store, targets, pinned } = state;
  if (store.enis.length < 2 || waitsForNewEni(state)) return [];
  const list: { eni: StoredEni; from: number }[] = [];
  for (const eni of store.enis) {
    const from = pinned.waitsFor(eni.deviceNumber) ? null : deletableFrom(store, eni, targets);
    if (from !== null) list.push({ eni, from });
  }
  return list;
}

/**
 * Gives back what has no pod of the kind of slot that pods do not get addresses of any more, after ENABLE_PREFIX_DELEGATION
 * was turned (tryUnassignIPsFromENIs, tryUnassignPrefixesFromENIs).
 */
export function* releaseOtherKind(state: NodeState, eni: string): Process<void> {
  const kind = state.store.prefixDelegation ? "addresses" : "prefixes";
  yield* releaseSlots(state, eni, state.store.freeable(eni, kind), false);
}

/** Gives back what an excluded ENI has without pods (cleanupExcludedENI). */
export function* drainExcluded(state: NodeState, eni: string): Process<void> {
  const kind = state.store.prefixDelegation ? "prefixes" : "addresses";
  yield* releaseSlots(state, eni, state.store.freeable(eni, kind), false);
}
