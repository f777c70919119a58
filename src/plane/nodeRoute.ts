import { CT_ESTABLISHED, CT_ESTABLISHED_REPLY, IPS_NODE_SOCKET } from "./conntrack/info.ts";
import type { Context } from "./context.ts";
import { ACT_ROUTE, LATER, RULE_ROUTE_RULE, STAGE_ROUTE } from "./decision.ts";
import { FROM_ENI, FROM_POD } from "./from.ts";
import { LPM_MISS } from "./lpm/lpm.ts";
import { isLoopback } from "./nat/mark.ts";
import type { NodeCni } from "./nodeCni.ts";
import { PROTO_TCP } from "./packet.ts";
import { type NodeRow, SNAT_EXTERNAL } from "./rows.ts";
import { NEXT_ENI, NEXT_LOCAL, NEXT_POD } from "./tables.ts";

/** A node's routing decision: the VPC CNI's rule list and the tables that it looks up. */

// Priorities of the VPC CNI's rule list (pkg/networkutils/network.go), which are their numbers in a decision.
const RULE_LOCAL = 0;
const RULE_VLAN = 10;
const RULE_TO_POD = 512;
const RULE_MARK = 1024;
const RULE_EXTERNAL_SERVICE = 1535;
const RULE_FROM_POD = 1536;
const RULE_FROM_ENI = 32_765;
const RULE_MAIN = 32_766;

/**
 * The rule list and the tables: what comes next for the packet, as a value of the node's main table, or -1. Main and
 * local table are one longest-prefix-match table; an ENI's own table has only routes by that ENI, so the ENI stands for it.
 */
export function route(c: Context, row: NodeRow, cni: NodeCni, from: number, via: number): number {
  const p = c.p;
  const t = c.tables;
  const node = row.id;
  const main = t.nodeRoutes[node];
  if (isLoopback(p.dst)) return NEXT_LOCAL;
  const v = main.lookup(p.dst);
  if (v < 0) return -1;
  const kind = v & 3;
  let rule = RULE_MAIN;
  let table = 0;
  let next = v;
  if (kind === NEXT_LOCAL) rule = RULE_LOCAL;
  else if (kind === NEXT_POD) rule = RULE_TO_POD;
  else if (followsMark(row, cni, p.mark)) rule = RULE_MARK;
  else if (cni.externalServices !== null && cni.externalServices.lookup(p.dst) !== LPM_MISS)
    rule = RULE_EXTERNAL_SERVICE;
  else {
    const eni = from === FROM_POD ? t.deviceEni[via] : sourceEni(c, node);
    if (eni >= 0 && eni !== row.primaryEni) {
      rule = from === FROM_POD || p.src !== t.eniAddress[eni] ? RULE_FROM_POD : RULE_FROM_ENI;
      table = t.eniDeviceNumber[eni] + 1;
      next = (eni << 2) | NEXT_ENI;
    }
  }
  const d = c.decision;
  if (d !== null) {
    const length = table !== 0 ? 0 : d.brief ? LATER : main.matchLength(p.dst);
    const i = d.addWith(node, STAGE_ROUTE, ACT_ROUTE, RULE_ROUTE_RULE, rule, p.dst, length, table, next >> 2);
    d.e[i] = next & 3;
    d.f[i] = table !== 0 ? -1 : d.brief ? LATER : main.matchLength(p.dst, length);
  }
  return next;
}

/** Rule 1024, which is there with NodePort support or without EXTERNALSNAT (SetupHostNetwork). */
function followsMark(row: NodeRow, cni: NodeCni, mark: number): boolean {
  return (mark & cni.connmark) === cni.connmark && (cni.nodePortSupport || row.snatMode !== SNAT_EXTERNAL);
}

/** Whether the packet came from a pod with a branch ENI in strict mode, or by such an ENI: rule 10 is for both. */
export function isStrict(c: Context, from: number, via: number): boolean {
  if (from === FROM_POD) return c.tables.deviceStrict[via] === 1;
  return from === FROM_ENI && c.tables.eniStrictPod[via] >= 0;
}

/**
 * Rule 10: `iif` of the branch ENI's VLAN and of its pod's veth look up the VLAN's own table, before table local
 * (driver.go, setupIIFBasedContainerRouteRules). It has the pod, and a default route by the VLAN: everything else goes out
 * to the VPC, what is for the node itself or a pod beside it too.
 */
export function routeVlan(c: Context, node: number, from: number, via: number): number {
  const { dst } = c.p;
  const t = c.tables;
  const eni = from === FROM_POD ? t.deviceEni[via] : via;
  const pod = t.eniStrictPod[eni];
  const own = pod >= 0 && dst === t.deviceAddress[pod];
  const next = own ? (pod << 2) | NEXT_POD : (eni << 2) | NEXT_ENI;
  const d = c.decision;
  if (d !== null) {
    const table = t.eniDeviceNumber[eni] + 1;
    const i = d.addWith(node, STAGE_ROUTE, ACT_ROUTE, RULE_ROUTE_RULE, RULE_VLAN, dst, own ? 32 : 0, table, next >> 2);
    d.e[i] = next & 3;
    d.f[i] = own ? 0 : -1;
  }
  return next;
}

/**
 * Whether a TCP packet of a strict pod, on its way out to the VPC, is for a socket of the node itself: tcp_v4_early_demux
 * finds that in ip_rcv_finish, and ip_forward drops a packet that has a socket (amazon-vpc-cni-k8s pull request 1212).
 */
export function isSockets(c: Context, from: number, info: number): boolean {
  if (from !== FROM_POD || c.p.protocol !== PROTO_TCP) return false;
  return (info === CT_ESTABLISHED || info === CT_ESTABLISHED_REPLY) && (c.ct.status(c.p.ct) & IPS_NODE_SOCKET) !== 0;
}

/** ENI whose table the packet's source selects (rules 1536 and 32765), or -1 for table main. */
function sourceEni(c: Context, node: number): number {
  const v = c.tables.nodeRoutes[node].lookup(c.p.src);
  if (v < 0) return -1;
  if ((v & 3) === NEXT_POD) return c.tables.deviceEni[v >> 2];
  return (v & 3) === NEXT_LOCAL ? v >> 2 : -1;
}
