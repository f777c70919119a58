import * as D from "../plane/decision.ts";
import { reasonRow } from "../plane/reasons.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { endsOf, socketText, type Tuple } from "./explainEnds.ts";
import { eniDetail, gatewayDetail, gatewayName, isGateway, routeTarget } from "./explainGateway.ts";
import { impairDetail, impairmentName } from "./explainImpairment.ts";
import {
  insertDetail,
  keptDetail,
  markDetail,
  markRuleName,
  natRuleName,
  nodeRouteDetail,
  routeRuleName,
  snatDetail,
  trackDetail,
} from "./explainNode.ts";
import { policyDetail, policyRuleName } from "./explainPolicy.ts";
import { networkAclDetail, securityGroupDetail, securityGroupName } from "./explainSecurity.ts";
import { serviceChoice, serviceRefusal } from "./explainService.ts";
import { cidrText, nextBest } from "./explainText.ts";
import type { ExplainedStep, NameSource } from "./explanation.ts";

const STAGES: Record<number, string> = {
  [D.STAGE_DEVICE_IN]: "device",
  [D.STAGE_REASSEMBLY]: "reassembly",
  [D.STAGE_CONNTRACK]: "conntrack",
  [D.STAGE_MARK]: "mark",
  [D.STAGE_SERVICE]: "service",
  [D.STAGE_ROUTE]: "route",
  [D.STAGE_TTL]: "ttl",
  [D.STAGE_MTU]: "mtu",
  [D.STAGE_FILTER]: "filter",
  [D.STAGE_SNAT]: "snat",
  [D.STAGE_CONFIRM]: "confirm",
  [D.STAGE_ENI_OUT]: "eni-out",
  [D.STAGE_VPC_ROUTE]: "vpc-route",
  [D.STAGE_GATEWAY]: "gateway",
  [D.STAGE_ENI_IN]: "eni-in",
  [D.STAGE_DEVICE_OUT]: "device",
  [D.STAGE_ICMP]: "icmp",
  [D.STAGE_SECURITY_GROUP]: "security-group",
  [D.STAGE_NETWORK_ACL]: "network-acl",
  [D.STAGE_POLICY]: "policy",
  [D.STAGE_IMPAIR]: "impair",
};

const ACTIONS: Record<number, string> = {
  [D.ACT_ACCEPT]: "accept",
  [D.ACT_DROP]: "drop",
  [D.ACT_REJECT]: "reject",
  [D.ACT_TRACK]: "track",
  [D.ACT_DNAT]: "dnat",
  [D.ACT_SNAT]: "snat",
  [D.ACT_RESTORE]: "translate",
  [D.ACT_ROUTE]: "route",
  [D.ACT_MARK]: "mark",
  [D.ACT_NONE]: "pass",
  [D.ACT_FRAGMENT]: "cut",
  [D.ACT_REASSEMBLE]: "join",
  [D.ACT_DELIVER]: "deliver",
  [D.ACT_ICMP]: "answer",
  [D.ACT_CLAMP]: "clamp",
  [D.ACT_RESET]: "answer",
  [D.ACT_IMPAIR]: "impair",
  [D.ACT_INSERT]: "insert",
  [D.ACT_QUEUE]: "wait",
};

/** The stage's name, as trace, why and the documentation write it. */
export function stageName(stage: number): string {
  return STAGES[stage] ?? `stage ${stage}`;
}

/**
 * A step in words.
 *
 * @param before the packet before it, where it is translated
 * @param after the packet behind it
 */
export function explainStep(
  d: D.Decision,
  i: number,
  before: Tuple | null,
  after: Tuple,
  names: NameSource,
): ExplainedStep {
  const action = d.action[i];
  const failed = action === D.ACT_DROP || action === D.ACT_REJECT;
  const why = reasonRow(d.reason[i]);
  return {
    at: d.node[i] < 0 ? "vpc" : names.node(d.node[i]),
    stage: stageName(d.stage[i]),
    action: ACTIONS[action] ?? String(action),
    rule: ruleName(d, i, names),
    // A drop by a rule says which; any other drop is its reason.
    detail: failed && !isByRule(d.ruleKind[i]) ? why.text : detail(d, i, before, after, names),
    reason: failed ? why.code : null,
    before: before === null ? null : endsOf(before),
    after: before === null ? null : endsOf(after),
  };
}

function isByRule(kind: number): boolean {
  switch (kind) {
    case D.RULE_SECURITY_GROUP:
    case D.RULE_NETWORK_ACL:
    case D.RULE_POLICY:
    case D.RULE_IMPAIRMENT:
      return true;
    default:
      return false;
  }
}

function ruleName(d: D.Decision, i: number, names: NameSource): string | null {
  const rule = d.rule[i];
  if (isGateway(d.ruleKind[i])) return gatewayName(d, i, names);
  switch (d.ruleKind[i]) {
    case D.RULE_SERVICE:
      return names.service(rule);
    case D.RULE_ROUTE_RULE:
      return routeRuleName(rule);
    case D.RULE_ENI:
      return names.eni(rule);
    case D.RULE_DEVICE:
      return names.device(rule);
    case D.RULE_VPC_TABLE:
      return names.routeTable(rule);
    case D.RULE_NAT:
      return natRuleName(rule);
    case D.RULE_MARK:
      return markRuleName(rule);
    case D.RULE_HOST_PORT:
      return "CNI-HOSTPORT-DNAT";
    case D.RULE_SECURITY_GROUP:
      return securityGroupName(d, i, names);
    case D.RULE_NETWORK_ACL:
      return names.networkAcl(rule);
    case D.RULE_POLICY:
      return policyRuleName(d, i, names);
    case D.RULE_IMPAIRMENT:
      return impairmentName(d, i, names);
    default:
      return null;
  }
}

