import type { ContextOptions } from "../plane/context.ts";
import type { LaneCounts } from "../plane/impair/laneCounts.ts";
import type { Patch } from "../plane/rows.ts";
import type { SessionFilter, SessionSetup } from "./observation/observationMessages.ts";
import type { PlaneQuestion } from "./trialQuestion.ts";

/** What the main thread tells the plane's thread, and what comes back. Everything here is structured-cloneable. */

export interface PlaneThreadData {
  options: Omit<ContextOptions, "counters" | "lastDrops">;
  /** Float64Array of plane/counters.ts. */
  counters: SharedArrayBuffer;
  /** Int32Array of plane/lastDrops.ts. */
  lastDrops: SharedArrayBuffer;
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
  | { kind: "whatIf"; question: PlaneQuestion }
  | { kind: "conntrack" }
  | { kind: "stateHash" }
  /** Takes the verdicts of policies that are to be logged. */
  | { kind: "policyEvents" }
  /** Takes what happened to conntrack entries; on: somebody still watches. */
  | { kind: "conntrackEvents"; on: boolean }
  /** Whether the packets of conntrack entries are counted. */
  | { kind: "accounting"; on: boolean }
  /** The entries with the most bytes since the last such request, at most so many. */
  | { kind: "busiest"; asker: number; limit: number }
  /** Connections of services and endpoints (plane/services/hits.ts). */
  | { kind: "serviceHits" }
  /** Destinations of NAT gateways (plane/fabric/natConnections.ts). */
  | { kind: "natDestinations" }
  /** Begins to record packets for an observer, asks for others from now on, ends it. */
  | { kind: "observe"; setup: SessionSetup }
  | { kind: "refine"; session: number; filter: SessionFilter }
  | { kind: "endObservation"; session: number }
  /** What impairments did. */
  | { kind: "impairments" }
  /** Throws in the plane: how the process ends then is tested with it. */
  | { kind: "fault" };

export type PlaneReply =
  | { kind: "done" }
  | { kind: "decision"; decision: DecisionData; reply: DecisionData | null; sport: number }
  /** Entries in words (CTW_* of plane/conntrack/events.ts). */
  | { kind: "conntrack"; words: Int32Array<ArrayBuffer> }
  | { kind: "conntrackEvents"; words: Int32Array<ArrayBuffer>; lost: number }
  /** recent: packets and bytes of each entry since the last such request. */
  | { kind: "busiest"; words: Int32Array<ArrayBuffer>; recent: Float64Array<ArrayBuffer> }
  | { kind: "serviceHits"; report: Float64Array<ArrayBuffer> }
  | { kind: "natDestinations"; words: Int32Array<ArrayBuffer> }
  | { kind: "stateHash"; hash: number }
  | { kind: "policyEvents"; events: Int32Array; dropped: number }
  /** When the recorded times were 0, by the clock of process.hrtime. */
  | { kind: "observing"; origin: bigint }
  | { kind: "impairments"; lanes: LaneCounts[] }
  | { kind: "bad"; message: string };

export interface PlaneEnvelope<T> {
  id: number;
  body: T;
}
