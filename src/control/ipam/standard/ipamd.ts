import { type Process, type Running, sleep, spawn } from "../../time/process.ts";
import type { Slot } from "../../vpc/eni.ts";
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
import { NodeCheckpoint } from "./checkpoint.ts";
import type { Assignment } from "./dataStore.ts";
import { DataStoreError } from "./dataStoreError.ts";
import { cleanLeakedEnis } from "./eniFree.ts";
import { releaseSlots } from "./eniSlots.ts";
import { emptyCounters, increment, type Lasting, NodeState } from "./nodeState.ts";
import { type BranchPod, knownEnis, shownEnis } from "./nodeView.ts";
import { pinnedRefusal } from "./pinnedNeed.ts";
import { PoolMonitor } from "./poolMonitor.ts";
import type { IpamdSettings } from "./settings.ts";
import { InitError, startUp } from "./startUp.ts";
import { coolingAddresses } from "./storeCounts.ts";
import { nodeViolations } from "./violations.ts";

/** What the CNI plugin tells kubelet (cmd/routed-eni-cni-plugin/cni.go). */
const ADD_FAILED = "add cmd: failed to assign an IP address to container";
const NOT_READY = "add cmd: Error received from AddNetwork gRPC call: connection error: ipamd does not answer";
/** ipamd's log where a pod with security groups cannot have its ENI (pkg/ipamd/rpc_handler.go). */
const NO_TRUNK = "Send AddNetworkReply: No trunk ENI found, cannot add a pod ENI";
const NO_BRANCH = "Send AddNetworkReply: failed to get Branch ENI resource";
/** The reason that the CNI plugin gives with every DEL. */
const DEL_REASON = "PodDeleted";
/** The store forgets the last slot of an excluded ENI so long after its last pod, milliseconds (deallocateEmptyCIDR). */
const DROP_EXCLUDED = 5000;
/** kubelet starts a container that has failed again after 10 s, then twice as long, up to 5 minutes; milliseconds. */
const FIRST_RESTART = 10_000;
const LONGEST_RESTART = 300_000;

export interface IpamdOptions {
  /** The node's daemon before this one, with other settings: its checkpoint is taken over. It must be stopped. */
  readonly previous?: Ipamd;
  /** Looks every 5 s, as ipamd does, instead of when there may be something to do. For tests: the outcome is the same. */
  readonly everyTick?: boolean;
}

/** A node's ipamd, the daemon of the Amazon VPC CNI (container aws-node of the DaemonSet of that name). */
export class Ipamd implements NodeAgent {
  readonly #input: AgentInput;
  readonly #settings: IpamdSettings;
  readonly #everyTick: boolean;
  readonly #lasting: Lasting;
  /** Pods with a branch ENI. Not in the data store, and not in its checkpoint. */
  readonly #branches = new Map<string, BranchPod>();
  readonly #processes = new Set<Running>();
  #state: NodeState | null = null;
  /** Null: start-up is not done. */
  #monitor: PoolMonitor | null = null;
  #counters: NodeCounters = emptyCounters();
  #terminated = false;

  constructor(input: AgentInput, settings: IpamdSettings, options: IpamdOptions = {}) {
    this.#input = input;
    this.#settings = settings;
    this.#everyTick = options.everyTick ?? false;
    this.#lasting = options.previous?.lasting ?? newLasting();
  }

  /** What a daemon with other settings takes over. */
  get lasting(): Lasting {
    return this.#lasting;
  }

