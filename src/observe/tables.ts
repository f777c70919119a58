import { IPS_ASSURED, IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from "../plane/conntrack/info.ts";
import { SCTP_STATE_NAMES } from "../plane/conntrack/sctpStates.ts";
import { TCP_STATE_NAMES } from "../plane/conntrack/tcpStates.ts";
import { C_DROPS } from "../plane/counters.ts";
import { PROTO_SCTP, PROTO_TCP } from "../plane/packet.ts";
import { REASONS } from "../plane/reasons.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { type DropExample, dropExample } from "./dropExample.ts";
import { type NameSource, protocolName } from "./explain.ts";

/** Packets and bytes of a connection: of its original direction, and of the reply's. */
export interface ConntrackCounts {
  /** Milliseconds that they have been counted for. */
  readonly age: number;
  readonly packets: readonly [number, number];
  readonly bytes: readonly [number, number];
  /** Packets and bytes since the asker asked for the busiest connections before; absent: nobody asked for those. */
  readonly recent?: readonly [packets: number, bytes: number];
}

/** One conntrack entry as the plane's thread reports it: numbers. */
export interface ConntrackEntry {
  node: number;
  protocol: number;
  state: number;
  status: number;
  mark: number;
  timeout: number;
  service: number;
  endpoint: number;
  original: readonly [number, number, number, number];
  reply: readonly [number, number, number, number];
  /** null or absent: nobody counts. */
  counts?: ConntrackCounts | null;
}

export interface TupleView {
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort: number;
}

/** One conntrack entry in names. */
export interface ConntrackRow {
  node: string;
  /** The node's zone: its place in the lab. */
  zone: number;
  protocol: string;
  protocolNumber: number;
  /** TCP or SCTP state by its kernel name; null for protocols that have none. */
  state: string | null;
  /** Seconds until it expires, rounded up. */
  timeout: number;
  /** The same in milliseconds. */
  left: number;
  original: TupleView;
  reply: TupleView;
  /** Names (or addresses) of the original source and destination, and of the end that answers. */
  from: string;
  toOriginal: string;
  to: string;
  /** The service that translated it, or null. */
  service: string | null;
  status: string[];
  mark: string;
  /** null: packets are not counted. */
  counts: ConntrackCounts | null;
}

export interface ReasonCount {
  code: string;
  verdict: string;
  count: number;
  text: string;
  /** The last packet that was dropped for it; null: none, or none that is known. */
  last: DropExample | null;
}

const MS_PER_SECOND = 1000;

/** Status bits that a person wants to see, by the names of `conntrack -L`. */
const STATUS_NAMES: readonly (readonly [number, string])[] = [
  [IPS_SEEN_REPLY, "SEEN_REPLY"],
  [IPS_ASSURED, "ASSURED"],
  [IPS_SRC_NAT, "SRC_NAT"],
  [IPS_DST_NAT, "DST_NAT"],
];

function stateName(e: ConntrackEntry): string | null {
  const states = e.protocol === PROTO_TCP ? TCP_STATE_NAMES : e.protocol === PROTO_SCTP ? SCTP_STATE_NAMES : null;
  return states === null ? null : (states[e.state] ?? String(e.state));
}

function tuple([src, dst, sport, dport]: ConntrackEntry["original"]): TupleView {
  return {
    source: formatAddress(src),
    sourcePort: sport,
    destination: formatAddress(dst),
    destinationPort: dport,
  };
}

export function conntrackRows(entries: readonly ConntrackEntry[], names: NameSource): ConntrackRow[] {
  const show = (address: number): string => names.byAddress(address) ?? formatAddress(address);
  return entries.map((e) => ({
    node: names.node(e.node),
    zone: e.node,
    protocol: protocolName(e.protocol),
    protocolNumber: e.protocol,
    state: stateName(e),
    timeout: Math.max(0, Math.ceil(e.timeout / MS_PER_SECOND)),
    left: Math.max(0, e.timeout),
    original: tuple(e.original),
    reply: tuple(e.reply),
    from: show(e.original[0]),
    toOriginal: show(e.original[1]),
    to: show(e.reply[0]),
    service: e.service < 0 ? null : names.service(e.service),
    status: STATUS_NAMES.filter(([bit]) => (e.status & bit) !== 0).map(([, name]) => name),
    mark: `0x${(e.mark >>> 0).toString(16)}`,
    counts: e.counts ?? null,
  }));
}

/** Where the last packet of each reason is read. */
export interface LastDropSource {
  readonly lastDrops: Int32Array;
  /** The plane's tick of this moment. */
  readonly tick: number;
}

/** All reasons with how often they ended a packet, and the last one where there is memory of it. */
export function reasonCounts(counters: Float64Array, drops: LastDropSource | null, names: NameSource): ReasonCount[] {
  return REASONS.slice(1).map((r, i) => ({
    code: r.code,
    verdict: r.verdict,
    count: counters[C_DROPS + i + 1],
    text: r.text,
    last: drops === null ? null : dropExample(drops.lastDrops, i + 1, drops.tick, names),
  }));
}
