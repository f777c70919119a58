import type { Ends, ExplainedStep, Explanation } from "../explain.ts";

/** A step as it is compared; what older files do not have is null. */
export type DiffStep = Pick<ExplainedStep, "at" | "stage" | "action" | "rule" | "detail" | "reason"> & {
  readonly before: Ends | null;
  readonly after: Ends | null;
};

/** A packet of a trace, or what `why` says of one, as far as two of them are compared. */
export interface DiffPacket {
  /** Its number in its trace; 1 for the packet of a `why`. */
  readonly id: number;
  /** RFC 3339; null: a packet of a `why`. */
  readonly time: string | null;
  /** Where it was sent; null: a file that does not say so. */
  readonly at: string | null;
  readonly flow: Explanation["flow"];
  readonly verdict: string;
  readonly reason: string | null;
  readonly seen: Explanation["seen"];
  readonly steps: readonly DiffStep[];
  readonly info: string;
  /** How it compares with the capture that it was replayed from, in words; null: it was not replayed. */
  readonly against: string | null;
  /** It went through a plane. A replay has packets besides that are only compared with what came out. */
  readonly walked: boolean;
}

/** What one side of a comparison has. */
export interface DiffSide {
  /** Name to show: a file, a lab. */
  readonly name: string;
  readonly packets: readonly DiffPacket[];
}
