import { Random } from "../../plane/random.ts";
import { type Process, sleep, spawn } from "../time/process.ts";
import { Timeline } from "../time/timeline.ts";
import { Ec2 } from "../vpc/ec2/ec2.ts";
import type { Ec2Settings, Ec2Subnet, PlacedEni } from "../vpc/ec2/types.ts";
import { AutoAgent } from "./auto/autoAgent.ts";
import type { AutoSettings } from "./auto/settings.ts";
import { DEFAULT_KUBELET, type KubeletSettings, Kubelets, type WaitingPod } from "./kubelets.ts";
import { PodEniController } from "./podEni/podEniController.ts";
import type { TrunkPlace } from "./podEni/trunkNode.ts";
import { Ipamd } from "./standard/ipamd.ts";
import type { IpamdSettings } from "./standard/settings.ts";
import type { AgentEni, AgentInput, AgentNode, NodeAgent, NodeEvent, PodAddress, PodRequest } from "./types.ts";

/** Which daemon a node runs, and how it is set. */
export type AgentSettings =
  | { readonly mode: "standard"; readonly settings: IpamdSettings }
  | { readonly mode: "auto"; readonly settings: AutoSettings };

/** Cooldown of branch ENIs, milliseconds (amazon-vpc-resource-controller-k8s, `branch-eni-cooldown`). */
export const DEFAULT_BRANCH_COOLDOWN = 60_000;

export interface IpamInput {
  readonly seed: number;
  readonly ec2: Ec2Settings;
  readonly subnets: readonly Ec2Subnet[];
  readonly kubelet?: KubeletSettings;
  readonly branchCooldown?: number;
  /** Called for everything that happens on a node, at its moment. */
  readonly observe?: (node: string, event: NodeEvent) => void;
  /** A pod has its address, so many milliseconds after kubelet first asked for it. */
  readonly onStarted?: (pod: string, node: string, milliseconds: number) => void;
}

export interface IpamNode extends AgentNode {
  /** Primary address of the instance, int32; null: EC2 chooses. */
  readonly address: number | null;
  /** ENIs that it has from the start, the primary one among them; none: a primary ENI alone. */
  readonly enis?: readonly PlacedEni[];
  readonly agent: AgentSettings;
}

interface NodeEntry {
  node: IpamNode;
  agent: NodeAgent;
}

/** How often kubelet looks whether a daemon that starts is up, milliseconds. */
const READY_POLL = 1000;

/**
 * The addresses of a cluster over time: EC2, a daemon on every node, and the kubelets that ask for their pods' addresses
 * and ask again. It moves by its timeline alone: the same input, and the same calls at the same moments, give the same
 * history.
 */
export class Ipam {
  readonly timeline = new Timeline();
  readonly ec2: Ec2;
  readonly #observer: (node: string, event: NodeEvent) => void;
  readonly #random: Random;
  readonly #kubelets: Kubelets;
  readonly #podEnis: PodEniController;
  readonly #nodes = new Map<string, NodeEntry>();
  #version = 0;
  #changedAt = 0;

