import type { ProxyEndpoint, ProxyPort } from "../../../../src/control/kube/proxyPort.ts";
import type { RuleNode, RuleSettings } from "../../../../src/control/kube/rules/portPlan.ts";
import { toCidr } from "../../../../src/control/vpc/cidr.ts";
import { parseAddress } from "../../../../src/plane/wire/address.ts";
import { proxyPort } from "../proxyObjects.ts";

/** The world of kube-proxy's own tests: pods 10.0.0.0/8, node 192.168.0.2, services 172.30.0.0/16. */
export const NODE: RuleNode = {
  name: "testnode",
  zone: "zone-a",
  address: int("192.168.0.2"),
  nodePortAddresses: null,
};
export const SETTINGS: RuleSettings = {
  clusterCidr: toCidr("10.0.0.0/8"),
  masqueradeAll: false,
  serviceCidr: toCidr("172.30.0.0/16"),
  tcpBeLiberal: false,
};

export function int(text: string): number {
  const address = parseAddress(text);
  if (address === null) throw new Error(`no address: ${text}`);
  return address;
}

/** A ready endpoint; it is nowhere unless it says where. */
export function endpoint(address: string, more: Partial<ProxyEndpoint> = {}): ProxyEndpoint {
  return {
    address: int(address),
    port: 80,
    pod: null,
    node: null,
    ready: true,
    serving: true,
    terminating: false,
    zoneHints: [],
    nodeHints: [],
    ...more,
  };
}

/** Port `p80` of service `svcN` in namespace `nsN`, with ClusterIP 172.30.0.4N. */
export function port(n: number, more: Partial<ProxyPort> = {}): ProxyPort {
  return proxyPort([], {
    key: `svc/ns${n}/svc${n}:80/TCP`,
    service: `svc/ns${n}/svc${n}`,
    namespace: `ns${n}`,
    name: `svc${n}`,
    portName: "p80",
    clusterIP: int(`172.30.0.4${n}`),
    ...more,
  });
}

/** The services of kube-proxy's TestOverallIPTablesRules and TestOverallNFTablesRules. */
export const OVERALL: readonly ProxyPort[] = [
  port(1, { endpoints: [endpoint("10.180.0.1")] }),
  port(2, {
    externalTrafficPolicy: "Local",
    nodePort: 3001,
    loadBalancerIPs: [int("1.2.3.4")],
    externalIPs: [int("192.168.99.22")],
    healthCheckNodePort: 30000,
    endpoints: [endpoint("10.180.0.2")],
  }),
  port(3, { nodePort: 3003, endpoints: [endpoint("10.180.0.3")] }),
  port(4, {
    externalIPs: [int("192.168.99.33")],
    endpoints: [endpoint("10.180.0.4"), endpoint("10.180.0.5", { node: NODE.name })],
  }),
  port(5, {
    nodePort: 3002,
    loadBalancerIPs: [int("5.6.7.8")],
    sourceRanges: [toCidr("203.0.113.0/25")],
    affinitySeconds: 10_800,
    healthCheckNodePort: 30000,
    endpoints: [endpoint("10.180.0.3")],
  }),
  port(6),
];
