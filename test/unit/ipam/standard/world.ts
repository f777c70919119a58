import { Ipamd, type IpamdOptions } from "../../../../src/control/ipam/standard/ipamd.ts";
import type { IpamdSettings } from "../../../../src/control/ipam/standard/settings.ts";
import { AddError, type NodeEvent, type PodAddress } from "../../../../src/control/ipam/types.ts";
import { spawn } from "../../../../src/control/time/process.ts";
import { Timeline } from "../../../../src/control/time/timeline.ts";
import { toCidr } from "../../../../src/control/vpc/cidr.ts";
import type { CreateRequest } from "../../../../src/control/vpc/ec2/api.ts";
import { Ec2 } from "../../../../src/control/vpc/ec2/ec2.ts";
import {
  DEFAULT_EC2_SETTINGS,
  type Ec2Settings,
  type Ec2Subnet,
  type InstanceLimits,
} from "../../../../src/control/vpc/ec2/types.ts";
import { interfaceName, slotText } from "../../../../src/control/vpc/eni.ts";
import { Random } from "../../../../src/plane/random.ts";
import { formatAddress } from "../../../../src/plane/wire/address.ts";

export const SECOND = 1000;
export const MINUTE = 60_000;

/** What the CNI's manifest sets (config/master/aws-k8s-cni.yaml). */
export const DEFAULTS: IpamdSettings = {
  warmEniTarget: 1,
  warmIpTarget: 0,
  minimumIpTarget: 0,
  warmPrefixTarget: 1,
  maxEni: null,
  prefixDelegation: false,
  cooldown: 30 * SECOND,
  subnetDiscovery: true,
  customNetworking: "off",
  podEni: false,
  assignOrder: "lowest",
};

const nitro = (enis: number, addressesPerEni: number, branchEnis: number): InstanceLimits => ({
  enis,
  addressesPerEni,
  prefixes: true,
  branchEnis,
});

/** Limits by type (amazon-vpc-cni-k8s misc/eni-max-pods.txt, amazon-vpc-resource-controller-k8s pkg/aws/vpc/limits.go). */
export const LIMITS = {
  "t3.small": nitro(3, 4, 0),
  "m5.large": nitro(3, 10, 9),
  "c5.large": nitro(3, 10, 9),
  "p3dn.24xlarge": nitro(15, 50, 107),
  "c4.large": { enis: 3, addressesPerEni: 10, prefixes: false, branchEnis: 0 },
} satisfies Record<string, InstanceLimits>;
export type TypeName = keyof typeof LIMITS;

export function subnet(name: string, cidr: string, tags: Record<string, string> = {}, zone = "us-east-1a"): Ec2Subnet {
  return { name, cidr: toCidr(cidr), availabilityZone: zone, tags, reservations: [] };
}

export interface WorldInput {
  readonly subnets?: readonly Ec2Subnet[];
  readonly ec2?: Partial<Ec2Settings>;
  readonly seed?: number;
}

export class World {
  readonly timeline = new Timeline();
  readonly ec2: Ec2;
  readonly #seed: number;

  constructor({ subnets = [subnet("nodes", "10.0.0.0/16")], ec2 = {}, seed = 1 }: WorldInput = {}) {
    this.#seed = seed;
    const settings = { ...DEFAULT_EC2_SETTINGS, ...ec2 };
    this.ec2 = new Ec2({ timeline: this.timeline, random: new Random(seed), settings, subnets });
  }

