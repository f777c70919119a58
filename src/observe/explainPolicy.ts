import * as D from "../plane/decision.ts";
import {
  BY_FLOW,
  BY_NODE,
  BY_NOTHING,
  BY_REPLY,
  BY_RULE,
  TIER_ADMIN,
  TIER_BASELINE,
  TIER_DEFAULT,
  TIER_NETWORK_POLICY,
} from "../plane/policy/verdict.ts";
import { counted, namedAddress, portText } from "./explainText.ts";

/** What explanations of policies are told in; control's Names is one. */
export interface PolicyNames {
  device(index: number): string;
  /** `networkpolicy/default/web ingress[0]` */
  policyRule(rule: number): string;
  /** The policies that isolate a pod in a direction: `networkpolicy/default/deny`. */
  isolatingPolicies(device: number, egress: boolean): readonly string[];
  byAddress(address: number): string | null;
}

const TIERS: Record<number, string> = {
  [TIER_ADMIN]: "ADMIN",
  [TIER_NETWORK_POLICY]: "NETWORK_POLICY",
  [TIER_BASELINE]: "BASELINE",
  [TIER_DEFAULT]: "DEFAULT",
};

/** A verdict's tier as the agent writes it. */
export function tierName(tier: number): string {
  return TIERS[tier] ?? "ERROR";
}

/** The rule that decided a policy's step; null: none did. */
export function policyRuleName(d: D.Decision, i: number, names: PolicyNames): string | null {
  return d.a[i] === BY_RULE && d.rule[i] >= 0 ? names.policyRule(d.rule[i]) : null;
}

/** What a policy's step says. */
export function policyDetail(d: D.Decision, i: number, names: PolicyNames): string {
  const cause = d.a[i];
  const egress = d.b[i] === 1;
  const pod = names.device(d.c[i]);
  const direction = egress ? "egress" : "ingress";
  const side = egress ? `egress of ${pod}` : `ingress of ${pod}`;
  if (cause === BY_FLOW) return `${side}: the connection was allowed before`;
  if (cause === BY_REPLY) return `${side}: it answers a connection that was allowed`;
  if (cause === BY_NODE) return `${side}: the pod's own node, which is always allowed`;
  const tier = tierName(d.d[i]);
  if (d.action[i] === D.ACT_ACCEPT)
    return cause === BY_RULE
      ? `${side}: allowed by the rule (${tier}), ${looked(d, i)}`
      : `${side}: no policy says anything of it`;
  const other = `${namedAddress(d.e[i], names.byAddress(d.e[i]))} ${portText(d.f[i], d.g[i])}`;
  if (cause === BY_RULE) return `${side}: the rule denies ${other} (${tier}), ${looked(d, i)}`;
  if (cause !== BY_NOTHING) return `${side}: it has no policies yet, and is denied everything until then (${tier})`;
  const policies = names.isolatingPolicies(d.c[i], egress);
  const who = policies.length === 0 ? "its policies" : policies.join(", ");
  return `${side}: isolated by ${who}; no ${direction} rule allows ${other} (${tier}), ${looked(d, i)}`;
}

/** What the pod's policies have for the other end: entries are a rule's ports. */
function looked(d: D.Decision, i: number): string {
  return d.h[i] === 0 ? "no entry names that end" : `${counted(d.h[i], "entry", "entries")} for that end`;
}
