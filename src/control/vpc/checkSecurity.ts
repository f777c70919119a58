import { parseAddress, parseCidr } from "../../plane/wire/address.ts";
import { suggestion } from "../near.ts";
import type { ObjectPath } from "../objects/finding.ts";
import type { Lab, LabVpc } from "../objects/lab.ts";
import type { Checker } from "./checker.ts";
import { cidrText } from "./cidr.ts";
import { labVpcs, vpcPath } from "./labVpcs.ts";
import { DEFAULT_ACL } from "./networkAcls.ts";
import {
  ANY,
  findGroup,
  groupsOfVpc,
  hasSecurityGroups,
  isBlock,
  protocolNumber,
  referableVpcs,
  rulePorts,
} from "./securityGroups.ts";

// EC2's quotas (Amazon VPC quotas). Those of groups are refusals, that of ACLs is a note: it may be raised to 40.
const RULES_PER_GROUP = 60;
const GROUPS_PER_ENI = 5;
const RULES_PER_ACL = 20;

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const ICMP_MAX = 255;

interface Ported {
  readonly protocol: LabVpc["securityGroups"][number]["ingress"][number]["protocol"];
  readonly fromPort?: number | undefined;
  readonly toPort?: number | undefined;
}

/** A rule's ports, or ICMP type and code, as EC2 takes them. */
function checkPorts(check: Checker, path: ObjectPath, rule: Ported): void {
  const protocol = protocolNumber(rule.protocol);
  const { fromPort, toPort } = rule;
  if (protocol === ICMP) {
    for (const [field, value] of [
      ["fromPort", fromPort],
      ["toPort", toPort],
    ] as const)
      if (value !== undefined && value > ICMP_MAX)
        check.problem(
          [...path, field],
          `expected an ICMP ${field === "fromPort" ? "type" : "code"} from 0 to ${ICMP_MAX}, or -1 for any, got ${value}; change it`,
        );
    if ((fromPort ?? ANY) === ANY && (toPort ?? ANY) !== ANY)
      check.problem(
        [...path, "toPort"],
        `expected no ICMP code without a type, got ${toPort}; write fromPort, the type`,
      );
    return;
  }
  if (protocol !== TCP && protocol !== UDP) {
    if (fromPort !== undefined || toPort !== undefined)
      check.notes.push({
        path: [...path, fromPort === undefined ? "toPort" : "fromPort"],
        message: `ignored: a rule for protocol ${rule.protocol} is for all ports, whichever it names`,
      });
    return;
  }
  if (fromPort === undefined || toPort === undefined) {
    check.problem(
      path,
      `expected fromPort and toPort with ${rule.protocol}, got ${fromPort === undefined ? "no fromPort" : "no toPort"}; write 0 and 65535 for all ports`,
    );
    return;
  }
  if (fromPort < 0 || toPort < 0)
    check.problem(
      [...path, fromPort < 0 ? "fromPort" : "toPort"],
      `expected a port from 0 to 65535 with ${rule.protocol}, got -1; write 0 and 65535 for all ports`,
    );
  else if (fromPort > toPort)
    check.problem([...path, "fromPort"], `expected fromPort up to toPort, got ${fromPort} to ${toPort}; swap them`);
}

/** A rule's source or destination. @returns what it stands for, to find rules that are there twice */
function checkPeer(check: Checker, lab: Lab, vpc: number, path: ObjectPath, peer: string): string {
  if (isBlock(peer) && parseCidr(peer) !== null) return cidrText(check.cidr(path, peer));
  const group = isBlock(peer) ? -1 : findGroup(lab, vpc, peer);
  if (group >= 0) return `group ${group}`;
  const { name } = labVpcs(lab)[vpc];
  const others = referableVpcs(lab, name);
  const known = labVpcs(lab).flatMap((v, i) =>
    i === vpc
      ? groupsOfVpc(v).flatMap((g) => (g.id === undefined ? [g.name] : [g.name, g.id]))
      : groupsOfVpc(v).flatMap((g) => (others.includes(v.name) ? [`${v.name}/${g.name}`] : [])),
  );
  const hint = parseAddress(peer) === null ? suggestion(peer, known) : `write ${peer}/32`;
  check.problem(
    path,
    `expected a CIDR block, or a security group of the VPC or of one peered with it in the region, got "${peer}"; ${hint}`,
  );
  return peer;
}

function checkGroupRules(
  check: Checker,
  lab: Lab,
  vpc: number,
  path: ObjectPath,
  rules: readonly (Ported & { readonly peers: readonly string[] })[],
  field: string,
): void {
  const seen = new Set<string>();
  let count = 0;
  rules.forEach((rule, i) => {
    const at = [...path, i];
    checkPorts(check, at, rule);
    if (rule.peers.length === 0)
      check.problem(
        [...at, field],
        `expected at least one CIDR block or security group, got none; write 0.0.0.0/0 for all`,
      );
    rule.peers.forEach((peer, j) => {
      count++;
      const { protocol, fromPort, toPort } = rulePorts(rule);
      const key = `${protocol} ${fromPort} ${toPort} ${checkPeer(check, lab, vpc, [...at, field, j], peer)}`;
      if (seen.has(key))
        check.problem([...at, field, j], `expected each rule once, got a second one for ${peer}; remove one of them`);
      seen.add(key);
    });
  });
  if (count > RULES_PER_GROUP)
    check.problem(
      path,
      `expected at most ${RULES_PER_GROUP} rules, one for each of their blocks and groups, got ${count}; join blocks, or write another group`,
    );
}

