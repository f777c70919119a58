import { interfaceName } from "../../vpc/eni.ts";
import type { StoredEni } from "./dataStoreEni.ts";
import type { NodeState } from "./nodeState.ts";
import { prefixesFor } from "./poolTarget.ts";

/** What the pool needs so that a pinned pod gets an address. */
export type PinnedNeed =
  | { readonly kind: "slots"; readonly eni: StoredEni; readonly slots: number }
  | { readonly kind: "attach" };

/** What to do next for the pods that wait, lowest ENI first; null: nothing, or nothing that can be done. */
export function pinnedNeed(state: NodeState): PinnedNeed | null {
  for (const [number, pods] of state.pinned.byEni()) {
    const eni = eniOf(state, number);
    if (eni === null) {
      if (canAttach(state, number)) return { kind: "attach" };
      continue;
    }
    const slots = slotsLacking(state, eni, pods);
    if (slots > 0) return { kind: "slots", eni, slots };
  }
  return null;
}

/** Whether a pod waits for an ENI that is not attached: then none is freed, since ENIs take the lowest free number. */
export function waitsForNewEni(state: NodeState): boolean {
  return state.pinned.byEni().some(([number]) => canAttach(state, number));
}

function eniOf(state: NodeState, deviceNumber: number): StoredEni | null {
  return state.store.enis.find((eni) => eni.deviceNumber === deviceNumber) ?? null;
}

function isUnmanaged(state: NodeState, deviceNumber: number): boolean {
  return [...state.unmanaged.values()].some((eni) => eni.deviceNumber === deviceNumber);
}

/** Whether attaching ENIs brings one of this number. */
function canAttach(state: NodeState, deviceNumber: number): boolean {
  if (deviceNumber >= state.maxEnis || isUnmanaged(state, deviceNumber)) return false;
  return eniOf(state, deviceNumber) === null && state.hasRoomForEni();
}

/** Slots to add to an ENI so that so many more pods have an address, as far as it has room. */
function slotsLacking(state: NodeState, eni: StoredEni, pods: number): number {
  if (!state.givesAddresses(eni)) return 0;
  const { store, limits } = state;
  const addresses = Math.max(pods - eni.assignable(store.prefixDelegation, state.now, store.cooldown), 0);
  const slots = store.prefixDelegation ? prefixesFor(addresses) : addresses;
  return Math.min(slots, limits.slotsPerEni - eni.cidrs.size);
}

/** Why a pod cannot have an address of an ENI now. */
export function pinnedRefusal(state: NodeState, deviceNumber: number): string {
  const name = interfaceName(deviceNumber);
  const { node } = state.input;
  if (deviceNumber >= node.limits.enis) return `${name} is over the ${node.limits.enis} ENIs of ${node.instanceType}`;
  if (deviceNumber >= state.maxEnis) return `${name} is over MAX_ENI ${state.maxEnis}`;
  if (isUnmanaged(state, deviceNumber)) return `${name} is not managed by ipamd (its tags say so)`;
  const eni = eniOf(state, deviceNumber);
  if (eni === null)
    return canAttach(state, deviceNumber) ? `${name} is not attached yet` : `no ENI can be attached as ${name}`;
  if (eni.trunk) return `${name} is the trunk ENI`;
  if (eni.excluded) return `${name} is in subnet ${eni.subnet}, which is excluded from pod addresses`;
  if (!state.givesAddresses(eni)) return `${name} gives pods no addresses with custom networking`;
  const { slotsPerEni } = state.limits;
  if (eni.cidrs.size < slotsPerEni) return `${name} has no free address yet`;
  const free = [...eni.cidrs.values()].some((cidr) => cidr.assigned < cidr.size);
  return free ? `all free addresses of ${name} cool down` : `all ${slotsPerEni} slots of ${name} are in use`;
}
