import type { Process } from "../../../src/control/time/process.ts";
import { spawn } from "../../../src/control/time/process.ts";
import { Timeline } from "../../../src/control/time/timeline.ts";
import { toCidr } from "../../../src/control/vpc/cidr.ts";
import type { CreateRequest } from "../../../src/control/vpc/ec2/api.ts";
import { Ec2 } from "../../../src/control/vpc/ec2/ec2.ts";
import { Ec2Error } from "../../../src/control/vpc/ec2/ec2Error.ts";
import {
  DEFAULT_EC2_SETTINGS,
  type Ec2Settings,
  type Ec2Subnet,
  type InstanceLimits,
} from "../../../src/control/vpc/ec2/types.ts";
import { type Slot, slotText } from "../../../src/control/vpc/eni.ts";
import { Random } from "../../../src/plane/random.ts";
import { parseAddress } from "../../../src/plane/wire/address.ts";

export const ip = (text: string): number => {
  const address = parseAddress(text);
  if (address === null) throw new Error(`no address: ${text}`);
  return address;
};

export const slot = (text: string): Slot => (text.includes("/") ? toCidr(text) : { prefix: ip(text), length: 32 });

/** m5.large, with room for three branch ENIs. */
export const LIMITS: InstanceLimits = { enis: 3, addressesPerEni: 10, prefixes: true, branchEnis: 3 };

export function subnetOf(name: string, cidrBlock: string, fields: Partial<Ec2Subnet> = {}): Ec2Subnet {
  return { name, cidr: toCidr(cidrBlock), availabilityZone: "us-east-1a", tags: {}, reservations: [], ...fields };
}

export const request = (fields: Partial<CreateRequest> = {}): CreateRequest => ({
  subnet: "a",
  securityGroups: [],
  description: "",
  tags: {},
  secondaryAddresses: 0,
  prefixes: 0,
  ...fields,
});

/** A VPC with subnets a and b of one zone and c of another, /24 each, and a clock that only run() moves. */
export class World {
  readonly timeline = new Timeline();
  readonly ec2: Ec2;

  constructor(settings: Partial<Ec2Settings> = {}, subnets: readonly Ec2Subnet[] = SUBNETS) {
    this.ec2 = new Ec2({
      timeline: this.timeline,
      random: new Random(5),
      settings: { ...DEFAULT_EC2_SETTINGS, ...settings },
      subnets,
    });
  }

  launch(name: string, limits: Partial<InstanceLimits> = {}, subnet = "a"): string {
    const all = { ...LIMITS, ...limits };
    return this.ec2.launchInstance({
      name,
      instanceType: "m5.large",
      limits: all,
      subnet,
      address: null,
      securityGroups: ["sg"],
      tags: {},
    }).id;
  }

  /** Runs a process to its end, whatever virtual time it takes. */
  run<T>(process: Process<T>): T {
    let outcome: { readonly value: T } | { readonly error: unknown } | null = null;
    spawn(
      this.timeline,
      (function* () {
        try {
          outcome = { value: yield* process };
        } catch (error) {
          outcome = { error };
        }
      })(),
    );
    while (outcome === null) if (!this.timeline.step()) throw new Error("the process waits for ever");
    const done = outcome as { readonly value: T } | { readonly error: unknown };
    if ("error" in done) throw done.error;
    return done.value;
  }

  /** EC2's answer to what fails: `Code: text`. */
  refusal(action: Process<unknown> | (() => unknown)): string {
    try {
      if (typeof action === "function") action();
      else this.run(action);
    } catch (error) {
      if (error instanceof Ec2Error) return `${error.code}: ${error.message}`;
      throw error;
    }
    return "none";
  }

  /** A created ENI that is attached. */
  attach(instance: string, deviceNumber: number, fields: Partial<CreateRequest> = {}): string {
    const { id } = this.run(this.ec2.createNetworkInterface(request(fields)));
    this.run(this.ec2.attachNetworkInterface(id, instance, deviceNumber));
    return id;
  }

  slots(eni: string): string[] {
    return this.ec2.interface(eni).slots.map(slotText);
  }
}

export const SUBNETS = [
  subnetOf("a", "10.0.1.0/24"),
  subnetOf("b", "10.0.2.0/24"),
  subnetOf("c", "10.0.3.0/24", { availabilityZone: "us-east-1b" }),
];
