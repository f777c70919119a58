import type { ProxyEndpoint, ProxyNode, ProxyPort, SelectedEndpoints } from "../../../src/control/kube/proxyPort.ts";

/** CategorizeEndpoints word for word as its specification has it: one endpoint at a time, no early ends. */
export function categorize(port: ProxyPort, node: ProxyNode): SelectedEndpoints {
  const externally = port.nodePort !== 0 || port.loadBalancerIPs.length > 0 || port.externalIPs.length > 0;
  const usesCluster = !(port.internalTrafficPolicy === "Local") || externally;
  const usesLocal = port.internalTrafficPolicy === "Local" || (port.externalTrafficPolicy === "Local" && externally);
  const mode = topologyMode(port, node);
  const cluster: ProxyEndpoint[] = [];
  const local: ProxyEndpoint[] = [];
  let any = false;
  for (const e of port.endpoints) {
    if (e.ready || (e.serving && e.terminating)) any = true;
    if (usesCluster && e.ready && available(e, mode, node)) cluster.push(e);
    if (usesLocal && e.ready && e.node === node.name) local.push(e);
  }
  if (usesCluster && cluster.length === 0)
    for (const e of port.endpoints) if (e.serving && e.terminating) cluster.push(e);
  if (usesLocal && local.length === 0)
    for (const e of port.endpoints) if (e.serving && e.terminating && e.node === node.name) local.push(e);
  return { cluster, local, any };
}

function topologyMode(port: ProxyPort, node: ProxyNode): "" | "node" | "zone" {
  let ready = 0;
  let nodeHints = 0;
  let zoneHints = 0;
  let forNode = 0;
  let forZone = 0;
  for (const e of port.endpoints) {
    if (!e.ready) continue;
    ready++;
    if (e.nodeHints.length > 0) nodeHints++;
    if (e.nodeHints.includes(node.name)) forNode++;
    if (e.zoneHints.length > 0) zoneHints++;
    if (e.zoneHints.includes(node.zone)) forZone++;
  }
  if (ready === 0 || port.topology === "none") return "";
  if (port.topology === "near" && nodeHints === ready && forNode > 0) return "node";
  return zoneHints === ready && forZone > 0 ? "zone" : "";
}

function available(e: ProxyEndpoint, mode: "" | "node" | "zone", node: ProxyNode): boolean {
  if (mode === "node") return e.nodeHints.includes(node.name);
  return mode === "" || e.zoneHints.includes(node.zone);
}
