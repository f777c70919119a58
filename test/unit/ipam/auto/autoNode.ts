import { expect } from "vitest";
import { AutoAgent } from "../../../../src/control/ipam/auto/autoAgent.ts";
import { type AutoSettings, DEFAULT_AUTO_PARAMETERS } from "../../../../src/control/ipam/auto/settings.ts";
import { AddError, type AgentInput, type NodeEvent, type PodAddress } from "../../../../src/control/ipam/types.ts";
import { Timeline } from "../../../../src/control/time/timeline.ts";
import { toCidr } from "../../../../src/control/vpc/cidr.ts";
import { Ec2 } from "../../../../src/control/vpc/ec2/ec2.ts";
import { DEFAULT_EC2_SETTINGS, type Ec2Settings, type InstanceLimits } from "../../../../src/control/vpc/ec2/types.ts";
import { slotText } from "../../../../src/control/vpc/eni.ts";
import { Random } from "../../../../src/plane/random.ts";
import { formatAddress } from "../../../../src/plane/wire/address.ts";

export const SECOND = 1000;
export const M5_LARGE: InstanceLimits = { enis: 3, addressesPerEni: 10, prefixes: true, branchEnis: 0 };

export const SETTINGS: AutoSettings = {
  ...DEFAULT_AUTO_PARAMETERS,
  prefixSize: "auto",
  minimalIpTarget: 1,
  podSubnets: null,
  podSecurityGroups: [],
  staticInterfaces: null,
};

export interface TestNodeInput {
  readonly settings?: Partial<AutoSettings>;
  readonly limits?: InstanceLimits;
  readonly maxPods?: number;
  /** CIDR blocks by name, all in one zone. The node is in `nodes`. */
  readonly subnets?: Readonly<Record<string, string>>;
  readonly ec2?: Partial<Ec2Settings>;
  /** Before the node is launched. */
  readonly prepare?: (ec2: Ec2) => void;
  readonly agent?: new (input: AgentInput, settings: AutoSettings) => AutoAgent;
}

/** One Auto Mode node, its EC2, and the pods that it was asked to give addresses. */
export class TestNode {
  readonly timeline = new Timeline();
  readonly ec2: Ec2;
  agent: AutoAgent;
  readonly #input: AgentInput;
  readonly events: NodeEvent[] = [];
  /** When each of them happened. */
  readonly times: number[] = [];
  /** Pods that are on the node, with their address or null. */
  readonly pods = new Map<string, PodAddress | null>();

  constructor(input: TestNodeInput = {}) {
    const { timeline } = this;
    const { limits = M5_LARGE, subnets = { nodes: "10.0.1.0/24" }, maxPods = 110 } = input;
    this.ec2 = new Ec2({
      timeline,
      random: new Random(1),
      settings: { ...DEFAULT_EC2_SETTINGS, ...input.ec2 },
      subnets: Object.entries(subnets).map(([name, cidr]) => ({
        name,
        cidr: toCidr(cidr),
        availabilityZone: "us-east-1a",
        tags: {},
        reservations: [],
      })),
    });
    input.prepare?.(this.ec2);
    const name = "node-1";
    const node = { name, subnet: "nodes", limits, securityGroups: ["nodes"] };
    this.ec2.launchInstance({ ...node, address: null, tags: {} });
    const Agent = input.agent ?? AutoAgent;
    this.#input = {
      timeline,
      ec2: this.ec2,
      random: new Random(2),
      node: { ...node, instanceType: "m5.large", availabilityZone: "us-east-1a", maxPods, clusterName: "test" },
      podEnis: null,
      alive: (pod) => this.pods.has(pod),
      observe: (event) => {
        this.events.push(event);
        this.times.push(timeline.now);
      },
    };
    this.agent = new Agent(this.#input, { ...SETTINGS, ...input.settings });
    this.agent.start();
  }

  /** Starts the daemon anew with other settings. */
  reconfigure(settings: Partial<AutoSettings>): this {
    this.agent.stop(true);
    this.agent = new AutoAgent(this.#input, { ...SETTINGS, ...settings }, { previous: this.agent });
    this.agent.start();
    return this;
  }

  /** Lets so many seconds pass. */
  pass(seconds: number): this {
    this.timeline.advance(this.timeline.now + seconds * SECOND);
    return this;
  }

  /** @returns the pod's address as text, or what the CNI plugin says. */
  add(pod: string, deviceNumber: number | null = null): string {
    try {
      const address = this.agent.add({ key: pod, deviceNumber, securityGroups: null });
      this.pods.set(pod, address);
      return formatAddress(address.address);
    } catch (error) {
      if (!(error instanceof AddError)) throw error;
      this.pods.set(pod, null);
      return error.message;
    }
  }

  /** Adds pods p1, p2, ... until there are so many, and lets a while pass where one gets no address. */
  addUpTo(count: number): this {
    for (let n = 1; n <= count; n++) {
      const pod = `p${n}`;
      for (let attempt = 0; (this.pods.get(pod) ?? null) === null; attempt++) {
        expect(attempt).toBeLessThan(20);
        this.add(pod);
        if (this.pods.get(pod) === null) this.pass(10);
      }
    }
    return this;
  }

  del(pod: string): void {
    this.agent.del(pod);
    this.pods.delete(pod);
  }

  /** Removes pods p{from} to p{to}. */
  delRange(from: number, to: number): this {
    for (let n = from; n <= to; n++) this.del(`p${n}`);
    return this;
  }

  /** ENIs as `eth0 nodes: 10.0.1.16/28 10.0.1.5`, one a line. */
  enis(): string[] {
    return this.agent.enis().map((e) => `eth${e.deviceNumber} ${e.subnet}: ${e.slots.map(slotText).join(" ")}`.trim());
  }

  /** The same as EC2 has it. */
  ec2Enis(): string[] {
    return this.ec2
      .interfaces("node-1")
      .map((e) => `eth${e.deviceNumber} ${e.subnet}: ${e.slots.map(slotText).join(" ")}`.trim());
  }

  logs(): string[] {
    return this.events.flatMap((event) => (event.kind === "log" ? [event.message] : []));
  }

  sound(): void {
    expect(this.agent.violations()).toEqual([]);
    expect(this.ec2.violations()).toEqual([]);
  }
}
