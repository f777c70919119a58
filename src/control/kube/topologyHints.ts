import { compareText } from "../near.ts";

/** No zone may get so many more requests per endpoint than its share (endpointslice/topologycache). */
const OVERLOAD = 0.2;
/** Fewer endpoints than these are not moved between zones. */
const HALF = 0.5;

/** A node as the topology cache counts it: its zone and CPUs. */
export interface ZoneNode {
  readonly zone: string;
  readonly cpus: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Share of the cluster's CPUs by zone, in the order of the zones' names; empty: hints cannot be computed. */
export type ZoneShares = ReadonlyMap<string, number>;

const EXCLUDED = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/**
 * The zones' shares (topologycache.go, SetNodes): none where a node has no zone, or where there are less than two zones.
 * A lab's nodes are all ready and have their type's vCPUs as allocatable CPUs.
 */
export function zoneShares(nodes: readonly ZoneNode[]): ZoneShares {
  const counted = nodes.filter((node) => EXCLUDED.every((label) => node.labels[label] === undefined));
  const cpus = new Map<string, number>();
  for (const node of counted) {
    if (node.zone === "" || node.cpus === 0) return new Map();
    cpus.set(node.zone, (cpus.get(node.zone) ?? 0) + node.cpus);
  }
  if (cpus.size < 2) return new Map();
  const total = [...cpus.values()].reduce((sum, n) => sum + n, 0);
  return new Map([...cpus].sort(([a], [b]) => compareText(a, b)).map(([zone, n]) => [zone, n / total]));
}

/** How many endpoints each zone is to have; null: hints would overload one (getAllocations). */
function desiredByZone(count: number, shares: ZoneShares): Map<string, number> | null {
  if (shares.size < 2 || shares.size > count) return null;
  const desired = new Map<string, number>();
  let left = count;
  for (const [zone, share] of shares) {
    const least = Math.ceil(share * count * (1 / (1 + OVERLOAD)));
    desired.set(zone, Math.max(share * count, least));
    left -= least;
    if (left < 0) return null;
  }
  return desired;
}

/** The zone with the greatest number, the first of several; null: none has any (getMost). */
function most(zones: ReadonlyMap<string, number>): { readonly zone: string; readonly number: number } | null {
  let found: { zone: string; number: number } | null = null;
  for (const [zone, number] of zones) if (number > (found?.number ?? 0)) found = { zone, number };
  return found;
}

const add = (map: Map<string, number>, zone: string, n: number) => map.set(zone, (map.get(zone) ?? 0) + n);

/** Whole endpoints that zones give to others and get from them (getGivingAndReceivingZones). */
function transfers(desired: ReadonlyMap<string, number>, present: ReadonlyMap<string, number>) {
  const surplus = new Map<string, number>();
  const lack = new Map<string, number>();
  for (const [zone, wanted] of desired) {
    const has = present.get(zone) ?? 0;
    if (has > wanted) surplus.set(zone, has - wanted);
    else if (has < wanted) lack.set(zone, wanted - has);
  }
  const giving = new Map<string, number>();
  const receiving = new Map<string, number>();
  for (;;) {
    const from = most(surplus);
    const to = most(lack);
    if (from === null || to === null || (from.number < 1 && to.number < 1)) break;
    if (from.number < HALF || to.number < HALF) break;
    add(giving, from.zone, 1);
    add(surplus, from.zone, -1);
    add(receiving, to.zone, 1);
    add(lack, to.zone, -1);
  }
  return { giving, receiving };
}

/**
 * The zones that ready endpoints are for, as the EndpointSlice controller allocates them in topology mode Auto: each zone's
 * own, then as many moved to other zones as their share of the CPUs asks for (topologycache.go, AddHints). Where the
 * controller takes zones in the random order of a Go map, they come by name here.
 *
 * @param zones zone of each ready endpoint; empty: not known.
 * @returns the zone that each is for, or null where there are no hints: too few endpoints or zones, an unknown zone, or
 *   an allocation that would overload a zone.
 */
export function allocateZones(zones: readonly string[], shares: ZoneShares): string[] | null {
  const desired = desiredByZone(zones.length, shares);
  if (desired === null || zones.includes("")) return null;
  const present = new Map<string, number>();
  for (const zone of zones) add(present, zone, 1);
  const { giving, receiving } = transfers(desired, present);
  return zones.map((zone) => {
    if ((giving.get(zone) ?? 0) === 0) return zone;
    for (const [other, number] of receiving) {
      if (number === 0) continue;
      add(giving, zone, -1);
      add(receiving, other, -1);
      return other;
    }
    return zone;
  });
}
