import { IPS_ASSURED, IPS_DST_NAT, IPS_SEEN_REPLY, IPS_SRC_NAT } from "../plane/conntrack/info.ts";
import { SCTP_STATE_NAMES } from "../plane/conntrack/sctpStates.ts";
import { TCP_STATE_NAMES } from "../plane/conntrack/tcpStates.ts";
import { C_DROPS } from "../plane/counters.ts";
import { PROTO_SCTP, PROTO_TCP } from "../plane/packet.ts";
import { REASONS } from "../plane/reasons.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { type NameSource, protocolName } from "./explain.ts";

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
  protocol: string;
  /** TCP or SCTP state by its kernel name; null for protocols that have none. */
  state: string | null;
  /** Seconds until it expires. */
  timeout: number;
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
}

export interface ReasonCount {
  code: string;
  verdict: string;
  count: number;
  text: string;
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
    protocol: protocolName(e.protocol),
    state: stateName(e),
    timeout: Math.max(0, Math.ceil(e.timeout / MS_PER_SECOND)),
    original: tuple(e.original),
    reply: tuple(e.reply),
    from: show(e.original[0]),
    toOriginal: show(e.original[1]),
    to: show(e.reply[0]),
    service: e.service < 0 ? null : names.service(e.service),
    status: STATUS_NAMES.filter(([bit]) => (e.status & bit) !== 0).map(([, name]) => name),
    mark: `0x${e.mark.toString(16)}`,
  }));
}

/** All reasons with how often they ended a packet. */
export function reasonCounts(counters: Float64Array): ReasonCount[] {
  return REASONS.slice(1).map((r, i) => ({
    code: r.code,
    verdict: r.verdict,
    count: counters[C_DROPS + i + 1],
    text: r.text,
  }));
}
