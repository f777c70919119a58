import type { CapturedPacket } from "./capturedPacket.ts";
import type { InterfaceAddress } from "./captureFile.ts";

/** A packet of a file, with its number there. */
export interface ReadPacket extends CapturedPacket {
  /** From 1, as Wireshark counts: packets that cannot be used count too. */
  readonly number: number;
}

/** An interface as a file describes it. */
export interface ReadInterface {
  readonly name: string | null;
  readonly description: string | null;
  readonly addresses: readonly InterfaceAddress[];
  /** LINKTYPE_ number (tcpdump.org/linktypes.html). */
  readonly linkType: number;
  /** Bytes; 0 for no limit. */
  readonly snapLength: number;
  /** Packets that the capture lost here, as far as the file says. */
  readonly lost: number;
}

/** Packets that are not among those that were read, or not as they stand in the file. */
export interface CaptureNote {
  /** A noun: "ARP", "LLDP", "link type 127, which is not read". */
  readonly what: string;
  readonly count: number;
  /** Number of the first of them. */
  readonly firstPacket: number;
}

/** Where a file stops making sense. */
export interface CaptureDamage {
  /** Names the offset. */
  readonly message: string;
  /** Bytes from the file's beginning. */
  readonly offset: number;
}

/** A capture file in memory. */
export interface Capture {
  readonly format: "pcap" | "pcapng";
  /** Of all sections, in the file's order. */
  readonly interfaces: readonly ReadInterface[];
  /** The IP packets in the file's order, whose times may go backwards. Their bytes are views of the file's. */
  readonly packets: readonly ReadPacket[];
  /** All packets of the file, used or not. */
  readonly total: number;
  readonly notes: readonly CaptureNote[];
  /** What stands before it was read. */
  readonly damage: CaptureDamage | null;
  /** Names that the file gives to IPv4 addresses (int32). */
  readonly names: ReadonlyMap<number, readonly string[]>;
}