  constructor(input: IpamInput) {
    const { timeline } = this;
    this.#random = new Random(input.seed);
    this.#observer = input.observe ?? (() => {});
    this.ec2 = new Ec2({ timeline, random: this.#fork(), settings: input.ec2, subnets: input.subnets });
    this.#podEnis = new PodEniController({
      timeline,
      ec2: this.ec2,
      cooldown: input.branchCooldown ?? DEFAULT_BRANCH_COOLDOWN,
      observe: (node, event) => this.#observe(node, event),
    });
    this.#kubelets = new Kubelets({
      timeline,
      random: this.#fork(),
      settings: input.kubelet ?? DEFAULT_KUBELET,
      agentOf: (node) => {
        const agent = this.#nodes.get(node)?.agent;
        return agent?.ready === true ? agent : null;
      },
      onStarted: input.onStarted ?? (() => {}),
    });
  }

  /** Grows with every change of an ENI, a slot or a pod's address. */
  get version(): number {
    return this.#version;
  }

  /** Pods without address. */
  get waitingPods(): number {
    return this.#kubelets.waitingPods;
  }

  /**
   * Launches an instance and starts its daemon.
   *
   * @throws Ec2Error where the subnet has no address for it.
   */
  addNode(node: IpamNode): void {
    if (this.#nodes.has(node.name)) throw new RangeError(`${node.name} is there already`);
    const { name, instanceType, limits, subnet, address, securityGroups, enis = [] } = node;
    this.ec2.launchInstance({ name, instanceType, limits, subnet, address, securityGroups, tags: {}, enis });
    const agent = this.#agent(node, null);
    this.#nodes.set(name, { node, agent });
    if (this.#takesBranches(node)) this.#podEnis.addNode(node, this.#trunkPlace(node));
    this.#start(name, agent);
    this.#change();
  }

  /** Terminates an instance; its pods go with it, its ENIs are deleted. */
  removeNode(name: string): void {
    const entry = this.#entry(name);
    this.#kubelets.removeNode(name);
    this.#podEnis.removeNode(name);
    entry.agent.terminate();
    this.#nodes.delete(name);
    this.ec2.terminateInstance(name);
    this.#change();
  }

  nodes(): string[] {
    return [...this.#nodes.keys()];
  }

  hasNode(name: string): boolean {
    return this.#nodes.has(name);
  }

  /** A pod is bound to a node; kubelet asks for its address within this call, and again while there is none. */
  addPod(pod: PodRequest, node: string): void {
    const entry = this.#entry(node);
    if (pod.securityGroups !== null) {
      const subnet = this.#trunkPlace(entry.node).subnet ?? entry.node.subnet;
      this.#podEnis.request(pod.key, node, { ...pod, securityGroups: pod.securityGroups, subnet });
    }
    this.#kubelets.add(pod, node);
  }

  /**
   * A pod that has its address since before the node's daemon starts, as the daemon's checkpoint tells it. To be called for
   * a node that has just been added; where no ENI of the node has the address, the pod asks for it as any other.
   */
  adoptPod(pod: PodRequest & { readonly address: number }, node: string): void {
    if (pod.securityGroups === null) this.#entry(node).agent.adopt(pod.key, pod.address);
    this.addPod(pod, node);
  }

  /** A pod is gone from its node; no such pod is no error. */
  removePod(pod: string): void {
    this.#kubelets.remove(pod);
    this.#podEnis.release(pod);
  }

  /** Null: it waits ({@link waiting}), or there is no such pod. */
  address(pod: string): PodAddress | null {
    return this.#kubelets.address(pod);
  }

  waiting(pod: string): WaitingPod | null {
    return this.#kubelets.waiting(pod);
  }

  addresses(): ReturnType<Kubelets["addresses"]> {
    return this.#kubelets.addresses();
  }

  enis(node: string): readonly AgentEni[] {
    return this.#entry(node).agent.enis();
  }

  /** The node's daemon, for its counts. @throws RangeError for a node that is not there */
  agent(node: string): NodeAgent {
    return this.#entry(node).agent;
  }

  node(name: string): IpamNode {
    return this.#entry(name).node;
  }

  /** Branch ENIs that a node has and may have at most. */
  branches(node: string): { readonly used: number; readonly capacity: number } {
    return { used: this.#podEnis.used(node), capacity: this.#podEnis.capacity(node) };
  }

  /**
   * Restarts a node's daemon with other settings, as a changed DaemonSet does: its checkpoint stays, its pods keep their
   * addresses. The mode cannot change.
   */
  configure(node: IpamNode): void {
    const entry = this.#entry(node.name);
    const { agent } = entry;
    agent.stop(true);
    entry.node = node;
    entry.agent = this.#agent(node, agent);
    if (this.#takesBranches(node)) this.#podEnis.addNode(node, this.#trunkPlace(node));
    this.#start(node.name, entry.agent);
    this.#change();
  }

  /** Ends a node's daemon and starts it again after a while. @param keepCheckpoint NodeAgent.stop */
  restartAgent(name: string, keepCheckpoint: boolean, downMilliseconds: number): void {
    const { agent } = this.#entry(name);
    agent.stop(keepCheckpoint);
    this.#change();
    this.timeline.after(downMilliseconds, () => {
      if (this.#nodes.get(name)?.agent === agent) this.#start(name, agent);
    });
  }

  /** Runs everything up to that time, milliseconds on the timeline. */
  advance(time: number): void {
    this.timeline.advance(time);
  }

  /**
   * Runs until the cluster has come to rest: no pod waits, or none of those that do gets on, and nothing has changed for
   * `quiet` milliseconds.
   *
   * @param limit milliseconds after which it gives up.
   * @returns whether it came to rest.
   */
  settle(quiet: number, limit: number): boolean {
    const end = this.timeline.now + limit;
    this.#changedAt = this.timeline.now;
    for (;;) {
      const rest = this.#changedAt + quiet;
      const next = this.timeline.next();
      if (next === null || next > rest) {
        this.timeline.advance(Math.min(rest, end));
        return rest <= end;
      }
      if (next > end) {
        this.timeline.advance(end);
        return false;
      }
      this.timeline.step();
    }
  }

  /**
   * What must always hold, over all nodes and EC2; each violation as a sentence.
   *
   * @param duplicates false: not that two pods have one address, which the real daemons bring about too, after a restart
   *   without their checkpoint.
   */
  violations({ duplicates = true } = {}): string[] {
    const found = [...this.ec2.violations()];
    const owners = new Map<number, string>();
    for (const { pod, node, address } of this.#kubelets.addresses()) {
      const other = owners.get(address.address);
      if (duplicates && other !== undefined) found.push(`${pod} and ${other} have the same address`);
      owners.set(address.address, pod);
      if (!this.#nodes.has(node)) found.push(`${pod} is on ${node}, which is gone`);
    }
    for (const [name, { agent }] of this.#nodes) found.push(...agent.violations().map((v) => `${name}: ${v}`));
    return found;
  }

  #agent(node: IpamNode, previous: NodeAgent | null): NodeAgent {
    const input: AgentInput = {
      timeline: this.timeline,
      ec2: this.ec2,
      random: this.#fork(),
      node,
      podEnis: this.#takesBranches(node) ? this.#podEnis.forNode(node.name) : null,
      alive: (pod) => this.#kubelets.nodeOf(pod) === node.name,
      observe: (event) => this.#observe(node.name, event),
    };
    const { agent } = node;
    if (agent.mode === "auto")
      return new AutoAgent(input, agent.settings, previous instanceof AutoAgent ? { previous } : {});
    return new Ipamd(input, agent.settings, previous instanceof Ipamd ? { previous } : {});
  }

  #start(name: string, agent: NodeAgent): void {
    agent.start();
    spawn(this.timeline, this.#awaitReady(name, agent));
  }

  *#awaitReady(name: string, agent: NodeAgent): Process<void> {
    const isCurrent = () => this.#nodes.get(name)?.agent === agent;
    while (isCurrent() && !agent.ready) yield* sleep(READY_POLL);
    if (isCurrent()) this.#kubelets.agentReady(name);
  }

  #takesBranches(node: IpamNode): boolean {
    return node.agent.mode === "standard" && node.agent.settings.podEni && node.limits.branchEnis > 0;
  }

  /** Trunk and branch ENIs are of the ENIConfig's subnet where there is one, else of the primary ENI's. */
  #trunkPlace({ agent, limits }: IpamNode): Partial<TrunkPlace> {
    if (agent.mode === "auto") return {};
    const { customNetworking, maxEni } = agent.settings;
    const maxEnis = Math.min(limits.enis, maxEni ?? limits.enis);
    if (typeof customNetworking === "string") return { maxEnis };
    const { subnet, securityGroups } = customNetworking;
    return { maxEnis, subnet, ...(securityGroups.length > 0 ? { securityGroups } : {}) };
  }

  #entry(name: string): NodeEntry {
    const entry = this.#nodes.get(name);
    if (entry === undefined) throw new RangeError(`no node ${name}`);
    return entry;
  }

  #observe(node: string, event: NodeEvent): void {
    if (event.kind !== "log" && event.kind !== "addFailed") this.#change();
    this.#observer(node, event);
  }

  #change(): void {
    this.#version++;
    this.#changedAt = this.timeline.now;
  }

  #fork(): Random {
    return new Random(this.#random.nextInt());
  }
}
