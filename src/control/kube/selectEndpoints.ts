import type { ProxyEndpoint, ProxyNode, ProxyPort, SelectedEndpoints } from "./proxyPort.ts";

/** Whether the port can be reached by anything but its ClusterIP (ServicePort.ExternallyAccessible). */
function isExternallyAccessible(port: ProxyPort): boolean {
  return port.nodePort !== 0 || port.loadBalancerIPs.length > 0 || port.externalIPs.length > 0;
}

/** Whether any of the port's traffic is under a Cluster policy (ServicePort.UsesClusterEndpoints). */
export function usesClusterEndpoints(port: ProxyPort): boolean {
  return port.internalTrafficPolicy !== "Local" || isExternallyAccessible(port);
}

/** Whether any of the port's traffic is under a Local policy (ServicePort.UsesLocalEndpoints). */
export function usesLocalEndpoints(port: ProxyPort): boolean {
  return (
    port.internalTrafficPolicy === "Local" || (port.externalTrafficPolicy === "Local" && isExternallyAccessible(port))
  );
}

const NONE: readonly ProxyEndpoint[] = [];

/** Serving while it terminates: what is left to fall back to where nothing is ready (KEP-1669). */
const isLeaving = (e: ProxyEndpoint): boolean => e.serving && e.terminating;

/** Ready endpoints that topology leaves this node; all of them where a hint is missing or none is for it. */
function inTopology(port: ProxyPort, ready: readonly ProxyEndpoint[], node: ProxyNode): readonly ProxyEndpoint[] {
  if (port.topology === "none") return ready;
  if (port.topology === "near" && ready.every((e) => e.nodeHints.length > 0)) {
    const here = ready.filter((e) => e.nodeHints.includes(node.name));
    if (here.length > 0) return here;
  }
  if (ready.every((e) => e.zoneHints.length > 0)) {
    const near = ready.filter((e) => e.zoneHints.includes(node.zone));
    if (near.length > 0) return near;
  }
  return ready;
}

/**
 * The endpoints that kube-proxy on a node programs for a service port: kubernetes pkg/proxy/topology.go,
 * CategorizeEndpoints. Both sets keep the order of the port's endpoints.
 */
export function selectEndpoints(port: ProxyPort, node: ProxyNode): SelectedEndpoints {
  const { endpoints } = port;
  const ready = endpoints.every((e) => e.ready) ? endpoints : endpoints.filter((e) => e.ready);
  const any = ready.length > 0 || endpoints.some(isLeaving);
  let cluster = NONE;
  if (usesClusterEndpoints(port))
    cluster = ready.length > 0 ? inTopology(port, ready, node) : endpoints.filter(isLeaving);
  let local = NONE;
  if (usesLocalEndpoints(port)) {
    local = ready.filter((e) => e.node === node.name);
    if (local.length === 0) local = endpoints.filter((e) => e.node === node.name && isLeaving(e));
  }
  return { cluster, local, any };
}
