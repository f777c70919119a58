import { Random } from "../../../plane/random.ts";
import { formatAddress } from "../../../plane/wire/address.ts";
import { ipamNode } from "../../nodeAgents.ts";
import type { IpamScenario, ScenarioSettings } from "../../objects/ipamScenario.ts";
import type { LabObject } from "../../objects/kinds.ts";
import type { Lab } from "../../objects/lab.ts";
import { toCidr } from "../../vpc/cidr.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import { SYSTEM_PODS } from "../../vpc/instanceTypes.ts";
import { type AgentSettings, Ipam, type IpamNode } from "../ipam.ts";
import type { NodeEvent } from "../types.ts";
import { AddressOwners } from "./addressOwners.ts";
import { Failures } from "./failures.ts";
import { HistoryHash } from "./historyHash.ts";
import { labNode, type ScenarioNode, scenarioLab, scenarioObjects } from "./scenarioLab.ts";
import { SeriesRecorder } from "./series.ts";
import { StallWatch } from "./stalls.ts";
import { Workload } from "./workload.ts";

/** How often the node's daemon is asked whether it is up, milliseconds: kubelet then reports the node as Ready. */
const READY_POLL = 1000;

/** A scenario's cluster under one of its settings, and everything that is recorded of it. */
export class SimulatedCluster {
  readonly ipam: Ipam;
  readonly workload: Workload;
  /** Addresses of each subnet that the scenario has filled it with. */
  readonly foreign = new Map<string, number>();
  readonly history = new HistoryHash();
  readonly recorder = new SeriesRecorder();
  readonly failures = new Failures();
  readonly owners = new AddressOwners();
  readonly stalls: StallWatch;
  readonly #lab: Lab;
  readonly #settings: ScenarioSettings;
  readonly #objects: ReadonlyMap<string, LabObject>;

  constructor(scenario: IpamScenario, settings: ScenarioSettings, seed: number) {
    this.#lab = scenarioLab(scenario, settings);
    this.#settings = settings;
    this.#objects = scenarioObjects(settings);
    const random = new Random(seed);
    const { vpc, kubelet } = scenario.spec;
    this.ipam = new Ipam({
      seed: random.nextInt(),
      ec2: scenario.spec.ec2,
      subnets: vpc.subnets.map((s) => ({
        name: s.name,
        cidr: toCidr(s.cidrBlock),
        availabilityZone: s.availabilityZone,
        tags: s.tags,
        reservations: s.reservations.map((r) => ({ cidr: toCidr(r.cidrBlock), type: r.type })),
      })),
      kubelet,
      observe: (node, event) => this.#observe(node, event),
      onStarted: (pod, node, milliseconds) => this.#started(pod, node, milliseconds),
    });
    const { ipam } = this;
    this.workload = new Workload(ipam.timeline, new Random(random.nextInt()), {
      bind: (pod, node) => this.#bind(pod, node),
      release: (pod) => this.#release(pod),
      drained: (node) => this.#removeNode(node),
    });
    this.stalls = new StallWatch(ipam.timeline, {
      stats: (node) => ipam.agent(node).stats(),
      nextAssignable: (node) => this.#nextAssignable(node),
      waits: (pod) => ipam.waiting(pod) !== null,
    });
  }

  /** Launches an instance. @returns null, or why EC2 did not. */
  addNode(node: ScenarioNode): string | null {
    const { ipam } = this;
    const found = this.#withParameters(ipamNode(this.#lab, labNode(node), null, this.#objects));
    try {
      ipam.addNode(found);
    } catch (error) {
      if (error instanceof Ec2Error) return error.message;
      throw error;
    }
    const capacity = Math.max(0, found.maxPods - (found.agent.mode === "standard" ? SYSTEM_PODS : 0));
    this.workload.addNode(node.name, capacity);
    this.#awaitReady(node.name);
    return null;
  }

  /** Adds to the history. */
  note(text: string): void {
    this.history.add(this.ipam.timeline.now, text);
  }

  #awaitReady(name: string): void {
    const { ipam } = this;
    if (!ipam.hasNode(name)) return;
    if (ipam.agent(name).ready) this.workload.nodeReady(name);
    else ipam.timeline.after(READY_POLL, () => this.#awaitReady(name));
  }

  #withParameters(node: IpamNode): IpamNode {
    const { assignOrder, parameters } = this.#settings;
    const { agent } = node;
    const changed: AgentSettings =
      agent.mode === "standard"
        ? { mode: "standard", settings: { ...agent.settings, assignOrder: assignOrder ?? agent.settings.assignOrder } }
        : { mode: "auto", settings: { ...agent.settings, ...definedOf(parameters ?? {}) } };
    return { ...node, agent: changed };
  }

  #bind(pod: string, node: string): void {
    const { ipam, failures, recorder } = this;
    this.note(`bind ${pod} ${node}`);
    const failed = failures.count;
    ipam.addPod({ key: pod, deviceNumber: null, securityGroups: null }, node);
    const waiting = ipam.waiting(pod);
    // A daemon that is down cannot say so: this is the CNI plugin's own message.
    if (waiting !== null && failures.count === failed) this.#failed(waiting.message, pod, node);
    recorder.waiting(ipam.waitingPods);
  }

  #release(pod: string): void {
    this.note(`gone ${pod}`);
    const node = this.ipam.waiting(pod)?.node;
    this.owners.gone(pod);
    this.ipam.removePod(pod);
    if (node !== undefined) this.stalls.changed(node);
  }

  #removeNode(node: string): void {
    this.note(`node ${node} gone`);
    this.stalls.removed(node);
    this.ipam.removeNode(node);
  }

  #started(pod: string, node: string, milliseconds: number): void {
    this.note(`started ${pod} ${node} ${milliseconds}`);
    this.recorder.started(milliseconds);
    this.workload.started(pod);
  }

  #failed(message: string, pod: string, node: string): void {
    this.failures.add(message, pod, node, this.ipam.timeline.now);
  }

  #observe(node: string, event: NodeEvent): void {
    const { history, ipam, owners, stalls } = this;
    const { now } = ipam.timeline;
    switch (event.kind) {
      case "add":
        history.add(now, `${node} add ${event.pod} ${formatAddress(event.address.address)} ${event.address.eni}`);
        owners.got(event.pod, event.address.address, node, now);
        break;
      case "addFailed":
        history.add(now, `${node} add ${event.pod} ${event.message}`);
        this.#failed(event.message, event.pod, node);
        stalls.refused(node, event.pod);
        return;
      case "del":
        history.add(
          now,
          `${node} del ${event.pod} ${event.address === null ? "-" : formatAddress(event.address.address)}`,
        );
        break;
      case "log":
        history.add(now, `${node} ${event.level} ${event.message}`);
        return;
      case "changed":
        history.add(now, `${node} changed`);
        break;
    }
    stalls.changed(node);
  }

  #nextAssignable(node: string): number | null {
    let next: number | null = null;
    for (const eni of this.ipam.agent(node).enis())
      for (const { until } of eni.cooling) if (next === null || until < next) next = until;
    return next;
  }
}

/** Without the fields that are undefined. */
function definedOf<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
