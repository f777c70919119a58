import type { ConntrackRow, TupleView } from "./tables.ts";

/** Conntrack entries as conntrack(8) of conntrack-tools 1.4.7 prints them (libnetfilter_conntrack, src/conntrack/snprintf_default.c). */

export type ConntrackEventName = "NEW" | "UPDATE" | "DESTROY";

export interface LineOptions {
  /** `-o extended`: layer 3 protocol and number in front. */
  readonly extended: boolean;
  /** The node's zone, where it is not 0. As a node itself prints its own entries, there is none. */
  readonly zone: boolean;
}

const PROTO_GRE = 47;
/** Protocols that conntrack(8) knows by name (l4proto2str). */
const PROTOCOL_NAMES: ReadonlyMap<number, string> = new Map([
  [1, "icmp"],
  [6, "tcp"],
  [17, "udp"],
  [33, "dccp"],
  [PROTO_GRE, "gre"],
  [58, "icmpv6"],
  [132, "sctp"],
  [136, "udplite"],
]);
const WITHOUT_PORTS: ReadonlySet<string> = new Set(["unknown", "gre", "icmp", "icmpv6"]);
const NAME_WIDTH = 8;
const MS_PER_SECOND = 1000;
const EVENT_WIDTH = 9;

/** A line of `conntrack -L`. */
export function conntrackLine(row: ConntrackRow, options: LineOptions): string {
  return `${entryText(row, options, Number(row.mark), true)} use=1`;
}

/** A line of `conntrack -E`: a mark of 0 is no part of an event, nor is a use count. */
export function conntrackEventLine(event: ConntrackEventName, row: ConntrackRow, options: LineOptions): string {
  const ended = event === "DESTROY";
  // What ended because its time was up has none left (ctnetlink_dump_timeout, skip_zero).
  const hasTimeout = !ended || row.left >= MS_PER_SECOND;
  const mark = Number(row.mark);
  // The kernel tells the counts with the end alone.
  const told = ended ? row : { ...row, counts: null };
  return `${`[${event}]`.padStart(EVENT_WIDTH)} ${entryText(told, options, mark === 0 ? null : mark, hasTimeout)}`;
}

/** @param mark null: none is shown */
function entryText(
  row: ConntrackRow,
  { extended, zone }: LineOptions,
  mark: number | null,
  hasTimeout: boolean,
): string {
  const name = PROTOCOL_NAMES.get(row.protocolNumber) ?? "unknown";
  const isReplied = row.status.includes("SEEN_REPLY");
  const isAssured = row.status.includes("ASSURED");
  const parts = [
    ...(extended ? ["ipv4     2"] : []),
    `${name.padEnd(NAME_WIDTH)} ${row.protocolNumber}`,
    ...(hasTimeout ? [String(Math.floor(row.left / MS_PER_SECOND))] : []),
    ...(row.state === null ? [] : [row.state]),
    tupleText(name, row.original),
    ...countText(row, 0),
    ...(isReplied ? [] : ["[UNREPLIED]"]),
    tupleText(name, row.reply),
    ...countText(row, 1),
    ...(isAssured ? ["[ASSURED]"] : []),
    ...(mark === null ? [] : [`mark=${mark}`]),
    ...(zone && row.zone !== 0 ? [`zone=${row.zone}`] : []),
  ];
  return parts.join(" ");
}

function tupleText(name: string, { destination, destinationPort, source, sourcePort }: TupleView): string {
  const ends = `src=${source} dst=${destination}`;
  if (name === "icmp") return `${ends} type=${destinationPort >>> 8} code=${destinationPort & 0xff} id=${sourcePort}`;
  if (name === "gre") return `${ends} srckey=0x${sourcePort.toString(16)} dstkey=0x${destinationPort.toString(16)}`;
  return WITHOUT_PORTS.has(name) ? ends : `${ends} sport=${sourcePort} dport=${destinationPort}`;
}

function countText({ counts }: ConntrackRow, direction: 0 | 1): string[] {
  return counts === null ? [] : [`packets=${counts.packets[direction]} bytes=${counts.bytes[direction]}`];
}
