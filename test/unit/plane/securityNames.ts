import type { SecurityNames } from "../../../src/observe/explainSecurity.ts";

/** Names of groups and ACLs as tests read them: by number. */
export const SECURITY_NAMES: Omit<SecurityNames, "eni"> = {
  subnet: (i) => `subnet-${i}`,
  securityGroup: (i) => `group-${i}`,
  securityGroupRule: (group, egress, i) => `group-${group} ${egress ? "egress" : "ingress"} ${i}`,
  eniGroups: (eni) => [`groups of ${eni}`],
  networkAcl: (i) => `acl-${i}`,
  networkAclRule: (acl, egress, number) => `acl-${acl} ${egress ? "egress" : "ingress"} ${number}`,
};
