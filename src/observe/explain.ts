import {
  CT_ESTABLISHED,
  CT_ESTABLISHED_REPLY,
  CT_FULL,
  CT_INVALID,
  CT_NEW,
  CT_RELATED,
  CT_RELATED_REPLY,
  CT_UNTRACKED,
} from "../plane/conntrack/info.ts";
import * as D from "../plane/decision.ts";
import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../plane/packet.ts";
import { reasonRow } from "../plane/reasons.ts";
import { NEXT_LOCAL, NEXT_POD } from "../plane/tables.ts";
import { formatAddress, formatCidr, maskOf } from "../plane/wire/address.ts";
import { eniDetail, type GatewayNames, gatewayDetail, gatewayName, isGateway, routeTarget } from "./explainGateway.ts";
import { type PolicyNames, policyDetail, policyRuleName } from "./explainPolicy.ts";
import { networkAclDetail, type SecurityNames, securityGroupDetail, securityGroupName } from "./explainSecurity.ts";
import { serviceChoice, serviceRefusal } from "./explainService.ts";

/** Turns the numbers of a decision into names; control's Names is one. */
export interface NameSource extends SecurityNames, GatewayNames, PolicyNames {
  device(index: number): string;
  node(index: number): string;
  service(index: number): string;
  endpoint(service: number, index: number): string;
  routeTable(index: number): string;
  /** Name of the object that has an address, or null. */
  byAddress(address: number): string | null;
}

export interface FlowEnd {
  name: string | null;
  address: string;
  port: number;
}

export interface ExplainedStep {
  at: string;
  stage: string;
  action: string;
  rule: string | null;
  detail: string;
  reason: string | null;
}

/** What `why -o json` prints; docs/architecture.md fixes these fields. */
export interface Explanation {
  verdict: "DELIVERED" | "DROPPED" | "REJECTED";
  reason: string | null;
  /** One sentence about the reason. */
  text: string | null;
  flow: { protocol: string; source: FlowEnd; destination: FlowEnd };
  seen: {
    by: string;
    source: { address: string; port: number };
    destination: { address: string; port: number };
  } | null;
  path: string[];
  steps: ExplainedStep[];
}

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
};

const CT_TEXT: Record<number, string> = {
  [CT_INVALID]: "INVALID: no entry, and nothing that may start one",
  [CT_NEW]: "NEW: not answered yet",
  [CT_ESTABLISHED]: "ESTABLISHED: the stored translation applies",
  [CT_ESTABLISHED_REPLY]: "ESTABLISHED, reply direction: the stored translation applies backwards",
  [CT_RELATED]: "RELATED: an ICMP error about a known connection",
  [CT_RELATED_REPLY]: "RELATED, reply direction: an ICMP error about a known connection",
  [CT_FULL]: "table full",
  [CT_UNTRACKED]: "UNTRACKED: the node's own DNS is left out of conntrack",
};

const ROUTE_RULES: Record<number, string> = {
  0: "0 from all lookup local",
  10: "10 iif of the branch ENI lookup its VLAN's table",
  512: "512 to pod lookup main",
  1024: "1024 fwmark 0x80/0x80 lookup main",
  1535: "1535 to AWS_EXTERNAL_SERVICE_CIDRS lookup main",
  1536: "1536 from pod lookup its ENI's table",
  32765: "32765 from ENI address lookup its table",
  32766: "32766 from all lookup main",
};

const NAT_RULES: Record<number, string> = {
  [D.NAT_RULE_KUBE_MASQUERADE]: "KUBE-POSTROUTING MASQUERADE",
  [D.NAT_RULE_AWS_SNAT]: "AWS-SNAT-CHAIN-0",
  [D.NAT_RULE_VPC_CIDR]: "AWS-SNAT-CHAIN-0 (VPC CIDR)",
  [D.NAT_RULE_EXCLUDED_CIDR]: "AWS-SNAT-CHAIN-0 (EXCLUDE_SNAT_CIDRS)",
  [D.NAT_RULE_EXTERNAL_SNAT]: "EXTERNALSNAT",
  [D.NAT_RULE_LOCAL]: "INPUT",
  [D.NAT_RULE_IGW]: "internet gateway",
  [D.NAT_RULE_NULL]: "none",
  [D.NAT_RULE_HOST_PORT]: "CNI-HOSTPORT-MASQ",
  [D.NAT_RULE_CILIUM]: "cilium nodeport SNAT",
  [D.NAT_RULE_CILIUM_LOOPBACK]: "cilium service loopback",
  [D.NAT_RULE_VLAN]: "AWS-SNAT-CHAIN-0 (! -o vlan+)",
};

