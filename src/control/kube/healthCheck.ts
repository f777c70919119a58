import type { ProxyPort } from "./proxyPort.ts";

const HTTP_OK = 200;
const HTTP_UNAVAILABLE = 503;

/** An answer of kube-proxy's health check server, to a GET of any path. */
export interface HealthCheckAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * What a load balancer hears from a service's healthCheckNodePort on a node (kubernetes
 * pkg/proxy/healthcheck/service_health.go): 200 while kube-proxy is healthy and a ready endpoint is on the node. What is
 * on its way out does not count, even where traffic still falls back to it.
 *
 * @param node the node's name
 * @param healthy whether kube-proxy itself is
 */
export function healthCheckAnswer(port: ProxyPort, node: string, healthy = true): HealthCheckAnswer {
  const addresses = new Set(port.endpoints.filter((e) => e.ready && e.node === node).map((e) => e.address));
  const count = addresses.size;
  const body = [
    "{",
    `\t"service": {`,
    `\t\t"namespace": ${JSON.stringify(port.namespace)},`,
    `\t\t"name": ${JSON.stringify(port.name)}`,
    "\t},",
    `\t"localEndpoints": ${count},`,
    `\t"serviceProxyHealthy": ${healthy}`,
    "}",
  ].join("\n");
  return {
    status: count > 0 && healthy ? HTTP_OK : HTTP_UNAVAILABLE,
    headers: {
      "Content-Type": "application/json",
      "X-Content-Type-Options": "nosniff",
      "X-Load-Balancing-Endpoint-Weight": String(count),
    },
    body,
  };
}
