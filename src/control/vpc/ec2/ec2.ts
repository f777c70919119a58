import type { Random } from "../../../plane/random.ts";
import { type Process, sleep } from "../../time/process.ts";
import type { Timeline } from "../../time/timeline.ts";
import type { Slot } from "../eni.ts";
import type { CallCount, CreateRequest, Ec2Api, SubnetDescription } from "./api.ts";
import { Calls } from "./calls.ts";
import { Ec2World } from "./ec2World.ts";
import type { Ec2Action, Ec2Settings, Ec2Subnet, NetworkInterface } from "./types.ts";

export interface Ec2Input {
  readonly timeline: Timeline;
  /** EC2's own: latencies, waits between attempts and the addresses that it chooses are drawn from it. */
  readonly random: Random;
  readonly settings: Ec2Settings;
  readonly subnets: readonly Ec2Subnet[];
}

/** The EC2 of a VPC: the API for daemons, and behind it the world that the lab's owner sets up and looks at. */
export class Ec2 extends Ec2World implements Ec2Api {
  readonly #calls: Calls;

  constructor({ timeline, random, settings, subnets }: Ec2Input) {
    super(timeline, random, settings, subnets);
    this.#calls = new Calls(timeline, random, settings);
  }

  get calls(): ReadonlyMap<Ec2Action, CallCount> {
    return this.#calls.counts;
  }

  createNetworkInterface(request: CreateRequest): Process<NetworkInterface> {
    return this.#calls.call("CreateNetworkInterface", () => this.create(request));
  }

  *attachNetworkInterface(eni: string, instance: string, deviceNumber: number): Process<void> {
    yield* this.#calls.call("AttachNetworkInterface", () => this.attach(eni, instance, deviceNumber));
    yield* sleep(this.instanceMetadata.attachDelay);
  }

  detachNetworkInterface(eni: string): Process<void> {
    return this.#calls.call("DetachNetworkInterface", () => this.detach(eni));
  }

  deleteNetworkInterface(eni: string): Process<void> {
    return this.#calls.call("DeleteNetworkInterface", () => this.delete(eni));
  }

  assignPrivateIpAddresses(
    eni: string,
    what: { readonly secondaryAddresses: number } | { readonly prefixes: number },
  ): Process<readonly Slot[]> {
    return this.#calls.call("AssignPrivateIpAddresses", () => this.assign(eni, what));
  }

  unassignPrivateIpAddresses(eni: string, slots: readonly Slot[]): Process<void> {
    return this.#calls.call("UnassignPrivateIpAddresses", () => this.unassign(eni, slots));
  }

  associateTrunkInterface(trunk: string, branch: string, vlan: number): Process<void> {
    return this.#calls.call("AssociateTrunkInterface", () => this.associate(trunk, branch, vlan));
  }

  describeNetworkInterfaces(instance: string): Process<readonly NetworkInterface[]> {
    return this.#calls.call("DescribeNetworkInterfaces", () => this.interfaces(instance));
  }

  describeSubnets(): Process<readonly SubnetDescription[]> {
    return this.#calls.call("DescribeSubnets", () => this.subnetNames().map((name) => this.describeSubnet(name)));
  }

  metadata(instance: string): readonly NetworkInterface[] {
    return this.instanceMetadata.show(instance);
  }
}
