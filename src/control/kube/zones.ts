import type { Lab } from "../objects/lab.ts";
import { vcpusOf } from "../vpc/instanceVcpus.ts";
import type { Zones } from "./endpoints.ts";
import { nodeLabels } from "./nodeLabels.ts";
import type { ProxyNode } from "./proxyPort.ts";
import { zoneShares } from "./topologyHints.ts";

/** Label that kube-proxy and the EndpointSlice controller read a node's zone from. */
const ZONE_LABEL = "topology.kubernetes.io/zone";

/** The lab's nodes as the choice of endpoints sees them, in the lab's order. */
export function proxyNodes(lab: Lab): ProxyNode[] {
  return lab.spec.nodes.map((node) => ({ name: node.name, zone: nodeLabels(lab, node)[ZONE_LABEL] ?? "" }));
}

/** Zones of a lab's nodes, and their shares of its CPUs: a type whose vCPUs nobody knows counts as 1. */
export function labZones(lab: Lab): Zones {
  const nodes = lab.spec.nodes.map((node) => {
    const labels = nodeLabels(lab, node);
    return { name: node.name, zone: labels[ZONE_LABEL] ?? "", cpus: vcpusOf(node.instanceType) ?? 1, labels };
  });
  return { byNode: new Map(nodes.map(({ name, zone }) => [name, zone])), shares: zoneShares(nodes) };
}
