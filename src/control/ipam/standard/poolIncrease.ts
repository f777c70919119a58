import type { Process } from "../../time/process.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import type { Slot } from "../../vpc/eni.ts";
import { PREFIX_LENGTH } from "../../vpc/instanceTypes.ts";
import type { StoredEni } from "./dataStoreEni.ts";
import { allocateEni, backOff, isInsufficient } from "./eniCreate.ts";
import { addSlots } from "./eniSlots.ts";
import type { NodeState } from "./nodeState.ts";
import type { PinnedNeed } from "./pinnedNeed.ts";
import { slotsForNewEni, slotsWanted } from "./poolTarget.ts";

/** Whether {@link increasePool} would do anything: an ENI has room, or one can be attached. */
export function canIncrease(state: NodeState): boolean {
  const counts = state.counts();
  if (slotsWanted(state.targets, counts, state.limits) === 0) return false;
  return state.allocatableEnis().length > 0 || state.hasRoomForEni();
}

/**
 * Lets a pool that is too low grow by one step (increaseDatastorePool): slots for the first ENI that has room, or else one
 * new ENI.
 *
 * @throws Ec2Error where an ENI that is there got no slots, and not for want of addresses.
 */
export function* increasePool(state: NodeState): Process<void> {
  if (state.backoffUntil !== null) return;
  let grown: boolean;
  try {
    grown = yield* fillFirstEni(state);
  } catch (error) {
    failed(state, error);
    return;
  }
  if (!grown) {
    if (!state.hasRoomForEni()) return;
    const slots = slotsForNewEni(state.targets, state.counts(), state.limits);
    if (slots > 0 && !(yield* allocateEni(state, slots))) return;
  }
  state.lastAction = state.now;
}

/** Does what a pinned pod needs: podplane's own, after the manner of {@link increasePool}. @throws Ec2Error as it does */
export function* increaseForPinned(state: NodeState, need: PinnedNeed): Process<void> {
  if (need.kind === "attach") {
    const slots = Math.max(1, slotsForNewEni(state.targets, state.counts(), state.limits));
    if (yield* allocateEni(state, slots)) state.lastAction = state.now;
    return;
  }
  try {
    if (yield* fill(state, need.eni, need.slots)) state.lastAction = state.now;
  } catch (error) {
    failed(state, error);
  }
}

/** @throws Ec2Error unless the subnet is out of addresses: then the pool is left alone for a while */
function failed(state: NodeState, error: unknown): void {
  if (!(error instanceof Ec2Error)) throw error;
  if (isInsufficient(error)) {
    backOff(state);
    return;
  }
  state.log("error", `${error.code}: ${error.message}`);
  throw error;
}

/** Adds slots to the first ENI that takes some (tryAssignIPs, tryAssignPrefixes). False: none has room. @throws Ec2Error */
function* fillFirstEni(state: NodeState): Process<boolean> {
  const wanted = slotsWanted(state.targets, state.counts(), state.limits);
  if (wanted === 0) return false;
  for (const eni of state.order.of(state.allocatableEnis())) if (yield* fill(state, eni, wanted)) return true;
  return false;
}

/**
 * Adds up to so many slots to an ENI; where EC2 refuses, one.
 *
 * @returns false: its subnet is full, and with subnet discovery another ENI's may not be.
 * @throws Ec2Error
 */
function* fill(state: NodeState, eni: StoredEni, wanted: number): Process<boolean> {
  const room = state.limits.slotsPerEni - eni.cidrs.size;
  try {
    addSlots(state, eni.id, yield* assign(state, eni, Math.min(room, wanted)));
  } catch (error) {
    if (!(error instanceof Ec2Error)) throw error;
    state.log("warn", `failed to allocate all available IPs/Prefixes on ENI ${eni.id}, err: ${error.code}`);
    try {
      addSlots(state, eni.id, yield* assign(state, eni, 1));
    } catch (again) {
      state.error("increaseIPPoolAllocIPAddressesFailed");
      if (state.settings.subnetDiscovery && isInsufficient(again)) return false;
      throw again;
    }
  }
  return true;
}

/**
 * New slots of an ENI. Where EC2 says that it has no room for them, the store is behind: then all that EC2 knows of it.
 *
 * @throws Ec2Error
 */
function* assign(state: NodeState, eni: StoredEni, count: number): Process<readonly Slot[]> {
  const { ec2 } = state.input;
  const { prefixDelegation } = state.store;
  try {
    return yield* ec2.assignPrivateIpAddresses(
      eni.id,
      prefixDelegation ? { prefixes: count } : { secondaryAddresses: count },
    );
  } catch (error) {
    if (!(error instanceof Ec2Error) || error.code !== "PrivateIpAddressLimitExceeded") throw error;
    return yield* slotsInEc2(state, eni.id, prefixDelegation);
  } finally {
    state.watch();
  }
}

/** @throws Ec2Error */
function* slotsInEc2(state: NodeState, id: string, prefixes: boolean): Process<readonly Slot[]> {
  try {
    const enis = yield* state.input.ec2.describeNetworkInterfaces(state.instance);
    const slots = enis.find((eni) => eni.id === id)?.slots ?? [];
    return slots.filter((slot) => (slot.length === PREFIX_LENGTH) === prefixes);
  } catch (error) {
    if (error instanceof Ec2Error) state.error("increaseIPPoolGetENIaddressesFailed");
    throw error;
  }
}
