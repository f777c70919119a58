import { type Process, type Running, Signal, sleep, spawn, until } from "../../time/process.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import type { NetworkInterface } from "../../vpc/ec2/types.ts";
import { AssignOrder } from "../standard/assignOrder.ts";
import { NodeCheckpoint } from "../standard/checkpoint.ts";
import { type Assignment, DataStore } from "../standard/dataStore.ts";
import { emptyCounters, increment } from "../standard/nodeState.ts";
import {
  AddError,
  type AddressStats,
  type AgentEni,
  type AgentInput,
  type NodeAgent,
  type NodeCounters,
  type PodAddress,
  type PodRequest,
} from "../types.ts";
import { agentEni, findViolations, pinnedRefusal } from "./autoFacts.ts";
import { eniSubnets, nextPlan, type PlanInput, planOf } from "./autoPlan.ts";
import { AutoPool, type PoolSlot } from "./autoPool.ts";
import { type ActionsInput, EniActions } from "./eniActions.ts";
import type { AutoSettings } from "./settings.ts";
import { SubnetStates } from "./subnetStates.ts";

/** What the CNI plugin gives kubelet (cmd/routed-eni-cni-plugin/cni.go). */
const ADD_FAILED = "add cmd: failed to assign an IP address to container";
/** Reason of a DEL in awscni_del_ip_req_count. */
const POD_DELETED = "PodDeleted";
/** Milliseconds until a daemon that could not read its ENIs tries again; ours. */
const START_RETRY = 5000;

/** What outlives the daemon. */
interface Lasting extends Pick<ActionsInput, "unattached"> {
  /** On the node's disk. */
  readonly checkpoint: NodeCheckpoint;
}

/** What a run of the daemon has in memory: a new one at each start. */
interface Run extends PlanInput {
  readonly counters: NodeCounters;
  readonly order: AssignOrder;
  readonly actions: EniActions;
}

/**
 * The daemon that gives pods their addresses on a node of EKS Auto Mode. AWS publishes what it does and not how: it is
 * modelled on ipamd, whose data store it uses, with the differences that the EKS user guide names (README.md).
 */
export class AutoAgent implements NodeAgent {
  readonly #input: AgentInput;
  readonly #settings: AutoSettings;
  readonly #lasting: Lasting;
  readonly #demand = new Signal();
  #run: Run;
  #running: Running | null = null;
  #ready = false;
  /** When the last look that did something ended: looks are so many intervals later. Milliseconds on the timeline. */
  #anchor = 0;
  /** When the daemon means to look next; null: not before a signal. */
  #lookAt: number | null = null;

  /** @param options previous: the node's daemon before this one, with other settings; which is stopped; its checkpoint is taken over. */
  constructor(input: AgentInput, settings: AutoSettings, options: { readonly previous?: AutoAgent } = {}) {
    this.#input = input;
    this.#settings = settings;
    const { previous } = options;
    if (previous === undefined) {
      this.#lasting = { checkpoint: new NodeCheckpoint(), unattached: new Set() };
      this.#run = this.#newRun(input.ec2.metadata(input.node.name));
    } else {
      this.#lasting = previous.#lasting;
      // What is shown until it has started; the daemon before it is stopped.
      this.#run = previous.#run;
    }
  }

  get ready(): boolean {
    return this.#ready;
  }

  get counters(): NodeCounters {
    return this.#run.counters;
  }

