import type { Refusal } from "../control/nearMiss/refusal.ts";
import * as D from "../plane/decision.ts";
import { reasonRow } from "../plane/reasons.ts";
import { NEXT_ENI, NEXT_POD } from "../plane/tables.ts";
import { type AskedFlow, EndsTracker } from "./explainEnds.ts";

const NONE = -1;
const EGRESS = 1;

/** Place of the step that ended a packet's own way, or -1. */
function failedStep(d: D.Decision): number {
  for (let i = 0; i < d.count; i++) {
    if (d.action[i] === D.ACT_DROP || d.action[i] === D.ACT_REJECT) return i;
    if (d.action[i] === D.ACT_DELIVER) return NONE;
  }
  return NONE;
}

/** What is known of a packet that was dropped or rejected; null: it was not. */
export function refusalOf(d: D.Decision, asked: AskedFlow): Refusal | null {
  const failed = failedStep(d);
  if (failed < 0 || d.verdict !== D.VERDICT_DROPPED) return null;
  const ends = new EndsTracker(asked);
  const last = { eni: NONE, device: NONE, service: NONE, routeTable: NONE, sender: NONE };
  for (let i = 0; i < failed; i++) {
    ends.step(d, i);
    if (d.stage[i] === D.STAGE_DEVICE_IN && last.sender === NONE) last.sender = d.rule[i];
    if (d.ruleKind[i] === D.RULE_ENI && d.stage[i] !== D.STAGE_MTU) last.eni = d.rule[i];
    if (d.ruleKind[i] === D.RULE_SERVICE) last.service = d.rule[i];
    if (d.ruleKind[i] === D.RULE_VPC_TABLE) last.routeTable = d.rule[i];
    if (d.ruleKind[i] !== D.RULE_ROUTE_RULE) continue;
    if (d.e[i] === NEXT_ENI) last.eni = d.d[i];
    last.device = d.e[i] === NEXT_POD ? d.d[i] : NONE;
  }
  const { protocol, src, sport, dst, dport } = ends.now;
  const i = failed;
  const kind = d.ruleKind[i];
  const rule = (wanted: number, otherwise: number): number => (kind === wanted ? d.rule[i] : otherwise);
  const isGroup = kind === D.RULE_SECURITY_GROUP;
  const isAcl = kind === D.RULE_NETWORK_ACL;
  const isPolicy = kind === D.RULE_POLICY;
  const measured = d.stage[i] === D.STAGE_MTU;
  return {
    code: reasonRow(d.outcomeReason).code,
    node: d.node[i],
    protocol,
    src,
    sport,
    dst,
    dport,
    sender: last.sender,
    eni: isGroup ? d.c[i] : rule(D.RULE_ENI, last.eni),
    device: isPolicy ? d.c[i] : rule(D.RULE_DEVICE, last.device),
    egress: (isGroup || isAcl || isPolicy) && d.b[i] === EGRESS,
    service: rule(D.RULE_SERVICE, last.service),
    subnet: isAcl ? d.c[i] : NONE,
    acl: rule(D.RULE_NETWORK_ACL, NONE),
    aclRule: isAcl ? d.a[i] : 0,
    routeTable: rule(D.RULE_VPC_TABLE, last.routeTable),
    natGateway: rule(D.RULE_NAT_GATEWAY, NONE),
    peering: rule(D.RULE_PEERING, NONE),
    transitAttachment: rule(D.RULE_TRANSIT, NONE),
    policyRule: isPolicy ? d.rule[i] : NONE,
    impairment: rule(D.RULE_IMPAIRMENT, NONE),
    size: measured ? d.a[i] : 0,
    mtu: measured ? d.b[i] : 0,
  };
}
