import type { PacketEvent } from "../../observe/trace/packetEvent.ts";
import type { Comparison } from "./comparison.ts";

/** What was done with a packet of a capture. */
export type ReplayAction =
  /** It was sent again where it was captured as sent. */
  | "sent"
  /** It was received; the far end of its flow sent it. */
  | "answered"
  /** It was received and belongs to no flow of the replay; whoever has its source address sent it. */
  | "entered"
  /** It was seen on its way, or where it arrived; the replay brings it there by itself. */
  | "compared"
  /** Nothing: nobody in the lab would have sent it. */
  | "left out";

export const REPLAY_VERDICTS = [
  "DELIVERED",
  "DROPPED",
  "REJECTED",
  "QUEUED",
  "COMPARED",
  "MISSING",
  "NOT_SENT",
  "NO_POINT",
  "SKIPPED",
] as const;

/**
 * What became of a packet. COMPARED: it came out in the replay as well (the comparison says how alike). MISSING: it did not.
 * NOT_SENT: it answers a packet that is missing. NO_POINT: nobody in the lab sends or receives it. SKIPPED: it was captured
 * at another point than the one that is replayed.
 */
export type ReplayVerdict = (typeof REPLAY_VERDICTS)[number];

export interface ReplayDetails {
  readonly action: ReplayAction;
  /** Where it was captured: `pod/default/web-1`, `node-1/eth0`; null: nowhere that the lab knows. */
  readonly point: string | null;
  /** What came out at a point since the packet before, against what was captured there; of earlier packets, too. */
  readonly comparisons: readonly Comparison[];
  /** For people: what was done to the packet, what is odd about it. */
  readonly notes: readonly string[];
}

/** A packet of a capture in a replay. `id` is its number in the capture, as Wireshark counts. */
export interface ReplayEvent extends Omit<PacketEvent, "verdict"> {
  readonly verdict: ReplayVerdict;
  readonly replay: ReplayDetails;
}

/** Whether a packet was put into the plane, so that its verdict is the plane's. */
export function isWalked(event: ReplayEvent): event is ReplayEvent & PacketEvent {
  return event.replay.action !== "compared" && event.replay.action !== "left out";
}

/** Takes what a replay's plane did, as a capture of it has it. All bytes are the callee's to read during the call. */
export interface ReplayRecorder {
  /** @param event of a packet that was put in at a device; @param captured bytes of it that the capture had */
  sent(time: bigint, device: number, bytes: Uint8Array, captured: number, event: ReplayEvent & PacketEvent): void;
  atEni(time: bigint, eni: number, out: boolean, bytes: Uint8Array, captured: number, id: number): void;
  /** @param id of the packet that came out, or that the plane answered */
  received(time: bigint, device: number, bytes: Uint8Array, captured: number, id: number): void;
}

/** What a replay came to. */
export interface ReplaySummary {
  /** Packets of the capture that could be read as IP, and all of them. */
  readonly packets: number;
  readonly total: number;
  readonly actions: Readonly<Record<ReplayAction, number>>;
  /** By verdict, in the order of their first packet. */
  readonly verdicts: readonly { readonly verdict: ReplayVerdict; readonly count: number }[];
  /** Packets that the plane dropped meanwhile, by reason. */
  readonly drops: readonly { readonly reason: string; readonly count: number }[];
  /** Packets that came out where they were captured: as captured, but for an address or port, otherwise. */
  readonly compared: { readonly equal: number; readonly translated: number; readonly different: number };
  /** Packets that were captured where they did not come out. */
  readonly missing: number;
  /** Packets that came out at a point of capture and are not in the capture, with the first few. */
  readonly extra: { readonly count: number; readonly first: readonly string[] };
  /** Packets that the plane held for a while, and that came out. */
  readonly released: number;
  /** Packets that the plane still holds: fragments, impairments. */
  readonly held: number;
  /** Packets whose time lies before another one's that stands in front of them. */
  readonly earlier: number;
  /** Packets that were captured in part. */
  readonly truncated: number;
  /** When the virtual clock stopped, RFC 3339; null: there was no packet. */
  readonly end: string | null;
  /** What is to be known of the capture: packets that are no IP, damage. */
  readonly notes: readonly string[];
}