  node(type: TypeName, settings: Partial<IpamdSettings> = {}, options: NodeOptions = {}): Node {
    return new Node(this, type, { ...DEFAULTS, ...settings }, { seed: this.#seed + 1, ...options });
  }

  /** Lets time pass. */
  run(milliseconds: number): void {
    this.timeline.advance(this.timeline.now + milliseconds);
  }

  /** An operator or a controller makes an ENI and attaches it; takes as long as the calls do. @returns its id */
  attach(node: string, deviceNumber: number, request: Partial<CreateRequest> = {}): string {
    const made: string[] = [];
    const { ec2 } = this;
    const base = { subnet: "nodes", securityGroups: ["sg-other"], description: "", tags: {}, secondaryAddresses: 0 };
    spawn(
      this.timeline,
      (function* () {
        const eni = yield* ec2.createNetworkInterface({ ...base, prefixes: 0, ...request });
        made.push(eni.id);
        yield* ec2.attachNetworkInterface(eni.id, node, deviceNumber);
      })(),
    );
    this.run(10 * SECOND);
    return made[0];
  }

  /** How often an action of EC2's was called. */
  calls(action: Parameters<Ec2["calls"]["get"]>[0]): number {
    return this.ec2.calls.get(action)?.calls ?? 0;
  }
}

export interface NodeOptions extends IpamdOptions {
  readonly name?: string;
  readonly subnet?: string;
  readonly maxPods?: number;
  readonly seed?: number;
  readonly podEnis?: { address(pod: string): PodAddress | null };
}

/** A node with its daemon, and the pods that kubelet has there. */
export class Node {
  readonly world: World;
  readonly name: string;
  readonly events: { time: number; event: NodeEvent }[] = [];
  /** Pods that are there, whether they have an address or not. */
  readonly pods = new Set<string>();
  ipamd: Ipamd;
  readonly #type: TypeName;
  readonly #options: NodeOptions;

  constructor(world: World, type: TypeName, settings: IpamdSettings, options: NodeOptions) {
    this.world = world;
    this.name = options.name ?? "node-1";
    this.#type = type;
    this.#options = options;
    world.ec2.launchInstance({
      name: this.name,
      limits: LIMITS[type],
      instanceType: type,
      subnet: options.subnet ?? "nodes",
      address: null,
      securityGroups: ["sg-node"],
      tags: {},
    });
    this.ipamd = this.#daemon(settings, options);
    this.ipamd.start();
  }

  /** Ends the daemon and starts one with these settings. */
  restart(settings: Partial<IpamdSettings> = {}, keepCheckpoint = true): void {
    this.ipamd.stop(keepCheckpoint);
    this.ipamd = this.#daemon({ ...DEFAULTS, ...settings }, { ...this.#options, previous: this.ipamd });
    this.ipamd.start();
  }

  /** CNI ADD; the address, or why there is none. */
  add(name: string, deviceNumber: number | null = null, securityGroups: readonly string[] | null = null): string {
    this.pods.add(name);
    try {
      return formatAddress(this.ipamd.add({ key: name, deviceNumber, securityGroups }).address);
    } catch (error) {
      if (!(error instanceof AddError)) throw error;
      return error.message;
    }
  }

  del(name: string): void {
    this.pods.delete(name);
    this.ipamd.del(name);
  }

  /** Adds pods one at a time, each when the pool has come to rest. */
  addSlowly(from: number, to: number): void {
    for (let n = from; n <= to; n++) {
      const address = this.add(`pod-${n}`);
      if (!/^\d/.test(address)) throw new Error(`pod-${n}: ${address}`);
      this.world.run(30 * SECOND);
    }
  }

  /** Slots of each ENI that is for pods, by device number. */
  slots(): number[] {
    return this.ipamd.enis().map((eni) => eni.slots.length);
  }

  /** `eth1: 10.0.0.5, 10.0.0.32/28` */
  shape(): string[] {
    return this.ipamd.enis().map((eni) => `${interfaceName(eni.deviceNumber)}: ${eni.slots.map(slotText).join(", ")}`);
  }

  get unused(): number {
    const { total, assigned } = this.ipamd.stats();
    return total - assigned;
  }

  logs(): string[] {
    return this.events.flatMap(({ event }) => (event.kind === "log" ? [event.message] : []));
  }

  #daemon(
    settings: IpamdSettings,
    { maxPods = 500, podEnis, seed = 2, subnet = "nodes", ...options }: NodeOptions,
  ): Ipamd {
    const { timeline, ec2 } = this.world;
    const limits = LIMITS[this.#type];
    const node = {
      name: this.name,
      instanceType: this.#type,
      limits,
      subnet,
      availabilityZone: "us-east-1a",
      maxPods,
      securityGroups: ["sg-node"],
      clusterName: "lab",
    };
    return new Ipamd(
      {
        timeline,
        ec2,
        random: new Random(seed),
        node,
        podEnis: podEnis ?? null,
        alive: (pod) => this.pods.has(pod),
        observe: (event) => this.events.push({ time: timeline.now, event }),
      },
      settings,
      options,
    );
  }
}
