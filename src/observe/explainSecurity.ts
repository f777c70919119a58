import * as D from "../plane/decision.ts";
import { RULE_DEFAULT } from "../plane/fabric/networkAcls.ts";
import { BY_FLOW, BY_FRAGMENT, BY_RELATION, TRACK_NEW } from "../plane/fabric/security.ts";
import { reason } from "../plane/reasons.ts";
import { counted } from "./explainText.ts";

/** Names of security groups and network ACLs; control's Names is one. */
export interface SecurityNames {
  /** `node-1/eth0` */
  eni(index: number): string;
  subnet(index: number): string;
  securityGroup(index: number): string;
  /** `tcp 80 from 10.0.0.0/16` */
  securityGroupRule(group: number, egress: boolean, position: number): string;
  /** The groups that an ENI is in. */
  eniGroups(eni: number): readonly string[];
  networkAcl(index: number): string;
  /** `allow tcp 80 from 0.0.0.0/0` */
  networkAclRule(acl: number, egress: boolean, number: number): string;
}

const EGRESS = 1;

const wayOf = (egress: boolean): string => (egress ? "egress" : "ingress");

/** The group whose rule allowed a packet, or all that were asked. @param i a step with RULE_SECURITY_GROUP */
export function securityGroupName(d: D.Decision, i: number, names: SecurityNames): string {
  if (d.rule[i] >= 0) return names.securityGroup(d.rule[i]);
  return names.eniGroups(d.c[i]).join(", ");
}

/** Why security groups let a packet pass or not. @param i a step with RULE_SECURITY_GROUP */
export function securityGroupDetail(d: D.Decision, i: number, names: SecurityNames): string {
  const egress = d.b[i] === EGRESS;
  const eni = names.eni(d.c[i]);
  if (d.reason[i] === reasonFull)
    return `the rules of ${eni} allow it, but its instance tracks as many connections as it may`;
  if (d.action[i] === D.ACT_DROP) {
    const groups = names.eniGroups(d.c[i]);
    if (groups.length === 0) return `no ${wayOf(egress)} rule of ${eni} allows it; it is in no group`;
    return `no ${wayOf(egress)} rule of ${eni} allows it; asked: ${groups.join(", ")} (${counted(d.e[i], "rule")})`;
  }
  switch (d.a[i]) {
    case BY_FLOW:
      return "tracked: its connection was allowed when it began";
    case BY_RELATION:
      return "an ICMP error about a connection that is allowed";
    case BY_FRAGMENT:
      return "a later fragment: its datagram's first one was allowed";
    default: {
      const rule = names.securityGroupRule(d.rule[i], egress, d.a[i]);
      const tracked = d.d[i] === TRACK_NEW ? "tracked from now on" : "not tracked";
      const groups = d.f[i] < 2 ? "" : `, ${d.f[i]} groups`;
      return `${wayOf(egress)}[${d.a[i]}] ${rule} allows it (${counted(d.e[i], "rule")} looked at${groups}); ${tracked}`;
    }
  }
}

/** Which rule of a network ACL decided. @param i a step with RULE_NETWORK_ACL */
export function networkAclDetail(d: D.Decision, i: number, names: SecurityNames): string {
  const egress = d.b[i] === EGRESS;
  const where = `${egress ? "out of" : "into"} ${names.subnet(d.c[i])}`;
  const looked = `${counted(d.e[i], "rule")} looked at`;
  if (d.a[i] === RULE_DEFAULT) return `${where}: no rule matches (${looked}), and rule * denies`;
  return `${where}: rule ${d.a[i]}: ${names.networkAclRule(d.rule[i], egress, d.a[i])} (${looked})`;
}

const reasonFull = reason("SECURITY_GROUP_TABLE_FULL");
