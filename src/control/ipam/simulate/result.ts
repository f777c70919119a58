import type { ActionName } from "../../objects/ipamTimeline.ts";
import type { Ec2Action } from "../../vpc/ec2/types.ts";
import type { Percentiles } from "./percentiles.ts";

/** Values at the moments of {@link Series.time}, of the whole cluster. All lists are of one length. */
export interface Series {
  /** Milliseconds since the beginning, ascending, from 0 to the end. */
  readonly time: number[];
  /** Addresses that pods have. */
  readonly assigned: number[];
  /** Addresses that were given back less than the cooldown ago. */
  readonly cooling: number[];
  /** Addresses that a pod could have at once. */
  readonly warm: number[];
  /** Addresses of the subnets that nobody has. */
  readonly subnetFree: number[];
  /** Addresses of the subnets that the nodes have: primary ones of ENIs, secondary ones, whole prefixes. */
  readonly reserved: number[];
  readonly enis: number[];
  readonly prefixes: number[];
  /** Pods on a node without address, and the most there were since the sample before. */
  readonly waiting: number[];
  readonly waitingMost: number[];
  /** Pods that no node has room for. */
  readonly unscheduled: number[];
  /** Since the beginning: EC2 calls (attempts, throttled ones included) in all and by action. */
  readonly calls: number[];
  readonly callsByAction: Readonly<Partial<Record<Ec2Action, number[]>>>;
  /** Since the beginning: calls that EC2 throttled. */
  readonly throttled: number[];
  /** Since the beginning: CNI ADDs that failed. */
  readonly failedAdds: number[];
  /** Of the pods that got their address since the sample before; null: none did. */
  readonly startDelay: (Percentiles | null)[];
}

/** A time in which a node had addresses by ipamd's own count, none of which a pod could have, and pods were refused. */
export interface Stall {
  readonly node: string;
  /** First ADD that failed so, milliseconds. */
  readonly from: number;
  /** First moment at which an address was assignable, or ipamd counted none, or no pod waited any more. */
  readonly to: number;
  /** Pods that were refused meanwhile. */
  readonly pods: number;
  /** What ipamd counted as available at the first refusal. */
  readonly available: number;
}

/** ADDs that failed with the same message. */
export interface Failure {
  readonly message: string;
  readonly count: number;
  /** The first of them. */
  readonly pod: string;
  readonly node: string;
  readonly time: number;
}

/** An address that was given to a pod while another one had it. */
export interface Duplicate {
  readonly address: string;
  readonly time: number;
  readonly node: string;
  readonly pods: readonly [had: string, got: string];
}

export interface Violation {
  readonly time: number;
  readonly text: string;
}

/** Something of the scenario's timeline that happened. */
export interface Marker {
  readonly time: number;
  readonly action: ActionName;
  readonly label: string;
}

/** What came of a scenario under one of its settings. */
export interface SimulationResult {
  readonly variant: string;
  readonly mode: "standard" | "auto";
  readonly seed: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Fingerprint of everything that happened: the same for the same scenario, variant and seed. */
  readonly history: string;
  /** Events in it. */
  readonly events: number;
  readonly series: Series;
  /** How long pods waited for their address from kubelet's first ADD on, milliseconds; null: no pod got one. */
  readonly startDelay: Percentiles | null;
  /** Pods that have no address at the end. */
  readonly waiting: number;
  readonly unscheduled: number;
  readonly calls: Readonly<Partial<Record<Ec2Action, number>>>;
  readonly throttled: number;
  /** EC2's refusals by its code, throttling not among them. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly failedAdds: number;
  readonly failures: readonly Failure[];
  readonly stalls: readonly Stall[];
  /** Pods that some stall held up. */
  readonly stalledPods: number;
  readonly duplicates: readonly Duplicate[];
  readonly violations: readonly Violation[];
  readonly markers: readonly Marker[];
}
