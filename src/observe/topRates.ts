import type { TopFlow, TopSample } from "./topSample.ts";

/** What happened between two samples, a second. */
export interface TopRates {
  /** Seconds between the two. */
  readonly seconds: number;
  readonly packets: number;
  /** IP bits that came in. */
  readonly bits: number;
  readonly drops: number;
  /** Share of its time that the loop worked, 0 to 1. */
  readonly load: number;
  readonly flows: readonly FlowRate[];
  readonly devices: readonly DeviceRate[];
  readonly reasons: readonly ReasonRate[];
  readonly services: readonly ServiceRate[];
}

export interface FlowRate extends TopFlow {
  readonly packetRate: number;
  readonly bitRate: number;
}

interface DeviceRate {
  readonly name: string;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bitsIn: number;
  readonly bitsOut: number;
}

interface ReasonRate {
  readonly code: string;
  readonly count: number;
  readonly rate: number;
  readonly last: string | null;
  readonly ago: number | null;
}

interface ServiceRate {
  readonly name: string;
  readonly connections: number;
  readonly refused: number;
  readonly connectionRate: number;
  readonly refusalRate: number;
}

export type TopSort = "rate" | "packets" | "total" | "name";
export const TOP_SORTS: readonly TopSort[] = ["rate", "packets", "total", "name"];

const MS_PER_SECOND = 1000;
const BITS = 8;

/** Rates between two samples of a lab; where there is but one, since the lab came up. Rows are sorted, the most first. */
export function topRates(before: TopSample | null, now: TopSample, sort: TopSort = "rate"): TopRates {
  // Another lab, or the same one started again, has nothing to do with the sample before.
  const old = before !== null && before.time < now.time && before.packets <= now.packets ? before : null;
  const seconds = Math.max((old === null ? now.uptime : now.time - old.time) / MS_PER_SECOND, 1 / MS_PER_SECOND);
  const rate = (count: number, was: number): number => Math.max(0, count - was) / seconds;
  const busy = now.busy - (old?.busy ?? 0);
  const idle = now.idle - (old?.idle ?? 0);
  const oldDrops = new Map(old?.drops.map((d) => [d.code, d.count]));
  const oldDevices = new Map(old?.devices.map((d) => [d.name, d]));
  const oldServices = new Map(old?.services.map((s) => [s.name, s]));
  const reasons = now.drops.map((d) => ({ ...d, rate: rate(d.count, oldDrops.get(d.code) ?? 0) }));
  return {
    seconds,
    packets: rate(now.packets, old?.packets ?? 0),
    bits: rate(now.bytes, old?.bytes ?? 0) * BITS,
    drops: reasons.reduce((sum, r) => sum + r.rate, 0),
    load: busy + idle <= 0 ? 0 : Math.min(1, Math.max(0, busy / (busy + idle))),
    flows: sorted(flowRates(old, now), sort, {
      rate: (f) => f.bitRate,
      packets: (f) => f.packetRate,
      total: (f) => f.bytes,
      name: (f) => f.from,
    }),
    devices: sorted(
      now.devices.map((d) => {
        const was = oldDevices.get(d.name);
        return {
          name: d.name,
          packetsIn: rate(d.packetsIn, was?.packetsIn ?? 0),
          packetsOut: rate(d.packetsOut, was?.packetsOut ?? 0),
          bitsIn: rate(d.bytesIn, was?.bytesIn ?? 0) * BITS,
          bitsOut: rate(d.bytesOut, was?.bytesOut ?? 0) * BITS,
          total: d.bytesIn + d.bytesOut,
        };
      }),
      sort,
      {
        rate: (d) => d.bitsIn + d.bitsOut,
        packets: (d) => d.packetsIn + d.packetsOut,
        total: (d) => d.total,
        name: (d) => d.name,
      },
    ),
    reasons: sorted(reasons, sort, {
      rate: (r) => r.rate,
      packets: (r) => r.rate,
      total: (r) => r.count,
      name: (r) => r.code,
    }),
    services: sorted(
      now.services.map((s) => {
        const was = oldServices.get(s.name);
        return {
          ...s,
          connectionRate: rate(s.connections, was?.connections ?? 0),
          refusalRate: rate(s.refused, was?.refused ?? 0),
        };
      }),
      sort,
      {
        rate: (s) => s.connectionRate + s.refusalRate,
        packets: (s) => s.connectionRate + s.refusalRate,
        total: (s) => s.connections + s.refused,
        name: (s) => s.name,
      },
    ),
  };
}

function flowRates(old: TopSample | null, now: TopSample): FlowRate[] {
  const before = new Map(old?.flows.map((f) => [f.id, f]));
  return now.flows.map((flow) => {
    const was = before.get(flow.id);
    const known = was !== undefined && was.bytes <= flow.bytes;
    // One that was not in the sample before was silent then: what is recent came since.
    const packets = known ? flow.packets - was.packets : flow.recentPackets;
    const bytes = known ? flow.bytes - was.bytes : flow.recentBytes;
    const interval = old === null ? Math.max(flow.age, MS_PER_SECOND) : now.time - old.time;
    const seconds = interval / MS_PER_SECOND;
    return { ...flow, packetRate: packets / seconds, bitRate: (bytes * BITS) / seconds };
  });
}

/** The most first, names in their order; what is alike keeps its order. */
function sorted<T>(
  rows: readonly T[],
  by: TopSort,
  keys: Record<Exclude<TopSort, "name">, (row: T) => number> & { name: (row: T) => string },
): T[] {
  if (by === "name")
    return rows.toSorted((a, b) => (keys.name(a) < keys.name(b) ? -1 : keys.name(a) > keys.name(b) ? 1 : 0));
  const key = keys[by];
  return rows.toSorted(
    (a, b) => key(b) - key(a) || keys.total(b) - keys.total(a) || (keys.name(a) < keys.name(b) ? -1 : 1),
  );
}
