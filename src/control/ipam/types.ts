import type { Random } from "../../plane/random.ts";
import type { Timeline } from "../time/timeline.ts";
import type { Ec2Api } from "../vpc/ec2/api.ts";
import type { InstanceLimits } from "../vpc/ec2/types.ts";
import type { Eni } from "../vpc/eni.ts";

/** A pod that asks for an address. */
export interface PodRequest {
  /** `pod/default/web-1` */
  readonly key: string;
  /** Device number of the ENI it must be of (a lab's annotation, not AWS's), or null for any. */
  readonly deviceNumber: number | null;
  /** The address that it must have, int32 (a lab's annotation, not AWS's); null or nothing: any. */
  readonly address?: number | null;
  /** Security groups of a SecurityGroupPolicy that matches it: it gets a branch ENI of its own. Null: none matches. */
  readonly securityGroups: readonly string[] | null;
}

/** Where a pod's address lives. */
export interface PodAddress {
  /** int32. */
  readonly address: number;
  /** Id of the ENI that has it. */
  readonly eni: string;
  /** Device number of that ENI; of its trunk for a branch ENI. */
  readonly deviceNumber: number;
  /** VLAN of the branch ENI, 0: an ordinary ENI. */
  readonly vlan: number;
}

/** Why a pod gets no address: the text that the CNI plugin gives kubelet. Kubelet tries again. */
export class AddError extends Error {}

/** Counts of a node's addresses, as ipamd counts them (datastore.GetIPStats) and beyond. */
export interface AddressStats {
  readonly enis: number;
  readonly maxEnis: number;
  /** Of the current kind (prefixes or secondary addresses) and of ENIs that pods may use. */
  readonly total: number;
  readonly assigned: number;
  /** Given back less than the cooldown ago: not assignable, and yet counted as available by ipamd. */
  readonly cooling: number;
  readonly prefixes: number;
  /** Pods with a branch ENI; their addresses are in none of the other counts. */
  readonly branch: number;
}

/** What happened on a node, for the timeline of a simulation, metrics and tests. */
export type NodeEvent =
  | { readonly kind: "add"; readonly pod: string; readonly address: PodAddress }
  | { readonly kind: "addFailed"; readonly pod: string; readonly message: string }
  | { readonly kind: "del"; readonly pod: string; readonly address: PodAddress | null }
  /** Something an operator would find in ipamd's log. */
  | { readonly kind: "log"; readonly level: "info" | "warn" | "error"; readonly message: string }
  /** ENIs, slots or assignments changed: whoever shows or forwards by them looks again. */
  | { readonly kind: "changed" };

/** Counters that ipamd exports as awscni_*: they only grow, and begin again when the daemon does. */
export interface NodeCounters {
  /** awscni_add_ip_req_count */
  addRequests: number;
  /** awscni_del_ip_req_count, by reason ("PodDeleted", ...). */
  readonly delRequests: Map<string, number>;
  /** awscni_reconcile_count, by function. */
  readonly reconciles: Map<string, number>;
  /** awscni_ipamd_error_count, by function. */
  readonly errors: Map<string, number>;
  /** awscni_no_available_ip_addresses */
  noAvailableAddress: number;
  /** awscni_force_removed_enis, awscni_force_removed_ips */
  forceRemovedEnis: number;
  forceRemovedIps: number;
  /** awscni_pod_eni_error_count, by function. */
  readonly podEniErrors: Map<string, number>;
}

/**
 * The daemon that gives a node's pods their addresses: ipamd in Standard mode, Auto Mode's own. It decides when to attach
 * ENIs, prefixes and secondary addresses and when to give them back; nothing else changes a node's ENIs.
 */
export interface NodeAgent {
  /** Starts the daemon as a process of the timeline. It takes over what it finds attached. */
  start(): void;
  /**
   * Ends the daemon. What it kept in memory is lost; ENIs stay, and so do pods.
   *
   * @param keepCheckpoint false: the checkpoint file is lost too, as on a node whose disk was wiped.
   */
  stop(keepCheckpoint: boolean): void;
  /** A pod has had an address since before the daemon's first start: its checkpoint says so. */
  adopt(pod: string, address: number): void;
  /** Whether it answers: not before its start-up is done. */
  readonly ready: boolean;
  /**
   * CNI ADD. Answers at once, the same address when asked again.
   *
   * @throws AddError where it has none.
   */
  add(pod: PodRequest): PodAddress;
  /** CNI DEL; a pod without address is no error. */
  del(pod: string): void;
  /** The node is going away: its ENIs are deleted with it, as EC2 does on termination. */
  terminate(): void;
  /** The instance's ENIs in the order of their device numbers, branch ENIs last. */
  enis(): readonly AgentEni[];
  stats(): AddressStats;
  readonly counters: NodeCounters;
  /** What must always hold; each violation as a sentence. Empty: all is well. Costs a pass over all addresses. */
  violations(): string[];
}

/** An ENI with what the daemon knows of its pods. */
export interface AgentEni extends Eni {
  readonly id: string;
  readonly kind: "primary" | "secondary" | "trunk" | "branch";
  /** VLAN of a branch ENI, 0: no branch ENI. */
  readonly vlan: number;
  /** Whether pods may have its addresses: not an excluded one's, a trunk's, or the primary one's with custom networking. */
  readonly forPods: boolean;
  /** Addresses in use by pods. */
  readonly assigned: readonly { readonly address: number; readonly pod: string }[];
  /** Addresses that cool down, with the time (ms on the timeline) when they become assignable. */
  readonly cooling: readonly { readonly address: number; readonly until: number }[];
  readonly securityGroups: readonly string[];
}

/** What a daemon knows of its node, and what it works with. */
export interface AgentInput {
  readonly timeline: Timeline;
  readonly ec2: Ec2Api;
  /** The daemon's own; every random choice of its is drawn from here. */
  readonly random: Random;
  readonly node: AgentNode;
  /** Branch ENIs of the node's pods; null: pods get none (ENABLE_POD_ENI is off, or the type takes no trunk). */
  readonly podEnis: PodEnis | null;
  /** Whether a pod's host veth is there, which a restarted daemon asks of every pod in its checkpoint. */
  readonly alive: (pod: string) => boolean;
  /** Called for everything that happens, at its moment of the timeline. */
  readonly observe: (event: NodeEvent) => void;
}

export interface AgentNode {
  /** Also the name of the EC2 instance. Its primary ENI is attached before the daemon starts. */
  readonly name: string;
  readonly instanceType: string;
  readonly limits: InstanceLimits;
  /** Name of the primary ENI's subnet. */
  readonly subnet: string;
  readonly availabilityZone: string;
  /** kubelet's --max-pods. */
  readonly maxPods: number;
  /** Of the primary ENI. */
  readonly securityGroups: readonly string[];
  readonly clusterName: string;
}

/** The branch ENIs that the VPC resource controller has made for a node's pods. */
export interface PodEnis {
  /** The pod's branch ENI, once the pod is annotated with it; null: not yet. */
  address(pod: string): PodAddress | null;
}
