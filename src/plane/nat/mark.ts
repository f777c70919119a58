import type { Context } from "../context.ts";
import {
  ACT_MARK,
  MARK_RULE_OUTBOUND,
  MARK_RULE_PRIMARY_ENI,
  MARK_RULE_RESTORE,
  RULE_MARK,
  STAGE_MARK,
} from "../decision.ts";
import { LPM_MISS } from "../lpm/lpm.ts";
import type { NodeCni } from "../nodeCni.ts";
import { type NodeRow, SERVICE_MODE_CILIUM, SNAT_EXTERNAL } from "../rows.ts";
import { NEXT_LOCAL } from "../tables.ts";

/** kube-proxy's masquerade bit (masqueradeBit 14). */
export const MARK_MASQUERADE = 0x4000;
/** The portmap plugin's masquerade bit (markMasqBit 13). */
export const MARK_HOST_PORT = 0x2000;
/** Cilium's translations of a new connection's source, which carry no mark in fact: to the node's address, and for an endpoint that reaches itself. */
export const MARK_CILIUM_SNAT = 0x1_0000;
export const MARK_CILIUM_LOOPBACK = 0x2_0000;
const MARKS_CILIUM = MARK_CILIUM_SNAT | MARK_CILIUM_LOOPBACK;

/** The marks that have a packet's source translated in a node's mode. A connmark may be any bits, theirs too. */
export function snatMarks(row: NodeRow): number {
  return row.serviceMode === SERVICE_MODE_CILIUM ? MARKS_CILIUM | MARK_HOST_PORT : MARK_MASQUERADE | MARK_HOST_PORT;
}

const LOOPBACK = 127;

/** 127.0.0.0/8 */
export function isLoopback(address: number): boolean {
  return address >>> 24 === LOOPBACK;
}

/**
 * mangle PREROUTING, `-i eth0 --dst-type LOCAL --limit-iface-in -j CONNMARK --set-mark 0x80/0x80`: what arrived at the
 * primary ENI for its own address is answered through the primary ENI, whatever ENI its pod's address is on. There is
 * no such rule without AWS_VPC_CNI_NODE_PORT_SUPPORT.
 */
export function markPrimary(c: Context, node: number, cni: NodeCni, eni: number): void {
  const p = c.p;
  if (!cni.nodePortSupport || p.dst !== c.tables.eniAddress[eni]) return;
  const before = c.ct.mark(p.ct);
  const after = before | cni.connmark;
  if (after === before) return;
  c.ct.setMark(p.ct, after);
  trace(c, node, MARK_RULE_PRIMARY_ENI, before, after);
}

/** mangle PREROUTING, `-i eni+ -j CONNMARK --restore-mark --mask 0x80`, and `-i vlan+` for branch ENIs in strict mode. */
export function restoreMark(c: Context, node: number, cni: NodeCni): void {
  const p = c.p;
  const bits = c.ct.mark(p.ct) & cni.connmark;
  const before = p.mark;
  const after = (before & ~cni.connmark) | bits;
  if (after === before) return;
  p.mark = after;
  trace(c, node, MARK_RULE_RESTORE, before, after);
}

/** Whether restoreMark's rule is there for packets of pods: `-i eni+`, or `-i vlan+` for those in strict mode. */
export function restoresMark(row: NodeRow, cni: NodeCni, strict: boolean): boolean {
  return cni.nodePortSupport || (!strict && row.snatMode !== SNAT_EXTERNAL);
}

/**
 * The CNI's chain in nat PREROUTING: a new connection of a pod that leaves the VPC is marked, so that rule 1024 sends it by
 * the primary ENI, where it is source-translated.
 *
 * Since 1.23 it is a table of its own at priority -90 (nftables_connmark.go), after kube-proxy's DNAT: a connection that
 * was translated there does not reach it, because the first NAT chain that binds ends the search. Before (iptables_connmark.go)
 * it could stand in front, where a ClusterIP looks like an address outside the VPC (amazon-vpc-cni-k8s 3563, 3800).
 */
export function markOutbound(c: Context, row: NodeRow, cni: NodeCni): void {
  const p = c.p;
  if (row.snatMode === SNAT_EXTERNAL) return;
  if (!cni.markBeforeDnat) {
    const local = c.tables.nodeRoutes[row.id].lookup(p.dst);
    if (local >= 0 && (local & 3) === NEXT_LOCAL) return;
  }
  const before = p.mark;
  if (c.tables.exempt[row.vpc].lookup(p.dst) === LPM_MISS) c.ct.setMark(p.ct, c.ct.mark(p.ct) | cni.connmark);
  const bits = c.ct.mark(p.ct) & cni.connmark;
  // `meta mark set ct mark & 0x80` replaces the whole packet mark (amazon-vpc-cni-k8s 3872); CONNMARK keeps the other bits.
  // Cilium's marks stand for what it has translated already, which no rule takes back.
  const kept = cni.markBeforeDnat ? ~cni.connmark : row.serviceMode === SERVICE_MODE_CILIUM ? MARKS_CILIUM : 0;
  p.mark = (before & kept) | bits;
  if (p.mark !== before) trace(c, row.id, MARK_RULE_OUTBOUND, before, p.mark);
}

/** Marks the packet for a translation of its source (MARK_MASQUERADE and its like). @param rule MARK_RULE_* */
export function markForSnat(c: Context, node: number, rule: number, mark: number): void {
  const before = c.p.mark;
  c.p.mark = before | mark;
  trace(c, node, rule, before, before | mark);
}

function trace(c: Context, node: number, rule: number, before: number, after: number): void {
  c.decision?.addWith(node, STAGE_MARK, ACT_MARK, RULE_MARK, rule, before, after, 0, 0);
}