  start(): void {
    if (this.#terminated || this.#processes.size > 0) return;
    for (const pod of this.#branches.keys()) if (!this.#input.alive(pod)) this.#branches.delete(pod);
    this.#spawn(this.#run());
  }

  stop(keepCheckpoint: boolean): void {
    for (const process of this.#processes) process.stop();
    this.#processes.clear();
    this.#state = null;
    this.#monitor = null;
    if (!keepCheckpoint) this.#lasting.checkpoint.clear();
    this.#input.observe({ kind: "changed" });
  }

  terminate(): void {
    this.#terminated = true;
    this.#branches.clear();
    this.stop(false);
  }

  adopt(pod: string, address: number): void {
    this.#lasting.checkpoint.put({ pod, address, assignedAt: this.#input.timeline.now });
  }

  get ready(): boolean {
    return this.#monitor !== null;
  }

  get counters(): NodeCounters {
    return this.#counters;
  }

  /**
   * The node's ENIs were changed by somebody else. Only who changes them behind the daemon's back has to say so, and only so
   * that it looks: it does not know what was changed until the metadata shows it.
   */
  poke(): void {
    this.#state?.watch();
    this.#monitor?.wake();
  }

  add(pod: PodRequest): PodAddress {
    try {
      const state = this.#monitor === null ? null : this.#state;
      if (state === null) throw new AddError(NOT_READY);
      this.#counters.addRequests++;
      return pod.securityGroups === null ? this.#assign(state, pod) : this.#branch(state, pod, pod.securityGroups);
    } catch (error) {
      if (error instanceof AddError) this.#input.observe({ kind: "addFailed", pod: pod.key, message: error.message });
      throw error;
    }
  }

  del(pod: string): void {
    const state = this.#monitor === null ? null : this.#state;
    // Without a daemon nothing is unassigned: it will find that the pod's veth is gone.
    if (state !== null) increment(this.#counters.delRequests, DEL_REASON);
    const address = this.#branches.get(pod)?.address ?? (state === null ? null : this.#unassign(state, pod));
    const changed = this.#branches.delete(pod) || address !== null;
    this.#input.observe({ kind: "del", pod, address });
    if (changed) this.#input.observe({ kind: "changed" });
    if (state?.pinned.done(pod) === true || changed) this.#monitor?.wake();
  }

  enis(): readonly AgentEni[] {
    if (this.#state !== null && this.#monitor !== null) return knownEnis(this.#state, this.#branches);
    return shownEnis(this.#input, this.#lasting.checkpoint, this.#branches);
  }

  stats(): AddressStats {
    const branch = this.#branches.size;
    const state = this.#monitor === null ? null : this.#state;
    if (state === null) {
      const { enis } = this.#input.node.limits;
      return {
        enis: this.enis().length - branch,
        maxEnis: enis,
        total: 0,
        assigned: 0,
        cooling: 0,
        prefixes: 0,
        branch,
      };
    }
    const { total, assigned, prefixes } = state.counts();
    const cooling = coolingAddresses(state.store);
    const maxEnis = state.maxEnis - state.unmanaged.size;
    return { enis: state.store.enis.length, maxEnis, total, assigned, cooling, prefixes, branch };
  }

  violations(): string[] {
    return this.#state === null || this.#monitor === null ? [] : nodeViolations(this.#state, this.#branches);
  }

  *#run(): Process<void> {
    for (let delay = FIRST_RESTART; ; delay = Math.min(delay * 2, LONGEST_RESTART)) {
      const state = new NodeState(this.#input, this.#settings, this.#lasting);
      this.#counters = state.counters;
      state.busy++;
      try {
        yield* startUp(state, this.#input.alive);
        state.busy--;
        yield* this.#serve(state);
      } catch (error) {
        if (!(error instanceof InitError)) throw error;
        state.log("error", error.message);
      }
      yield* sleep(delay);
    }
  }

  *#serve(state: NodeState): Process<void> {
    const monitor = new PoolMonitor(state, this.#everyTick);
    this.#state = state;
    this.#monitor = monitor;
    this.#spawn(cleanLeakedEnis(state));
    state.changed();
    yield* monitor.run();
  }

  #assign(state: NodeState, { key, deviceNumber, address: wanted = null }: PodRequest): PodAddress {
    const known = state.store.find(key);
    if (known !== null) return podAddress(known);
    if (wanted !== null) return this.#assignWanted(state, key, wanted);
    try {
      const address = podAddress(state.store.assign(key, deviceNumber));
      state.pinned.done(key);
      this.#added(state, key, address);
      return address;
    } catch (error) {
      if (!(error instanceof DataStoreError)) throw error;
      state.log("error", error.message);
      if (deviceNumber === null) throw new AddError(ADD_FAILED);
      if (state.pinned.wait(key, deviceNumber)) this.#monitor?.wake();
      throw new AddError(`${ADD_FAILED}: ${pinnedRefusal(state, deviceNumber)}`);
    }
  }

  /** For a pod that must have one address. Nothing grows for it: an ENI has the address, or the pod waits. */
  #assignWanted(state: NodeState, pod: string, wanted: number): PodAddress {
    const assignment = state.store.assignNamed(pod, wanted);
    if (typeof assignment === "string") throw new AddError(`${ADD_FAILED}: ${assignment}`);
    const address = podAddress(assignment);
    this.#added(state, pod, address);
    return address;
  }

  #branch(state: NodeState, { key }: PodRequest, securityGroups: readonly string[]): PodAddress {
    const known = this.#branches.get(key);
    if (known !== undefined) return known.address;
    const trunk = this.#input.podEnis === null ? null : state.store.trunk;
    const address = trunk === null ? null : (this.#input.podEnis?.address(key) ?? null);
    if (address === null) {
      state.log("warn", trunk === null ? NO_TRUNK : NO_BRANCH);
      // A trunk ENI is attached by the VPC resource controller, which does not say so.
      if (state.needsTrunk) this.poke();
      throw new AddError(ADD_FAILED);
    }
    this.#branches.set(key, { address, securityGroups });
    this.#added(state, key, address);
    return address;
  }

  #added(state: NodeState, pod: string, address: PodAddress): void {
    this.#input.observe({ kind: "add", pod, address });
    state.changed();
    this.#monitor?.wake();
  }

  /** The address that the pod had, or null: the store does not know it. */
  #unassign(state: NodeState, pod: string): PodAddress | null {
    if (state.store.find(pod) === null) return null;
    const gone = state.store.unassign(pod);
    const { eni, cidr } = gone;
    if (eni.excluded && cidr.assigned === 0) this.#spawn(this.#dropExcluded(state, eni.id, cidr.slot));
    // A secondary address that is left over with prefix delegation stays: ipamd means to free it, and asks whether it is a prefix.
    if (!state.store.prefixDelegation && cidr.isPrefix) this.#spawn(this.#releasePrefixes(state, eni.id));
    return podAddress(gone);
  }

  *#dropExcluded(state: NodeState, eni: string, slot: Slot): Process<void> {
    yield* sleep(DROP_EXCLUDED);
    if (!state.store.dropEmptyExcluded(eni, slot)) return;
    state.watch();
    state.changed();
    this.#monitor?.wake();
  }

  /** ENABLE_PREFIX_DELEGATION was turned off: prefixes go with their last pod. */
  *#releasePrefixes(state: NodeState, eni: string): Process<void> {
    state.busy++;
    try {
      yield* releaseSlots(state, eni, state.store.freeable(eni, "prefixes"), false);
    } finally {
      state.busy--;
    }
    this.#monitor?.wake();
  }

  #spawn(process: Process<void>): void {
    for (const running of this.#processes) if (running.ended) this.#processes.delete(running);
    this.#processes.add(spawn(this.#input.timeline, process));
  }
}

function newLasting(): Lasting {
  return { checkpoint: new NodeCheckpoint(), made: new Set(), unattached: new Map() };
}

function podAddress({ address, eni }: Assignment): PodAddress {
  return { address, eni: eni.id, deviceNumber: eni.deviceNumber, vlan: 0 };
}
