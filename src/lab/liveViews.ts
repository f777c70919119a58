import { setTimeout as later } from "node:timers/promises";
import type { Cluster } from "../control/cluster.ts";
import { routedPortAt } from "../control/serviceRows.ts";
import { conntrackTest } from "../observe/conntrackFilter.ts";
import type { NatPoolView } from "../observe/natPools.ts";
import { refusals, type ServicePortHits, serviceHits } from "../observe/serviceHits.ts";
import { type ConntrackRow, conntrackRows, reasonCounts } from "../observe/tables.ts";
import { type TopSample, topFlows } from "../observe/topSample.ts";
import {
  C_BUSY_NS,
  C_CT_ENTRIES,
  C_DEVICES,
  C_IDLE_NS,
  C_QUEUED,
  C_READ,
  D_RX_BYTES,
  D_RX_PACKETS,
  D_TX_BYTES,
  D_TX_PACKETS,
  DEVICE_COUNTERS,
} from "../plane/counters.ts";
import { AccountingLease } from "./accountingLease.ts";
import { ConntrackWatch } from "./conntrackWatch.ts";
import type { ConntrackQuestion } from "./controlProtocol.ts";
import type { OutStream } from "./controlStream.ts";
import { hitsByKey } from "./countedViews.ts";
import { rowsNamed } from "./labViews.ts";
import { NatPoolCache } from "./natPoolViews.ts";
import type { PlaneClient } from "./planeClient.ts";

export interface LiveViewsOptions {
  readonly cluster: Cluster;
  readonly plane: PlaneClient;
  /** Entries that the plane's conntrack table has room for. */
  readonly capacity: number;
  readonly devices: () => readonly { readonly index: number; readonly name: string }[];
}

/** How long connections are counted after somebody asked. */
const LEASE_MS = 10_000;
/** Where they were not counted: what `get conntrack --acct` shows is so long a while. */
const COUNT_FOR_MS = 1000;
const TOP_FLOWS = 1000;

/** What changes by itself in a running lab, for people who watch: connections, rates, pools of ports. */
export class LiveViews {
  readonly #options: LiveViewsOptions;
  readonly #lease: AccountingLease;
  readonly #watch: ConntrackWatch;
  readonly #pools: NatPoolCache;
  readonly #began = performance.now();

  constructor(options: LiveViewsOptions) {
    const { cluster, plane } = options;
    this.#options = options;
    this.#lease = new AccountingLease(plane, cluster.lab.spec.cluster.conntrack.accounting);
    this.#watch = new ConntrackWatch(plane, () => cluster.snapshot().names);
    this.#pools = new NatPoolCache(cluster, plane);
  }

  /** Conntrack entries. @throws NameError, Error for a filter that means nothing */
  async conntrack({ accounting, filter, name }: ConntrackQuestion): Promise<ConntrackRow[]> {
    const test = conntrackTest(filter);
    if (accounting && !this.#lease.isOn) {
      await this.#lease.hold(LEASE_MS);
      await later(COUNT_FOR_MS);
    }
    const { cluster, plane } = this.#options;
    const rows = conntrackRows(await plane.conntrack(), cluster.snapshot().names);
    return (name === null ? rows : rowsNamed("conntrack", rows, name)).filter(test);
  }

  /** Streams what happens to conntrack entries. */
  watch(out: OutStream): Promise<null> {
    return this.#watch.watch(out);
  }

  /** The pools of source ports, of some seconds ago at most. */
  natPools(): Promise<NatPoolView[]> {
    return this.#pools.read(performance.now());
  }

  /** Hits of service ports by their key, `svc/default/api:80/TCP`: of those that have any. */
  async serviceHits(): Promise<Map<string, ServicePortHits>> {
    const { cluster, plane } = this.#options;
    return hitsByKey(serviceHits(await plane.serviceHits()), cluster.snapshot());
  }

  /** @param asker a number of its own: what is recent is so since its last sample */
  async top(asker: number): Promise<TopSample> {
    await this.#lease.hold(LEASE_MS);
    const { capacity, cluster, devices, plane } = this.#options;
    const c = plane.counters;
    const [entries, pools, hits] = await Promise.all([
      plane.busiest(asker, TOP_FLOWS),
      this.natPools(),
      plane.serviceHits(),
    ]);
    const { names, services } = cluster.snapshot();
    const time = performance.now();
    const attached = devices().map(({ index, name }) => {
      const at = C_DEVICES + index * DEVICE_COUNTERS;
      return {
        name,
        packetsIn: c[at + D_RX_PACKETS],
        bytesIn: c[at + D_RX_BYTES],
        packetsOut: c[at + D_TX_PACKETS],
        bytesOut: c[at + D_TX_BYTES],
      };
    });
    const fullest = pools[0];
    return {
      lab: cluster.lab.metadata.name,
      time,
      uptime: time - this.#began,
      packets: c[C_READ],
      bytes: attached.reduce((sum, d) => sum + d.bytesIn, 0),
      busy: c[C_BUSY_NS],
      idle: c[C_IDLE_NS],
      queued: c[C_QUEUED],
      conntrack: { entries: c[C_CT_ENTRIES], capacity },
      nat:
        fullest === undefined
          ? null
          : {
              name: `${fullest.at} ${fullest.protocol} ${fullest.destination}`,
              used: fullest.used,
              size: fullest.size,
            },
      drops: reasonCounts(c, plane, names)
        .filter(({ count }) => count > 0)
        .map(({ code, count, last }) => ({ code, count, last: last?.flow ?? null, ago: last?.ago ?? null })),
      devices: attached,
      flows: topFlows(entries, names),
      services: [...serviceHits(hits)].flatMap(([id, hit]) => {
        if (routedPortAt(services, id) === null) return [];
        return [{ name: names.service(id), connections: hit.connections, refused: refusals(hit) }];
      }),
    };
  }

  async close(): Promise<void> {
    this.#lease.close();
    await this.#watch.close();
  }
}
