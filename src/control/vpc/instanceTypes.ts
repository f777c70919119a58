import { suggestion } from "../near.ts";
import { INSTANCE_LIMITS, XEN_FAMILIES } from "./instanceTable.ts";
import { vcpusOf } from "./instanceVcpus.ts";

export type Hypervisor = "nitro" | "xen" | "bare metal";

export interface InstanceType {
  readonly name: string;
  /** Most ENIs, the primary one included, of the default network card: pods use no other. */
  readonly enis: number;
  /** IPv4 slots of an ENI; the primary address takes one. */
  readonly addressesPerEni: number;
  readonly hypervisor: Hypervisor;
  /** Whether an ENI may hold /28 prefixes: Nitro and bare metal only. */
  readonly prefixes: boolean;
  /** Network cards, each with as many ENIs as `enis` says. */
  readonly networkCards: number;
  /** Index of the card whose ENIs pods use. */
  readonly defaultNetworkCard: number;
  /** Whether it takes a trunk ENI. `unlisted`: the VPC resource controller does not know the type and makes none. */
  readonly trunk: "yes" | "no" | "unlisted";
  /** Most branch ENIs on the trunk, 0 without one. */
  readonly branchEnis: number;
  /** Default vCPUs, or null where no source says (instanceVcpus.ts). */
  readonly vcpus: number | null;
  readonly architecture: "amd64" | "arm64";
}

/** Addresses in a prefix that EC2 delegates to an ENI: a /28. */
export const PREFIX_LENGTH = 28;
export const PREFIX_SIZE = 16;

/** hostNetwork pods that every node runs: aws-node and kube-proxy. */
export const SYSTEM_PODS = 2;

/** `DefaultNetworkCardIndex` of every type in the table. */
const DEFAULT_NETWORK_CARD = 0;

/** ENIs, addresses of each, branch ENIs or `?`, network cards. */
const LIMITS = /^(\d+)x(\d+)(?:\+(\d+)|(\?))?(?:\/(\d+))?$/;

/** Graviton families have a g after the generation (m6g, c7gn, r8gd); Macs but the first have an M processor. */
const ARM_FAMILY = /^(?:[a-z]+\d+g|a1$|mac2|mac-)/;

function readType(family: string, size: string, limits: string): InstanceType {
  const parts = LIMITS.exec(limits);
  if (parts === null) throw new RangeError(`no limits of an instance type: ${limits}`);
  const [, enis, addresses, branchEnis, unlisted, cards] = parts;
  const name = `${family}.${size}`;
  const hypervisor = size.startsWith("metal") ? "bare metal" : XEN_FAMILIES.has(family) ? "xen" : "nitro";
  return {
    name,
    enis: Number(enis),
    addressesPerEni: Number(addresses),
    hypervisor,
    prefixes: hypervisor !== "xen",
    networkCards: Number(cards ?? 1),
    defaultNetworkCard: DEFAULT_NETWORK_CARD,
    trunk: unlisted !== undefined ? "unlisted" : branchEnis === undefined ? "no" : "yes",
    branchEnis: Number(branchEnis ?? 0),
    vcpus: vcpusOf(name),
    architecture: ARM_FAMILY.test(family) ? "arm64" : "amd64",
  };
}

function readTable(): Map<string, InstanceType> {
  const table = new Map<string, InstanceType>();
  for (const line of INSTANCE_LIMITS.trim().split(/\n(?! )/)) {
    const [families, groups] = line.split(": ");
    for (const group of groups.split("|")) {
      const [limits, ...sizes] = group.trim().split(/\s+/);
      for (const family of families.split(" "))
        for (const size of sizes) table.set(`${family}.${size}`, readType(family, size, limits));
    }
  }
  return table;
}

const TABLE: ReadonlyMap<string, InstanceType> = readTable();

/** The limits of an instance type such as m5.large, or null for a name that is not in the table. */
export function instanceType(name: string): InstanceType | null {
  return TABLE.get(name) ?? null;
}

/**
 * An instance type that has to be there.
 *
 * @throws RangeError for a name that is not in the table, with those near it.
 */
export function knownInstanceType(name: string): InstanceType {
  const type = TABLE.get(name);
  if (type !== undefined) return type;
  throw new RangeError(unknownTypeText(name));
}

/** What to say of a name that is not in the table: those near it. */
export function unknownTypeText(name: string): string {
  return `expected an EC2 instance type, got "${name}"; ${suggestion(name, TABLE.keys())}`;
}

/** The part of an instance type that EC2 enforces: InstanceLimits of ec2/types.ts. */
export function instanceLimits(
  type: InstanceType,
): Pick<InstanceType, "enis" | "addressesPerEni" | "prefixes" | "branchEnis"> {
  const { enis, addressesPerEni, prefixes, branchEnis } = type;
  return { enis, addressesPerEni, prefixes, branchEnis };
}

export function instanceTypeNames(): string[] {
  return [...TABLE.keys()];
}

/** Slots of an ENI that can hold a pod address or a prefix: all but the primary address's. */
export function usableSlots(type: InstanceType): number {
  return type.addressesPerEni - 1;
}

/** What max-pods depends on besides the instance type. */
export interface MaxPodsSettings {
  readonly prefixes: boolean;
  /** The primary ENI gives pods no address. */
  readonly customNetworking: boolean;
  /** MAX_ENI; null or not given: the type's limit. */
  readonly maxEni?: number | null;
}

/**
 * max-pods by the formula `ENIs * (addresses - 1) + 2`, with prefixes `ENIs * (addresses - 1) * 16 + 2`, with custom
 * networking for one ENI less (amazon-eks-ami at b2289030^, templates/al2/runtime/max-pods-calculator.sh). It knows no
 * trunk: pods with branch ENIs count, the ENI that the trunk takes does not.
 */
export function maxPodsFormula(type: InstanceType, { prefixes, customNetworking, maxEni }: MaxPodsSettings): number {
  const enis = Math.min(type.enis, maxEni ?? type.enis) - (customNetworking ? 1 : 0);
  return Math.max(0, enis) * usableSlots(type) * (prefixes ? PREFIX_SIZE : 1) + SYSTEM_PODS;
}

/** max-pods as eni-max-pods.txt has it, or with prefixes. It is kubelet's number: a node's slots bind as well. */
export function maxPods(type: InstanceType, prefixes: boolean): number {
  return maxPodsFormula(type, { prefixes, customNetworking: false });
}

/** Ceilings of max-pods-calculator.sh: up to 30 vCPUs, and above. */
const FEW_VCPUS = 30;
const CEILING_FEW_VCPUS = 110;
const CEILING_MANY_VCPUS = 250;

/**
 * Most pods that EKS recommends for a node of the type, whatever its addresses. A type whose vCPUs nobody lists is taken
 * for one with many, which all are but the two largest Macs.
 */
export function podCeiling(type: InstanceType): number {
  return type.vcpus !== null && type.vcpus <= FEW_VCPUS ? CEILING_FEW_VCPUS : CEILING_MANY_VCPUS;
}

/**
 * max-pods as max-pods-calculator.sh prints it without --show-max-allowed. The script reckons with prefixes on Nitro alone,
 * so that bare metal gets the number of secondary addresses though it takes prefixes.
 */
export function recommendedMaxPods(type: InstanceType, settings: MaxPodsSettings): number {
  const prefixes = settings.prefixes && type.hypervisor === "nitro";
  return Math.min(podCeiling(type), maxPodsFormula(type, { ...settings, prefixes }));
}
