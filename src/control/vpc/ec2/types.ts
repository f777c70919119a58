import type { Slot } from "../eni.ts";

/** What an ENI is for. EC2 calls the ordinary kind `interface`. */
export type InterfaceType = "interface" | "trunk" | "branch" | "efa";

/** An ENI as DescribeNetworkInterfaces shows it. */
export interface NetworkInterface {
  /** `eni-00000001`: counted, so that a run repeats. */
  readonly id: string;
  readonly interfaceType: InterfaceType;
  /** Name of the subnet. */
  readonly subnet: string;
  /** Primary address, int32. */
  readonly address: number;
  /** Secondary addresses (/32) and delegated prefixes (/28) in the order they were assigned. */
  readonly slots: readonly Slot[];
  readonly securityGroups: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly description: string;
  /** Name of the instance it is attached to, or null. A branch ENI has its trunk's. */
  readonly instance: string | null;
  /** null: not attached, or a branch ENI. */
  readonly deviceNumber: number | null;
  /** Milliseconds on the timeline. */
  readonly createdAt: number;
}

/** An ENI that an instance has when it comes into the model, as it was observed. */
export interface PlacedEni {
  /** Null: counted, as ids of new ENIs are. */
  readonly id: string | null;
  readonly interfaceType: "interface" | "trunk";
  readonly deviceNumber: number;
  /** Name of the subnet. */
  readonly subnet: string;
  /** Primary address, int32. */
  readonly address: number;
  readonly slots: readonly Slot[];
  readonly securityGroups: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly description: string;
}

/** Actions of the EC2 API that take time, can be throttled and are counted. */
export const EC2_ACTIONS = [
  "CreateNetworkInterface",
  "AttachNetworkInterface",
  "DetachNetworkInterface",
  "DeleteNetworkInterface",
  "AssignPrivateIpAddresses",
  "UnassignPrivateIpAddresses",
  "AssociateTrunkInterface",
  "DescribeNetworkInterfaces",
  "DescribeSubnets",
] as const;
export type Ec2Action = (typeof EC2_ACTIONS)[number];

/** Which of a subnet's free addresses and blocks EC2 gives. It promises no order. */
export type AddressSelection = "lowest" | "random";

export interface Ec2Settings {
  /** Milliseconds from a call to its answer. */
  readonly latency: Readonly<Record<Ec2Action, number>>;
  /** Part of the latency that varies, 0 to 1: an answer takes latency * (1 - jitter) to latency * (1 + jitter). */
  readonly jitter: number;
  /** Milliseconds from the answer of AttachNetworkInterface until the instance sees the ENI. */
  readonly attachDelay: number;
  /** Milliseconds by which instance metadata (IMDS) lags behind. */
  readonly metadataDelay: number;
  /** Token bucket of each action (EC2 API reference, "Request throttling"); null: never throttled. */
  readonly throttle: { readonly bucket: number; readonly refillPerSecond: number } | null;
  readonly addressSelection: AddressSelection;
}

/**
 * What AWS documents of it: an ENI takes up to 10 s to create and attach, a prefix on an ENI that is there under 1 s
 * (amazon-vpc-cni-k8s docs/eni-and-ip-target.md, EKS best practices "prefix mode"). How that divides is our choice; so are
 * the buckets, which differ between accounts and regions.
 */
export const DEFAULT_EC2_SETTINGS: Ec2Settings = {
  latency: {
    CreateNetworkInterface: 1000,
    AttachNetworkInterface: 2000,
    DetachNetworkInterface: 1000,
    DeleteNetworkInterface: 500,
    AssignPrivateIpAddresses: 500,
    UnassignPrivateIpAddresses: 500,
    AssociateTrunkInterface: 500,
    DescribeNetworkInterfaces: 200,
    DescribeSubnets: 200,
  },
  jitter: 0,
  attachDelay: 4000,
  metadataDelay: 0,
  throttle: { bucket: 100, refillPerSecond: 20 },
  addressSelection: "lowest",
};

/** A range of a subnet kept for prefixes, or kept out of automatic assignment (VPC user guide, "Subnet CIDR reservations"). */
export interface SubnetReservation {
  readonly cidr: { readonly prefix: number; readonly length: number };
  readonly type: "prefix" | "explicit";
}

export interface Ec2Subnet {
  readonly name: string;
  readonly cidr: { readonly prefix: number; readonly length: number };
  readonly availabilityZone: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly reservations: readonly SubnetReservation[];
}

/** Limits of an instance type that EC2 enforces. */
export interface InstanceLimits {
  /** Most attached ENIs, the primary one included; branch ENIs do not count. */
  readonly enis: number;
  /** IPv4 slots of an ENI, the primary address's included. */
  readonly addressesPerEni: number;
  /** Nitro or bare metal: its ENIs take prefixes. */
  readonly prefixes: boolean;
  /** Most branch ENIs, 0: the type takes no trunk. */
  readonly branchEnis: number;
}
