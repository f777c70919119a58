import { type Process, Signal, sleep, spawn, until } from "../../time/process.ts";
import type { Timeline } from "../../time/timeline.ts";
import type { Ec2Api } from "../../vpc/ec2/api.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import type { InterfaceType, NetworkInterface } from "../../vpc/ec2/types.ts";
import { interfaceName } from "../../vpc/eni.ts";
import type { AgentNode, NodeEvent, PodAddress } from "../types.ts";
import { DeleteQueue, deleteInterface } from "./deleteQueue.ts";
import { Vlans } from "./vlans.ts";

/**
 * A trunk that could not be made is tried again with the node's next event: kubelet reports its status every 5 minutes
 * (nodeStatusReportFrequency).
 */
const TRUNK_RETRY = 300_000;
/** How often a node without a free ENI place is looked at again, milliseconds. ipamd does every 5 s. */
const PLACE_POLL = 30_000;
/** A node's branch ENIs are deleted so long after it went (NodeDeleteRequeueRequestDelay), milliseconds. */
const NODE_DELETE_DELAY = 60_000;

/** A pod that gets a branch ENI, or has it. */
export interface BranchRequest {
  readonly pod: string;
  /** Empty: the trunk's. */
  readonly securityGroups: readonly string[];
  readonly subnet: string;
  /** The address that it must have, int32; null: any. */
  readonly wanted: number | null;
  /** Null until the pod is annotated. */
  address: PodAddress | null;
  /** The pod is gone. */
  released: boolean;
}

/** Where a node's trunk ENI goes: its own subnet and security groups, or those of its ENIConfig. */
export interface TrunkPlace {
  readonly subnet: string;
  readonly securityGroups: readonly string[];
  /** Most ENIs of the node, the trunk included: the type's limit, or MAX_ENI. */
  readonly maxEnis: number;
}

export interface TrunkNodeInput {
  readonly timeline: Timeline;
  readonly ec2: Ec2Api;
  readonly node: AgentNode;
  readonly place: TrunkPlace;
  /** Milliseconds. */
  readonly cooldown: number;
  readonly observe: (event: NodeEvent) => void;
  /** Takes an ENI that could not be deleted. */
  readonly leak: (eni: string) => void;
}

/** A node's trunk ENI and its branch ENIs. */
export class TrunkNode {
  readonly #input: TrunkNodeInput;
  readonly #vlans = new Vlans();
  /** Annotated, by pod. */
  readonly #branches = new Map<string, BranchRequest>();
  readonly #queue: DeleteQueue;
  readonly #trunkUp = new Signal();
  #trunk: { readonly id: string; readonly deviceNumber: number } | null = null;
  #creating = 0;
  /** The node is gone. */
  #removed = false;

