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
import { type NodeRow, SNAT_EXTERNAL } from "../rows.ts";
import { NEXT_LOCAL } from "../tables.ts";

/** AWS_VPC_K8S_CNI_CONNMARK: the flow belongs to the primary ENI, whatever ENI its pod's address is on. */
export const MARK_NODEPORT = 0x80;
/** kube-proxy's masquerade bit (masqueradeBit 14). */
export const MARK_MASQUERADE = 0x4000;
/** The portmap plugin's masquerade bit (markMasqBit 13). */
export const MARK_HOST_PORT = 0x2000;
/** Cilium's translations of a new connection's source, which carry no mark in fact: to the node's address, and for an endpoint that reaches itself. */
export const MARK_CILIUM_SNAT = 0x1_0000;
export const MARK_CILIUM_LOOPBACK = 0x2_0000;
export const MARKS_SNAT = MARK_MASQUERADE | MARK_HOST_PORT | MARK_CILIUM_SNAT | MARK_CILIUM_LOOPBACK;

const LOOPBACK = 127;

/** 127.0.0.0/8 */
export function isLoopback(address: number): boolean {
  return address >>> 24 === LOOPBACK;
}

/**
 * mangle PREROUTING, `-i eth0 --dst-type LOCAL --limit-iface-in -j CONNMARK --set-mark 0x80/0x80`: what arrived at the
 * primary ENI for its own address is answered through the primary ENI.
 */
export function markPrimary(c: Context, node: number, eni: number): void {
  const p = c.p;
  if (p.dst !== c.tables.eniAddress[eni]) return;
  const before = c.ct.mark(p.ct);
  if ((before & MARK_NODEPORT) !== 0) return;
  c.ct.setMark(p.ct, before | MARK_NODEPORT);
  trace(c, node, MARK_RULE_PRIMARY_ENI, before, before | MARK_NODEPORT);
}

/** mangle PREROUTING, `-i eni+ -j CONNMARK --restore-mark --mask 0x80`. */
export function restoreMark(c: Context, node: number): void {
  const p = c.p;
  const bit = c.ct.mark(p.ct) & MARK_NODEPORT;
  if (bit === (p.mark & MARK_NODEPORT)) return;
  const before = p.mark;
  p.mark = (before & ~MARK_NODEPORT) | bit;
  trace(c, node, MARK_RULE_RESTORE, before, p.mark);
}

/**
 * The CNI's chain at nat priority -90 (nftables_connmark.go): a new connection of a pod that leaves the VPC is marked,
 * so that rule 1024 sends it by the primary ENI, where it is source-translated. It runs after kube-proxy's DNAT, and a
 * connection that was translated there does not reach it.
 */
export function markOutbound(c: Context, row: NodeRow): void {
  const p = c.p;
  if (row.snatMode === SNAT_EXTERNAL) return;
  const local = c.tables.nodeRoutes[row.id].lookup(p.dst);
  if (local >= 0 && (local & 3) === NEXT_LOCAL) return;
  const before = p.mark;
  if (c.tables.exempt[row.vpc].lookup(p.dst) === LPM_MISS) c.ct.setMark(p.ct, c.ct.mark(p.ct) | MARK_NODEPORT);
  // `meta mark set ct mark & 0x80` replaces the whole packet mark (amazon-vpc-cni-k8s 3872).
  p.mark = c.ct.mark(p.ct) & MARK_NODEPORT;
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
