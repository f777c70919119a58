import type { Views } from "../lab/controlProtocol.ts";
import { SHARED_PORTS } from "../observe/natView.ts";
import type { ConntrackRow } from "../observe/tables.ts";
import { duration } from "../observe/topFrame.ts";
import { endName, seenAs } from "../observe/topSample.ts";
import type { Columns } from "./view.ts";

type Noun = "conntrack" | "nat" | "natpools" | "impairments" | "reasons";

const PERCENT = 100;

/** What packets have made of it. */
export const LIVE_VIEWS: { [V in Noun]: Columns<Views[V][number]> } = {
  conntrack: {
    header: ["NODE", "PROTO", "STATE", "TTL", "FROM", "TO", "ANSWERED-BY", "SEEN-AS", "PACKETS", "BYTES"],
    row: (c) => [
      c.node,
      c.protocol,
      c.state ?? flags(c),
      c.timeout,
      endName(c.from, c.original.sourcePort, c),
      endName(c.service ?? c.toOriginal, c.original.destinationPort, c),
      endName(c.to, c.reply.sourcePort, c),
      seenAs(c),
      c.counts === null ? null : `${c.counts.packets[0]}+${c.counts.packets[1]}`,
      c.counts === null ? null : `${c.counts.bytes[0]}+${c.counts.bytes[1]}`,
    ],
    empty: "no connections",
  },
  nat: {
    header: ["NODE", "TRANSLATED", "COLLISIONS", "PORTS-TAKEN", "FAILURES", "BUSIEST", "ITS-PORTS"],
    row: (n) => [
      n.node,
      n.translated,
      n.collisions,
      n.portsTaken,
      n.failures,
      n.busiest,
      n.busiest === null ? null : `${n.ports}/${SHARED_PORTS}`,
    ],
    empty: "no nodes",
  },
  natpools: {
    header: [
      "AT",
      "PROTO",
      "DESTINATION",
      "USED",
      "OF",
      "LEFT",
      "FULL",
      "SOURCE",
      "BY",
      "PORTS",
      "CLOSING",
      "COLLIDES",
      "FAILS",
    ],
    row: (p) => [
      p.at,
      p.protocol,
      p.destination,
      p.used,
      p.size,
      p.headroom,
      percent(p.used / p.size),
      p.source,
      p.by.join(","),
      p.range,
      p.closing,
      p.collision === null ? null : percent(p.collision),
      percent(p.failure),
    ],
    empty: "no source is translated: every port is free",
  },
  impairments: {
    header: [
      "AT",
      "DIRECTION",
      "SETTINGS",
      "PACKETS",
      "LOST",
      "DOUBLED",
      "CORRUPT",
      "REORDERED",
      "DELAYED",
      "HELD",
      "FULL",
    ],
    row: ({ at, direction, settings, counts: c }) => [
      at,
      direction,
      settings,
      ...(c === null
        ? [null, null, null, null, null, null, null, null]
        : [c.packets, ...[c.lost, c.duplicated, c.corrupted, c.reordered, c.delayed, c.held, c.overLimit].map(orNull)]),
    ],
    empty: "nothing is impaired: podplane impair pod/web-1 loss=1%",
  },
  reasons: {
    header: ["CODE", "COUNT", "AGO", "AT", "STAGE", "LAST", "MEANING"],
    row: (r) => [
      r.code,
      r.count,
      r.last === null ? null : duration(r.last.ago),
      r.last === null ? null : (r.last.node ?? "vpc"),
      r.last === null ? null : r.last.stage,
      r.last === null ? null : r.last.flow,
      r.text,
    ],
    empty: "no reasons",
  },
};

/** A share in three digits or so; what is not quite nothing or everything does not look like it. */
function percent(share: number): string {
  if (share === 0) return "0%";
  const hundredths = share * PERCENT;
  if (hundredths < 0.01) return "<0.01%";
  return share < 1 && hundredths > 99.9 ? "99.9%" : `${hundredths.toFixed(hundredths < 1 ? 2 : 1)}%`;
}

function flags(c: ConntrackRow): string {
  if (c.status.includes("ASSURED")) return "assured";
  return c.status.includes("SEEN_REPLY") ? "replied" : "unreplied";
}

/** What never happened has no column. */
function orNull(count: number): number | null {
  return count === 0 ? null : count;
}
