import * as D from "../plane/decision.ts";
import { BY_RULE } from "../plane/policy/verdict.ts";
import { NEXT_ENI } from "../plane/tables.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { cidrText } from "./explainText.ts";
import type { Change, NameSource } from "./explanation.ts";

// Rules of a node's list that its routing decision follows (nodeRoute.ts).
const RULE_MARK = 1024;
const RULE_EXTERNAL_SERVICE = 1535;
const RULE_FROM_POD = 1536;
const EGRESS = 1;

/**
 * The facts that decided about a packet, in the order that it met them: each as what a change would have to touch, so that
 * somebody can go and look at it. What passes whatever is set is left out.
 */
export function decidedBy(d: D.Decision, change: Change | null, names: NameSource): string[] {
  const facts = new Set<string>();
  for (let i = 0; i < d.count; i++) {
    for (const fact of factsOf(d, i, names)) facts.add(fact);
    const action = d.action[i];
    if (action === D.ACT_DROP || action === D.ACT_REJECT) {
      if (change !== null) facts.add(change.field === null ? change.object : `${change.object} ${change.field}`);
      break;
    }
    if (action === D.ACT_DELIVER) break;
  }
  return [...facts];
}

function factsOf(d: D.Decision, i: number, names: NameSource): string[] {
  const node = d.node[i] < 0 ? "" : `node/${names.node(d.node[i])}`;
  const refused = d.action[i] === D.ACT_DROP || d.action[i] === D.ACT_REJECT;
  switch (d.ruleKind[i]) {
    case D.RULE_SERVICE:
      return d.action[i] === D.ACT_NONE || refused || d.action[i] === D.ACT_DNAT || d.action[i] === D.ACT_RESTORE
        ? [names.service(d.rule[i])]
        : [];
    case D.RULE_HOST_PORT:
      return [`${names.byAddress(d.c[i]) ?? formatAddress(d.c[i])} hostPort ${d.b[i]}`];
    case D.RULE_NAT:
      return natFacts(d, i, node, names);
    case D.RULE_ROUTE_RULE:
      return routeFacts(d, i, node, names);
    case D.RULE_VPC_TABLE:
      return refused ? [] : [`route table ${names.routeTable(d.rule[i])} ${cidrText(d.a[i], d.b[i])}`];
    case D.RULE_TRANSIT:
      return d.action[i] === D.ACT_ROUTE
        ? [`${names.transitAttachment(d.rule[i])} route ${cidrText(d.a[i], d.b[i])}`]
        : [];
    case D.RULE_NAT_GATEWAY:
      return d.stage[i] === D.STAGE_GATEWAY && !refused ? [`natgateway/${names.natGateway(d.rule[i])}`] : [];
    case D.RULE_PEERING:
      return d.action[i] === D.ACT_ROUTE ? [`peering/${names.peering(d.rule[i])}`] : [];
    case D.RULE_SECURITY_GROUP:
      if (d.rule[i] < 0 || d.a[i] < 0) return [];
      return [`securitygroup/${names.securityGroup(d.rule[i])} ${way(d.b[i])}[${d.a[i]}]`];
    case D.RULE_NETWORK_ACL:
      return [`networkacl/${names.networkAcl(d.rule[i])} ${way(d.b[i])} rule ${d.a[i] === 0 ? "*" : d.a[i]}`];
    case D.RULE_POLICY:
      if (d.a[i] === BY_RULE && d.rule[i] >= 0) return [names.policyRule(d.rule[i])];
      return [];
    default:
      return d.action[i] === D.ACT_FRAGMENT ? [`MTU ${d.a[i]}`] : [];
  }
}

function way(egress: number): string {
  return egress === EGRESS ? "egress" : "ingress";
}

function natFacts(d: D.Decision, i: number, node: string, names: NameSource): string[] {
  switch (d.stage[i] === D.STAGE_MTU ? 0 : d.rule[i]) {
    case D.NAT_RULE_AWS_SNAT:
    case D.NAT_RULE_EXTERNAL_SNAT:
      return [`${node} env AWS_VPC_K8S_CNI_EXTERNALSNAT`];
    case D.NAT_RULE_EXCLUDED_CIDR:
      return [`${node} env AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS`];
    case D.NAT_RULE_VPC_CIDR:
      return d.b[i] < 0 ? [] : [`vpc cidrBlocks ${cidrText(d.a[i], d.b[i])}`];
    case D.NAT_RULE_HOST_PORT:
      return [`${node} portmap`];
    case D.NAT_RULE_KUBE_MASQUERADE:
      return [`${node} kube-proxy masquerade`];
    case D.NAT_RULE_CILIUM:
    case D.NAT_RULE_CILIUM_LOOPBACK:
      return [`${node} cilium SNAT`];
    case D.NAT_RULE_IGW: {
      const address = d.action[i] === D.ACT_SNAT ? d.a[i] : d.c[i];
      return [`${names.byAddress(address) ?? formatAddress(address)} public address`];
    }
    default:
      return [];
  }
}

function routeFacts(d: D.Decision, i: number, node: string, names: NameSource): string[] {
  switch (d.rule[i]) {
    case RULE_MARK:
      return [`${node} rule 1024 (connmark)`];
    case RULE_EXTERNAL_SERVICE:
      return [`${node} env AWS_EXTERNAL_SERVICE_CIDRS`];
    case RULE_FROM_POD:
      return d.e[i] === NEXT_ENI ? [`eni/${names.eni(d.d[i])}`] : [];
    default:
      return [];
  }
}
