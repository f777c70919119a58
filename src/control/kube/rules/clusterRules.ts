import type { HostPortRow } from "../../../plane/rows.ts";
import type { ClusterState } from "../../clusterState.ts";
import type { Snapshot } from "../../compile.ts";
import { suggestion } from "../../near.ts";
import { NameError } from "../../resolve.ts";
import { toCidr } from "../../vpc/cidr.ts";
import { addressesWithNodePorts } from "../nodePortAddresses.ts";
import { proxyNodes } from "../zones.ts";
import { nodeRules, RULE_MODES, type RuleMode } from "./nodeRules.ts";
import type { RuleSettings } from "./portPlan.ts";

/** Rules of one node, as two programs take them; either may be empty. */
export interface NodeRules {
  readonly node: string;
  readonly mode: RuleMode;
  /** For `iptables-restore --noflush`. */
  readonly iptables: string;
  /** For `nft -f`. */
  readonly nftables: string;
}

/** 127.0.0.1 */
const LOCALHOST = (127 << 24) | 1;

const isRuleMode = (mode: string): mode is RuleMode => RULE_MODES.some((own) => own === mode);

/** @param mode null: as the cluster's kube-proxy has it. @throws NameError where that has no rules. */
function ruleMode(state: ClusterState, mode: RuleMode | null): RuleMode {
  const own = mode ?? state.lab.spec.cluster.kubeProxy.mode;
  if (isRuleMode(own)) return own;
  throw new NameError(
    `kube-proxy in ${own} mode has no rules to show: choose --mode ${RULE_MODES.join(" or --mode ")}`,
  );
}

function ruleSettings({ lab }: ClusterState): RuleSettings {
  const { conntrack, kubeProxy, serviceCidr } = lab.spec.cluster;
  return {
    clusterCidr: kubeProxy.clusterCIDR === undefined ? null : toCidr(kubeProxy.clusterCIDR),
    masqueradeAll: kubeProxy.masqueradeAll,
    serviceCidr: toCidr(serviceCidr),
    tcpBeLiberal: conntrack.tcpBeLiberal,
  };
}

/**
 * What kube-proxy, the portmap plugin and the VPC CNI have in the kernels of a cluster's nodes.
 *
 * @param mode null: the cluster's own.
 * @param node name of one node, or null for all.
 * @throws NameError for a node that is not there, or a mode without rules.
 */
export function clusterRules(
  state: ClusterState,
  snapshot: Snapshot,
  mode: RuleMode | null,
  node: string | null,
): NodeRules[] {
  const chosen = ruleMode(state, mode);
  const names = state.nodes.map((n) => n.spec.name);
  const own = node?.replace(/^nodes?\//, "") ?? null;
  if (own !== null && !names.includes(own)) throw new NameError(`there is no node ${own}: ${suggestion(own, names)}`);
  const nodes = proxyNodes(state.lab);
  const settings = ruleSettings(state);
  const ports = state.services.flatMap((s) => s.ports.flatMap(({ proxy }) => proxy ?? []));
  const hostPorts = [...snapshot.rows.values()].filter((row): row is HostPortRow => row.t === "hostPort");
  const { nodePortAddresses } = state.lab.spec.cluster.kubeProxy;
  const { markBeforeDnat } = state.lab.spec.cluster.cni;
  return state.nodes.flatMap(({ spec, address, enis, externalSnat }, id) => {
    if (own !== null && spec.name !== own) return [];
    const rules = nodeRules({
      mode: chosen,
      node: {
        ...nodes[id],
        address,
        nodePortAddresses: addressesWithNodePorts(
          nodePortAddresses,
          [LOCALHOST, ...enis.filter((eni) => eni.vlan === 0).map((eni) => eni.address)],
          address,
        ),
      },
      ports,
      hostPorts: hostPorts.filter((row) => row.node === id),
      settings,
      vpc: state.model.cidrs,
      cni: { ...state.cni, externalSnat, markBeforeDnat },
    });
    return [{ node: spec.name, mode: chosen, ...rules }];
  });
}
