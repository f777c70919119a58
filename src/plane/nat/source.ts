import { IPS_SRC_NAT } from "../conntrack/info.ts";
import type { Context } from "../context.ts";
import {
  C_DEVICES,
  C_NAT_COLLISION,
  C_NAT_EXHAUSTED,
  C_NAT_NULL,
  C_NAT_SNAT,
  D_NAT_COLLISION,
  D_NAT_EXHAUSTED,
  D_NAT_PORTS_TAKEN,
  D_NAT_SNAT,
  DEVICE_COUNTERS,
} from "../counters.ts";
import {
  ACT_NONE,
  ACT_SNAT,
  NAT_RULE_AWS_SNAT,
  NAT_RULE_CILIUM,
  NAT_RULE_CILIUM_LOOPBACK,
  NAT_RULE_EXCLUDED_CIDR,
  NAT_RULE_EXTERNAL_SNAT,
  NAT_RULE_HOST_PORT,
  NAT_RULE_KUBE_MASQUERADE,
  NAT_RULE_LOCAL,
  NAT_RULE_NULL,
  NAT_RULE_VLAN,
  NAT_RULE_VPC_CIDR,
  RULE_NAT,
  STAGE_SNAT,
} from "../decision.ts";
import { FROM_HOST } from "../from.ts";
import { LPM_MISS } from "../lpm/lpm.ts";
import { type NodeRow, SNAT_EXTERNAL, SNAT_NONE, SNAT_PRNG } from "../rows.ts";
import { EXEMPT_EXCLUDED, NEXT_ENI, NEXT_LOCAL, NEXT_POD } from "../tables.ts";
import { MARK_CILIUM_LOOPBACK, MARK_CILIUM_SNAT, MARK_MASQUERADE, snatMarks } from "./mark.ts";
import { BIND_EXHAUSTED, bindSource, lastSearch, setReplyTuple } from "./ports.ts";

/** Cilium's address for an endpoint that reaches itself through a service (169.254.42.1, --ipv4-service-loopback-address). */
const CILIUM_LOOPBACK = (169 << 24) | (254 << 16) | (42 << 8) | 1;

/**
 * Source NAT of a connection's first packet, at POSTROUTING (or INPUT, where no rule stands): kube-proxy's masquerade
 * first, then the VPC CNI's SNAT, else a null binding, which keeps address and port but still has to be unique.
 *
 * What a node sends to itself passes POSTROUTING by its loopback device before it comes in.
 *
 * @param from FROM_*
 * @param kind NEXT_* of the routing decision, and its target
 * @returns false when no port was free
 */
export function bindSourceRules(c: Context, row: NodeRow, from: number, kind: number, target: number): boolean {
  const p = c.p;
  const t = c.tables;
  const marks = snatMarks(row);
  let rule = NAT_RULE_NULL;
  let address = p.src;
  let mode = SNAT_NONE;
  const marked = (p.mark & marks) !== 0;
  if (kind === NEXT_LOCAL && !(marked && from === FROM_HOST)) rule = NAT_RULE_LOCAL;
  else if (marked) {
    rule = ruleOfMark(p.mark & marks);
    p.mark &= ~marks;
    // MASQUERADE: the primary address of the egress interface; a pod's veth, a branch ENI's VLAN and the loopback device
    // borrow the node's.
    address = kind === NEXT_ENI && t.eniBranch[target] === 0 ? t.eniAddress[target] : row.primaryAddress;
    if (rule === NAT_RULE_CILIUM_LOOPBACK) address = CILIUM_LOOPBACK;
    // kube-proxy says --random-fully; the portmap plugin does not, and Cilium keeps a port that is free.
    if (rule === NAT_RULE_KUBE_MASQUERADE) mode = SNAT_PRNG;
  } else if (row.snatMode === SNAT_EXTERNAL) rule = NAT_RULE_EXTERNAL_SNAT;
  else {
    const exempt = t.exempt[row.vpc].lookup(p.dst);
    if (exempt === LPM_MISS && isVlan(c, kind, target)) rule = NAT_RULE_VLAN;
    else if (exempt === LPM_MISS) {
      rule = NAT_RULE_AWS_SNAT;
      address = row.primaryAddress;
      mode = row.snatMode;
    } else rule = exempt === EXEMPT_EXCLUDED ? NAT_RULE_EXCLUDED_CIDR : NAT_RULE_VPC_CIDR;
  }
  const port = bindSource(c.ct, c.random, p, row.id, address, mode);
  const node = C_DEVICES + row.hostDevice * DEVICE_COUNTERS;
  if (lastSearch.taken > 0) {
    c.counters[C_NAT_COLLISION]++;
    c.counters[node + D_NAT_COLLISION]++;
    c.counters[node + D_NAT_PORTS_TAKEN] += lastSearch.taken;
  }
  if (port === BIND_EXHAUSTED) {
    c.counters[C_NAT_EXHAUSTED]++;
    c.counters[node + D_NAT_EXHAUSTED]++;
    return false;
  }
  const d = c.decision;
  if (port === p.sport && address === p.src) {
    // A null binding leaves the reply tuple as the destination's binding left it.
    c.counters[C_NAT_NULL]++;
    if (d !== null) {
      // Of an exempt destination: the block that has it.
      const isExempt = rule === NAT_RULE_VPC_CIDR || rule === NAT_RULE_EXCLUDED_CIDR;
      const length = isExempt ? t.exempt[row.vpc].matchLength(p.dst) : -1;
      d.addWith(row.id, STAGE_SNAT, ACT_NONE, RULE_NAT, rule, p.dst, length, 0, 0);
    }
    return true;
  }
  c.counters[C_NAT_SNAT]++;
  c.counters[node + D_NAT_SNAT]++;
  if (d !== null) {
    const i = d.addWith(row.id, STAGE_SNAT, ACT_SNAT, RULE_NAT, rule, p.src, p.sport, address, port);
    d.e[i] = mode;
    d.f[i] = lastSearch.taken;
  }
  setReplyTuple(c.ct, p, address, port);
  c.ct.setStatus(p.ct, IPS_SRC_NAT);
  p.src = address;
  p.sport = port;
  return true;
}

/** `-o vlan+`, which the CNI's SNAT leaves alone: branch ENIs, and the veths of pods that have one in strict mode. */
function isVlan(c: Context, kind: number, target: number): boolean {
  if (kind === NEXT_ENI) return c.tables.eniBranch[target] === 1;
  return kind === NEXT_POD && c.tables.deviceStrict[target] === 1;
}

/** The first rule that a marked packet meets. */
function ruleOfMark(mark: number): number {
  if ((mark & MARK_MASQUERADE) !== 0) return NAT_RULE_KUBE_MASQUERADE;
  if ((mark & MARK_CILIUM_LOOPBACK) !== 0) return NAT_RULE_CILIUM_LOOPBACK;
  return (mark & MARK_CILIUM_SNAT) !== 0 ? NAT_RULE_CILIUM : NAT_RULE_HOST_PORT;
}
