import type { ClusterState } from "./clusterState.ts";
import { eniGroupsOf } from "./compileSecurity.ts";
import { nameInVpc } from "./securityNames.ts";
import { cidrText } from "./vpc/cidr.ts";
import { networkAclsOf } from "./vpc/networkAcls.ts";
import { peerText, portsText, protocolText } from "./vpc/ruleText.ts";
import { securityGroupsOf } from "./vpc/securityGroups.ts";

/** A rule of a security group, or a group that has none. */
export interface SecurityGroupView {
  /** `nodes`; a group of another VPC than the cluster's has its name in front: `shared/db`. */
  readonly group: string;
  readonly id: string | null;
  readonly vpc: string;
  /** null, as all that follow, for a group without rules. */
  readonly direction: "ingress" | "egress" | null;
  /** Place in its direction, from 1; what `why` calls it. */
  readonly rule: number | null;
  readonly protocol: string | null;
  /** `80`, `1024-65535`, `all`; ICMP: `type 3 code 4`. */
  readonly ports: string | null;
  /** Source or destination: a block, or a group. */
  readonly peer: string | null;
  /** ENIs in the group. */
  readonly enis: readonly string[];
}

/** A rule of a network ACL; the last of each direction is `*`. */
export interface NetworkAclView {
  readonly acl: string;
  readonly id: string | null;
  readonly vpc: string;
  readonly direction: "ingress" | "egress";
  /** null: the rule `*`. */
  readonly ruleNumber: number | null;
  readonly protocol: string;
  readonly ports: string;
  readonly cidrBlock: string;
  readonly action: "allow" | "deny";
  readonly subnets: readonly string[];
}

const DIRECTIONS = ["ingress", "egress"] as const;
const EVERYBODY = "0.0.0.0/0";

export function securityGroupViews(state: ClusterState): SecurityGroupView[] {
  const { lab } = state;
  const members = eniGroupsOf(state);
  return securityGroupsOf(lab).flatMap((group, index): SecurityGroupView[] => {
    const enis = members.filter((m) => m.groups.includes(index)).map((m) => m.eni);
    const base = { group: nameInVpc(lab, group), id: group.id, vpc: group.vpcName, enis };
    const rules = DIRECTIONS.flatMap((direction) =>
      group[direction].map((rule, i) => ({
        ...base,
        direction,
        rule: i + 1,
        protocol: protocolText(rule.protocol),
        ports: portsText(rule),
        peer: peerText(rule),
      })),
    );
    if (rules.length > 0) return rules;
    return [{ ...base, direction: null, rule: null, protocol: null, ports: null, peer: null }];
  });
}

export function networkAclViews(state: ClusterState): NetworkAclView[] {
  const { lab } = state;
  return networkAclsOf(lab).flatMap((acl) =>
    DIRECTIONS.flatMap((direction): NetworkAclView[] => {
      const base = { acl: nameInVpc(lab, acl), id: acl.id, vpc: acl.vpcName, direction, subnets: acl.subnets };
      const rules = acl[direction].map(
        (rule): NetworkAclView => ({
          ...base,
          ruleNumber: rule.number,
          protocol: protocolText(rule.protocol),
          ports: portsText(rule),
          cidrBlock: cidrText(rule),
          action: rule.allow ? "allow" : "deny",
        }),
      );
      const last = { ruleNumber: null, protocol: "all", ports: "all", cidrBlock: EVERYBODY, action: "deny" } as const;
      return [...rules, { ...base, ...last }];
    }),
  );
}
