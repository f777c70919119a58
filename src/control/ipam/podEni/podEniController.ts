import { type Process, Signal, sleep, spawn, until } from "../../time/process.ts";
import type { Timeline } from "../../time/timeline.ts";
import type { Ec2Api } from "../../vpc/ec2/api.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import type { AgentNode, NodeEvent, PodEnis } from "../types.ts";
import { deleteInterface } from "./deleteQueue.ts";
import { type BranchRequest, TrunkNode, type TrunkPlace } from "./trunkNode.ts";
import { Workers } from "./workers.ts";

/** Shortest cooldown that the controller keeps to, milliseconds (MinimalCoolDownPeriod). */
const COOLDOWN_MIN = 30_000;
/** Pods that are worked on at a time (PodENIDefaultWorker). */
const WORKERS = 30;
/** A pod's job is tried again after 5 ms, then after twice as long each time (DefaultControllerRateLimiter) ... */
const RETRY_BASE = 5;
/** ... so many times (WorkQueueDefaultMaxRetries), and then with the next listing of all pods, every 30 minutes. */
const RETRIES = 5;
const RESYNC = 1_800_000;
/** How often the cleaner looks for ENIs that nothing has; it deletes those that it has seen before (ENICleanUpInterval). */
const CLEAN_INTERVAL = 1_800_000;

interface Entry extends BranchRequest {
  readonly node: string;
  /** Fires when the pod is gone. */
  readonly gone: Signal;
}

interface LeakedEni {
  readonly eni: string;
  readonly node: string;
  seen: boolean;
}

export interface PodEniInput {
  readonly timeline: Timeline;
  readonly ec2: Ec2Api;
  /** For how long a branch ENI whose pod is gone is kept, milliseconds; less than 30 s is 30 s. */
  readonly cooldown: number;
  readonly observe: (node: string, event: NodeEvent) => void;
}

/** The cluster's VPC resource controller: gives pods branch ENIs of their nodes' trunks. */
export class PodEniController {
  readonly #input: PodEniInput;
  readonly #cooldown: number;
  readonly #workers = new Workers(WORKERS);
  readonly #nodes = new Map<string, TrunkNode>();
  /** A node has come that pods may wait for. */
  readonly #nodeAdded = new Signal();
  readonly #pods = new Map<string, Entry>();
  #leaked: LeakedEni[] = [];

  constructor(input: PodEniInput) {
    this.#input = input;
    this.#cooldown = Math.max(input.cooldown, COOLDOWN_MIN);
  }