  start(): void {
    if (this.#running !== null) return;
    this.#running = spawn(this.#input.timeline, this.#live());
  }

  stop(keepCheckpoint: boolean): void {
    this.#running?.stop();
    this.#running = null;
    this.#ready = false;
    if (!keepCheckpoint) this.#lasting.checkpoint.clear();
  }

  terminate(): void {
    this.stop(false);
    // Attached ENIs are deleted with the instance; for the others there is EKS, which finds them by their tags.
    if (this.#lasting.unattached.size > 0) spawn(this.#input.timeline, this.#run.actions.deleteUnattached());
  }

  adopt(pod: string, address: number): void {
    this.#lasting.checkpoint.put({ pod, address, assignedAt: this.#input.timeline.now });
  }

  add(pod: PodRequest): PodAddress {
    const { pool, counters } = this.#run;
    counters.addRequests++;
    const known = pool.store.find(pod.key);
    if (known !== null) return podAddress(known);
    if (this.#ready && pod.address !== undefined && pod.address !== null) return this.#addNamed(pod.key, pod.address);
    // Security groups for pods are none of Auto Mode's: a SecurityGroupPolicy changes nothing.
    const assignment = this.#ready ? pool.store.assignFrom(pod.key, this.#candidates(pod.deviceNumber)) : null;
    if (assignment === null) throw this.#refuse(pod);
    return this.#added(pod.key, assignment);
  }

  /** For a pod that must have one address. Nothing grows for it: an ENI has the address, or the pod waits. */
  #addNamed(pod: string, wanted: number): PodAddress {
    const assignment = this.#run.pool.store.assignNamed(pod, wanted);
    if (typeof assignment !== "string") return this.#added(pod, assignment);
    const message = `${ADD_FAILED}: ${assignment}`;
    this.#input.observe({ kind: "addFailed", pod, message });
    throw new AddError(message);
  }

  #added(pod: string, assignment: Assignment): PodAddress {
    this.#run.pool.endWait(pod);
    this.#podsChanged();
    const address = podAddress(assignment);
    this.#input.observe({ kind: "add", pod, address });
    return address;
  }

  del(pod: string): void {
    const { pool, counters } = this.#run;
    increment(counters.delRequests, POD_DELETED);
    pool.endWait(pod);
    const known = pool.store.find(pod);
    if (known !== null) pool.store.unassign(pod);
    this.#podsChanged();
    this.#input.observe({ kind: "del", pod, address: known === null ? null : podAddress(known) });
  }

  enis(): readonly AgentEni[] {
    const { name } = this.#input.node;
    return this.#run.pool.store.enis.map((eni) => agentEni(name, eni, this.#run.pool.store));
  }

  stats(): AddressStats {
    const { pool, node } = this.#run;
    const { enis } = pool.store;
    const prefixes = enis.reduce((sum, eni) => sum + [...eni.cidrs.values()].filter((c) => c.isPrefix).length, 0);
    return { ...pool.counts(), enis: enis.length, maxEnis: node.limits.enis, prefixes, branch: 0 };
  }

  violations(): string[] {
    return findViolations(this.#input.node, this.#run.pool, this.#ready ? this.#lasting.checkpoint : null);
  }

  /**
   * When to look at the pool next: on the grid of the monitor's interval, not before a look could do something. Null: not
   * before something happens.
   */
  protected nextLook(anchor: number): number | null {
    const { now } = this.#input.timeline;
    const at = planOf(this.#run) === null ? nextPlan(this.#run) : now;
    if (at === null) return null;
    const { monitorInterval } = this.#settings;
    return anchor + Math.max(1, Math.ceil((at - anchor) / monitorInterval)) * monitorInterval;
  }

  *#live(): Process<void> {
    const { timeline } = this.#input;
    yield* this.#startUp();
    this.#anchor = timeline.now;
    for (;;) {
      const at = this.nextLook(this.#anchor);
      this.#lookAt = at;
      yield* until(this.#demand, at === null ? null : at - timeline.now);
      if (at === null || timeline.now < at) continue;
      if (yield* this.#look()) this.#anchor = timeline.now;
    }
  }

  /** @returns whether there was something to do. */
  *#look(): Process<boolean> {
    const plan = planOf(this.#run);
    if (plan === null) return false;
    yield* this.#run.actions.carryOut(plan);
    return true;
  }

  *#startUp(): Process<void> {
    const { ec2, node, alive } = this.#input;
    let found: readonly NetworkInterface[] | null = null;
    while (found === null) {
      try {
        found = yield* ec2.describeNetworkInterfaces(node.name);
      } catch (error) {
        if (!(error instanceof Ec2Error)) throw error;
        this.#log("error", `describeNetworkInterfaces: ${error.code}: ${error.message}`);
        yield* sleep(START_RETRY);
      }
    }
    for (const { id } of found) this.#lasting.unattached.delete(id);
    this.#run = this.#newRun(found);
    const { pool, actions } = this.#run;
    for (const pod of pool.store.restore(alive)) this.#log("warn", `${pod} has an address that no ENI has; dropped`);
    pool.update();
    yield* actions.deleteUnattached();
    if (this.#settings.podSubnets?.length === 0)
      this.#log("error", `no pod subnet is in ${node.availabilityZone}: pods get no address`);
    if (this.#settings.staticInterfaces !== null) yield* actions.launch(this.#settings.staticInterfaces);
    else yield* this.#look();
    this.#ready = true;
    this.#input.observe({ kind: "changed" });
  }

  #newRun(enis: readonly NetworkInterface[]): Run {
    const { timeline, node, random } = this.#input;
    const settings = this.#settings;
    const counters = emptyCounters();
    const order = new AssignOrder(settings.assignOrder, random);
    const store = new DataStore({
      now: () => timeline.now,
      order,
      checkpoint: this.#lasting.checkpoint,
      counters,
      prefixDelegation: settings.prefixSize === "auto" && node.limits.prefixes,
      cooldown: settings.addressCooldown,
    });
    for (const eni of enis) {
      // An ENI of EFA's kind has no address for pods, and the primary one none while pods have subnets of their own.
      if (eni.deviceNumber === null || eni.interfaceType !== "interface") continue;
      const stored = store.addEni({ ...eni, deviceNumber: eni.deviceNumber });
      for (const slot of eni.slots) store.addCidr(eni.id, slot);
      const forNode = stored.primary && settings.podSubnets !== null;
      store.setExcluded(eni.id, forNode || !eniSubnets(node, settings).includes(eni.subnet));
    }
    const pool = new AutoPool(store, settings, node.maxPods);
    const states = new SubnetStates(settings, () => timeline.now);
    const plan = { node, settings, pool, states };
    const actions = new EniActions({ ...plan, input: this.#input, unattached: this.#lasting.unattached, counters });
    return { ...plan, counters, order, actions };
  }

  /** Slots for a pod in the order in which to try them, those of the cooldown pool last. */
  #candidates(deviceNumber: number | null): PoolSlot[] {
    const { pool, order } = this.#run;
    const needed: PoolSlot[] = [];
    const unneeded: PoolSlot[] = [];
    for (const eni of order.of(pool.usable())) {
      if (deviceNumber !== null && eni.deviceNumber !== deviceNumber) continue;
      for (const cidr of order.of([...eni.cidrs.values()]))
        (pool.isUnneeded(cidr) ? unneeded : needed).push({ eni, cidr });
    }
    return needed.concat(unneeded);
  }

  #refuse(pod: PodRequest): AddError {
    const { pool, counters } = this.#run;
    const { key, deviceNumber } = pod;
    if (this.#ready) {
      counters.noAvailableAddress++;
      pool.wait(key, deviceNumber);
      this.#podsChanged();
    }
    const message = deviceNumber === null ? ADD_FAILED : `${ADD_FAILED}: ${pinnedRefusal(this.#run, deviceNumber)}`;
    this.#input.observe({ kind: "addFailed", pod: key, message });
    return new AddError(message);
  }

  /** Pods came or went: the pool may need a look sooner, or later. */
  #podsChanged(): void {
    this.#run.pool.update();
    if (this.nextLook(this.#anchor) !== this.#lookAt) this.#demand.fire();
  }

  #log(level: "info" | "warn" | "error", message: string): void {
    this.#input.observe({ kind: "log", level, message });
  }
}

function podAddress({ address, eni }: Assignment): PodAddress {
  return { address, eni: eni.id, deviceNumber: eni.deviceNumber, vlan: 0 };
}
