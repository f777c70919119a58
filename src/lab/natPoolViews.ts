import type { Cluster } from "../control/cluster.ts";
import { type NatPoolView, natPools, type SnatModeName } from "../observe/natPools.ts";
import { C_NAT_SNAT } from "../plane/counters.ts";
import { SNAT_EXTERNAL, SNAT_HASHRANDOM, SNAT_PRNG } from "../plane/rows.ts";
import { formatAddress } from "../plane/wire/address.ts";
import type { PlaneClient } from "./planeClient.ts";

/** How full the nodes' and NAT gateways' pools of source ports are, fullest first. */
export async function natPoolViews(cluster: Cluster, plane: PlaneClient): Promise<NatPoolView[]> {
  const gateways = await plane.natDestinations();
  // A lab that translates nothing has nothing to be walked.
  const entries = plane.counters[C_NAT_SNAT] === 0 ? [] : await plane.conntrack();
  const { machines, names } = cluster.snapshot();
  const modes = new Map<number, SnatModeName>();
  const enis = new Map<number, number>();
  const gatewayEnis = new Map<number, number>();
  for (const row of machines.values()) {
    if (row.t === "node") modes.set(row.id, modeName(row.snatMode));
    else if (row.t === "eni") enis.set(row.id, row.address);
    else if (row.t === "natGateway") gatewayEnis.set(row.id, row.eni);
  }
  const address = (gateway: number): string => {
    const eni = gatewayEnis.get(gateway);
    return formatAddress((eni === undefined ? undefined : enis.get(eni)) ?? 0);
  };
  return natPools(entries, (node) => modes.get(node) ?? null, gateways, address, names);
}

function modeName(mode: number): SnatModeName {
  if (mode === SNAT_EXTERNAL) return null;
  if (mode === SNAT_PRNG) return "prng";
  return mode === SNAT_HASHRANDOM ? "hashrandom" : "none";
}

/** How long the metrics' view of the pools is good for: a walk of all connections is nothing for every scrape. */
const CACHED_MS = 5000;

/** The pools as metrics and `top` show them: of some seconds ago at most. */
export class NatPoolCache {
  readonly #read: () => Promise<NatPoolView[]>;
  #pools: Promise<NatPoolView[]> | null = null;
  #time = 0;

  constructor(cluster: Cluster, plane: PlaneClient) {
    this.#read = () => natPoolViews(cluster, plane);
  }

  /** @param now milliseconds of a clock that never goes back */
  read(now: number): Promise<NatPoolView[]> {
    if (this.#pools === null || now - this.#time >= CACHED_MS) {
      this.#time = now;
      this.#pools = this.#read();
      // One that failed is asked for again.
      this.#pools.catch(() => {
        this.#pools = null;
      });
    }
    return this.#pools;
  }
}
