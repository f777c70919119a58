import type { Cidr } from "../vpc/cidr.ts";

/** An endpoint of a service port as an EndpointSlice says it, for kube-proxy to choose among. */
export interface ProxyEndpoint {
  /** int32 */
  readonly address: number;
  readonly port: number;
  /** Key of the pod, or null for an address that a slice names. */
  readonly pod: string | null;
  /** Name of the node it is on, or null. */
  readonly node: string | null;
  /** As a slice has it, for DNS; a pod's is its own. Absent: none. */
  readonly hostname?: string;
  /** Conditions: ready (publishNotReadyAddresses counted in), serving, terminating. */
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** hints.forZones and hints.forNodes; empty: none. */
  readonly zoneHints: readonly string[];
  readonly nodeHints: readonly string[];
}

/** A port of a service with everything that kube-proxy programs for it. Headless and ExternalName services have none. */
export interface ProxyPort {
  /** `svc/default/api:80/TCP` */
  readonly key: string;
  /** `svc/default/api` */
  readonly service: string;
  readonly namespace: string;
  readonly name: string;
  /** Empty: the port has no name. */
  readonly portName: string;
  readonly protocol: "TCP" | "UDP" | "SCTP";
  /** int32 */
  readonly clusterIP: number;
  readonly port: number;
  /** 0: none. */
  readonly nodePort: number;
  /** int32 */
  readonly externalIPs: readonly number[];
  /** VIPs of the load balancer (status.loadBalancer.ingress with ipMode VIP), int32. */
  readonly loadBalancerIPs: readonly number[];
  /** loadBalancerSourceRanges; empty: all. */
  readonly sourceRanges: readonly Cidr[];
  readonly internalTrafficPolicy: "Cluster" | "Local";
  readonly externalTrafficPolicy: "Cluster" | "Local";
  /** sessionAffinity ClientIP: timeoutSeconds; 0: none. */
  readonly affinitySeconds: number;
  /** 0: none. */
  readonly healthCheckNodePort: number;
  /** Whether hints are followed: `zone` by topology-mode, `near` by trafficDistribution (nodes, then zones). */
  readonly topology: "none" | "zone" | "near";
  /** All, in the order of pods' names and then of slices; those that no node may use included. */
  readonly endpoints: readonly ProxyEndpoint[];
}

/** A node as the choice of endpoints sees it. */
export interface ProxyNode {
  readonly name: string;
  readonly zone: string;
}

/** What kube-proxy on a node uses of a service port (kubernetes pkg/proxy/topology.go, CategorizeEndpoints). */
export interface SelectedEndpoints {
  /** For traffic under a Cluster policy. */
  readonly cluster: readonly ProxyEndpoint[];
  /** For traffic under a Local policy; empty where the service has none. */
  readonly local: readonly ProxyEndpoint[];
  /** Whether any endpoint could be used anywhere: REJECT where not, DROP where only local ones are missing. */
  readonly any: boolean;
}