  constructor(input: TrunkNodeInput) {
    this.#input = input;
    const { timeline, ec2, node, place, cooldown, observe, leak } = input;
    this.#queue = new DeleteQueue({
      timeline,
      ec2,
      cooldown,
      onDeleted: (vlan) => {
        this.#vlans.free(vlan);
        observe({ kind: "changed" });
      },
      onError: (message) => this.#log("error", message),
      leak,
    });
    if (this.takesTrunk) spawn(timeline, this.#run());
    else
      this.#log(
        "warn",
        node.limits.branchEnis === 0
          ? `${node.instanceType} takes no trunk ENI: its pods get no branch ENIs`
          : `no trunk ENI with at most ${place.maxEnis} ENI: pods get no branch ENIs`,
      );
  }

  get takesTrunk(): boolean {
    const { node, place } = this.#input;
    return node.limits.branchEnis > 0 && place.maxEnis > 1;
  }

  /** vpc.amazonaws.com/pod-eni that the node offers: nothing before its trunk is there. */
  get capacity(): number {
    return this.#trunk === null ? 0 : this.#input.node.limits.branchEnis;
  }

  /** Branch ENIs of pods, those under way included. */
  get used(): number {
    return this.#branches.size + this.#creating;
  }

  /** Branch ENIs without pod that are not deleted yet. */
  get cooling(): number {
    return this.#queue.size;
  }

  /** Whether nothing is under way and nothing will be without a pod that comes or goes. */
  get settled(): boolean {
    return (this.#trunk !== null || !this.takesTrunk || this.#removed) && this.#creating === 0 && this.cooling === 0;
  }

  /** Waits for the trunk; false: there will be none any more. */
  *awaitTrunk(): Process<boolean> {
    while (this.#trunk === null && !this.#removed) yield* until(this.#trunkUp);
    return !this.#removed;
  }

  hasRoom(): boolean {
    return this.used + this.cooling < this.#input.node.limits.branchEnis && !this.#vlans.allUsed;
  }

  /**
   * Makes a pod's branch ENI, and sees to it that what was made is deleted where it fails.
   *
   * @throws Ec2Error; RangeError without a trunk or without room.
   */
  *create(request: BranchRequest): Process<void> {
    const trunk = this.#trunk;
    const vlan = this.#vlans.take();
    if (trunk === null || vlan === null) throw new RangeError(`no trunk or no VLAN for ${request.pod}`);
    this.#creating++;
    let eni: NetworkInterface;
    try {
      eni = yield* this.#createAssociated(request, trunk.id, vlan);
    } finally {
      this.#creating--;
    }
    if (request.released) this.#queue.addAtOnce(eni.id, vlan);
    else {
      const { deviceNumber } = trunk;
      request.address = { address: eni.address, eni: eni.id, deviceNumber, vlan };
      this.#branches.set(request.pod, request);
      this.#input.observe({ kind: "changed" });
    }
  }

  /** The pod is gone: its branch ENI cools down. */
  release(request: BranchRequest): void {
    const { address } = request;
    request.released = true;
    request.address = null;
    if (address === null || !this.#branches.delete(request.pod)) return;
    this.#queue.add(address.eni, address.vlan);
    this.#input.observe({ kind: "changed" });
  }

  /** The node is gone, and the trunk with it; branch ENIs stay a while for its pods to end. */
  remove(): void {
    if (this.#removed) return;
    this.#removed = true;
    this.#trunkUp.fire();
    spawn(this.#input.timeline, this.#removeLater());
  }

  *#run(): Process<void> {
    while (!this.#removed && this.#trunk === null) yield* this.#tryTrunk();
    if (this.#removed) return;
    this.#trunkUp.fire();
    yield* this.#queue.run();
  }

  /** Makes the trunk, or waits until it is worth another try. */
  *#tryTrunk(): Process<void> {
    const { ec2, node, place } = this.#input;
    try {
      const attached = yield* ec2.describeNetworkInterfaces(node.name);
      const found = attached.find((eni) => eni.interfaceType === "trunk");
      if (found !== undefined) {
        // The controller takes over the trunk that an instance has (pkg/provider/branch/trunk/trunk.go, InitTrunk).
        this.#trunk = { id: found.id, deviceNumber: found.deviceNumber ?? 0 };
        this.#input.observe({ kind: "changed" });
        return;
      }
      const used = new Set(attached.map((eni) => eni.deviceNumber));
      const enis = attached.filter((eni) => eni.interfaceType !== "branch").length;
      let deviceNumber = node.limits.enis - 1;
      while (used.has(deviceNumber)) deviceNumber--;
      if (enis >= place.maxEnis || deviceNumber <= 0) {
        this.#log("warn", `no place for a trunk ENI: ${enis} of ${place.maxEnis} ENIs are attached`);
        yield* sleep(PLACE_POLL);
        return;
      }
      const { id } = yield* this.#createAttached(deviceNumber);
      if (this.#removed) return;
      this.#trunk = { id, deviceNumber };
      this.#log("info", `trunk ENI ${id} is attached as ${interfaceName(deviceNumber)}`);
      this.#input.observe({ kind: "changed" });
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      if (this.#removed) return;
      this.#log("error", `no trunk ENI: ${error.message}`);
      yield* until(this.#trunkUp, TRUNK_RETRY);
    }
  }

  *#createAttached(deviceNumber: number): Process<NetworkInterface> {
    const { ec2, node, place } = this.#input;
    const eni = yield* this.#createOf("trunk", "aws-k8s-trunk-eni", place.subnet, place.securityGroups, {});
    try {
      yield* ec2.attachNetworkInterface(eni.id, node.name, deviceNumber);
    } catch (error) {
      try {
        yield* deleteInterface(ec2, eni.id);
      } catch (another) {
        if (!(another instanceof Ec2Error)) throw another;
        this.#input.leak(eni.id);
      }
      throw error;
    }
    return eni;
  }

  *#createAssociated(request: BranchRequest, trunk: string, vlan: number): Process<NetworkInterface> {
    const { ec2, place } = this.#input;
    const groups = request.securityGroups.length > 0 ? request.securityGroups : place.securityGroups;
    const tags = { "vpcresources.k8s.aws/vlan-id": String(vlan), "vpcresources.k8s.aws/trunk-eni-id": trunk };
    let eni: NetworkInterface;
    try {
      const { subnet, wanted } = request;
      eni = yield* this.#createOf("branch", "aws-k8s-branch-eni", subnet, groups, tags, wanted);
    } catch (error) {
      this.#vlans.free(vlan);
      throw error;
    }
    try {
      yield* ec2.associateTrunkInterface(trunk, eni.id, vlan);
    } catch (error) {
      this.#queue.addAtOnce(eni.id, vlan);
      throw error;
    }
    return eni;
  }

  #createOf(
    interfaceType: InterfaceType,
    description: string,
    subnet: string,
    securityGroups: readonly string[],
    tags: Readonly<Record<string, string>>,
    address: number | null = null,
  ): Process<NetworkInterface> {
    const { ec2, node } = this.#input;
    return ec2.createNetworkInterface({
      subnet,
      interfaceType,
      address,
      securityGroups,
      description,
      tags: {
        ...tags,
        "node.k8s.amazonaws.com/instance_id": node.name,
        "eks:eni:owner": "eks-vpc-resource-controller",
        [`kubernetes.io/cluster/${node.clusterName}`]: "owned",
      },
      secondaryAddresses: 0,
      prefixes: 0,
    });
  }

  *#removeLater(): Process<void> {
    yield* sleep(NODE_DELETE_DELAY);
    for (const request of [...this.#branches.values()]) this.release(request);
    yield* this.#queue.close();
  }

  #log(level: "info" | "warn" | "error", message: string): void {
    this.#input.observe({ kind: "log", level, message });
  }
}
