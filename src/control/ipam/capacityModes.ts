import {
  type InstanceType,
  instanceLimits,
  type MaxPodsSettings,
  maxPods,
  maxPodsFormula,
  PREFIX_SIZE,
  recommendedMaxPods,
  SYSTEM_PODS,
  usableSlots,
} from "../vpc/instanceTypes.ts";
import { autoMaxPods } from "./auto/settings.ts";

/** How a cluster gives its pods addresses, as far as it changes how many there are. */
export interface CapacityMode {
  readonly name: string;
  readonly cluster: "standard" | "auto";
  /** Slots hold /28 prefixes where the instance type can. */
  readonly prefixes: boolean;
  /** Custom networking or Auto Mode's pod subnets: the primary ENI gives pods no address. */
  readonly podSubnet: boolean;
  /** Security groups for pods (ENABLE_POD_ENI): a trunk takes an ENI, its branch ENIs are pods'. */
  readonly podEni: boolean;
  /** Shown where nobody asks for a mode by name. */
  readonly usual: boolean;
}

function mode(name: string, options: Partial<Omit<CapacityMode, "name">> = {}): CapacityMode {
  return { name, cluster: "standard", prefixes: false, podSubnet: false, podEni: false, usual: true, ...options };
}

export const CAPACITY_MODES: readonly CapacityMode[] = [
  mode("secondary"),
  mode("prefix", { prefixes: true }),
  mode("custom", { podSubnet: true }),
  mode("custom-prefix", { podSubnet: true, prefixes: true }),
  mode("pod-eni", { podEni: true }),
  mode("pod-eni-prefix", { podEni: true, prefixes: true }),
  mode("custom-pod-eni", { podSubnet: true, podEni: true, usual: false }),
  mode("custom-pod-eni-prefix", { podSubnet: true, podEni: true, prefixes: true, usual: false }),
  mode("auto", { cluster: "auto", prefixes: true }),
  mode("auto-32", { cluster: "auto" }),
  mode("auto-pod-subnets", { cluster: "auto", podSubnet: true, prefixes: true }),
  mode("auto-32-pod-subnets", { cluster: "auto", podSubnet: true, usual: false }),
];

export const USUAL_MODES: readonly CapacityMode[] = CAPACITY_MODES.filter((m) => m.usual);

/** What a node has room for in a mode, if only its instance type binds. */
export interface ModeRoom {
  readonly mode: CapacityMode;
  readonly type: InstanceType;
  /** ENIs that may be attached: the type's limit, or MAX_ENI below it. */
  readonly attachable: number;
  /** ENIs of which pods get addresses. */
  readonly enis: number;
  /** Slots of an ENI for addresses or prefixes: all but the primary address's. */
  readonly slotsPerEni: number;
  readonly slots: number;
  /** 16 with prefixes, 1 without; 1 on Xen, where ipamd falls back to secondary addresses. */
  readonly addressesPerSlot: number;
  /** Addresses for pods in those slots. */
  readonly podAddresses: number;
  /** Whether a trunk ENI is attached. */
  readonly trunk: boolean;
  /** Pods with a branch ENI of their own, beyond podAddresses. */
  readonly branchEnis: number;
  /** All addresses of the VPC that a full node holds, those of the ENIs themselves included. */
  readonly addresses: number;
}

/**
 * Sources: amazon-vpc-cni-k8s pkg/ipamd/ipamd.go (getMaxENI, hasRoomForEni, GetIPv4Limit: the primary address takes a slot,
 * so IPv4 limit - 1 slots are left for addresses or for prefixes), pkg/awsutils IsPrefixDelegationSupported and
 * IsTrunkingCompatible, EKS best practices "custom networking" and "security groups per pod". That pods of Auto Mode's pod
 * subnets get no address of the primary ENI is AWS's announcement of June 2025.
 *
 * @param maxEni MAX_ENI, or null; Auto Mode knows no such setting.
 */
