import type { Process } from "../../time/process.ts";
import type { Slot } from "../eni.ts";
import type { Ec2Action, Ec2Subnet, InterfaceType, NetworkInterface } from "./types.ts";

export interface CreateRequest {
  readonly subnet: string;
  readonly interfaceType?: InterfaceType;
  readonly securityGroups: readonly string[];
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Primary address, int32 (PrivateIpAddress); EC2 chooses where there is none. */
  readonly address?: number | null;
  /** How many secondary addresses or prefixes it begins with; at most one of the two is not 0. */
  readonly secondaryAddresses: number;
  readonly prefixes: number;
}

/** A subnet as DescribeSubnets shows it. */
export interface SubnetDescription extends Ec2Subnet {
  /** AvailableIpAddressCount. */
  readonly availableAddresses: number;
}

/** How often an action was called, and how often it failed, by EC2's error code. */
export interface CallCount {
  calls: number;
  /** Sum of the answers' times, milliseconds. */
  milliseconds: number;
  readonly errors: Map<string, number>;
}

/**
 * The EC2 API as a daemon on an instance calls it. Every call is a process: it takes its latency of virtual time, then
 * changes the VPC at once, then returns. Throttled calls are tried again as the AWS SDK does (exponential backoff with
 * jitter, at most 10 attempts), each attempt counted.
 *
 * @throws Ec2Error (ec2Error.ts) from every call, with EC2's code and text.
 */
export interface Ec2Api {
  createNetworkInterface(request: CreateRequest): Process<NetworkInterface>;
  /** Attaches, then waits until the instance sees the ENI (Ec2Settings.attachDelay). */
  attachNetworkInterface(eni: string, instance: string, deviceNumber: number): Process<void>;
  detachNetworkInterface(eni: string): Process<void>;
  /** Its addresses are the subnet's again. */
  deleteNetworkInterface(eni: string): Process<void>;
  /** @returns the new slots. All or none. */
  assignPrivateIpAddresses(
    eni: string,
    what: { readonly secondaryAddresses: number } | { readonly prefixes: number },
  ): Process<readonly Slot[]>;
  unassignPrivateIpAddresses(eni: string, slots: readonly Slot[]): Process<void>;
  /** Makes a created ENI of type branch one of a trunk's, under a VLAN of 1 to 4094. */
  associateTrunkInterface(trunk: string, branch: string, vlan: number): Process<void>;
  /** All ENIs of an instance, branch ENIs included. */
  describeNetworkInterfaces(instance: string): Process<readonly NetworkInterface[]>;
  describeSubnets(): Process<readonly SubnetDescription[]>;

  /** Not a call: what the instance metadata service shows, as late as Ec2Settings.metadataDelay. */
  metadata(instance: string): readonly NetworkInterface[];
  readonly calls: ReadonlyMap<Ec2Action, CallCount>;
}
