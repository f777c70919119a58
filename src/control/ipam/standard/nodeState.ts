import { Signal } from "../../time/process.ts";
import type { NetworkInterface } from "../../vpc/ec2/types.ts";
import type { AgentInput, NodeCounters } from "../types.ts";
import { AssignOrder } from "./assignOrder.ts";
import type { NodeCheckpoint } from "./checkpoint.ts";
import { DataStore } from "./dataStore.ts";
import type { StoredEni } from "./dataStoreEni.ts";
import { allocatableEnis, givesAddresses } from "./eniRules.ts";
import { FreedCache } from "./freedCache.ts";
import { PinnedPods } from "./pinnedPods.ts";
import type { PoolCounts, PoolLimits, PoolTargets } from "./poolTarget.ts";
import type { IpamdSettings } from "./settings.ts";
import { poolCounts } from "./storeCounts.ts";

/** After InsufficientCidrBlocks or InsufficientFreeAddressesInSubnet the pool is left alone for so long, milliseconds. */
const INSUFFICIENT_BACKOFF = 120_000;
/**
 * So long after a change in EC2 the daemon looks at the metadata again and again, since it does not know by how much that
 * lags; a choice of podplane's, milliseconds. ipamd looks always.
 */
const METADATA_WATCH = 200_000;

/** What outlives the daemon. */
export interface Lasting {
  /** On the node's disk. */
  readonly checkpoint: NodeCheckpoint;
  /** ENIs that the daemon made. In AWS they are tagged so (node.k8s.amazonaws.com/instance_id), and it asks for the tag. */
  readonly made: Set<string>;
  /** Those of them that are not attached, with the time since when, milliseconds. */
  readonly unattached: Map<string, number>;
}

export function emptyCounters(): NodeCounters {
  return {
    addRequests: 0,
    delRequests: new Map(),
    reconciles: new Map(),
    errors: new Map(),
    noAvailableAddress: 0,
    forceRemovedEnis: 0,
    forceRemovedIps: 0,
    podEniErrors: new Map(),
  };
}

export function increment(counters: Map<string, number>, name: string): void {
  counters.set(name, (counters.get(name) ?? 0) + 1);
}

/** What a run of the daemon has in memory (ipamd's IPAMContext): a new one at each start. */
export class NodeState {
  readonly input: AgentInput;
  readonly settings: IpamdSettings;
  readonly lasting: Lasting;
  readonly counters: NodeCounters = emptyCounters();
  readonly order: AssignOrder;
  readonly targets: PoolTargets;
  readonly limits: PoolLimits;
  /** The instance type's ENIs, or MAX_ENI where that is less. */
  readonly maxEnis: number;
  readonly store: DataStore;
  readonly freed = new FreedCache();
  readonly pinned = new PinnedPods();
  /** Attached ENIs that are tagged node.k8s.amazonaws.com/no_manage, by id. */
  unmanaged: ReadonlyMap<string, NetworkInterface> = new Map();
  /** Times on the timeline in milliseconds, null: not yet. */
  lastInsufficient: number | null = null;
  lastDecrease: number | null = null;
  /** Last change of the pool, or reconciliation: the next is a minute later. */
  lastAction: number | null = null;
  watchUntil: number;
  /** Whether the last reconciliation saw metadata that is not as the store has it. */
  differed = false;
  /** Processes that are at work: the store may be ahead of EC2, or behind it. */
  busy = 0;
  /** An ENI could not be deleted. */
  readonly leaked = new Signal();

  constructor(input: AgentInput, settings: IpamdSettings, lasting: Lasting) {
    const { limits, maxPods } = input.node;
    this.input = input;
    this.settings = settings;
    this.lasting = lasting;
    this.order = new AssignOrder(settings.assignOrder, input.random);
    const prefixDelegation = settings.prefixDelegation && limits.prefixes;
    this.targets = { ...settings, prefixDelegation };
    this.limits = { slotsPerEni: limits.addressesPerEni - 1, maxPods };
    this.maxEnis = settings.maxEni === null ? limits.enis : Math.min(settings.maxEni, limits.enis);
    this.watchUntil = input.timeline.now + METADATA_WATCH;
    this.store = new DataStore({
      now: () => input.timeline.now,
      order: this.order,
      checkpoint: lasting.checkpoint,
      counters: this.counters,
      prefixDelegation,
      cooldown: settings.cooldown,
    });
  }

  get now(): number {
    return this.input.timeline.now;
  }

  get instance(): string {
    return this.input.node.name;
  }

  get customNetworking(): boolean {
    return this.settings.customNetworking !== "off";
  }

  counts(): PoolCounts {
    return poolCounts(this.store);
  }

  log(level: "info" | "warn" | "error", message: string): void {
    this.input.observe({ kind: "log", level, message });
  }

  /** ENIs, slots or assignments changed. */
  changed(): void {
    this.input.observe({ kind: "changed" });
  }

  /** EC2 changed, or somebody says so: metadata may differ from the store for a while. */
  watch(): void {
    this.watchUntil = this.now + METADATA_WATCH;
  }

  error(fn: string): void {
    increment(this.counters.errors, fn);
  }

  /** Until when the pool is left alone; both ends included. Null: it is not. */
  get backoffUntil(): number | null {
    if (this.lastInsufficient === null) return null;
    const until = this.lastInsufficient + INSUFFICIENT_BACKOFF;
    return this.now <= until ? until : null;
  }

  /** Whether the node is to have a trunk ENI and has none yet. */
  get needsTrunk(): boolean {
    return this.settings.podEni && this.store.trunk === null;
  }

  /** Whether another ENI can be attached (hasRoomForEni): a trunk ENI that is to come keeps its place. */
  hasRoomForEni(): boolean {
    if (this.settings.customNetworking === "missing") return false;
    const forTrunk = this.needsTrunk && this.input.node.limits.branchEnis > 0 ? 1 : 0;
    // ipamd takes the excluded ENIs from both sides.
    return this.store.enis.length < this.maxEnis - this.unmanaged.size - forTrunk;
  }

  /** Whether new slots of an ENI are for pods. */
  givesAddresses(eni: StoredEni): boolean {
    return givesAddresses(eni, this.customNetworking);
  }

  allocatableEnis(): StoredEni[] {
    return allocatableEnis(this.store, this.limits.slotsPerEni, this.customNetworking);
  }
}
