import type { ClusterState } from "./clusterState.ts";
import { eniGroupsOf } from "./compileSecurity.ts";
import type { Ids } from "./ids.ts";
import { lazily } from "./lazily.ts";
import { type NameTables, ruleKey } from "./names.ts";
import type { Lab } from "./objects/lab.ts";
import { networkAclsOf } from "./vpc/networkAcls.ts";
import { aclRuleText, groupRuleText } from "./vpc/ruleText.ts";
import { securityGroupsOf } from "./vpc/securityGroups.ts";

/** The name of a group or an ACL: what is not the cluster's VPC's has its own in front, `shared/db`. */
export function nameInVpc(lab: Lab, { name, vpcName }: { readonly name: string; readonly vpcName: string }): string {
  return vpcName === lab.spec.vpc.name ? name : `${vpcName}/${name}`;
}

function ruleNames(lab: Lab): Map<string, string> {
  const names = new Map<string, string>();
  securityGroupsOf(lab).forEach((group, id) => {
    for (const egress of [false, true])
      group[egress ? "egress" : "ingress"].forEach((rule, i) => {
        names.set(ruleKey("group", id, egress, i), groupRuleText(rule, egress));
      });
  });
  networkAclsOf(lab).forEach((acl, id) => {
    for (const egress of [false, true])
      for (const rule of acl[egress ? "egress" : "ingress"])
        names.set(ruleKey("acl", id, egress, rule.number), aclRuleText(rule, egress));
  });
  return names;
}

/** Names of security groups, network ACLs and their rules; asks `ids` for what compile() has asked for. */
export function securityNames(
  state: ClusterState,
  ids: Ids,
): Pick<NameTables, "securityGroups" | "networkAcls" | "securityRules" | "eniGroups"> {
  const { lab } = state;
  const securityGroups = securityGroupsOf(lab).map((group) => nameInVpc(lab, group));
  const rules = lazily(() => ruleNames(lab));
  return {
    securityGroups,
    networkAcls: networkAclsOf(lab).map((acl) => nameInVpc(lab, acl)),
    securityRules: { get: (key) => rules().get(key) },
    eniGroups: new Map(
      eniGroupsOf(state).map(({ eni, groups }) => [ids.of("eni", eni), groups.map((g) => securityGroups[g])]),
    ),
  };
}
