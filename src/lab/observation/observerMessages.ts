import type { CaptureInterface, NameRecord } from "../../observe/capture/captureFile.ts";
import type { PacketFacts } from "../../observe/trace/packetFacts.ts";

/** What a session's observer thread and the main thread tell each other; structured-cloneable. */

// Words of the control memory, an Int32Array.
/** What the main thread wants: one of RUN, FINISH, ABANDON. */
export const WANTED = 0;
/** Chunks that have been taken. */
export const CHUNKS_TAKEN = 1;
/** Answers that were posted. */
export const ANSWERS = 2;
export const CONTROL_WORDS = 3;

export const RUN = 0;
/** Nothing is recorded any more: write what is in the ring, and end. */
export const FINISH = 1;
/** Nobody takes what is written: end. */
export const ABANDON = 2;

/** A place where packets are seen. */
export interface Place {
  readonly kind: "device" | "eni";
  /** Device or ENI. */
  readonly index: number;
  readonly interface: CaptureInterface;
}

/** Where a capture's bytes go, and how. */
export interface CaptureSettings {
  readonly kind: "capture";
  readonly format: "pcapng" | "pcap";
  readonly snaplen: number;
  readonly drops: boolean;
  readonly segments: boolean;
  /** null: chunks go to the main thread. */
  readonly file: string | null;
  readonly rotateBytes: number | null;
  readonly rotateSeconds: number | null;
  readonly rotateKeep: number | null;
  readonly sidecar: boolean;
  /** Packets after which nothing more is written; null: no limit. */
  readonly count: number | null;
  /** For the section header. */
  readonly application: string;
  readonly comment: string;
  /** What there is when it begins; others come as packets are seen there. */
  readonly places: readonly Place[];
  readonly names: readonly NameRecord[];
}

export interface TraceSettings {
  readonly kind: "trace";
}

export interface ObserverData {
  readonly ring: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  /** The session's counters (observationMessages.ts), and the plane's. */
  readonly counters: SharedArrayBuffer;
  readonly planeCounters: SharedArrayBuffer;
  /** Nanoseconds since 1970 when the recorded times were 0. */
  readonly origin: bigint;
  readonly settings: CaptureSettings | TraceSettings;
}

/** A decision that a name is wanted for: its words (decisionColumns.ts), and the packet that it was met with first. */
export interface AskedDecision {
  readonly words: Int32Array;
  readonly facts: PacketFacts;
}

/** A decision in names. */
export interface DecisionText {
  /** One line. */
  readonly comment: string;
  /** Device that sent it. */
  readonly at: string;
  /** JSON of what an event has besides its own packet's fields, without the brace that it begins with. */
  readonly event: string;
}

/** How far a session has come. */
export interface Progress {
  /** Packets, and blocks (a capture has one at each place where a packet was seen), that have been written. */
  readonly packets: number;
  readonly written: number;
  readonly bytes: number;
  readonly files: readonly string[];
  /** Files before them that were removed again. */
  readonly removed: number;
}

export type FromObserver =
  | {
      readonly kind: "ask";
      readonly decisions: readonly AskedDecision[];
      readonly devices: number[];
      readonly enis: number[];
    }
  | { readonly kind: "chunk"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "progress"; readonly progress: Progress }
  /** Last message. */
  | { readonly kind: "done"; readonly progress: Progress; readonly problem: string | null };

/** The answer to "ask", in its order. */
export interface ToObserver {
  readonly texts: readonly DecisionText[];
  readonly places: readonly Place[];
}
