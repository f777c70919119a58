import type { Eni } from "../vpc/eni.ts";
import type { SubnetAddresses } from "../vpc/subnet.ts";

/** Where a pod's address lives. */
export interface PodAddress {
  /** int32. */
  readonly address: number;
  /** Device number of the node's ENI that has it. */
  readonly deviceNumber: number;
}

/**
 * Gives pods the addresses of their node's ENIs, and the ENIs what they need of their subnet for it. It decides when to
 * attach an ENI, a prefix or a secondary IP and when to give them back; nothing else changes a node's ENIs.
 */
export interface PodAddressAllocator {
  /**
   * An address for a pod on a node; the same one when it is asked again.
   *
   * @param deviceNumber the ENI it must be of, or null for any.
   * @returns the address, or why there is none, as a part of a sentence.
   */
  assign(pod: string, node: string, deviceNumber: number | null): PodAddress | string;
  /** Takes a pod's address back; a pod without one is no error. */
  release(pod: string): void;
  /** The node's ENIs in the order of their device numbers. */
  enis(node: string): readonly Eni[];
  /** Pods that a node can still take at most, as its slots have it; the subnet may give less. */
  freePodAddresses(node: string): number;
  /** A copy that can change without this one, over copies of the subnets. */
  clone(subnets: ReadonlyMap<string, SubnetAddresses>): PodAddressAllocator;
}

/** What an allocator has to know of a node. */
export interface NodeLimits {
  readonly name: string;
  /** Name of the subnet that all its ENIs are in. */
  readonly subnet: string;
  /** Address of the primary ENI, int32. */
  readonly primaryAddress: number;
  readonly instanceType: string;
  readonly maxEnis: number;
  /** Slots of each ENI besides the primary address's. */
  readonly slots: number;
  readonly prefixes: boolean;
  /** Take secondary IPs where the subnet has no free /28, as Auto Mode does. */
  readonly fallback: boolean;
}
