import type { Context } from "../context.ts";
import { ACT_DNAT, MARK_RULE_HOST_PORT, RULE_HOST_PORT, STAGE_SERVICE } from "../decision.ts";
import { FROM_HOST } from "../from.ts";
import type { NodeRow } from "../rows.ts";
import { translate } from "./choose.ts";
import { isNodeLocal } from "./local.ts";
import { isLoopback, MARK_HOST_PORT, markForSnat } from "./mark.ts";

/**
 * The portmap plugin's CNI-HOSTPORT-DNAT (containernetworking/plugins, plugins/meta/portmap/portmap_iptables.go, snat true):
 * a port of the node's addresses, or of hostIP, is the pod's. It stands behind kube-proxy's chains in PREROUTING and OUTPUT.
 * Masqueraded is what comes from the pod itself and from 127.0.0.1.
 *
 * @returns whether the packet was translated
 */
export function bindHostPort(c: Context, row: NodeRow, from: number): boolean {
  const p = c.p;
  const { services } = c.tables;
  const index = services.lookupHostPort(row.id, p.dst, p.protocol, p.dport);
  if (index < 0 || !isNodeLocal(c, row.id, p.dst)) return false;
  // Loopback addresses from elsewhere are martians.
  if (isLoopback(p.dst) && from !== FROM_HOST) return false;
  const address = services.hostPortTarget(index);
  const port = services.hostPortTargetPort(index);
  const masquerade = p.src === address || isLoopback(p.src);
  const d = c.decision;
  if (d !== null) d.addWith(row.id, STAGE_SERVICE, ACT_DNAT, RULE_HOST_PORT, index, p.dst, p.dport, address, port);
  translate(c, address, port);
  if (masquerade) markForSnat(c, row.id, MARK_RULE_HOST_PORT, MARK_HOST_PORT);
  return true;
}
