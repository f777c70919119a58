import type { ObjectFilter } from "../../observe/filter/objectFilter.ts";

/** Which packets a session is about: the bytes at one of the places where a packet is seen, and its decision. */
export interface SessionFilter {
  /** pcap-filter expression, with the addresses (int32) of the names in it; null: none. */
  readonly expression: string | null;
  readonly addresses: ReadonlyMap<string, readonly number[]>;
  /** null: none. */
  readonly objects: ObjectFilter | null;
}

/** What the main thread tells the plane's thread of a session; structured-cloneable. */
export interface SessionSetup {
  /** 0 to {@link MAX_SESSIONS} - 1. */
  readonly session: number;
  /** From createRing(). */
  readonly ring: SharedArrayBuffer;
  /** From createSessionCounters(). */
  readonly counters: SharedArrayBuffer;
  /** Bytes of a packet that are kept. */
  readonly snaplen: number;
  /** Whether packets are recorded at ENIs and where they are written, too; otherwise where they are read. */
  readonly everywhere: boolean;
  /** Whether a line about a decision will do, without all of its stages. */
  readonly outline: boolean;
  readonly filter: SessionFilter;
  /** One of so many packets that match. */
  readonly sample: number;
}

/** Sessions at once: bits of a byte. */
export const MAX_SESSIONS = 8;

// A session's counters: the plane's thread writes, others read.
/** Packets that were read while the session went on. */
export const S_SEEN = 0;
export const S_MATCHED = 1;
/** Matched, and left out by sampling. */
export const S_SAMPLED_OUT = 2;
/** Matched, and had no room in the ring. */
export const S_LOST = 3;
/** Outputs of packets that were recorded, without room. */
export const S_LOST_OUT = 4;
/** From here on, for each device: packets from it, or for it, that were lost. */
export const S_LOST_AT = 8;

/** Shared memory of a session's counters. */
export function createSessionCounters(devices: number): SharedArrayBuffer {
  return new SharedArrayBuffer((S_LOST_AT + devices) * Float64Array.BYTES_PER_ELEMENT);
}
