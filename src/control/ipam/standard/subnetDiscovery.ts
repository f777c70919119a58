import type { SubnetDescription } from "../../vpc/ec2/api.ts";
import type { Ec2Subnet } from "../../vpc/ec2/types.ts";
import type { AgentNode } from "../types.ts";

/**
 * Which subnets ipamd makes ENIs in (ENABLE_SUBNET_DISCOVERY; amazon-vpc-cni-k8s pkg/awsutils/awsutils.go GetVpcSubnets,
 * isSubnetValidForENICreation, IsSubnetExcluded).
 */
const SUBNET_TAG = "kubernetes.io/role/cni";
const CLUSTER_TAG_PREFIX = "cni.networking.k8s.aws/cluster/";
/** Value of {@link SUBNET_TAG} that takes a subnet out. */
const EXCLUDED = "0";

/**
 * The subnets that a new ENI may be in, the one with the most free addresses first; those with as many stay in EC2's order.
 * Another subnet than the node's needs the tag; the node's own is only out where the tag is "0" or names other clusters.
 */
export function eniSubnets(subnets: readonly SubnetDescription[], node: AgentNode): SubnetDescription[] {
  return subnets
    .filter((subnet) => subnet.availabilityZone === node.availabilityZone && takesEnis(subnet, node))
    .sort((a, b) => b.availableAddresses - a.availableAddresses);
}

function takesEnis(subnet: Ec2Subnet, node: AgentNode): boolean {
  const tag = subnet.tags[SUBNET_TAG] ?? "";
  if (tag === EXCLUDED) return false;
  if (tag === "") return subnet.name === node.subnet;
  return ofCluster(subnet, node.clusterName);
}

/**
 * Whether ENIs in a subnet give pods nothing. One without the tag is not excluded: an ENI that is there stays in use. A
 * subnet that is not in the list is not excluded either.
 */
export function subnetExcluded(subnets: readonly Ec2Subnet[], name: string, clusterName: string): boolean {
  const subnet = subnets.find((candidate) => candidate.name === name);
  const tag = subnet?.tags[SUBNET_TAG] ?? "";
  if (subnet === undefined || tag === "") return false;
  return tag === EXCLUDED || !ofCluster(subnet, clusterName);
}

/** A subnet is of all clusters unless its tags name some. */
function ofCluster(subnet: Ec2Subnet, clusterName: string): boolean {
  const clusters = Object.keys(subnet.tags).filter((tag) => tag.startsWith(CLUSTER_TAG_PREFIX));
  return clusterName === "" || clusters.length === 0 || clusters.includes(CLUSTER_TAG_PREFIX + clusterName);
}