function detail(d: D.Decision, i: number, before: Tuple | null, after: Tuple, names: NameSource): string {
  // Stages that say what they did of their own accord, whatever has the MTU or the TTL.
  if (d.stage[i] === D.STAGE_MTU && d.action[i] === D.ACT_NONE) return mtuDetail(d, i);
  if (d.stage[i] === D.STAGE_TTL && d.action[i] === D.ACT_NONE) return `${d.a[i]} -> ${d.b[i]}`;
  switch (d.ruleKind[i]) {
    case D.RULE_SECURITY_GROUP:
      return securityGroupDetail(d, i, names);
    case D.RULE_NETWORK_ACL:
      return networkAclDetail(d, i, names);
    case D.RULE_POLICY:
      return policyDetail(d, i, names);
    case D.RULE_IMPAIRMENT:
      return impairDetail(d, i);
    default:
      return isGateway(d.ruleKind[i])
        ? gatewayDetail(d, i, before ?? after, names)
        : actionDetail(d, i, before ?? after, names);
  }
}

/** @param packet before the step */
function actionDetail(d: D.Decision, i: number, packet: Tuple, names: NameSource): string {
  const [a, b, c, e] = [d.a[i], d.b[i], d.c[i], d.d[i]];
  const socket = (address: number, port: number): string => socketText(packet.protocol, address, port);
  switch (d.action[i]) {
    case D.ACT_ACCEPT:
      return d.stage[i] === D.STAGE_DEVICE_IN ? "read from its TUN device" : eniDetail(d, i);
    case D.ACT_TRACK:
      return trackDetail(d, i);
    case D.ACT_DNAT: {
      if (d.ruleKind[i] === D.RULE_NAT) return `destination ${formatAddress(a)} -> ${formatAddress(c)} (1:1)`;
      const to = `destination ${socket(a, b)} -> ${socket(c, e)}, source ${socket(packet.src, packet.sport)} stays`;
      if (d.ruleKind[i] === D.RULE_HOST_PORT) return to;
      return `${serviceChoice(d, i)}: ${names.endpoint(d.rule[i], d.e[i])}; ${to}`;
    }
    case D.ACT_SNAT:
      if (d.rule[i] === D.NAT_RULE_IGW) return `source ${formatAddress(a)} -> ${formatAddress(c)} (1:1)`;
      return snatDetail(d, i, packet);
    case D.ACT_RESTORE:
      return `stored translation: ${socket(packet.src, packet.sport)} -> ${socket(packet.dst, packet.dport)} is now ${socket(a, b)} -> ${socket(c, e)}`;
    case D.ACT_MARK:
      return markDetail(d, i);
    case D.ACT_NONE:
      return d.stage[i] === D.STAGE_SERVICE ? serviceRefusal(d.h[i]) : keptDetail(d, i);
    case D.ACT_ROUTE:
      return d.stage[i] === D.STAGE_VPC_ROUTE ? vpcRoute(d, i, names) : nodeRouteDetail(d, i, names);
    case D.ACT_INSERT:
      return insertDetail(d, i);
    case D.ACT_QUEUE:
      return d.stage[i] === D.STAGE_REASSEMBLY
        ? `waits for the other fragments of its datagram, at most 30 s: bytes ${a} to ${a + b - 1} are here`
        : "waits before its entry is confirmed (cluster.conntrack.unconfirmedWindow)";
    case D.ACT_FRAGMENT:
      return `into ${c} packets of at most ${a} bytes`;
    case D.ACT_REASSEMBLE:
      return `${c} fragments of at most ${b} bytes into ${a} bytes`;
    case D.ACT_DELIVER:
      return "written to its TUN device";
    case D.ACT_CLAMP:
      return `MSS ${a} -> ${b}`;
    case D.ACT_ICMP:
      return `${icmpName(a, b)} from ${formatAddress(c)} to ${formatAddress(e)}`;
    default:
      return "";
  }
}

function mtuDetail(d: D.Decision, i: number): string {
  const size = d.a[i] === 0 ? "" : `${d.a[i]} bytes, `;
  return `${size}MTU ${d.b[i]}: ${d.c[i] === 0 ? "fits" : "has to be cut"}`;
}

function vpcRoute(d: D.Decision, i: number, names: NameSource): string {
  return `${cidrText(d.a[i], d.b[i])} -> ${routeTarget(d, i, names)}${nextBest(d.a[i], d.f[i])}`;
}

// What the plane's ICMP errors are.
const UNREACHABLE = 3;
const TIME_EXCEEDED = 11;
const CODE_PORT = 3;
const CODE_FRAGMENTATION = 4;

function icmpName(type: number, code: number): string {
  if (type === TIME_EXCEEDED) return "ICMP time exceeded";
  if (type !== UNREACHABLE) return `ICMP ${type}/${code}`;
  if (code === CODE_FRAGMENTATION) return "ICMP fragmentation needed";
  return code === CODE_PORT ? "ICMP port unreachable" : "ICMP unreachable";
}