function checkGroups(check: Checker, lab: Lab, vpc: LabVpc, index: number): void {
  const names = new Map<string, ObjectPath>();
  const ids = new Map<string, ObjectPath>();
  vpc.securityGroups.forEach((group, i) => {
    const path = [...vpcPath(index), "securityGroups", i];
    check.unique([...path, "name"], "security group name", group.name, names);
    if (group.id !== undefined) check.unique([...path, "id"], "security group id", group.id, ids);
    if (group.name.startsWith("sg-"))
      check.problem(
        [...path, "name"],
        `expected a name that does not begin with sg-, as ids do, got ${group.name}; rename it`,
      );
    const ingress = group.ingress.map((rule) => ({ ...rule, peers: rule.sources }));
    const egress = group.egress.map((rule) => ({ ...rule, peers: rule.destinations }));
    checkGroupRules(check, lab, index, [...path, "ingress"], ingress, "sources");
    checkGroupRules(check, lab, index, [...path, "egress"], egress, "destinations");
  });
}

function checkAclRules(check: Checker, path: ObjectPath, rules: LabVpc["networkAcls"][number]["ingress"]): void {
  const numbers = new Map<number, number>();
  rules.forEach((rule, i) => {
    const at = [...path, i];
    const first = numbers.get(rule.ruleNumber);
    if (first !== undefined)
      check.problem(
        [...at, "ruleNumber"],
        `expected a rule number of its own, got ${rule.ruleNumber}, which the rule in place ${first + 1} has; change one of them`,
      );
    else numbers.set(rule.ruleNumber, i);
    checkPorts(check, at, rule);
    check.cidr([...at, "cidrBlock"], rule.cidrBlock);
  });
  if (rules.length > RULES_PER_ACL)
    check.notes.push({
      path,
      message: `${rules.length} rules: EC2 takes more than ${RULES_PER_ACL} a direction, up to 40, only where the quota was raised`,
    });
}

function checkAcls(check: Checker, vpc: LabVpc, index: number): void {
  const names = new Map<string, ObjectPath>();
  const taken = new Map<string, string>();
  const subnets = vpc.subnets.map((s) => s.name);
  vpc.networkAcls.forEach((acl, i) => {
    const path = [...vpcPath(index), "networkAcls", i];
    check.unique([...path, "name"], "network ACL name", acl.name, names);
    acl.subnets.forEach((name, j) => {
      const at = [...path, "subnets", j];
      const other = taken.get(name);
      if (!subnets.includes(name))
        check.problem(at, `expected a subnet of the VPC, got "${name}"; ${suggestion(name, subnets)}`);
      else if (other !== undefined)
        check.problem(
          at,
          `expected a subnet with no other network ACL, got ${name}, which ${other} has; remove one of them`,
        );
      taken.set(name, acl.name);
    });
    checkAclRules(check, [...path, "ingress"], acl.ingress);
    checkAclRules(check, [...path, "egress"], acl.egress);
    if (acl.subnets.length === 0 && acl.name !== DEFAULT_ACL)
      check.notes.push({
        path: [...path, "subnets"],
        message: `no subnet has network ACL ${acl.name}: it decides nothing (one called ${DEFAULT_ACL} is for all subnets without another)`,
      });
  });
}

/** The groups that a machine's ENI names. */
function checkMembership(
  check: Checker,
  lab: Lab,
  path: ObjectPath,
  groups: readonly string[],
  subnet: string | undefined,
): void {
  const vpcs = labVpcs(lab);
  const index = vpcs.findIndex((v) => v.subnets.some((s) => s.name === subnet));
  // An unknown subnet is a problem of its own.
  if (index < 0) return;
  const own = groupsOfVpc(vpcs[index]);
  const seen = new Map<string, ObjectPath>();
  groups.forEach((reference, i) => {
    const at = [...path, i];
    const group = own.find((g) => g.id === reference) ?? own.find((g) => g.name === reference);
    if (group !== undefined) check.unique(at, "security group", group.name, seen);
    else {
      const known = own.flatMap((g) => (g.id === undefined ? [g.name] : [g.name, g.id]));
      const hint = hasSecurityGroups(vpcs[index])
        ? suggestion(reference, known)
        : `${vpcs[index].name} has no securityGroups, and filters nothing`;
      check.problem(at, `expected a security group of VPC ${vpcs[index].name}, got "${reference}"; ${hint}`);
    }
  });
  if (groups.length > GROUPS_PER_ENI)
    check.problem(
      path,
      `expected at most ${GROUPS_PER_ENI} security groups of an ENI, got ${groups.length}; remove some`,
    );
}

/** What EC2 refuses of security groups and network ACLs, and of the groups that machines are in. */
export function checkSecurity(check: Checker, lab: Lab): void {
  labVpcs(lab).forEach((vpc, index) => {
    checkGroups(check, lab, vpc, index);
    checkAcls(check, vpc, index);
  });
  lab.spec.nodes.forEach((node, i) => {
    checkMembership(check, lab, ["spec", "nodes", i, "securityGroups"], node.securityGroups, node.subnet);
  });
  lab.spec.hosts.forEach((host, i) => {
    checkMembership(check, lab, ["spec", "hosts", i, "securityGroups"], host.securityGroups, host.subnet);
  });
}
