import type { NameSource } from "./explain.ts";
import { type ConntrackEntry, type ConntrackRow, conntrackRows } from "./tables.ts";

/** What `podplane top` asks a lab for: counts at a moment. Rates are the differences of two samples (topRates.ts). */
export interface TopSample {
  readonly lab: string;
  /** Milliseconds of a clock that never goes back. */
  readonly time: number;
  /** Milliseconds since the lab came up. */
  readonly uptime: number;
  readonly packets: number;
  /** IP bytes that came in. */
  readonly bytes: number;
  /** Nanoseconds that the plane's loop worked and waited. */
  readonly busy: number;
  readonly idle: number;
  /** Packets in the plane's hands. */
  readonly queued: number;
  readonly conntrack: { readonly entries: number; readonly capacity: number };
  /** The fullest pool of source ports; null: nothing is translated. */
  readonly nat: TopPool | null;
  /** Reasons that ever dropped a packet. */
  readonly drops: readonly TopDrop[];
  readonly devices: readonly TopDevice[];
  /** Connections that were busy since the asker's last sample, at most a thousand. */
  readonly flows: readonly TopFlow[];
  /** Service ports that ever had a connection or refused one. */
  readonly services: readonly TopService[];
}

interface TopPool {
  /** `node-1 tcp host/office:443` */
  readonly name: string;
  readonly used: number;
  readonly size: number;
}

interface TopDrop {
  readonly code: string;
  readonly count: number;
  /** The last one: `tcp pod/web-1:40000 -> svc/api:81`, and milliseconds since then. */
  readonly last: string | null;
  readonly ago: number | null;
}

export interface TopDevice {
  readonly name: string;
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

export interface TopService {
  /** `svc/default/api:80` */
  readonly name: string;
  readonly connections: number;
  readonly refused: number;
}

export interface TopFlow {
  /** Which connection it is, in all samples. */
  readonly id: string;
  readonly protocol: string;
  /** TCP or SCTP state; null: the protocol has none. */
  readonly state: string | null;
  readonly from: string;
  /** Whom it addressed, and who answers. */
  readonly to: string;
  readonly answeredBy: string;
  /** `10.0.1.10:31022`: what the answering end sees as the source; null: the sender's own. */
  readonly seenAs: string | null;
  readonly packets: number;
  readonly bytes: number;
  /** Since the asker's sample before this one. */
  readonly recentPackets: number;
  readonly recentBytes: number;
  /** Milliseconds that it has been counted for. */
  readonly age: number;
}

/** Busy connections, each once: of those on its way, the entry of the node where it began. */
export function topFlows(entries: readonly ConntrackEntry[], names: NameSource): TopFlow[] {
  return conntrackRows(firstHops(entries), names).map((row) => {
    const { counts } = row;
    return {
      id: `${row.zone} ${row.protocolNumber} ${socket(row.original.source, row.original.sourcePort)} ${socket(row.original.destination, row.original.destinationPort)}`,
      protocol: row.protocol,
      state: row.state,
      from: endName(row.from, row.original.sourcePort, row),
      to: endName(row.service ?? row.toOriginal, row.original.destinationPort, row),
      answeredBy: endName(row.to, row.reply.sourcePort, row),
      seenAs: seenAs(row),
      packets: counts === null ? 0 : counts.packets[0] + counts.packets[1],
      bytes: counts === null ? 0 : counts.bytes[0] + counts.bytes[1],
      recentPackets: counts?.recent?.[0] ?? 0,
      recentBytes: counts?.recent?.[1] ?? 0,
      age: counts?.age ?? 0,
    };
  });
}

/**
 * Leaves out entries that go on where another node's entry ends: their original tuple is what that one's answers come back
 * to. Where neither translates, the first node in the lab's order counts.
 */
function firstHops(entries: readonly ConntrackEntry[]): ConntrackEntry[] {
  const before = ({ original: [src, dst, sport, dport], protocol }: ConntrackEntry) =>
    `${protocol} ${src} ${sport} ${dst} ${dport}`;
  const after = ({ reply: [src, dst, sport, dport], protocol, original }: ConntrackEntry) =>
    protocol === 1
      ? `${protocol} ${dst} ${sport} ${src} ${original[3]}`
      : `${protocol} ${dst} ${dport} ${src} ${sport}`;
  const ends = new Map<string, ConntrackEntry[]>();
  for (const entry of entries) {
    const key = after(entry);
    ends.set(key, [...(ends.get(key) ?? []), entry]);
  }
  return entries.filter((entry) => {
    const key = before(entry);
    return !(ends.get(key) ?? []).some(
      (other) => other.node !== entry.node && (before(other) !== key || other.node < entry.node),
    );
  });
}

/** An end of a connection by its name (without the namespace "default", for width) and port. */
export function endName(name: string, port: number, row: Pick<ConntrackRow, "protocol">): string {
  const short = name.replace(/^(pod|svc)\/default\//, "$1/");
  // A service's name has its port already; an ICMP query has none.
  return row.protocol === "icmp" || /^svc\/.*:/.test(short) ? short : `${short}:${port}`;
}

/** The source that the answering end sees, where it is not the sender's own. */
export function seenAs({ reply, original: o, protocol }: ConntrackRow): string | null {
  const isIcmp = protocol === "icmp";
  if (reply.destination === o.source && (isIcmp || reply.destinationPort === o.sourcePort)) return null;
  return isIcmp ? reply.destination : socket(reply.destination, reply.destinationPort);
}

function socket(address: string, port: number): string {
  return `${address}:${port}`;
}
