import type { Registry } from "prom-client";
import { scrapedCounter, scrapedGauge } from "./instruments.ts";
import type { NatPoolView } from "./natPools.ts";
import type { RefusalName, ServicePortHits } from "./serviceHits.ts";

/** What the metrics are read from at scrape time. */
export interface LiveMetricsSource {
  /** Fullest first; some seconds old at most, so that a scrape does not walk all connections. */
  natPools(): Promise<readonly NatPoolView[]>;
  /** By key, `svc/default/api:80/TCP`: those that have ever had a connection or refused one. */
  serviceHits(): Promise<ReadonlyMap<string, ServicePortHits>>;
}

/** Service ports that have series of their own; all others are one, `(others)`. */
export const MOST_SERVICE_PORTS = 1000;
const OTHERS = "(others)";
const GATEWAY_PREFIX = "nat/";
const REASONS: Readonly<Record<RefusalName, string>> = {
  noEndpoints: "SERVICE_NO_ENDPOINTS",
  noLocalEndpoint: "SERVICE_NO_LOCAL_ENDPOINT",
  source: "SERVICE_SOURCE_RANGE",
};

interface PortLabels {
  namespace: string;
  service: string;
  port: string;
  protocol: string;
}

/** Registers what connections have made of the nodes' ports and of services. */
export function registerLiveMetrics(registry: Registry, source: LiveMetricsSource): void {
  const fullest = async (isGateway: boolean): Promise<[string, NatPoolView][]> => {
    const found = new Map<string, NatPoolView>();
    for (const pool of await source.natPools()) {
      if (pool.at.startsWith(GATEWAY_PREFIX) !== isGateway) continue;
      const at = isGateway ? pool.at.slice(GATEWAY_PREFIX.length) : pool.at;
      if (!found.has(at)) found.set(at, pool);
    }
    return [...found];
  };
  const gauge = (name: string, help: string, isGateway: boolean, value: (pool: NatPoolView) => number): void =>
    scrapedGauge(registry, { name, help, labelNames: [isGateway ? "gateway" : "node"] }, async (set) => {
      for (const [at, pool] of await fullest(isGateway)) set(isGateway ? { gateway: at } : { node: at }, value(pool));
    });
  const left = (pool: NatPoolView): number => pool.headroom;
  const used = (pool: NatPoolView): number => pool.used / pool.size;
  gauge(
    "podplane_nat_headroom_ports",
    "Free source ports of the node's fullest pool: one translated address, protocol and destination.",
    false,
    left,
  );
  gauge(
    "podplane_nat_fullest_pool_ratio",
    "Share of the node's fullest pool of source ports that is used.",
    false,
    used,
  );
  gauge(
    "podplane_nat_gateway_headroom_connections",
    "Connections that a NAT gateway may still have to its fullest destination.",
    true,
    left,
  );
  const shown = new Set<string>();
  /** Labels of a service port: its own, or those of all that came when there were enough. */
  const labels = (key: string): PortLabels => {
    if (shown.size < MOST_SERVICE_PORTS) shown.add(key);
    if (!shown.has(key)) return { namespace: OTHERS, service: OTHERS, port: "", protocol: "" };
    const [, namespace, rest, protocol] = key.split("/");
    const colon = rest.lastIndexOf(":");
    return { namespace, service: rest.slice(0, colon), port: rest.slice(colon + 1), protocol };
  };
  const names = ["namespace", "service", "port", "protocol"];
  scrapedCounter(
    registry,
    {
      name: "podplane_service_connections_total",
      help: `New connections of a service port; of the first ${MOST_SERVICE_PORTS} that have any, and of all others.`,
      labelNames: names,
    },
    async (set) => {
      for (const [key, hits] of await source.serviceHits()) set({ ...labels(key) }, hits.connections);
    },
  );
  scrapedCounter(
    registry,
    {
      name: "podplane_service_refused_packets_total",
      help: "Packets of new connections that a service port refused, by reason; service ports as above.",
      labelNames: [...names, "reason"],
    },
    async (set) => {
      for (const [key, { refused }] of await source.serviceHits())
        for (const [why, reason] of Object.entries(REASONS) as [RefusalName, string][])
          if (refused[why] > 0) set({ ...labels(key), reason }, refused[why]);
    },
  );
}
