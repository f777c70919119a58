import { PREFIX_SIZE } from "../../vpc/instanceTypes.ts";
import type { IpamdSettings } from "./settings.ts";

/**
 * The arithmetic of the warm targets, as ipamd does it (amazon-vpc-cni-k8s pkg/ipamd/ipamd.go, docs/eni-and-ip-target.md and
 * docs/prefix-and-ip-target.md): how far a node's pool of addresses is from what the targets ask for. Pure functions;
 * counts are of addresses unless the name says prefixes or slots.
 */

/** The targets of a node. */
export type PoolTargets = Pick<
  IpamdSettings,
  "warmEniTarget" | "warmIpTarget" | "minimumIpTarget" | "warmPrefixTarget" | "prefixDelegation"
>;

/** What the pool has, of the current kind (prefixes or secondary addresses) and of ENIs that pods may use. */
export interface PoolCounts {
  readonly total: number;
  readonly assigned: number;
  /** Delegated prefixes, also of ENIs that pods may not use. */
  readonly prefixes: number;
  /** Those of them without a pod. */
  readonly freePrefixes: number;
}

/** The most an ENI and a node take. */
export interface PoolLimits {
  /** Slots of an ENI besides its primary address's. */
  readonly slotsPerEni: number;
  /** kubelet's --max-pods. */
  readonly maxPods: number;
}

/** Distance to WARM_IP_TARGET and MINIMUM_IP_TARGET, in slots: prefixes with prefix delegation, else addresses. */
export interface TargetState {
  readonly short: number;
  readonly over: number;
}

/** Addresses that no pod has. Cooling ones count (issue #2896: the pool is not refilled while they cool). */
export function available(counts: PoolCounts): number {
  return counts.total - counts.assigned;
}

/** Addresses of a full ENI. */
export function addressesPerEni(targets: PoolTargets, limits: PoolLimits): number {
  return limits.slotsPerEni * (targets.prefixDelegation ? PREFIX_SIZE : 1);
}

/** Whether WARM_IP_TARGET or MINIMUM_IP_TARGET is set: then WARM_ENI_TARGET and WARM_PREFIX_TARGET are ignored. */
function warmIpTargetsDefined(targets: PoolTargets): boolean {
  return targets.warmIpTarget !== 0 || targets.minimumIpTarget !== 0;
}

/** Slots short of, or over, WARM_IP_TARGET and MINIMUM_IP_TARGET; null where neither is set (datastoreTargetState). */
export function targetState(targets: PoolTargets, counts: PoolCounts): TargetState | null {
  if (!warmIpTargetsDefined(targets)) return null;
  const { warmIpTarget, minimumIpTarget } = targets;
  const free = available(counts);
  const short = Math.max(warmIpTarget - free, minimumIpTarget - counts.total, 0);
  if (targets.prefixDelegation) return { short: prefixesFor(short), over: prefixesOver(targets, counts) };
  const over = Math.min(Math.max(free - warmIpTarget, 0), counts.total - minimumIpTarget);
  return { short, over: Math.max(over, 0) };
}

/**
 * Prefixes without a pod that both WARM_IP_TARGET and MINIMUM_IP_TARGET can spare. Counted in whole prefixes: with one pod
 * and WARM_IP_TARGET 16 the second prefix is needed, though 15 of its addresses are over.
 */
function prefixesOver(targets: PoolTargets, counts: PoolCounts): number {
  const forWarm = counts.prefixes - prefixesFor(counts.assigned + targets.warmIpTarget);
  const forMinimum = counts.prefixes - prefixesFor(targets.minimumIpTarget);
  const over = Math.max(Math.min(counts.freePrefixes, forWarm), 0);
  return Math.max(Math.min(over, forMinimum), 0);
}

/** Prefixes that so many addresses take: MINIMUM_IP_TARGET 20 is as good as 32. */
export function prefixesFor(addresses: number): number {
  return Math.ceil(addresses / PREFIX_SIZE);
}

/**
 * Whether the pool has to grow (isDatastorePoolTooLow). Never once it has an address for each of --max-pods. Without IP
 * targets the pool keeps WARM_ENI_TARGET full ENIs, or WARM_PREFIX_TARGET full prefixes, of addresses that no pod has: so
 * a node's first pod makes a pool of exactly one ENI too low. A target of 0 means: only when none is left.
 */
export function poolTooLow(targets: PoolTargets, counts: PoolCounts, limits: PoolLimits): boolean {
  if (counts.total >= limits.maxPods) return false;
  const state = targetState(targets, counts);
  if (state !== null) return state.short > 0;
  const target = targets.prefixDelegation ? targets.warmPrefixTarget : targets.warmEniTarget;
  const unit = targets.prefixDelegation ? PREFIX_SIZE : limits.slotsPerEni;
  const free = available(counts);
  return free < unit * target || (target === 0 && free === 0);
}

/** Slots that can be given back: over the IP targets, else free prefixes over WARM_PREFIX_TARGET. Without either, none. */
export function slotsOver(targets: PoolTargets, counts: PoolCounts): number {
  const state = targetState(targets, counts);
  if (state !== null) return state.over;
  if (!targets.prefixDelegation) return 0;
  return Math.max(counts.freePrefixes - targets.warmPrefixTarget, 0);
}

/** Whether slots can be given back (isDatastorePoolTooHigh). Secondary addresses never, as long as only WARM_ENI_TARGET is set. */
export function poolTooHigh(targets: PoolTargets, counts: PoolCounts): boolean {
  return slotsOver(targets, counts) > 0;
}

/** Prefixes to ask for in one call: what the target that rules lacks, at least one (getPrefixesNeeded). */
export function prefixesNeeded(targets: PoolTargets, counts: PoolCounts): number {
  const state = targetState(targets, counts);
  if (state !== null) return Math.max(1, state.short);
  return Math.max(1, targets.warmPrefixTarget - counts.freePrefixes);
}

/**
 * Slots to ask for on an ENI that is attached, before its own room limits them: what the IP targets lack, else all that an
 * ENI holds; with prefix delegation what {@link prefixesNeeded} says. 0: nothing is lacking (tryAssignIPs).
 */
export function slotsWanted(targets: PoolTargets, counts: PoolCounts, limits: PoolLimits): number {
  if (targets.prefixDelegation) return prefixesNeeded(targets, counts);
  return targetState(targets, counts)?.short ?? limits.slotsPerEni;
}

/** Slots that a new ENI is created with; 0: none is created (GetENIResourcesToAllocate). */
export function slotsForNewEni(targets: PoolTargets, counts: PoolCounts, limits: PoolLimits): number {
  return Math.min(slotsWanted(targets, counts, limits), limits.slotsPerEni);
}

/**
 * Whether to look for an ENI to free (shouldRemoveExtraENIs). Always with IP targets: whether an ENI is needed for them is
 * asked of each ENI. Else from one full ENI more than the target on; with prefix delegation also where an ENI is without
 * pods, since its prefixes over WARM_PREFIX_TARGET have been given back before.
 */
export function shouldRemoveExtraEnis(
  targets: PoolTargets,
  counts: PoolCounts,
  limits: PoolLimits,
  unusedEniExists: () => boolean,
): boolean {
  if (warmIpTargetsDefined(targets)) return true;
  const target = targets.prefixDelegation ? targets.warmPrefixTarget : targets.warmEniTarget;
  if (available(counts) >= (target + 1) * addressesPerEni(targets, limits)) return true;
  return targets.prefixDelegation && unusedEniExists();
}
