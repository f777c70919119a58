import type { Process } from "../../time/process.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import { type Slot, slotText } from "../../vpc/eni.ts";
import { PREFIX_LENGTH } from "../../vpc/instanceTypes.ts";
import { DATA_STORE_ERRORS, DataStoreError } from "./dataStoreError.ts";
import type { NodeState } from "./nodeState.ts";

/** Puts slots of an ENI into the store; those that are there already stay. */
export function addSlots(state: NodeState, eni: string, slots: readonly Slot[]): void {
  let changed = false;
  for (const slot of slots) changed = addSlot(state, eni, slot, addFailure(slot)) || changed;
  if (changed) state.changed();
}

function addFailure(slot: Slot): string {
  return slot.length === PREFIX_LENGTH ? "addENIv4prefixesToDataStoreFailed" : "addENIsecondaryIPsToDataStoreFailed";
}

/** @param fn under which a failure is counted. @returns whether the slot is new to the store. */
export function addSlot(state: NodeState, eni: string, slot: Slot, fn: string): boolean {
  try {
    state.store.addCidr(eni, slot);
    return true;
  } catch (error) {
    if (!(error instanceof DataStoreError)) throw error;
    if (error.message === DATA_STORE_ERRORS.duplicateIp) return false;
    state.error(fn);
    state.log("warn", `Failed to add ${slotText(slot)} of ${eni} to data store: ${error.message}`);
    return false;
  }
}

/**
 * Takes slots without pods out of the store, then from the ENI (DeallocCidrs). One that got a pod meanwhile stays.
 *
 * @param remember keeps them out of the store for a minute, whatever the metadata shows.
 * @returns how many left the store.
 */
export function* releaseSlots(
  state: NodeState,
  eni: string,
  slots: readonly Slot[],
  remember: boolean,
): Process<number> {
  const released: Slot[] = [];
  for (const slot of slots)
    try {
      state.store.delCidr(eni, slot, false);
      if (remember) state.freed.add(slot, state.now);
      released.push(slot);
    } catch (error) {
      if (!(error instanceof DataStoreError)) throw error;
      state.error("decreaseIPPool");
      state.log("warn", `Failed to delete ${slotText(slot)} on ENI ${eni} from data store: ${error.message}`);
    }
  if (released.length === 0) return 0;
  state.changed();
  yield* unassign(
    state,
    eni,
    released.filter((slot) => slot.length === PREFIX_LENGTH),
  );
  yield* unassign(
    state,
    eni,
    released.filter((slot) => slot.length !== PREFIX_LENGTH),
  );
  return released.length;
}

/** Whatever fails is left to the reconciliation. */
function* unassign(state: NodeState, eni: string, slots: readonly Slot[]): Process<void> {
  if (slots.length === 0) return;
  try {
    yield* state.input.ec2.unassignPrivateIpAddresses(eni, slots);
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    const list = slots.map(slotText).join(", ");
    state.log("warn", `Failed to free ${list} from ENI ${eni}: ${error.code}: ${error.message}`);
  }
  state.watch();
}
