import type { ConntrackEntry } from "../observe/tables.ts";
import type { ContextOptions } from "../plane/context.ts";
import type { Patch } from "../plane/rows.ts";

/** What the main thread tells the plane's thread, and what comes back. Everything here is structured-cloneable. */

export interface PlaneThreadData {
  options: Omit<ContextOptions, "counters">;
  /** Float64Array of plane/counters.ts. */
  counters: SharedArrayBuffer;
  /** Int32Array(1): 1 asks the thread to stop at its next turn. */
  stop: SharedArrayBuffer;
  /** eventfd that ends the thread's wait. */
  wakeFd: number;
  /** Complete and check every packet that is written (device/verify.ts). */
  verify: boolean;
}

/** A decision as it crosses threads: the steps' columns, and the outcome. */
export interface DecisionData {
  count: number;
  columns: Int32Array[];
  outcome: Int32Array;
}

export type PlaneRequest =
  | { kind: "attach"; device: number; fds: number[]; mtu: number; name: string }
  | { kind: "detach"; device: number }
  | { kind: "patch"; patch: Patch }
  | { kind: "whatIf"; device: number; packet: Uint8Array }
  | { kind: "conntrack" }
  | { kind: "stateHash" }
  /** Takes the verdicts of policies that are to be logged. */
  | { kind: "policyEvents" }
  /** Throws in the plane: how the process ends then is tested with it. */
  | { kind: "fault" };

export type PlaneReply =
  | { kind: "done" }
  | { kind: "decision"; decision: DecisionData }
  | { kind: "conntrack"; entries: ConntrackEntry[] }
  | { kind: "stateHash"; hash: number }
  | { kind: "policyEvents"; events: Int32Array; dropped: number }
  | { kind: "bad"; message: string };

export interface PlaneEnvelope<T> {
  id: number;
  body: T;
}
