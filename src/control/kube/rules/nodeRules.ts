import type { HostPortRow } from "../../../plane/rows.ts";
import type { Cidr } from "../../vpc/cidr.ts";
import type { ProxyPort } from "../proxyPort.ts";
import { iptablesRules } from "./iptables.ts";
import { nftablesRules } from "./nftables.ts";
import { portmapRules } from "./portmap.ts";
import type { RuleNode, RuleSettings } from "./portPlan.ts";
import { type CniRules, vpcCniRules } from "./vpcCni.ts";

/** Modes of kube-proxy whose rules are text for programs. */
export const RULE_MODES = ["iptables", "nftables"] as const;
export type RuleMode = (typeof RULE_MODES)[number];

/** Everything that a node's rules follow from. */
export interface NodeRulesInput {
  readonly mode: RuleMode;
  readonly node: RuleNode;
  readonly ports: readonly ProxyPort[];
  /** Of the node's pods. */
  readonly hostPorts: readonly HostPortRow[];
  readonly settings: RuleSettings;
  /** CIDR blocks of the VPC. */
  readonly vpc: readonly Cidr[];
  readonly cni: CniRules;
}

/**
 * All rules of a node whose kernel has none: kube-proxy's, the portmap plugin's and the VPC CNI's.
 *
 * @returns what `nft -f` and, after it, what `iptables-restore --noflush` is to be given; either may be empty. Of two base
 * chains of one priority the one that was made last runs first: so the CNI's mark of before 1.23 comes before the DNAT of
 * kube-proxy's nftables mode.
 */
export function nodeRules(input: NodeRulesInput): { iptables: string; nftables: string } {
  const { cni, hostPorts, mode, node, ports, settings, vpc } = input;
  const own = vpcCniRules(node.address, vpc, cni);
  const after = portmapRules(hostPorts) + own.iptables;
  return mode === "iptables"
    ? { iptables: own.before + iptablesRules(ports, node, settings) + after, nftables: own.nftables }
    : { iptables: own.before + after, nftables: nftablesRules(ports, node, settings) + own.nftables };
}
