import type { Context } from "../context.ts";
import { FROM_HOST, FROM_POD } from "../from.ts";
import { PROTO_ICMP } from "../packet.ts";
import { POLICY_ENGINE_UPSTREAM } from "../rows.ts";
import { NEXT_LOCAL, NEXT_POD } from "../tables.ts";
import { evaluate, noteAllowed, refuse, verdict } from "./verdict.ts";

/**
 * Policies as the API documents them (k8s.io/api/networking/v1, "Network Policies" in the Kubernetes documentation), where
 * an iptables plugin has them: in the FORWARD hook, after DNAT and before source NAT, for connections' first packets alone.
 * A pod and the node it runs on always reach each other, and a pod itself.
 */

const INGRESS = 0;
const EGRESS = 1;

/**
 * A packet that belongs to no known connection, on its way through a node. False: it was dropped.
 *
 * @param kind NEXT_* of its route @param target what that names @param from FROM_* @param via device or ENI it came in by
 */
export function admitByPolicy(
  c: Context,
  node: number,
  kind: number,
  target: number,
  from: number,
  via: number,
): boolean {
  const t = c.tables;
  const { policies } = t;
  if (policies.count === 0) return true;
  if (from === FROM_POD && policies.engine(via) === POLICY_ENGINE_UPSTREAM) {
    const local = kind === NEXT_LOCAL || (kind === NEXT_POD && target === via);
    if (!judge(c, node, via, EGRESS, local)) return false;
  }
  if (kind !== NEXT_POD || policies.engine(target) !== POLICY_ENGINE_UPSTREAM) return true;
  const local = from === FROM_HOST || target === via || isNodes(c, node);
  return judge(c, node, target, INGRESS, local);
}

function judge(c: Context, node: number, device: number, egress: number, isLocal: boolean): boolean {
  const p = c.p;
  const remote = egress === EGRESS ? p.dst : p.src;
  // An ICMP query's type and code stand where others have a port.
  const port = p.protocol === PROTO_ICMP ? 0 : p.dport;
  if (!evaluate(c, device, egress, p.protocol, remote, port, isLocal))
    return refuse(c, node, device, egress, p.protocol, remote, port, p.len);
  noteAllowed(c, node, device, egress, verdict.cause, verdict.rule, verdict.tier, p.protocol, remote, port);
  return true;
}

/** Whether the packet's source is an address of the node itself. */
function isNodes(c: Context, node: number): boolean {
  const v = c.tables.nodeRoutes[node].lookup(c.p.src);
  return v >= 0 && (v & 3) === NEXT_LOCAL;
}
