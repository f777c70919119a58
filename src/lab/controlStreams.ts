import type { ConntrackRow } from "../observe/tables.ts";
import type { PacketEvent } from "../observe/trace/packetEvent.ts";

/** What live packets are looked at: the filter of `trace` and `capture`. Everything that is given must hold. */
export interface PacketQuestion {
  /** A pcap-filter expression, or null. It holds for a packet that matches it at any place on its way. */
  readonly expression: string | null;
  /** Names: packets that a pod sent, got or was meant to get. One of them. */
  readonly pods: readonly string[];
  readonly services: readonly string[];
  readonly nodes: readonly string[];
  /** DELIVERED, DROPPED, REJECTED, QUEUED. */
  readonly verdicts: readonly string[];
  readonly reasons: readonly string[];
  /** A flow's number, eight hexadecimal digits, or null. */
  readonly flow: string | null;
  /** One of so many packets that match, 1: all. */
  readonly sample: number;
}

/** What was looked at, and what was not shown. */
export interface ObservationSummary {
  /** Packets that the plane read meanwhile. */
  readonly seen: number;
  readonly matched: number;
  /** Matched, and left out by sampling. */
  readonly sampledOut: number;
  /** Matched, and lost because they came faster than they were taken. */
  readonly lost: number;
  /** Packets that the plane read from each device, and wrote to it. */
  readonly devices: readonly { readonly name: string; readonly read: number; readonly written: number }[];
  /** Packets that were dropped meanwhile, by reason. */
  readonly drops: readonly { readonly reason: string; readonly count: number }[];
}

export interface CaptureQuestion extends PacketQuestion {
  /** Bytes of each packet that are kept. */
  readonly snaplen: number;
  readonly format: "pcapng" | "pcap";
  /** Dropped packets too, where they ended. */
  readonly drops: boolean;
  /** GSO super-packets as the segments that a wire would have. */
  readonly segments: boolean;
  /** Absolute path of a file that the lab writes itself, or null: the bytes come over the stream. */
  readonly file: string | null;
  /** Begin another file at so many bytes, or after so many seconds. */
  readonly rotateBytes: number | null;
  readonly rotateSeconds: number | null;
  /** Files that are kept of them; older ones are removed. */
  readonly rotateKeep: number | null;
  /** Whether FILE.jsonl gets the events. */
  readonly sidecar: boolean;
  /** Packets after which it ends by itself, or null. */
  readonly count: number | null;
  /** The file's directory as the command sees it: the lab has mounts of its own, and must not write elsewhere. */
  readonly directory: { readonly device: number; readonly inode: number } | null;
}

export interface CaptureSummary extends ObservationSummary {
  readonly files: readonly string[];
  /** Files before them that a rotation removed again; the numbers below count them, too. */
  readonly removed: number;
  /** Packets that are in the files, blocks (a packet is one at each place where it was seen), and bytes. */
  readonly packets: number;
  readonly written: number;
  readonly bytes: number;
}

/** What a running lab streams to a command until either of them ends it (controlStream.ts). */
export interface ControlStreams {
  trace: { argument: PacketQuestion; message: PacketEvent | { lost: number }; summary: ObservationSummary };
  /** Messages: progress, about once a second. */
  capture: {
    argument: CaptureQuestion;
    message: { packets: number; bytes: number; lost: number };
    summary: CaptureSummary;
  };
  conntrackEvents: {
    argument: null;
    message: { event: "NEW" | "UPDATE" | "DESTROY"; entry: ConntrackRow } | { lost: number };
    summary: null;
  };
}

export type StreamVerb = keyof ControlStreams;
