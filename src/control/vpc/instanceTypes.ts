import { INSTANCE_LIMITS, XEN_FAMILIES } from "./instanceTable.ts";

export interface InstanceType {
  readonly name: string;
  /** Most ENIs, the primary one included (default network card). */
  readonly enis: number;
  /** IPv4 slots of an ENI; the primary address takes one. */
  readonly addressesPerEni: number;
  /** Whether an ENI may hold /28 prefixes: Nitro and bare metal only. */
  readonly prefixes: boolean;
  readonly architecture: "amd64" | "arm64";
}

/** Addresses in a prefix that EC2 delegates to an ENI: a /28. */
export const PREFIX_LENGTH = 28;
export const PREFIX_SIZE = 16;

/** hostNetwork pods that every node runs: aws-node and kube-proxy. */
const SYSTEM_PODS = 2;

function buildTable(): Map<string, InstanceType> {
  const table = new Map<string, InstanceType>();
  for (const [families, limits] of INSTANCE_LIMITS)
    for (const group of limits.split(" | ")) {
      const [numbers, ...sizes] = group.split(" ");
      const [enis, addressesPerEni] = numbers.split("x").map(Number);
      for (const family of families.split(" "))
        for (const size of sizes) {
          const name = `${family}.${size}`;
          // Graviton families have a g after the generation: m6g, c7gn, r8gd.
          const architecture = /^[a-z]+\d+g/.test(family) ? "arm64" : "amd64";
          table.set(name, { name, enis, addressesPerEni, prefixes: !XEN_FAMILIES.has(family), architecture });
        }
    }
  return table;
}

const TABLE: ReadonlyMap<string, InstanceType> = buildTable();

/** The limits of an instance type such as m5.large, or null for a name that is not in the table. */
export function instanceType(name: string): InstanceType | null {
  return TABLE.get(name) ?? null;
}

export function instanceTypeNames(): string[] {
  return [...TABLE.keys()];
}

/** Slots of an ENI that can hold a pod address or a prefix: all but the primary address's. */
export function usableSlots(type: InstanceType): number {
  return type.addressesPerEni - 1;
}

/**
 * max-pods as eni-max-pods.txt has it: `ENIs * (addresses - 1) + 2`, with prefixes `ENIs * (addresses - 1) * 16 + 2`. It
 * is a number of kubelet's: the node's slots bind what podplane places.
 */
export function maxPods(type: InstanceType, prefixes: boolean): number {
  return type.enis * usableSlots(type) * (prefixes ? PREFIX_SIZE : 1) + SYSTEM_PODS;
}
