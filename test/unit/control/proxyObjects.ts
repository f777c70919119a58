import type { ProxyEndpoint, ProxyPort } from "../../../src/control/kube/proxyPort.ts";

/** An endpoint 10.180.0.n:80, ready on node "here" unless said otherwise. */
export function proxyEndpoint(n: number, fields: Partial<ProxyEndpoint> = {}): ProxyEndpoint {
  return {
    address: (10 << 24) | (180 << 16) | n,
    port: 80,
    pod: null,
    node: "here",
    ready: true,
    serving: true,
    terminating: false,
    zoneHints: [],
    nodeHints: [],
    ...fields,
  };
}

export function proxyPort(endpoints: readonly ProxyEndpoint[], fields: Partial<ProxyPort> = {}): ProxyPort {
  return {
    key: "svc/default/api:80/TCP",
    service: "svc/default/api",
    namespace: "default",
    name: "api",
    portName: "",
    protocol: "TCP",
    clusterIP: (172 << 24) | (20 << 16) | 1,
    port: 80,
    nodePort: 0,
    externalIPs: [],
    loadBalancerIPs: [],
    sourceRanges: [],
    internalTrafficPolicy: "Cluster",
    externalTrafficPolicy: "Cluster",
    affinitySeconds: 0,
    healthCheckNodePort: 0,
    topology: "none",
    endpoints,
    ...fields,
  };
}
