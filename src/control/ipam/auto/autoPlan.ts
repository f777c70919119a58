import type { Slot } from "../../vpc/eni.ts";
import type { StoredEni } from "../standard/dataStoreEni.ts";
import type { AgentNode } from "../types.ts";
import type { AutoPool } from "./autoPool.ts";
import type { AutoSettings } from "./settings.ts";
import type { SubnetStates } from "./subnetStates.ts";

/** What a look at the pool does: at most one of these. */
export type Plan =
  /** Add slots for so many addresses to an ENI. */
  | { readonly kind: "fill"; readonly eni: StoredEni; readonly addresses: number }
  /** Attach an ENI with slots for so many addresses. */
  | { readonly kind: "attach"; readonly deviceNumber: number; readonly addresses: number }
  | { readonly kind: "release"; readonly eni: StoredEni; readonly slots: readonly Slot[] }
  /** Delete an ENI with the slots that it still has. */
  | { readonly kind: "remove"; readonly eni: StoredEni };

/** What a plan depends on. */
export interface PlanInput {
  readonly node: AgentNode;
  readonly settings: AutoSettings;
  readonly pool: AutoPool;
  readonly states: SubnetStates;
}

/** Slots of an ENI besides its primary address's. */
export function slotsPerEni(node: AgentNode): number {
  return node.limits.addressesPerEni - 1;
}

/** Subnets of the ENIs that a daemon attaches. */
export function eniSubnets(node: AgentNode, settings: AutoSettings): readonly string[] {
  return settings.podSubnets ?? [node.subnet];
}

/** Whether an ENI of this device number can be attached, the subnet aside. */
export function canAttach({ node, settings, pool }: PlanInput, deviceNumber: number): boolean {
  const { enis } = pool.store;
  return (
    settings.staticInterfaces === null &&
    deviceNumber < node.limits.enis &&
    enis.length < node.limits.enis &&
    enis.every((eni) => eni.deviceNumber !== deviceNumber)
  );
}

/** What to do now, or null: nothing. It looks alone: nothing changes by it, no random choice is made. */
export function planOf(input: PlanInput): Plan | null {
  if (input.settings.staticInterfaces !== null) return null;
  return pinnedGrowth(input) ?? growth(input) ?? shrinkage(input);
}

/**
 * When {@link planOf}, which has nothing now, may have something without anything happening in between: milliseconds on the
 * timeline, null: never.
 */
export function nextPlan({ pool, states }: PlanInput): number | null {
  const due = pool.nextDue();
  const lacking = pool.short() > 0 || pool.lackingDevices().length > 0;
  const retry = lacking ? states.nextRetry() : null;
  if (due === null || retry === null) return due ?? retry;
  return Math.min(due, retry);
}

/** For pods that must have an address of one ENI. */
function pinnedGrowth(input: PlanInput): Plan | null {
  const { node, pool, states } = input;
  for (const { deviceNumber, short } of pool.lackingDevices()) {
    const eni = pool.usable().find((e) => e.deviceNumber === deviceNumber);
    if (eni !== undefined && hasRoom(node, eni) && !states.isExhausted(eni.subnet))
      return { kind: "fill", eni, addresses: short };
    if (canAttach(input, deviceNumber) && hasSubnet(input)) return { kind: "attach", deviceNumber, addresses: short };
  }
  return null;
}

/** ENIs that are there first, those whose subnet has prefixes before the others; then one more. */
function growth(input: PlanInput): Plan | null {
  const { node, pool, states } = input;
  const addresses = pool.short();
  if (addresses === 0) return null;
  const enis = pool.usable().filter((e) => hasRoom(node, e) && !states.isExhausted(e.subnet));
  const eni = enis.find((e) => !states.isFragmented(e.subnet)) ?? enis.at(0);
  if (eni !== undefined) return { kind: "fill", eni, addresses };
  const deviceNumber = freeDevice(input);
  return deviceNumber === null || !hasSubnet(input) ? null : { kind: "attach", deviceNumber, addresses };
}

/** One ENI's slots at a time. An ENI that would be left without any goes as a whole. */
function shrinkage({ pool }: PlanInput): Plan | null {
  const due = pool.due();
  for (const eni of pool.store.enis) {
    const slots = due.filter((slot) => slot.eni === eni).map(({ cidr }) => cidr.slot);
    if (!eni.primary && slots.length === eni.cidrs.size) return { kind: "remove", eni };
    if (slots.length > 0) return { kind: "release", eni, slots };
  }
  return null;
}

function hasRoom(node: AgentNode, eni: StoredEni): boolean {
  return eni.cidrs.size < slotsPerEni(node);
}

function hasSubnet({ node, settings, states }: PlanInput): boolean {
  return eniSubnets(node, settings).some((subnet) => !states.isExhausted(subnet));
}

function freeDevice(input: PlanInput): number | null {
  for (let device = 1; device < input.node.limits.enis; device++) if (canAttach(input, device)) return device;
  return null;
}
