import type { AclRule } from "../../plane/rows.ts";
import type { Lab, LabVpc } from "../objects/lab.ts";
import { toCidr } from "./cidr.ts";
import { labVpcs } from "./labVpcs.ts";
import { rulePorts } from "./securityGroups.ts";

type WrittenRule = LabVpc["networkAcls"][number]["ingress"][number];

/** An ACL of this name is for all subnets of its VPC that no other ACL names, as EC2's default one is. */
export const DEFAULT_ACL = "default";

/** An ACL that the lab writes; its index in the plane is its place in {@link networkAclsOf}'s list. */
export interface NetworkAclModel {
  readonly name: string;
  readonly id: string | null;
  /** Name of its VPC. */
  readonly vpcName: string;
  /** Names of the subnets that it is for. */
  readonly subnets: readonly string[];
  /** In ascending order of their numbers. */
  readonly ingress: readonly AclRule[];
  readonly egress: readonly AclRule[];
}

function compiled(rules: readonly WrittenRule[]): AclRule[] {
  return rules
    .map((rule) => ({
      number: rule.ruleNumber,
      allow: rule.ruleAction === "allow",
      ...rulePorts(rule),
      ...toCidr(rule.cidrBlock),
    }))
    .sort((a, b) => a.number - b.number);
}

/** All ACLs of a lab that has passed its checks; an index is a place. */
export function networkAclsOf(lab: Lab): NetworkAclModel[] {
  return labVpcs(lab).flatMap((vpc) => {
    const named = new Set(vpc.networkAcls.flatMap((acl) => acl.subnets));
    const others = vpc.subnets.map((s) => s.name).filter((name) => !named.has(name));
    return vpc.networkAcls.map((acl) => ({
      name: acl.name,
      id: acl.id ?? null,
      vpcName: vpc.name,
      subnets: acl.name === DEFAULT_ACL ? [...acl.subnets, ...others] : acl.subnets,
      ingress: compiled(acl.ingress),
      egress: compiled(acl.egress),
    }));
  });
}
