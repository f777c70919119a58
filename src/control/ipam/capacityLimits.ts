import type { MaxPods, ModeRoom } from "./capacityModes.ts";
import { plural, type SubnetDemand, subnetLimit } from "./capacitySubnet.ts";

/** What can bind how many pods with addresses of their own a node has. In the order that decides between equals. */
export const LIMIT_KINDS = [
  "zone of pod subnets",
  "branch ENIs",
  "addresses in subnet",
  "prefixes in subnet",
  "prefix support",
  "ENI slots",
  "max-pods",
  "kubelet cap",
] as const;
export type LimitKind = (typeof LIMIT_KINDS)[number];

export interface CapacityLimit {
  readonly kind: LimitKind;
  /** Pods with addresses of their own on one node: hostNetwork pods are not counted. */
  readonly pods: number;
  /** The limit with its numbers. */
  readonly text: string;
}

/** What is asked of each node. */
export interface LimitDemand extends SubnetDemand {
  /** Pods with addresses of their own; null: as many as there can be. */
  readonly pods: number | null;
  /** kubelet's --max-pods where it is not the recommended one. */
  readonly maxPods: number | null;
  /** Why no ENI gives pods addresses; null: one can. */
  readonly podSubnetGap: string | null;
}

function slotLimit(room: ModeRoom, { securityGroupPods }: LimitDemand): CapacityLimit {
  const branch = Math.min(securityGroupPods ?? room.branchEnis, room.branchEnis);
  const beside = room.mode.podSubnet ? " beside the primary one" : "";
  const slots = `${plural(room.enis, "ENI")}${beside} x ${plural(room.slotsPerEni, "slot")}`;
  const each = room.addressesPerSlot > 1 ? ` x ${room.addressesPerSlot}` : "";
  const fallback = room.mode.prefixes && room.addressesPerSlot === 1;
  const beyond = room.branchEnis > 0 ? `, and ${plural(room.branchEnis, "branch ENI")}` : "";
  const noun = fallback ? "secondary address" : "address";
  const sum = `${slots}${each} = ${plural(room.podAddresses, noun, `${noun}es`)}${beyond}`;
  const pods = room.podAddresses + branch;
  if (fallback)
    return { kind: "prefix support", pods, text: `${room.type.name} is on Xen, which takes no prefixes: ${sum}` };
  return { kind: "ENI slots", pods, text: sum };
}

function maxPodsLimit(room: ModeRoom, max: MaxPods, given: number | null): CapacityLimit {
  const inEffect = given ?? max.recommended;
  const pods = Math.max(0, inEffect - max.systemPods);
  const left = max.systemPods > 0 ? `, less ${max.systemPods} for aws-node and kube-proxy` : "";
  if (given !== null) return { kind: "max-pods", pods, text: `kubelet runs with max-pods ${given}${left}` };
  if (max.recommended === max.formula) {
    const why = room.mode.cluster === "auto" ? ", an address a slot, as if every subnet were fragmented" : "";
    return { kind: "max-pods", pods, text: `max-pods is ${inEffect}${why}${left}` };
  }
  const who = room.mode.cluster === "auto" ? "Auto Mode runs" : "EKS recommends";
  const vcpus =
    room.mode.cluster === "auto" || room.type.vcpus === null ? "" : ` with ${plural(room.type.vcpus, "vCPU")}`;
  return { kind: "kubelet cap", pods, text: `${who} ${inEffect} pods at most${vcpus}${left}` };
}

/** Where more pods match a SecurityGroupPolicy than get a branch ENI. */
function branchLimit(room: ModeRoom, { pods, securityGroupPods }: LimitDemand): CapacityLimit | null {
  if (!room.mode.podEni || securityGroupPods === null || securityGroupPods <= room.branchEnis) return null;
  const others = Math.max(0, (pods ?? securityGroupPods) - securityGroupPods);
  const why = {
    yes: room.trunk
      ? `a trunk of ${room.type.name} takes ${plural(room.branchEnis, "branch ENI")}`
      : "MAX_ENI leaves no place for a trunk",
    no: `${room.type.name} takes no trunk`,
    unlisted: `the VPC resource controller does not list ${room.type.name} and makes no trunk`,
  }[room.type.trunk];
  return {
    kind: "branch ENIs",
    pods: others + room.branchEnis,
    text: `${why}, and ${plural(securityGroupPods, "pod matches", "pods match")} a SecurityGroupPolicy`,
  };
}

/** All that limits a node's pods, the first to bind first. */
export function capacityLimits(room: ModeRoom, max: MaxPods, demand: LimitDemand): CapacityLimit[] {
  const subnet = subnetLimit(room, demand);
  const gap = demand.podSubnetGap;
  const limits = [
    gap === null ? null : { kind: "zone of pod subnets" as const, pods: 0, text: gap },
    branchLimit(room, demand),
    subnet === null ? null : { kind: `${subnet.of} in subnet` as const, pods: subnet.pods, text: subnet.text },
    slotLimit(room, demand),
    maxPodsLimit(room, max, demand.maxPods),
  ].filter((limit) => limit !== null);
  return limits.sort((a, b) => a.pods - b.pods || LIMIT_KINDS.indexOf(a.kind) - LIMIT_KINDS.indexOf(b.kind));
}