export function modeRoom(type: InstanceType, mode: CapacityMode, maxEni: number | null): ModeRoom {
  const attachable = mode.cluster === "auto" ? type.enis : Math.min(type.enis, maxEni ?? type.enis);
  // ipamd takes a type that the resource controller does not list for one that will get a trunk, and keeps its place free.
  const place = mode.podEni && type.trunk !== "no" ? 1 : 0;
  const trunk = mode.podEni && type.trunk === "yes" && attachable > 1;
  const primary = mode.podSubnet ? 0 : 1;
  const enis = primary + Math.max(0, attachable - 1 - place);
  const slotsPerEni = usableSlots(type);
  const slots = enis * slotsPerEni;
  const addressesPerSlot = mode.prefixes && type.prefixes ? PREFIX_SIZE : 1;
  const podAddresses = slots * addressesPerSlot;
  const branchEnis = trunk ? type.branchEnis : 0;
  const ownAddresses = enis + (mode.podSubnet ? 1 : 0) + (trunk ? 1 : 0);
  return {
    mode,
    type,
    attachable,
    enis,
    slotsPerEni,
    slots,
    addressesPerSlot,
    podAddresses,
    trunk,
    branchEnis,
    addresses: ownAddresses + podAddresses + branchEnis,
  };
}

/** kubelet's --max-pods by the tools that compute it. */
export interface MaxPods {
  /** hostNetwork pods that count and need no address. */
  readonly systemPods: number;
  /** The formula of eni-max-pods.txt for this mode. */
  readonly formula: number;
  /** What EKS recommends: 110 or 250 at most, by the node's vCPUs; in Auto Mode what there is, 110 at most. */
  readonly recommended: number;
  /** What nodeadm (AL2023) computes without maxPodsExpression: it looks at the instance type alone. Null: Auto Mode. */
  readonly nodeadm: number | null;
  /** The maxPodsExpression (CEL) by which nodeadm comes to `recommended`. Null: it does so without, or Auto Mode. */
  readonly nodeadmExpression: string | null;
}

/**
 * The numbers of instanceTypes.ts and auto/settings.ts for a mode, and nodeadm's (amazon-eks-ami at 81fec2e8,
 * nodeadm/internal/kubelet/eni_max_pods.go).
 */
export function maxPodsOf({ mode, type, attachable, slots }: ModeRoom): MaxPods {
  if (mode.cluster === "auto") {
    const recommended = autoMaxPods(instanceLimits(type), mode.podSubnet);
    return {
      systemPods: 0,
      formula: slots,
      recommended,
      nodeadm: null,
      nodeadmExpression: null,
    };
  }
  const settings = {
    prefixes: mode.prefixes && type.prefixes,
    customNetworking: mode.podSubnet,
    maxEni: attachable,
  };
  const formula = maxPodsFormula(type, settings);
  const recommended = recommendedMaxPods(type, settings);
  const nodeadm = nodeadmMaxPods(type);
  let nodeadmExpression: string | null = null;
  if (nodeadm !== recommended)
    nodeadmExpression = recommended === formula ? formulaExpression(type, settings) : String(recommended);
  return { systemPods: SYSTEM_PODS, formula, recommended, nodeadm, nodeadmExpression };
}

function formulaExpression(type: InstanceType, settings: MaxPodsSettings & { readonly maxEni: number }): string {
  const enis = settings.maxEni === type.enis ? "default_enis" : String(settings.maxEni);
  const used = settings.customNetworking ? `(${enis} - 1)` : enis;
  return `(${used} * (ips_per_eni - 1)${settings.prefixes ? ` * ${PREFIX_SIZE}` : ""}) + ${SYSTEM_PODS}`;
}

/** kubelet's own default, which nodeadm takes for a type that it finds neither in its list nor by the EC2 API. */
const UNKNOWN_TYPE_MAX_PODS = 110;

/** max-pods that nodeadm computes without maxPodsExpression; null: a type that there is not. */
export function nodeadmMaxPods(type: InstanceType | null): number {
  return type === null ? UNKNOWN_TYPE_MAX_PODS : maxPods(type, false);
}

/** MiB that nodeadm keeps of a node's memory for kubelet and the container runtime (nodeadm/internal/kubelet/config.go). */
export function kubeletMemory(maxPods: number): number {
  return 11 * maxPods + 255;
}
