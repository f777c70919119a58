import type { ModeRoom } from "./capacityModes.ts";
import { type PoolTargets, poolTooLow, slotsForNewEni, slotsWanted } from "./standard/poolTarget.ts";

export type WarmTargets = Omit<PoolTargets, "prefixDelegation">;

/** What the DaemonSet sets that EKS installs (amazon-vpc-cni-k8s config/master/aws-k8s-cni.yaml). */
export const DEFAULT_WARM_TARGETS: WarmTargets = {
  warmEniTarget: 1,
  warmIpTarget: 0,
  minimumIpTarget: 0,
  warmPrefixTarget: 1,
};

/** MinimalIPTarget of Auto Mode with ipv4PrefixSize "32": one warm secondary address (EKS release note, 19 Dec 2025). */
const AUTO_32_TARGETS: WarmTargets = { ...DEFAULT_WARM_TARGETS, warmIpTarget: 1 };

/** What a node holds of its VPC. */
export interface HeldAddresses {
  /** Attached ENIs, a trunk among them. */
  readonly enis: number;
  /** Addresses for pods, whole prefixes counted, and branch ENIs' addresses. */
  readonly forPods: number;
  /** All of them, the ENIs' own included. */
  readonly addresses: number;
}

/**
 * What a node holds once so many pods have come, one at a time, and the pool has settled: ipamd's arithmetic of the warm
 * targets (poolTarget.ts). Pods beyond what there is room for change nothing.
 *
 * @param pods with addresses of slots.
 * @param maxPods kubelet's number: the pool stops growing at so many addresses.
 * @param branchPods pods with branch ENIs.
 * @returns null in Auto Mode with prefixes, whose warm pool AWS does not publish.
 */
export function heldAddresses(
  room: ModeRoom,
  { pods, branchPods, maxPods, warm }: { pods: number; branchPods: number; maxPods: number; warm: WarmTargets },
): HeldAddresses | null {
  const auto = room.mode.cluster === "auto";
  if (auto && room.addressesPerSlot > 1) return null;
  const targets: PoolTargets = {
    ...(auto ? AUTO_32_TARGETS : warm),
    prefixDelegation: room.addressesPerSlot > 1,
  };
  const limits = { slotsPerEni: room.slotsPerEni, maxPods };
  // ENIs whose addresses are pods'; the primary ENI is there before any pod is.
  let enis = room.mode.podSubnet ? 0 : 1;
  let slots = 0;
  for (let assigned = 0; assigned <= pods; ) {
    const total = slots * room.addressesPerSlot;
    const used = Math.min(assigned, total);
    const counts = {
      total,
      assigned: used,
      prefixes: slots,
      freePrefixes: slots - Math.ceil(used / room.addressesPerSlot),
    };
    const space = enis * room.slotsPerEni - slots;
    const growing = poolTooLow(targets, counts, limits);
    if (growing && space > 0) slots += Math.min(space, slotsWanted(targets, counts, limits));
    else if (growing && enis < room.enis) {
      enis++;
      slots += slotsForNewEni(targets, counts, limits);
    } else assigned++;
  }
  const forPods = slots * room.addressesPerSlot + Math.min(branchPods, room.branchEnis);
  const attached = enis + (room.mode.podSubnet ? 1 : 0) + (room.trunk ? 1 : 0);
  return { enis: attached, forPods, addresses: attached + forPods };
}
