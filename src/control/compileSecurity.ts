import type { EniGroupsRow, Row, SecurityGroupRule } from "../plane/rows.ts";
import type { ClusterState } from "./clusterState.ts";
import { hostEniName } from "./entityNames.ts";
import type { Ids } from "./ids.ts";
import type { Lab } from "./objects/lab.ts";
import { labVpcs } from "./vpc/labVpcs.ts";
import { networkAclsOf } from "./vpc/networkAcls.ts";
import { DEFAULT_GROUP, findGroup, type GroupRule, hasSecurityGroups, securityGroupsOf } from "./vpc/securityGroups.ts";

const CLUSTER_VPC = 0;
const SECOND = 1000;

/** The groups of an ENI, with the name that the lab shows it by. */
export interface EniGroups {
  readonly eni: string;
  /** Indices of {@link securityGroupsOf}'s list. */
  readonly groups: readonly number[];
  /** Subnet and node or host that it belongs to. */
  readonly machine: Machine;
}

type Machine = Lab["spec"]["nodes"][number] | Lab["spec"]["hosts"][number];

/** Indices of groups given by name or id; an ENI without any is in its VPC's default group. */
function indices(lab: Lab, vpc: number, references: readonly string[]): number[] {
  const named = references.length === 0 ? [DEFAULT_GROUP] : references;
  return [...new Set(named.map((reference) => findGroup(lab, vpc, reference)).filter((index) => index >= 0))];
}

/**
 * The groups of all ENIs of nodes and hosts in VPCs that have groups: of a branch ENI those of its pod's
 * SecurityGroupPolicy, of a node's other ENIs those that the CNI gave them, of a host's what the lab says.
 */
export function eniGroupsOf(state: ClusterState): EniGroups[] {
  const { lab } = state;
  const vpcs = labVpcs(lab);
  const groups: EniGroups[] = [];
  // Most ENIs of a lab have the same few groups.
  const known = new Map<string, readonly number[]>();
  const add = (eni: string, vpc: number, references: readonly string[], machine: Machine): void => {
    const key = `${vpc} ${references.join(" ")}`;
    const found = known.get(key) ?? indices(lab, vpc, references);
    known.set(key, found);
    groups.push({ eni, groups: found, machine });
  };
  if (hasSecurityGroups(vpcs[CLUSTER_VPC]))
    for (const node of state.nodes)
      for (const eni of node.enis) add(eni.name, CLUSTER_VPC, eni.securityGroups, node.spec);
  for (const { spec } of state.hosts) {
    const vpc = vpcs.findIndex((v) => v.subnets.some((s) => s.name === spec.subnet));
    if (vpc >= 0 && hasSecurityGroups(vpcs[vpc])) add(hostEniName(spec.name), vpc, spec.securityGroups, spec);
  }
  return groups;
}

function ruleRow({ protocol, fromPort, toPort, prefix, length, group }: GroupRule): SecurityGroupRule {
  return { protocol, fromPort, toPort, prefix, length, group };
}

/** EC2's defaults for what a machine's ENIs track need no words in a row. */
function tracking({ connectionTracking: c }: Machine): Pick<EniGroupsRow, "tracking"> {
  if (c === undefined) return {};
  return {
    tracking: {
      limit: c.maxConnections,
      tcpEstablished: c.tcpEstablishedTimeout * SECOND,
      udpStream: c.udpStreamTimeout * SECOND,
      udp: c.udpTimeout * SECOND,
    },
  };
}

/** Security groups, who is in them, and network ACLs with their subnets. */
export function securityRows(state: ClusterState, ids: Ids): Row[] {
  const { lab, model } = state;
  const rows: Row[] = securityGroupsOf(lab).map((group, id) => ({
    t: "securityGroup",
    id,
    vpc: group.vpc,
    ingress: group.ingress.map(ruleRow),
    egress: group.egress.map(ruleRow),
  }));
  for (const { eni, groups, machine } of eniGroupsOf(state))
    rows.push({ t: "eniGroups", eni: ids.of("eni", eni), groups: [...groups], ...tracking(machine) });
  const subnets = [...model.subnets.keys()];
  networkAclsOf(lab).forEach(({ ingress, egress, subnets: named }, id) => {
    rows.push({ t: "networkAcl", id, ingress: [...ingress], egress: [...egress] });
    for (const name of named) {
      const subnet = subnets.indexOf(name);
      if (subnet >= 0) rows.push({ t: "subnetAcl", subnet, acl: id });
    }
  });
  return rows;
}
