import {
  HIT_CONNECTIONS,
  HIT_NO_ENDPOINTS,
  HIT_NO_LOCAL,
  HIT_SOURCE,
  REPORT_COUNTS,
  REPORT_ENDPOINT_WORDS,
  REPORT_ENDPOINTS,
  REPORT_HEADER,
  REPORT_SERVICE,
} from "../plane/services/hits.ts";
import { formatAddress } from "../plane/wire/address.ts";

/** What a service port has had since it exists. */
export interface ServicePortHits {
  /** New connections that were bound to an endpoint. */
  readonly connections: number;
  /** Packets of new connections that were refused, by why. */
  readonly refused: Readonly<Record<RefusalName, number>>;
  /** New connections of endpoints that it has by now, by `address:port`. */
  readonly endpoints: ReadonlyMap<string, number>;
}

const REFUSALS = { noEndpoints: HIT_NO_ENDPOINTS, noLocalEndpoint: HIT_NO_LOCAL, source: HIT_SOURCE } as const;
export type RefusalName = keyof typeof REFUSALS;

/** Reads the plane's report (REPORT_*): hits by the service's index. */
export function serviceHits(report: Float64Array): Map<number, ServicePortHits> {
  const hits = new Map<number, ServicePortHits>();
  let at = 0;
  while (at < report.length) {
    const start = at;
    const count = (field: number): number => report[start + REPORT_COUNTS + field];
    const endpoints = new Map<string, number>();
    at += REPORT_HEADER;
    for (let i = 0; i < report[start + REPORT_ENDPOINTS]; i++, at += REPORT_ENDPOINT_WORDS)
      endpoints.set(endpointKey(report[at], report[at + 1]), report[at + 2]);
    hits.set(report[start + REPORT_SERVICE], {
      connections: count(HIT_CONNECTIONS),
      refused: {
        noEndpoints: count(REFUSALS.noEndpoints),
        noLocalEndpoint: count(REFUSALS.noLocalEndpoint),
        source: count(REFUSALS.source),
      },
      endpoints,
    });
  }
  return hits;
}

/** Packets that were refused, for whatever reason. */
export function refusals({ refused }: ServicePortHits): number {
  return refused.noEndpoints + refused.noLocalEndpoint + refused.source;
}

/** `10.0.1.16:8080`. @param address int32 */
export function endpointKey(address: number, port: number): string {
  return `${formatAddress(address | 0)}:${port}`;
}
