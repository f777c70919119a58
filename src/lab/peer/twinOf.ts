import type { Cluster } from "../../control/cluster.ts";
import { clusterRules } from "../../control/kube/rules/clusterRules.ts";
import type { RuleMode } from "../../control/kube/rules/nodeRules.ts";
import { nodeEnd, podEnd, podWire } from "./nodeEnd.ts";
import { refuseGateways } from "./refuseGateways.ts";
import type { Twin } from "./twin.ts";
import { gatewayEnd, hostEnd, vpcEnd, vpcWires } from "./vpcEnd.ts";

/**
 * The kernel twin of a cluster as it is now: the same addresses, in namespaces that Linux itself connects.
 *
 * ```
 * pods ── veth ── nodes (ip rules, iptables, nft) ── veth ── vpc ── hosts in the VPC and on-premises
 *                                                             └── igw (1:1 mapping) ── hosts on the internet
 * ```
 *
 * @param mode kube-proxy's; null: the cluster's own.
 * @throws NameError where the cluster's mode is none of Linux's rules, Error for gateways that a twin has not (refuseGateways.ts).
 */
export function twinOf(cluster: Cluster, mode: RuleMode | null): Twin {
  const state = cluster.state();
  refuseGateways(state.model);
  const rules = clusterRules(state, cluster.snapshot(), mode, null);
  const pods = state.pods.filter(({ place }) => !place.hostNetwork);
  return {
    ends: [
      ...pods.map(podEnd),
      ...state.nodes.map((node, i) => nodeEnd(state, node, rules[i])),
      ...state.hosts.map(hostEnd),
      vpcEnd(state),
      gatewayEnd(state),
    ],
    wires: [...pods.map((pod) => podWire(state, pod)), ...vpcWires(state)],
  };
}
