import type { Snapshot } from "../control/compile.ts";
import { routedPortAt } from "../control/serviceRows.ts";
import type { EndpointView, ServiceView } from "../control/views.ts";
import { endpointKey, type RefusalName, type ServicePortHits } from "../observe/serviceHits.ts";
import type { ConntrackEntry } from "../observe/tables.ts";
import { parseAddress } from "../plane/wire/address.ts";

/** Views of services and endpoints with what came of them: counted by the plane, absent where nothing runs. */

type ServicePortView = ServiceView["ports"][number];

export interface CountedServiceView extends ServiceView {
  readonly ports: readonly (ServicePortView & {
    /** New connections since the service port exists. */
    readonly connections?: number;
    /** Packets of new connections that were refused. */
    readonly refused?: Readonly<Record<RefusalName, number>>;
  })[];
}

export interface CountedEndpointView extends EndpointView {
  /** New connections by this service port since it has the endpoint. */
  readonly connections?: number;
  /** Conntrack entries by now. */
  readonly live?: number;
}

const NEVER: ServicePortHits = {
  connections: 0,
  refused: { noEndpoints: 0, noLocalEndpoint: 0, source: 0 },
  endpoints: new Map(),
};

/** Hits by the service port's key, `svc/default/api:80/TCP`. */
export function hitsByKey(
  hits: ReadonlyMap<number, ServicePortHits>,
  snapshot: Snapshot,
): Map<string, ServicePortHits> {
  const byKey = new Map<string, ServicePortHits>();
  for (const [id, hit] of hits) {
    const routed = routedPortAt(snapshot.services, id);
    if (routed !== null) byKey.set(routed.port.key, hit);
  }
  return byKey;
}

export function countedServices(
  services: readonly ServiceView[],
  hits: ReadonlyMap<string, ServicePortHits>,
): CountedServiceView[] {
  return services.map((service) => ({
    ...service,
    ports: service.ports.map((port) => {
      const key = `svc/${service.namespace}/${service.name}:${port.port}/${port.protocol}`;
      const { connections, refused } = hits.get(key) ?? NEVER;
      return { ...port, connections, refused };
    }),
  }));
}

export function countedEndpoints(
  endpoints: readonly EndpointView[],
  hits: ReadonlyMap<string, ServicePortHits>,
  entries: readonly ConntrackEntry[],
  snapshot: Snapshot,
): CountedEndpointView[] {
  const live = new Map<string, number>();
  for (const { reply, service } of entries) {
    if (service < 0) continue;
    const key = `${routedPortAt(snapshot.services, service)?.port.key} ${endpointKey(reply[0], reply[2])}`;
    live.set(key, (live.get(key) ?? 0) + 1);
  }
  return endpoints.map((endpoint) => {
    const port = `${endpoint.service}/${endpoint.protocol}`;
    const own = endpointKey(parseAddress(endpoint.address) ?? 0, endpoint.port);
    return {
      ...endpoint,
      connections: hits.get(port)?.endpoints.get(own) ?? 0,
      live: live.get(`${port} ${own}`) ?? 0,
    };
  });
}