const NAT_PASS: Record<number, string> = {
  [D.NAT_RULE_VPC_CIDR]: "source kept: the destination is in a CIDR block of the VPC",
  [D.NAT_RULE_EXCLUDED_CIDR]: "source kept: the destination is in AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
  [D.NAT_RULE_EXTERNAL_SNAT]: "source kept: SNAT is left to others",
  [D.NAT_RULE_LOCAL]: "source kept: the node itself is the destination",
  [D.NAT_RULE_VLAN]: "source kept: nothing is translated that leaves by a branch ENI",
};

const MARK_RULES: Record<number, string> = {
  [D.MARK_RULE_PRIMARY_ENI]: "AWS, primary ENI",
  [D.MARK_RULE_OUTBOUND]: "AWS-CONNMARK-CHAIN-0",
  [D.MARK_RULE_RESTORE]: "AWS, CONNMARK restore",
  [D.MARK_RULE_KUBE_MASQ]: "KUBE-MARK-MASQ",
  [D.MARK_RULE_HOST_PORT]: "CNI-HOSTPORT-SETMARK",
  [D.MARK_RULE_CILIUM]: "cilium",
};

/** The stage's name, as trace, why and the documentation write it. */
export function stageName(stage: number): string {
  return STAGES[stage] ?? `stage ${stage}`;
}

/** "tcp", "udp", "icmp", "sctp", or the number. */
export function protocolName(protocol: number): string {
  switch (protocol) {
    case PROTO_TCP:
      return "tcp";
    case PROTO_UDP:
      return "udp";
    case PROTO_ICMP:
      return "icmp";
    case PROTO_SCTP:
      return "sctp";
    default:
      return String(protocol);
  }
}

export interface AskedFlow {
  protocol: number;
  source: { address: number; port: number; name: string | null };
  destination: { address: number; port: number; name: string | null };
}

/** Explains a finished decision in names. */
export function explain(d: D.Decision, asked: AskedFlow, names: NameSource): Explanation {
  const steps: ExplainedStep[] = [];
  const path: string[] = [];
  let main = true;
  for (let i = 0; i < d.count; i++) {
    const stage = d.stage[i];
    steps.push(explainStep(d, i, names));
    if (!main) continue;
    if (stage === D.STAGE_DEVICE_IN || stage === D.STAGE_DEVICE_OUT) {
      if (d.action[i] === D.ACT_ACCEPT || d.action[i] === D.ACT_DELIVER) path.push(names.device(d.rule[i]));
    } else if ((stage === D.STAGE_ENI_OUT || stage === D.STAGE_ENI_IN) && d.ruleKind[i] === D.RULE_ENI)
      path.push(names.eni(d.rule[i]));
    if (d.action[i] === D.ACT_DELIVER || d.action[i] === D.ACT_DROP || d.action[i] === D.ACT_REJECT) main = false;
  }
  const why = reasonRow(d.outcomeReason);
  const delivered = d.verdict === D.VERDICT_DELIVERED;
  const end = (e: AskedFlow["source"]): FlowEnd => ({
    name: e.name ?? names.byAddress(e.address),
    address: formatAddress(e.address),
    port: e.port,
  });
  // An ICMP query has an identifier and a type where others have ports.
  const port = (n: number): number => (d.protocol === PROTO_ICMP ? 0 : n);
  return {
    verdict: delivered ? "DELIVERED" : why.verdict,
    reason: delivered ? null : why.code,
    text: delivered ? null : why.text,
    flow: { protocol: protocolName(asked.protocol), source: end(asked.source), destination: end(asked.destination) },
    seen: delivered
      ? {
          by: names.device(d.receiver),
          source: { address: formatAddress(d.src), port: port(d.sport) },
          destination: { address: formatAddress(d.dst), port: port(d.dport) },
        }
      : null,
    path,
    steps,
  };
}

function explainStep(d: D.Decision, i: number, names: NameSource): ExplainedStep {
  const action = d.action[i];
  const failed = action === D.ACT_DROP || action === D.ACT_REJECT;
  const why = reasonRow(d.reason[i]);
  return {
    at: d.node[i] < 0 ? "vpc" : names.node(d.node[i]),
    stage: stageName(d.stage[i]),
    action: ACTIONS[action] ?? String(action),
    rule: ruleName(d, i, names),
    // A drop by a rule says which; any other drop is its reason.
    detail: failed && !isByRule(d.ruleKind[i]) ? why.text : detail(d, i, names),
    reason: failed ? why.code : null,
  };
}

function isByRule(kind: number): boolean {
  return kind === D.RULE_SECURITY_GROUP || kind === D.RULE_NETWORK_ACL || kind === D.RULE_POLICY;
}

