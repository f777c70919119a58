import { coversPort } from "../../plane/fabric/securityGroups.ts";
import {
  type AclRule,
  type EniGroupsRow,
  type NetworkAclRow,
  NO_GROUP,
  PROTOCOL_ALL,
  type Row,
  type SecurityGroupRow,
} from "../../plane/rows.ts";
import type { Names } from "../names.ts";
import { containsAddress } from "../vpc/cidr.ts";
import { portsText, protocolText } from "../vpc/ruleText.ts";
import { notIn } from "./addresses.ts";
import { Nearest } from "./nearest.ts";
import { portName, protocolName, remoteName, remoteOf } from "./packetText.ts";
import type { NearMiss, Refusal } from "./refusal.ts";

interface Traffic {
  readonly protocol: number;
  readonly fromPort: number;
  readonly toPort: number;
}

/** Which of a rule's conditions on protocol and port a packet does not meet. */
function trafficDiffers(rule: Traffic, r: Refusal): string[] {
  if (rule.protocol === PROTOCOL_ALL) return [];
  const differs: string[] = [];
  if (rule.protocol !== r.protocol)
    differs.push(`protocol ${protocolName(r.protocol)} is not ${protocolText(rule.protocol)}`);
  // Type and code of ICMP are no ports: with another protocol there is nothing to compare.
  if (rule.protocol !== r.protocol && (rule.protocol === 1 || r.protocol === 1)) return differs;
  if (!coversPort(rule.fromPort, rule.toPort, rule.protocol, r.dport))
    differs.push(`${portName(r)} is not ${portsText(rule)}`);
  return differs;
}

/** Groups of the ENI that has an address: those of its own, and of the prefixes that it has. */
function groupsAt(address: number, rows: ReadonlyMap<string, Row>): readonly number[] {
  let eni = -1;
  let length = -1;
  for (const row of rows.values()) {
    if (row.t === "eni" && row.address === address) return groupsOf(row.id, rows);
    if (row.t !== "eniAddress" || row.length <= length || !containsAddress(row, address)) continue;
    eni = row.eni;
    length = row.length;
  }
  return eni < 0 ? [] : groupsOf(eni, rows);
}

function groupsOf(eni: number, rows: ReadonlyMap<string, Row>): readonly number[] {
  for (const row of rows.values()) if (isGroupsOf(row, eni)) return row.groups;
  return [];
}

function isGroupsOf(row: Row, eni: number): row is EniGroupsRow {
  return row.t === "eniGroups" && row.eni === eni;
}

/** The rule of the ENI's security groups that almost allows a packet. */
export function nearSecurityGroup(r: Refusal, rows: ReadonlyMap<string, Row>, names: Names): NearMiss | null {
  const nearest = new Nearest();
  const groups = new Map<number, SecurityGroupRow>();
  for (const row of rows.values()) if (row.t === "securityGroup") groups.set(row.id, row);
  const way = r.egress ? "egress" : "ingress";
  const remote = remoteOf(r);
  const remoteGroups = groupsAt(remote, rows);
  for (const id of groupsOf(r.eni, rows))
    (groups.get(id)?.[way] ?? []).forEach((rule, position) => {
      const differs = trafficDiffers(rule, r);
      const who = remoteName(r, names);
      if (rule.group !== NO_GROUP) {
        if (!remoteGroups.includes(rule.group))
          differs.push(`${who} is not in group ${names.securityGroup(rule.group)}`);
      } else if (!containsAddress(rule, remote)) differs.push(notIn(who, rule));
      const text = names.securityGroupRule(id, r.egress, position);
      nearest.offer(`securitygroup/${names.securityGroup(id)} ${way}[${position}] ${text}`, differs);
    });
  return nearest.best;
}

/** The rule of a network ACL that almost allows a packet: one that stands behind what denies it, or does not quite match. */
export function nearNetworkAcl(r: Refusal, rows: ReadonlyMap<string, Row>, names: Names): NearMiss | null {
  const nearest = new Nearest();
  const acl = [...rows.values()].find((row): row is NetworkAclRow => row.t === "networkAcl" && row.id === r.acl);
  const way = r.egress ? "egress" : "ingress";
  const rules = [...(acl?.[way] ?? [])].sort((a, b) => a.number - b.number);
  for (const rule of rules) {
    if (!rule.allow) continue;
    const differs = aclDiffers(rule, r, names);
    const text = names.networkAclRule(r.acl, r.egress, rule.number);
    nearest.offer(`networkacl/${names.networkAcl(r.acl)} ${way} rule ${rule.number} ${text}`, differs);
  }
  return nearest.best;
}

function aclDiffers(rule: AclRule, r: Refusal, names: Names): string[] {
  const differs = trafficDiffers(rule, r);
  if (!containsAddress(rule, remoteOf(r))) differs.push(notIn(remoteName(r, names), rule));
  if (r.aclRule !== 0 && rule.number > r.aclRule) differs.push(`rule ${r.aclRule} denies before it`);
  return differs;
}
