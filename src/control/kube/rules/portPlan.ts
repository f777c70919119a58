import { type Cidr, containsAddress } from "../../vpc/cidr.ts";
import type { ProxyEndpoint, ProxyNode, ProxyPort } from "../proxyPort.ts";
import { selectEndpoints } from "../selectEndpoints.ts";

/** The node that rules are for. */
export interface RuleNode extends ProxyNode {
  /** Primary address, int32: the one that has NodePorts in nftables mode. */
  readonly address: number;
  /** Its addresses that --nodeport-addresses has; null: the mode's default. */
  readonly nodePortAddresses: readonly number[] | null;
}

/** What kube-proxy is told on its command line and in its configuration. */
export interface RuleSettings {
  /** --cluster-cidr, by which it tells pods from others; null: it cannot, which is EKS's default. */
  readonly clusterCidr: Cidr | null;
  /** --masquerade-all */
  readonly masqueradeAll: boolean;
  /** For nftables mode's drop of addresses that no service has. */
  readonly serviceCidr: Cidr;
  /** --conntrack-tcp-be-liberal: iptables mode then lets packets in state INVALID pass. */
  readonly tcpBeLiberal: boolean;
}

/** What happens to packets that no endpoint may have. */
type Refusal = "reject" | "drop";

/**
 * What kube-proxy on a node makes of a service port, before it is written in a mode's language (syncProxyRules in both
 * modes, kubernetes pkg/proxy/iptables/proxier.go and pkg/proxy/nftables/proxier.go).
 */
export interface PortPlan {
  readonly port: ProxyPort;
  /** Sets of the policies; empty where the port has no use for it. */
  readonly cluster: readonly ProxyEndpoint[];
  readonly local: readonly ProxyEndpoint[];
  /** Endpoints of both, each once. */
  readonly reachable: readonly ProxyEndpoint[];
  /** Some node has an endpoint for it. */
  readonly any: boolean;
  /** null: there are endpoints for the ClusterIP. */
  readonly refusesInternal: Refusal | null;
  /** null: there are endpoints for what comes from outside. */
  readonly refusesExternal: Refusal | null;
  /** There are addresses or ports of the "external" kind, and endpoints somewhere. */
  readonly external: boolean;
  /** Load balancer VIPs with source ranges. */
  readonly firewall: boolean;
  /** The node itself is in the ranges: then a source that is the VIP is let through as well. */
  readonly allowsNode: boolean;
}

export function planPort(port: ProxyPort, node: RuleNode): PortPlan {
  const selected = selectEndpoints(port, node);
  const accessible = port.nodePort !== 0 || port.externalIPs.length > 0 || port.loadBalancerIPs.length > 0;
  const internalLocal = port.internalTrafficPolicy === "Local";
  const externalLocal = port.externalTrafficPolicy === "Local";
  const cluster = internalLocal && !accessible ? [] : selected.cluster;
  const local = internalLocal || (externalLocal && accessible) ? selected.local : [];
  const refuses = (needsLocal: boolean): Refusal | null => {
    if (!selected.any) return "reject";
    return needsLocal && local.length === 0 ? "drop" : null;
  };
  return {
    port,
    cluster,
    local,
    reachable: [...cluster, ...local.filter((e) => !cluster.includes(e))],
    any: selected.any,
    refusesInternal: refuses(internalLocal),
    refusesExternal: refuses(externalLocal),
    external: selected.any && accessible,
    firewall: port.loadBalancerIPs.length > 0 && port.sourceRanges.length > 0,
    allowsNode: port.sourceRanges.some((range) => containsAddress(range, node.address)),
  };
}
