import { parseAddress, parseCidr } from "../../plane/wire/address.ts";
import { objectKey } from "../objects/kinds.ts";
import {
  affinitySeconds,
  hasDataPath,
  isProxied,
  loadBalancerIPs,
  type Service,
  type ServicePort,
  topologyOf,
} from "../objects/service.ts";
import type { Cidr } from "../vpc/cidr.ts";
import { servicePortKey } from "./nodePorts.ts";
import type { ProxyEndpoint, ProxyPort } from "./proxyPort.ts";

/** What a cluster gave a service and its port. */
export interface PortNumbers {
  /** int32 */
  readonly clusterIP: number;
  /** 0: none. */
  readonly nodePort: number;
  /** 0: none. */
  readonly healthCheckNodePort: number;
}

/** IPv4 addresses alone: a proxier leaves out what is of the other family. */
function addresses(texts: readonly string[]): number[] {
  return [...new Set(texts.map(parseAddress).filter((address) => address !== null))];
}

function ranges(texts: readonly string[]): Cidr[] {
  return texts
    .map((text) => parseCidr(text.trim()))
    .filter((cidr) => cidr !== null)
    .map(({ prefix, length }) => ({ prefix, length }));
}

/** Whether kube-proxy programs anything for a service (ShouldSkipService, and what its informers leave out). */
export function isProgrammed(service: Service): boolean {
  return hasDataPath(service) && isProxied(service.metadata.labels);
}

/**
 * A port of a service as kube-proxy sees it (kubernetes pkg/proxy/serviceport.go).
 *
 * @param endpoints all of them, in a stable order
 */
export function proxyPort(
  service: Service,
  port: ServicePort,
  numbers: PortNumbers,
  endpoints: readonly ProxyEndpoint[],
): ProxyPort {
  const { spec, metadata } = service;
  return {
    key: servicePortKey(service, port),
    service: objectKey(service),
    namespace: metadata.namespace,
    name: metadata.name,
    portName: port.name ?? "",
    protocol: port.protocol,
    clusterIP: numbers.clusterIP,
    port: port.port,
    nodePort: numbers.nodePort,
    externalIPs: addresses(spec.externalIPs),
    loadBalancerIPs: addresses(loadBalancerIPs(service)),
    sourceRanges: ranges(spec.loadBalancerSourceRanges),
    internalTrafficPolicy: spec.internalTrafficPolicy,
    externalTrafficPolicy: spec.externalTrafficPolicy ?? "Cluster",
    affinitySeconds: affinitySeconds(service),
    healthCheckNodePort: numbers.healthCheckNodePort,
    topology: topologyOf(service),
    endpoints,
  };
}