function ruleName(d: D.Decision, i: number, names: NameSource): string | null {
  const rule = d.rule[i];
  if (isGateway(d.ruleKind[i])) return gatewayName(d, i, names);
  switch (d.ruleKind[i]) {
    case D.RULE_SERVICE:
      return names.service(rule);
    case D.RULE_ROUTE_RULE:
      return ROUTE_RULES[rule] ?? String(rule);
    case D.RULE_ENI:
      return names.eni(rule);
    case D.RULE_DEVICE:
      return names.device(rule);
    case D.RULE_VPC_TABLE:
      return names.routeTable(rule);
    case D.RULE_NAT:
      return NAT_RULES[rule] ?? String(rule);
    case D.RULE_MARK:
      return MARK_RULES[rule] ?? String(rule);
    case D.RULE_HOST_PORT:
      return "CNI-HOSTPORT-DNAT";
    case D.RULE_SECURITY_GROUP:
      return securityGroupName(d, i, names);
    case D.RULE_NETWORK_ACL:
      return names.networkAcl(rule);
    case D.RULE_POLICY:
      return policyRuleName(d, i, names);
    default:
      return null;
  }
}

function detail(d: D.Decision, i: number, names: NameSource): string {
  const [a, b, c, e] = [d.a[i], d.b[i], d.c[i], d.d[i]];
  if (d.ruleKind[i] === D.RULE_SECURITY_GROUP) return securityGroupDetail(d, i, names);
  if (d.ruleKind[i] === D.RULE_NETWORK_ACL) return networkAclDetail(d, i, names);
  if (d.ruleKind[i] === D.RULE_POLICY) return policyDetail(d, i, names);
  if (isGateway(d.ruleKind[i])) return gatewayDetail(d, i, names);
  switch (d.action[i]) {
    case D.ACT_ACCEPT:
      return d.stage[i] === D.STAGE_DEVICE_IN ? "read from its TUN device" : eniDetail(d, i);
    case D.ACT_TRACK:
      return CT_TEXT[c] ?? "";
    case D.ACT_DNAT:
      if (d.ruleKind[i] === D.RULE_NAT) return `${formatAddress(a)} -> ${formatAddress(c)} (1:1)`;
      if (d.ruleKind[i] === D.RULE_HOST_PORT) return `${socket(a, b)} -> ${socket(c, e)}`;
      return `${serviceChoice(d, i)}, ${names.endpoint(d.rule[i], d.e[i])}: ${socket(a, b)} -> ${socket(c, e)}`;
    case D.ACT_SNAT:
      if (d.rule[i] === D.NAT_RULE_IGW) return `${formatAddress(a)} -> ${formatAddress(c)} (1:1)`;
      return `${socket(a, b)} -> ${socket(c, e)}`;
    case D.ACT_RESTORE:
      return `now ${socket(a, b)} -> ${socket(c, e)}`;
    case D.ACT_MARK:
      return `0x${a.toString(16)} -> 0x${b.toString(16)}`;
    case D.ACT_NONE:
      return d.stage[i] === D.STAGE_SERVICE ? serviceRefusal(d.h[i]) : (NAT_PASS[d.rule[i]] ?? "source kept");
    case D.ACT_ROUTE:
      return d.stage[i] === D.STAGE_VPC_ROUTE ? vpcRoute(d, i, names) : nodeRoute(d, i, names);
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

function vpcRoute(d: D.Decision, i: number, names: NameSource): string {
  return `${cidr(d.a[i], d.b[i])} -> ${routeTarget(d, i, names)}${nextBest(d.a[i], d.f[i])}`;
}

function nodeRoute(d: D.Decision, i: number, names: NameSource): string {
  const table = d.c[i] === 0 ? "main" : String(d.c[i]);
  const kind = d.e[i];
  const to = kind === NEXT_POD ? names.device(d.d[i]) : kind === NEXT_LOCAL ? "the node itself" : names.eni(d.d[i]);
  return `table ${table}: ${cidr(d.a[i], d.b[i])} -> ${to}${nextBest(d.a[i], d.f[i])}`;
}

function nextBest(address: number, length: number): string {
  return length < 0 ? "" : `, next best ${cidr(address, length)}`;
}

function cidr(address: number, length: number): string {
  return length === 0 ? "default" : formatCidr(address & maskOf(length), length);
}

function socket(address: number, port: number): string {
  return `${formatAddress(address)}:${port}`;
}

function icmpName(type: number, code: number): string {
  if (type === 11) return "ICMP time exceeded";
  if (type === 3 && code === 4) return "ICMP fragmentation needed";
  if (type === 3 && code === 3) return "ICMP port unreachable";
  if (type === 3) return "ICMP unreachable";
  return `ICMP ${type}/${code}`;
}