  /**
   * Gives a node its trunk ENI. A node that is there already keeps its own.
   *
   * @param place where the trunk goes if not into the node's subnet with the node's security groups: an ENIConfig's; and
   *   MAX_ENI.
   */
  addNode(node: AgentNode, place: Partial<TrunkPlace> = {}): void {
    if (this.#nodes.has(node.name)) return;
    const { timeline, ec2, observe } = this.#input;
    const { subnet, securityGroups, limits } = node;
    const trunk = new TrunkNode({
      timeline,
      ec2,
      node,
      place: { subnet, securityGroups, maxEnis: limits.enis, ...place },
      cooldown: this.#cooldown,
      observe: (event) => observe(node.name, event),
      leak: (eni) => this.#leak(eni, node.name),
    });
    this.#nodes.set(node.name, trunk);
    this.#nodeAdded.fire();
  }

  /** The node goes, and its pods with it; its branch ENIs are deleted a minute later. */
  removeNode(name: string): void {
    this.#nodes.get(name)?.remove();
    this.#nodes.delete(name);
    for (const entry of this.#pods.values()) {
      if (entry.node !== name) continue;
      this.#pods.delete(entry.pod);
      // Its ENI stays until the node's others are deleted; one that is being made is not wanted any more.
      if (entry.address === null) entry.released = true;
      entry.gone.fire();
    }
  }

  /** What the node's daemon knows of its pods' branch ENIs: the annotations of the pods. */
  forNode(name: string): PodEnis {
    return {
      address: (pod) => {
        const entry = this.#pods.get(pod);
        return entry?.node === name ? entry.address : null;
      },
    };
  }

  /**
   * A pod that a SecurityGroupPolicy matches is bound to a node. Asked again for the same pod and node, nothing happens; of
   * another node, the pod is a new one.
   *
   * @param what security groups, the branch ENI's subnet by name (the trunk's), and the address that it must have, if any.
   */
  request(
    pod: string,
    node: string,
    what: Pick<BranchRequest, "securityGroups" | "subnet"> & { readonly address?: number | null },
  ): void {
    if (this.#pods.get(pod)?.node === node) return;
    this.release(pod);
    const { securityGroups, subnet, address: wanted = null } = what;
    const gone = new Signal();
    const entry: Entry = { pod, node, securityGroups, subnet, wanted, address: null, released: false, gone };
    this.#pods.set(pod, entry);
    spawn(this.#input.timeline, this.#provide(entry));
  }

  /** A pod is gone; one that has no branch ENI is no error. */
  release(pod: string): void {
    const entry = this.#pods.get(pod);
    if (entry === undefined) return;
    this.#pods.delete(pod);
    this.#nodes.get(entry.node)?.release(entry);
    entry.released = true;
    entry.gone.fire();
  }

  /** Branch ENIs that the node's pods may have (vpc.amazonaws.com/pod-eni): 0 before its trunk is attached. */
  capacity(node: string): number {
    return this.#nodes.get(node)?.capacity ?? 0;
  }

  /** Branch ENIs of the node's pods, those that are being made included. */
  used(node: string): number {
    return this.#nodes.get(node)?.used ?? 0;
  }

  /** Branch ENIs of the node that have no pod any more and are not deleted yet. */
  cooling(node: string): number {
    return this.#nodes.get(node)?.cooling ?? 0;
  }

  /** Whether the node has its trunk, its pods have their branch ENIs and no ENI waits for its deletion. */
  settled(node: string): boolean {
    if (this.#nodes.get(node)?.settled === false) return false;
    for (const entry of this.#pods.values()) if (entry.node === node && entry.address === null) return false;
    return true;
  }

  *#provide(entry: Entry): Process<void> {
    let failures = 0;
    while (!entry.released) {
      const node = this.#nodes.get(entry.node);
      if (node === undefined) {
        yield* until(this.#nodeAdded);
        continue;
      }
      if (!(yield* node.awaitTrunk())) continue;
      yield* this.#workers.enter();
      let wait: number | null = null;
      try {
        if (entry.released) return;
        if (!node.hasRoom()) wait = this.#cooldown;
        else yield* node.create(entry);
      } catch (error) {
        if (!(error instanceof Ec2Error)) throw error;
        this.#log(entry.node, "error", `no branch ENI for ${entry.pod}: ${error.message}`);
        wait = failures < RETRIES ? RETRY_BASE * 2 ** failures : this.#untilNext(RESYNC);
        failures = failures < RETRIES ? failures + 1 : 0;
      } finally {
        this.#workers.leave();
      }
      if (wait === null) return;
      yield* until(entry.gone, wait);
    }
  }

  #leak(eni: string, node: string): void {
    this.#leaked.push({ eni, node, seen: false });
    if (this.#leaked.length === 1) spawn(this.#input.timeline, this.#clean());
  }

  *#clean(): Process<void> {
    while (this.#leaked.length > 0) {
      yield* sleep(this.#untilNext(CLEAN_INTERVAL));
      const seen = this.#leaked.filter((leaked) => leaked.seen);
      for (const leaked of this.#leaked) leaked.seen = true;
      for (const leaked of seen) {
        try {
          yield* deleteInterface(this.#input.ec2, leaked.eni);
          this.#leaked = this.#leaked.filter((other) => other !== leaked);
        } catch (error) {
          if (!(error instanceof Ec2Error)) throw error;
          this.#log(leaked.node, "error", `leaked branch ENI ${leaked.eni} was not deleted: ${error.message}`);
        }
      }
    }
  }

  /** Milliseconds until the next whole multiple of a period on the timeline. */
  #untilNext(period: number): number {
    return period - (this.#input.timeline.now % period);
  }

  #log(node: string, level: "warn" | "error", message: string): void {
    this.#input.observe(node, { kind: "log", level, message });
  }
}
