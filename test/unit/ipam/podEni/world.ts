import { PodEniController } from "../../../../src/control/ipam/podEni/podEniController.ts";
import type { TrunkPlace } from "../../../../src/control/ipam/podEni/trunkNode.ts";
import type { AgentNode, NodeEvent } from "../../../../src/control/ipam/types.ts";
import { type Process, sleep, spawn } from "../../../../src/control/time/process.ts";
import { Timeline } from "../../../../src/control/time/timeline.ts";
import { Ec2 } from "../../../../src/control/vpc/ec2/ec2.ts";
import { Ec2Error } from "../../../../src/control/vpc/ec2/ec2Error.ts";
import { DEFAULT_EC2_SETTINGS, type NetworkInterface } from "../../../../src/control/vpc/ec2/types.ts";
import { Random } from "../../../../src/plane/random.ts";
import { parseAddress } from "../../../../src/plane/wire/address.ts";

export const block = (text: string, length: number) => ({ prefix: parseAddress(text) ?? 0, length });

const subnet = (name: string, cidr: { prefix: number; length: number }, availabilityZone = "a") => ({
  name,
  cidr,
  availabilityZone,
  tags: {},
  reservations: [],
});

/** EC2 that refuses what a test tells it to, and takes its time. */
export class MoodyEc2 extends Ec2 {
  /** By how many milliseconds an association takes longer. */
  associationDelay = 0;
  /** Calls that are still to fail. */
  readonly failing = { associate: 0, delete: 0 };

  override *associateTrunkInterface(trunk: string, branch: string, vlan: number): Process<void> {
    if (this.failing.associate-- > 0) throw new Ec2Error("UnsupportedOperation", "no association today");
    yield* sleep(this.associationDelay);
    yield* super.associateTrunkInterface(trunk, branch, vlan);
  }

  override *deleteNetworkInterface(eni: string): Process<void> {
    if (this.failing.delete-- > 0) throw new Ec2Error("InvalidParameterValue", "in use");
    yield* super.deleteNetworkInterface(eni);
  }
}

/** m5.large, but for the number of branch ENIs. */
export function agentNode(name: string, branchEnis = 9, subnetName = "nodes"): AgentNode {
  return {
    name,
    instanceType: "m5.large",
    limits: { enis: 3, addressesPerEni: 10, prefixes: true, branchEnis },
    subnet: subnetName,
    availabilityZone: "a",
    maxPods: 29,
    securityGroups: ["node"],
    clusterName: "test",
  };
}

/** A controller with its EC2: calls take 1 s (create), 0.5 s (associate, delete), a trunk is up 7.2 s after its node. */
export class World {
  readonly timeline = new Timeline();
  readonly ec2: MoodyEc2;
  readonly controller: PodEniController;
  readonly logs: string[] = [];
  changes = 0;

  constructor({ cooldown = 60_000, jitter = 0, nodeLength = 24 } = {}) {
    const { timeline } = this;
    this.ec2 = new MoodyEc2({
      timeline,
      random: new Random(1),
      settings: { ...DEFAULT_EC2_SETTINGS, throttle: null, jitter },
      subnets: [subnet("nodes", block("10.0.1.0", nodeLength)), subnet("pods", block("10.0.2.0", 24))],
    });
    const observe = (node: string, event: NodeEvent) => {
      if (event.kind === "log") this.logs.push(`${timeline.now} ${node} ${event.level}: ${event.message}`);
      if (event.kind === "changed") this.changes++;
    };
    this.controller = new PodEniController({ timeline, ec2: this.ec2, cooldown, observe });
  }

  launch({ name, limits, subnet: of, securityGroups }: AgentNode): void {
    this.ec2.launchInstance({ name, limits, subnet: of, address: null, securityGroups, tags: {} });
  }

  addNode(node: AgentNode, place: Partial<TrunkPlace> = {}): void {
    this.launch(node);
    this.controller.addNode(node, place);
  }

  /** Another's ENI on an instance. */
  *attachOther(instance: string, deviceNumber: number): Process<void> {
    const { id } = yield* this.ec2.createNetworkInterface({
      subnet: "nodes",
      securityGroups: [],
      description: "",
      tags: {},
      secondaryAddresses: 0,
      prefixes: 0,
    });
    yield* this.ec2.attachNetworkInterface(id, instance, deviceNumber);
  }

  request(pod: string, node = "n1", groups: readonly string[] = ["web"], of = "nodes"): void {
    this.controller.request(pod, node, { securityGroups: groups, subnet: of });
  }

  /** VLAN of a pod's branch ENI; null: it has none yet. */
  vlan(pod: string, node = "n1"): number | null {
    return this.controller.forNode(node).address(pod)?.vlan ?? null;
  }

  enis(type: NetworkInterface["interfaceType"]): NetworkInterface[] {
    return [...this.ec2.allInterfaces()].filter((eni) => eni.interfaceType === type);
  }

  /** Ids of the branch ENIs there are. */
  branches(): string[] {
    return this.enis("branch").map((eni) => eni.id);
  }

  run(process: Process<void>): void {
    spawn(this.timeline, process);
  }
}
