import type { InstanceType } from "../vpc/instanceTypes.ts";
import { type CapacityLimit, capacityLimits, type LimitDemand } from "./capacityLimits.ts";
import {
  type CapacityMode,
  kubeletMemory,
  type MaxPods,
  type ModeRoom,
  maxPodsOf,
  modeRoom,
  USUAL_MODES,
} from "./capacityModes.ts";
import { nodesInSubnets, plural } from "./capacitySubnet.ts";
import { DEFAULT_WARM_TARGETS, type HeldAddresses, heldAddresses, type WarmTargets } from "./capacityWarm.ts";
import type { SubnetSupply } from "./subnetSupply.ts";

/** How many pods nodes of a type can have, and why not more. */
export interface CapacityQuestion {
  readonly type: InstanceType;
  /** Those people choose from (USUAL_MODES) if not given. */
  readonly modes?: readonly CapacityMode[];
  /** MAX_ENI, 1 or more; Auto Mode has no such setting. */
  readonly maxEni?: number | null;
  /** kubelet's --max-pods; what EKS recommends if not given. */
  readonly maxPods?: number | null;
  /** Nodes of the type that share the subnets; 1 if not given. */
  readonly nodes?: number;
  /** Pods with addresses of their own on each node; as many as there can be if not given. */
  readonly pods?: number | null;
  /** How many of them match a SecurityGroupPolicy; those that find no slot if not given. Counts in pod-eni modes. */
  readonly securityGroupPods?: number | null;
  /** Subnet of the primary ENI, and of the other ENIs where podSubnet is not given. It has room for all if not given. */
  readonly subnet?: SubnetSupply | null;
  /** Subnet of the ENIs that pods are on, with custom networking or pod subnets. */
  readonly podSubnet?: SubnetSupply | null;
  /** Why no ENI gives the node's pods addresses, though they have subnets of their own; null or nothing: one can. */
  readonly podSubnetGap?: string | null;
  /** The DaemonSet's if not given. */
  readonly warm?: WarmTargets;
}

/** The answer for one mode. */
export interface CapacityAnswer extends Omit<ModeRoom, "mode" | "type" | "attachable"> {
  readonly instanceType: string;
  readonly mode: string;
  readonly maxPods: MaxPods & {
    /** What kubelet runs with: the number asked with, or the recommended one. */
    readonly inEffect: number;
    /** MiB that nodeadm keeps for kubelet with so many pods; null: Auto Mode. */
    readonly memory: number | null;
  };
  /** Addresses that a node holds before it has a pod; null: AWS does not publish it. */
  readonly idle: HeldAddresses | null;
  /** Addresses that a node holds with the pods asked for, those that fit; null: none asked for, or not published. */
  readonly held: HeldAddresses | null;
  /** Pods with addresses of their own that were asked for on each node, or null. */
  readonly asked: number | null;
  /** Addresses for pods if the primary ENI gave some too; null: it does. */
  readonly withPrimary: number | null;
  /** As many as each node can have. */
  readonly pods: number;
  /** Whether the pods asked for fit; null: none were asked for. */
  readonly fits: boolean | null;
  /** What binds, the first to do so first. */
  readonly limits: readonly CapacityLimit[];
  /** The limit that binds first, as a sentence with its numbers. */
  readonly sentence: string;
  /** The most nodes with those pods that the subnets hold, whatever warm pools take on top; null: no subnet given. */
  readonly nodesInSubnets: number | null;
  /** What else to know of the mode on this type. */
  readonly notes: readonly string[];
}

/** The answers in the order of the modes. */
export function capacity(question: CapacityQuestion): CapacityAnswer[] {
  return (question.modes ?? USUAL_MODES).map((mode) => answer(question, mode));
}

function answer(question: CapacityQuestion, mode: CapacityMode): CapacityAnswer {
  const room = modeRoom(question.type, mode, question.maxEni ?? null);
  const max = maxPodsOf(room);
  const demand: LimitDemand = {
    nodes: question.nodes ?? 1,
    pods: question.pods ?? null,
    securityGroupPods: mode.podEni ? (question.securityGroupPods ?? null) : null,
    maxPods: question.maxPods ?? null,
    subnet: question.subnet ?? null,
    podSubnet: mode.podSubnet ? (question.podSubnet ?? null) : null,
    podSubnetGap: mode.podSubnet ? (question.podSubnetGap ?? null) : null,
  };
  const limits = capacityLimits(room, max, demand);
  const [first] = limits;
  const inEffect = demand.maxPods ?? max.recommended;
  const warm = question.warm ?? DEFAULT_WARM_TARGETS;
  const fits = demand.pods === null ? null : demand.pods <= first.pods;
  const running = Math.min(demand.pods ?? first.pods, first.pods);
  const branchPods = Math.min(demand.securityGroupPods ?? Math.max(0, running - room.podAddresses), running);
  return {
    instanceType: question.type.name,
    mode: mode.name,
    enis: room.enis,
    slotsPerEni: room.slotsPerEni,
    slots: room.slots,
    addressesPerSlot: room.addressesPerSlot,
    podAddresses: room.podAddresses,
    withPrimary: mode.podSubnet ? room.podAddresses + room.slotsPerEni * room.addressesPerSlot : null,
    trunk: room.trunk,
    branchEnis: room.branchEnis,
    addresses: room.addresses,
    maxPods: { ...max, inEffect, memory: mode.cluster === "auto" ? null : kubeletMemory(inEffect) },
    idle: heldAddresses(room, { pods: 0, branchPods: 0, maxPods: inEffect, warm }),
    held:
      demand.pods === null
        ? null
        : heldAddresses(room, { pods: running - branchPods, branchPods, maxPods: inEffect, warm }),
    asked: demand.pods,
    pods: first.pods,
    fits,
    limits,
    sentence: sentence(demand.pods, first),
    nodesInSubnets: nodesInSubnets(room, demand.pods ?? first.pods, demand),
    notes: notes(room, first),
  };
}

function sentence(asked: number | null, { kind, pods, text }: CapacityLimit): string {
  if (asked === null) return `${plural(pods, "pod")}, bound by ${kind}: ${text}`;
  if (asked <= pods) return `${plural(asked, "pod")} of ${pods}; ${kind} would bind first: ${text}`;
  return `${pods} of ${plural(asked, "pod")}, bound by ${kind}: ${text}`;
}

/** What the first limit does not say. */
function notes({ mode, type, enis, trunk, addressesPerSlot }: ModeRoom, first: CapacityLimit): string[] {
  const found: string[] = [];
  if (mode.prefixes && addressesPerSlot === 1 && first.kind !== "prefix support")
    found.push(`${type.name} is on Xen, which takes no prefixes: pods get secondary addresses`);
  if (mode.podEni && type.trunk === "no")
    found.push(`${type.name} takes no trunk ENI: pods that match a SecurityGroupPolicy stay pending`);
  if (mode.podEni && type.trunk === "unlisted")
    found.push(
      `the VPC resource controller does not list ${type.name} and makes no trunk, for which ipamd keeps an ENI's place free`,
    );
  if (mode.podEni && type.trunk === "yes" && !trunk) found.push("MAX_ENI leaves no place for a trunk ENI");
  if (enis === 0) found.push("there is no ENI of which pods could get addresses");
  return found;
}
