import type { Registry } from "prom-client";
import { scrapedCounter } from "./instruments.ts";

/** What the metrics are read from at scrape time. */
export interface DnsMetricsSource {
  /** By ENI. */
  readonly resolverDropped: ReadonlyMap<string, number>;
}

/** Registers what the lab's name servers count. Pods' packets over the limit are drops of the plane: VPC_RESOLVER_LIMIT. */
export function registerDnsMetrics(registry: Registry, source: () => DnsMetricsSource): void {
  scrapedCounter(
    registry,
    {
      name: "podplane_resolver_queries_dropped_total",
      help: "Queries of CoreDNS and of machines to the VPC's resolver that were over queryLimit, by the ENI they left by.",
      labelNames: ["eni"],
    },
    (set) => {
      for (const [eni, count] of source().resolverDropped) set({ eni }, count);
    },
  );
}
