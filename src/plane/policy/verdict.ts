import type { Context } from "../context.ts";
import { C_DEVICES, D_POLICY_EGRESS_PACKETS, D_POLICY_INGRESS_PACKETS, DEVICE_COUNTERS } from "../counters.ts";
import { ACT_ACCEPT, type Decision, RULE_POLICY, STAGE_POLICY } from "../decision.ts";
import { type Reason, reason } from "../reasons.ts";
import {
  POLICIES_APPLIED,
  POLICY_ACTION_DENY,
  POLICY_ACTION_PASS,
  POLICY_BASELINE_ORDER,
  POLICY_DEFAULT_DENY,
  POLICY_LOG_ALL,
  POLICY_LOG_DENIED,
} from "../rows.ts";
import { isBaseline, TABLE_ALLOW } from "./policyTables.ts";

// Tiers of a verdict, by the agent's numbers (pkg/utils/utils.go).
export const TIER_ADMIN = 1;
export const TIER_NETWORK_POLICY = 2;
export const TIER_BASELINE = 3;
export const TIER_DEFAULT = 4;

// What a verdict comes from: a decision step's a.
/** A policy's rule. */
export const BY_RULE = 0;
/** The connection was allowed before. */
export const BY_FLOW = 1;
/** It answers a connection that was allowed. */
export const BY_REPLY = 2;
/** The pod's own node, which is always allowed, or (upstream) the pod itself. */
export const BY_NODE = 3;
/** No policy says anything: the pod's default. */
export const BY_DEFAULT = 4;
/** Policies isolate the pod, and no rule allows it. */
export const BY_NOTHING = 5;

const NONE = -1;
/** What a device's frame has in front of the IP header. */
const ETHERNET_HEADER = 14;

/** The verdict that {@link evaluate} came to; one object, used for every packet. */
export const verdict = { tier: 0, cause: 0, rule: NONE, reason: 0 as Reason };

/**
 * The tiers in their order: cluster policies of the admin tier, namespaced policies, cluster policies of the baseline tier,
 * the pod's default (evaluateFlow of tc.v4egress.bpf.c). Fills {@link verdict}.
 *
 * @param egress 1: what the pod sends
 * @param remote the other end's address
 * @param isNode whether that is the pod's own node
 */
export function evaluate(
  c: Context,
  device: number,
  egress: number,
  protocol: number,
  remote: number,
  port: number,
  isNode: boolean,
): boolean {
  const t = c.tables.policies;
  const cluster = t.clusterTable(device, egress);
  if (isNode) return settle(true, cluster >= 0 ? TIER_ADMIN : TIER_NETWORK_POLICY, BY_NODE, NONE, egress);
  const action = t.cluster(cluster, remote, protocol, port, 0);
  if (t.order !== NONE && !isBaseline(t.order) && action !== POLICY_ACTION_PASS)
    return settle(action !== POLICY_ACTION_DENY, TIER_ADMIN, BY_RULE, t.rule, egress);

  const table = t.table(device, egress);
  const state = t.state(device);
  if (table !== NONE && state === POLICIES_APPLIED) {
    const allowed = t.namespaced(table, remote, protocol, port) === TABLE_ALLOW;
    const cause = t.rule === NONE ? BY_NOTHING : BY_RULE;
    return settle(allowed, TIER_NETWORK_POLICY, cause, t.rule, egress);
  }

  const baseline = t.cluster(cluster, remote, protocol, port, POLICY_BASELINE_ORDER);
  if (baseline !== POLICY_ACTION_PASS)
    return settle(baseline !== POLICY_ACTION_DENY, TIER_BASELINE, BY_RULE, t.rule, egress);
  return settle(state !== POLICY_DEFAULT_DENY, TIER_DEFAULT, BY_DEFAULT, NONE, egress);
}

function settle(allowed: boolean, tier: number, cause: number, rule: number, egress: number): boolean {
  verdict.tier = tier;
  verdict.cause = cause;
  verdict.rule = rule;
  if (tier === TIER_NETWORK_POLICY) verdict.reason = egress === 1 ? reasonEgress : reasonIngress;
  else verdict.reason = tier === TIER_DEFAULT ? reasonDefault : reasonAdmin;
  return allowed;
}

/** Notes in the decision that a packet passes. */
export function noteAllowed(
  c: Context,
  node: number,
  device: number,
  egress: number,
  cause: number,
  rule: number,
  tier: number,
  protocol: number,
  remote: number,
  port: number,
): void {
  const d = c.decision;
  if (d === null) return;
  const i = d.addWith(node, STAGE_POLICY, ACT_ACCEPT, RULE_POLICY, rule, cause, egress, device, tier);
  noteEnd(c, d, i, protocol, remote, port);
}

/** Which end a step of policies was about, and how many entries the pod has for it. */
function noteEnd(c: Context, d: Decision, i: number, protocol: number, remote: number, port: number): void {
  d.e[i] = remote;
  d.f[i] = protocol;
  d.g[i] = port;
  d.h[i] = c.tables.policies.entriesFor(d.c[i], d.b[i], remote);
}

/** Drops the packet for what {@link verdict} says, counts and notes it. @returns false */
export function refuse(
  c: Context,
  node: number,
  device: number,
  egress: number,
  protocol: number,
  remote: number,
  port: number,
  length: number,
): false {
  const at = C_DEVICES + device * DEVICE_COUNTERS + (egress === 1 ? D_POLICY_EGRESS_PACKETS : D_POLICY_INGRESS_PACKETS);
  c.counters[at]++;
  c.counters[at + 1] += length + ETHERNET_HEADER;
  c.drop(verdict.reason, node, STAGE_POLICY);
  const d = c.decision;
  if (d === null) return false;
  // The step that drop() wrote.
  const i = d.count - 1;
  d.ruleKind[i] = RULE_POLICY;
  d.rule[i] = verdict.rule;
  d.a[i] = verdict.cause;
  d.b[i] = egress;
  d.c[i] = device;
  d.d[i] = verdict.tier;
  noteEnd(c, d, i, protocol, remote, port);
  return false;
}

/** Tells the pod's agent of a verdict, where it logs such. */
export function tell(
  c: Context,
  node: number,
  device: number,
  egress: number,
  protocol: number,
  src: number,
  sport: number,
  dst: number,
  dport: number,
  allowed: boolean,
  length: number,
): void {
  const log = c.tables.policies.log(device);
  if (log !== POLICY_LOG_ALL && (allowed || log !== POLICY_LOG_DENIED)) return;
  // A question is about nobody's packet.
  if (c.ct.trial) return;
  const size = length + ETHERNET_HEADER;
  const accepted = allowed ? 1 : 0;
  c.policyEvents.push(node, device, src, sport, dst, dport, protocol, accepted, size, egress, verdict.tier);
}

const reasonEgress = reason("POLICY_DENY_EGRESS");
const reasonIngress = reason("POLICY_DENY_INGRESS");
const reasonAdmin = reason("POLICY_ADMIN_DENY");
const reasonDefault = reason("POLICY_DEFAULT_DENY");
