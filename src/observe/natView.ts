import { IPS_SRC_NAT } from "../plane/conntrack/info.ts";
import {
  C_DEVICES,
  D_NAT_COLLISION,
  D_NAT_EXHAUSTED,
  D_NAT_PORTS_TAKEN,
  D_NAT_SNAT,
  DEVICE_COUNTERS,
} from "../plane/counters.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { type NameSource, protocolName } from "./explain.ts";
import type { ConntrackEntry } from "./tables.ts";

/** Ports from 1024 on, which connections to one destination share. */
export const SHARED_PORTS = 64_512;

/** Source NAT of a node: what it has done since the lab came up, and the destination that has most of its ports by now. */
export interface NatView {
  readonly node: string;
  /** Connections whose source was translated. */
  readonly translated: number;
  /** Connections whose first choice of a port was taken. */
  readonly collisions: number;
  /** Ports that were tried and taken. */
  readonly portsTaken: number;
  /** Connections that found no port, and were dropped. */
  readonly failures: number;
  /** `tcp host/web:80`; null: nothing is translated by now. */
  readonly busiest: string | null;
  /** Ports that it has. */
  readonly ports: number;
}

/** A node and the index of its host namespace's device, which its NAT counters are at. */
export interface NatNode {
  readonly name: string;
  readonly device: number;
}

/** Counters of source NAT, by what they are in the shared counters. */
const FIELDS = {
  translated: D_NAT_SNAT,
  collisions: D_NAT_COLLISION,
  portsTaken: D_NAT_PORTS_TAKEN,
  failures: D_NAT_EXHAUSTED,
} as const;
export type NatField = keyof typeof FIELDS;

/** A NAT counter of the node whose host namespace has the device. */
export function natCounter(counters: Float64Array, device: number, field: NatField): number {
  return counters[C_DEVICES + device * DEVICE_COUNTERS + FIELDS[field]];
}

/** Ports by node and destination. A port is taken for its protocol and its destination alone. */
function portsInUse(entries: readonly ConntrackEntry[], names: NameSource): Map<string, Map<string, number>> {
  const nodes = new Map<string, Map<string, number>>();
  for (const { node, protocol, reply, status } of entries) {
    if ((status & IPS_SRC_NAT) === 0) continue;
    const [address, , port] = reply;
    const destination = `${protocolName(protocol)} ${names.byAddress(address) ?? formatAddress(address)}:${port}`;
    const name = names.node(node);
    const destinations = nodes.get(name) ?? new Map<string, number>();
    nodes.set(name, destinations);
    destinations.set(destination, (destinations.get(destination) ?? 0) + 1);
  }
  return nodes;
}

export function natViews(
  counters: Float64Array,
  nodes: readonly NatNode[],
  entries: readonly ConntrackEntry[],
  names: NameSource,
): NatView[] {
  const inUse = portsInUse(entries, names);
  return nodes.map(({ device, name }) => {
    let busiest: string | null = null;
    let ports = 0;
    for (const [destination, count] of inUse.get(name) ?? [])
      if (count > ports) [busiest, ports] = [destination, count];
    const count = (field: NatField) => natCounter(counters, device, field);
    return {
      node: name,
      translated: count("translated"),
      collisions: count("collisions"),
      portsTaken: count("portsTaken"),
      failures: count("failures"),
      busiest,
      ports,
    };
  });
}
