import type { Explanation, FlowEnd } from "../explain.ts";

/** Protocol of a packet whose bytes do not tell any. */
export const UNKNOWN_PROTOCOL = "unknown";

/** The part of a packet's event that its decision and its addresses fix: the same for all packets that are decided alike. */
export interface ExplainedDecision extends Explanation {
  /** Device that sent it: `pod/default/web-1`. */
  readonly at: string;
  /** Addresses and ports as they were in the end, where the packet was translated on its way; null: it was not. */
  readonly translated: { readonly source: FlowEnd; readonly destination: FlowEnd } | null;
}

/**
 * One packet and what became of it: a line of `trace`, an entry of a capture's sidecar, a step of `replay`'s trace. As
 * JSON it is one line.
 */
export interface PacketEvent extends ExplainedDecision {
  /** When it was read: RFC 3339 in UTC with nine decimals. */
  readonly time: string;
  /** Number of the packet since the lab began, from 1; the same in pcapng's epb_packetid, at every place where it is seen. */
  readonly id: number;
  /** Eight hexadecimal digits: one number for a connection, in both directions and on every node (plane/flowIds.ts). */
  readonly flowId: string;
  /** Bytes of IP, as read. */
  readonly length: number;
  /** TCP flags as tcpdump writes them (`S`, `S.`, `.`, `P.`, `F.`, `R`), `echo request`, `frag 1480`; "" for none. */
  readonly info: string;
}

/** A number of a flow as people and JSON see it. */
export function formatFlowId(flow: number): string {
  return (flow >>> 0).toString(16).padStart(8, "0");
}

/** Nanoseconds since 1970 as RFC 3339 with nine decimals, in UTC. */
export function formatTime(ns: bigint): string {
  const NS_PER_MS = 1_000_000n;
  const date = new Date(Number(ns / NS_PER_MS)).toISOString();
  const below = String(ns % 1_000_000_000n).padStart(9, "0");
  return `${date.slice(0, 19)}.${below}Z`;
}
