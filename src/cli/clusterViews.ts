import type { Views } from "../lab/controlProtocol.ts";
import { SLICE_COLUMNS, serviceTable } from "./serviceTables.ts";
import { type Columns, type OwnTable, qualified, shorten, yesNo } from "./view.ts";

type Noun = "pods" | "services" | "endpoints" | "endpointslices" | "nodes" | "policies";

/** What the cluster has. */
export const CLUSTER_VIEWS: { [V in Noun]: Columns<Views[V][number]> | OwnTable<Views[V][number]> } = {
  pods: {
    header: ["NAME", "READY", "STATUS", "ADDRESS", "ENI", "DEPLOYMENT", "REASON"],
    row: (p) => [
      qualified(p),
      yesNo(p.ready),
      p.status,
      p.address,
      p.hostNetwork && p.node !== null ? `${p.node} (host)` : (p.eni ?? p.node),
      p.deployment,
      p.reason,
    ],
    empty: "no pods",
  },
  services: {
    table: serviceTable,
    empty: "no services",
  },
  endpoints: {
    header: ["SERVICE", "PROTOCOL", "ENDPOINT", "CONNS", "LIVE", "POD"],
    row: (e) => [e.service, e.protocol, `${e.address}:${e.port}`, e.connections ?? null, e.live ?? null, e.pod],
    empty: "no endpoints",
  },
  endpointslices: SLICE_COLUMNS,
  nodes: {
    header: ["NAME", "TYPE", "ZONE", "ADDRESS", "PUBLIC", "ENIS", "BRANCHES", "PODS", "MAX-PODS", "WARM", "COOLING"],
    row: (n) => [
      n.name,
      n.instanceType,
      n.availabilityZone,
      n.address,
      n.publicAddress,
      `${n.enis}/${n.maxEnis}`,
      n.maxBranchEnis === 0 ? null : `${n.branchEnis}/${n.maxBranchEnis}`,
      n.systemPods === 0 ? n.pods : `${n.pods}+${n.systemPods}`,
      n.maxPods,
      n.warm,
      n.cooling,
    ],
    empty: "no nodes",
  },
  policies: {
    header: ["POLICY", "TIER", "PODS", "RULE", "ACTION", "PEERS", "PORTS"],
    row: (p) => [p.policy, p.tier, shorten(p.pods), p.rule, p.action, p.peers, p.ports],
    empty: "no network policies",
  },
};
