import type { Process } from "../../time/process.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import type { NetworkInterface } from "../../vpc/ec2/types.ts";
import { type Slot, slotText } from "../../vpc/eni.ts";
import { PREFIX_LENGTH } from "../../vpc/instanceTypes.ts";
import { attachedEnis, describeAttached } from "./attached.ts";
import { slotKey } from "./dataStoreEni.ts";
import { setUpEni } from "./eniCreate.ts";
import { addSlot } from "./eniSlots.ts";
import { increment, type NodeState } from "./nodeState.ts";

/**
 * Brings the store in line with what is attached (nodeIPPoolReconcile). Metadata is only a hint, since it lags: what it
 * shows differently is asked of EC2. ENIs that are gone leave the store with their pods' addresses.
 *
 * The CNI counts every address that it finds in its place as "eniDataStorePoolReconcileAdd"; here those alone that are new.
 *
 * @returns whether there was anything to look into.
 */
export function* reconcile(state: NodeState): Process<boolean> {
  const { store } = state;
  let attached = attachedEnis(state);
  if (attached.length === 0) {
    state.error("reconcileFailedGetENIs");
    state.log("error", "IP pool reconcile: No ENI found at all in metadata, unable to reconcile");
    return true;
  }
  const gone = new Set(store.enis.map(({ id }) => id));
  let differed = false;
  if (attached.some(({ id }) => !state.unmanaged.has(id) && !gone.has(id))) {
    differed = true;
    try {
      attached = yield* describeAttached(state);
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      state.log("warn", `Failed to call EC2 to describe ENIs, aborting reconcile: ${error.message}`);
      return true;
    }
  }
  for (const eni of attached) {
    if (state.unmanaged.has(eni.id)) continue;
    if (store.eni(eni.id) === null) {
      yield* addAttached(state, eni);
      continue;
    }
    for (const prefixes of [false, true]) differed = (yield* reconcileSlots(state, eni, prefixes)) || differed;
    gone.delete(eni.id);
  }
  for (const id of gone) removeDetached(state, id);
  const ids = new Set(attached.map(({ id }) => id));
  if ([...state.unmanaged.keys()].some((id) => !ids.has(id)))
    state.unmanaged = new Map([...state.unmanaged].filter(([id]) => ids.has(id)));
  state.lastAction = state.now;
  return differed || gone.size > 0;
}

function* addAttached(state: NodeState, eni: NetworkInterface): Process<void> {
  try {
    yield* setUpEni(state, eni);
    increment(state.counters.reconciles, "eniReconcileAdd");
    state.log("info", `Reconcile and add a new ENI ${eni.id}`);
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    state.error("eniReconcileAdd");
    state.log("error", `IP pool reconcile: Failed to set up ENI ${eni.id} network: ${error.message}`);
  }
}

function removeDetached(state: NodeState, id: string): void {
  const pods = state.store.eni(id)?.pods ?? 0;
  if (pods > 0) state.log("warn", `Force removing eni ${id} with ${pods} assigned pods`);
  state.store.removeEni(id, true);
  increment(state.counters.reconciles, "eniReconcileDel");
  state.log("info", `Reconcile and delete detached ENI ${id}`);
  if (state.lasting.made.has(id)) {
    state.lasting.unattached.set(id, state.now);
    state.leaked.fire();
  }
  state.changed();
}

/** One kind of an ENI's slots (eniIPPoolReconcile, eniPrefixPoolReconcile). @returns whether there was anything to look into */
function* reconcileSlots(state: NodeState, eni: NetworkInterface, prefixes: boolean): Process<boolean> {
  const ofKind = (slot: Slot) => (slot.length === PREFIX_LENGTH) === prefixes;
  const known = [...(state.store.eni(eni.id)?.cidrs.values() ?? [])].map(({ slot }) => slot).filter(ofKind);
  let slots = eni.slots.filter(ofKind);
  const same = sameSlots(known, slots);
  if (same && slots.every((slot) => state.freed.freed(slot, state.now) === "no")) return false;
  if (!same) {
    const inEc2 = yield* slotsFromEc2(state, eni.id, "aborting reconcile of the ENI");
    if (inEc2 === null) return true;
    slots = inEc2.filter(ofKind);
  }
  const seen = yield* addKnown(state, eni.id, slots, same);
  for (const slot of known) {
    if (seen.has(slotKey(slot)) || state.store.eni(eni.id)?.cidrs.has(slotKey(slot)) !== true) continue;
    state.store.delCidr(eni.id, slot, true);
    increment(state.counters.reconciles, "eniIPPoolReconcileDel");
    state.log("warn", `Reconcile and delete ${slotText(slot)} on ENI ${eni.id}`);
    state.changed();
  }
  return true;
}

/**
 * Puts slots into the store but for those that the daemon freed less than a minute ago (verifyAndAddIPsToDatastore).
 *
 * @param verify they are from metadata: one that was freed longer ago is asked of EC2.
 * @returns keys of the slots that belong in the store.
 */
function* addKnown(state: NodeState, id: string, slots: readonly Slot[], verify: boolean): Process<Set<number>> {
  const seen = new Set<number>();
  let inEc2: Set<number> | null = null;
  let added = false;
  for (const slot of slots) {
    const freed = state.freed.freed(slot, state.now);
    if (freed === "recently") continue;
    if (freed === "past") {
      if (verify && inEc2 === null) {
        const answer = yield* slotsFromEc2(state, id, "keeping what was freed as it is");
        if (answer !== null) inEc2 = new Set(answer.map(slotKey));
        else {
          seen.add(slotKey(slot));
          continue;
        }
      }
      if (verify && inEc2?.has(slotKey(slot)) !== true) continue;
      state.freed.remove(slot);
    }
    if (addSlot(state, id, slot, slot.length === PREFIX_LENGTH ? "prefixReconcileAdd" : "ipReconcileAdd")) {
      increment(state.counters.reconciles, "eniDataStorePoolReconcileAdd");
      state.log("info", `Reconcile and add ${slotText(slot)} on ENI ${id}`);
      added = true;
    }
    seen.add(slotKey(slot));
  }
  if (added) state.changed();
  return seen;
}

/** Null: EC2 does not answer. */
function* slotsFromEc2(state: NodeState, id: string, otherwise: string): Process<readonly Slot[] | null> {
  try {
    const enis = yield* state.input.ec2.describeNetworkInterfaces(state.instance);
    return enis.find((eni) => eni.id === id)?.slots ?? null;
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    state.log("error", `Failed to fetch ENI IP addresses from EC2, ${otherwise}: ${error.message}`);
    return null;
  }
}

function sameSlots(a: readonly Slot[], b: readonly Slot[]): boolean {
  if (a.length !== b.length) return false;
  const keys = new Set(a.map(slotKey));
  return b.every((slot) => keys.has(slotKey(slot)));
}
