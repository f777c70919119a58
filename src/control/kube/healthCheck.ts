import type { ClusterState } from "../clusterState.ts";
import type { LabNode } from "../objects/lab.ts";
import type { ProxyPort } from "./proxyPort.ts";

const HTTP_OK = 200;
const HTTP_NOT_FOUND = 404;
const HTTP_UNAVAILABLE = 503;

/** The port of kube-proxy's own health (--healthz-bind-address 0.0.0.0:10256). */
export const PROXY_HEALTH_PORT = 10_256;
/** A node that the Cluster Autoscaler is about to delete (autoscaler, utils/taints). */
const TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler";

/** An answer of kube-proxy's health check server, to a GET of any path. */
export interface HealthCheckAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A service that load balancers ask every node about. */
export interface CheckedService {
  /** `svc/shop/api` */
  readonly key: string;
  readonly healthCheckNodePort: number;
  /** What kube-proxy programs for it; never empty. */
  readonly ports: readonly [ProxyPort, ...ProxyPort[]];
}

const HEADERS = { "Content-Type": "application/json", "X-Content-Type-Options": "nosniff" };

/** The services of a cluster that have a healthCheckNodePort, in their order. */
export function checkedServices(state: Pick<ClusterState, "services">): CheckedService[] {
  const found: CheckedService[] = [];
  for (const { key, healthCheckNodePort, ports } of state.services) {
    if (healthCheckNodePort === 0) continue;
    const [first, ...more] = ports.flatMap(({ proxy }) => (proxy === null ? [] : [proxy]));
    if (first !== undefined) found.push({ key, healthCheckNodePort, ports: [first, ...more] });
  }
  return found;
}

/**
 * What a load balancer hears from a service's healthCheckNodePort on a node (kubernetes
 * pkg/proxy/healthcheck/service_health.go): 200 while kube-proxy is healthy and a ready endpoint is on the node. What is
 * on its way out does not count, even where traffic still falls back to it. An endpoint counts once, whatever number of
 * the service's ports it serves (EndpointsMap.LocalReadyEndpoints).
 *
 * @param ports all ports of the service
 * @param node the node's name
 * @param healthy whether kube-proxy itself is
 */
export function healthCheckAnswer(ports: CheckedService["ports"], node: string, healthy = true): HealthCheckAnswer {
  const addresses = new Set<number>();
  for (const port of ports) for (const e of port.endpoints) if (e.ready && e.node === node) addresses.add(e.address);
  const count = addresses.size;
  const [{ namespace, name }] = ports;
  const body = [
    "{",
    `\t"service": {`,
    `\t\t"namespace": ${JSON.stringify(namespace)},`,
    `\t\t"name": ${JSON.stringify(name)}`,
    "\t},",
    `\t"localEndpoints": ${count},`,
    `\t"serviceProxyHealthy": ${healthy}`,
    "}",
  ].join("\n");
  return {
    status: count > 0 && healthy ? HTTP_OK : HTTP_UNAVAILABLE,
    headers: { ...HEADERS, "X-Load-Balancing-Endpoint-Weight": String(count) },
    body,
  };
}

/**
 * What kube-proxy on a node says of itself (kubernetes pkg/proxy/healthcheck/proxy_health.go): `/livez` that it works,
 * `/healthz` besides that its node is to stay. A load balancer of a service under the policy Cluster asks the latter
 * (KEP-3836).
 *
 * @param path of the request, without its query
 * @param now wall clock, milliseconds since 1970
 */
export function proxyHealthAnswer(node: Pick<LabNode, "taints">, path: string, now: number): HealthCheckAnswer {
  // A lab's plane takes every change at once: what kube-proxy does here has always been done.
  const time = JSON.stringify(new Date(now).toISOString());
  const times = `"lastUpdated": ${time},"currentTime": ${time}`;
  if (path === "/livez") return { status: HTTP_OK, headers: HEADERS, body: `{${times}}` };
  if (path !== "/healthz") return { status: HTTP_NOT_FOUND, headers: {}, body: "404 page not found\n" };
  const eligible = !node.taints.some((taint) => taint.key === TO_BE_DELETED);
  return {
    status: eligible ? HTTP_OK : HTTP_UNAVAILABLE,
    headers: HEADERS,
    body: `{${times}, "nodeEligible": ${eligible}}`,
  };
}
