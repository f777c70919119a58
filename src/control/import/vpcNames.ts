import { type Ec2Answers, isLive } from "./ec2Shapes.ts";
import { type GroupNames, groupNames } from "./importRules.ts";
import { nameTag, tagOf, UniqueNames } from "./names.ts";

const LOCAL_NAMES = ["local", "igw", "blackhole", "vgw"];

/** What VPC objects are called in the lab, by their ids. */
export interface VpcNames {
  readonly vpcs: ReadonlyMap<string, string>;
  /** Unique in the lab. */
  readonly subnets: ReadonlyMap<string, string>;
  /** VPC of each subnet, by the subnet's id. */
  readonly subnetVpcs: ReadonlyMap<string, string>;
  readonly groups: GroupNames;
  /** NAT gateways, peerings, transit gateways and networks: whatever a route names, each once in the lab. */
  readonly targets: UniqueNames;
  readonly natGateways: ReadonlyMap<string, string>;
  readonly peerings: ReadonlyMap<string, string>;
  readonly transitGateways: ReadonlyMap<string, string>;
}

function namesOf<T>(items: readonly T[], unique: UniqueNames, texts: (item: T) => (string | undefined)[]) {
  return (id: (item: T) => string) => new Map(items.map((item) => [id(item), unique.name(...texts(item))]));
}

/** Names after the Name tags, made unique; what has none is called by its id. */
export function vpcNames(ec2: Ec2Answers): VpcNames {
  const targets = new UniqueNames(LOCAL_NAMES);
  const peers = ec2.VpcPeeringConnections.flatMap((p) => [p.RequesterVpcInfo, p.AccepterVpcInfo]);
  const known = new Set(ec2.Vpcs.map((v) => v.VpcId));
  const foreign = [...new Set(peers.map((p) => p.VpcId))].filter((id) => !known.has(id));
  const vpcs = new UniqueNames();
  return {
    vpcs: new Map([
      ...namesOf(ec2.Vpcs, vpcs, (v) => [nameTag(v.Tags), v.VpcId])((v) => v.VpcId),
      ...foreign.map((id): [string, string] => [id, vpcs.name(id)]),
    ]),
    subnets: namesOf(ec2.Subnets, new UniqueNames(), (s) => [
      nameTag(s.Tags),
      tagOf(s.Tags, "aws:cloudformation:logical-id"),
      s.SubnetId,
    ])((s) => s.SubnetId),
    subnetVpcs: new Map(ec2.Subnets.map((s) => [s.SubnetId, s.VpcId])),
    groups: groupNames(ec2.SecurityGroups),
    targets,
    natGateways: namesOf(
      ec2.NatGateways.filter((g) => isLive(g.State)),
      targets,
      (g) => [nameTag(g.Tags), g.NatGatewayId],
    )((g) => g.NatGatewayId),
    peerings: namesOf(
      ec2.VpcPeeringConnections.filter((p) => isLive(p.Status.Code)),
      targets,
      (p) => [nameTag(p.Tags), p.VpcPeeringConnectionId],
    )((p) => p.VpcPeeringConnectionId),
    transitGateways: namesOf(
      ec2.TransitGateways.filter((t) => isLive(t.State)),
      targets,
      (t) => [nameTag(t.Tags), t.TransitGatewayId],
    )((t) => t.TransitGatewayId),
  };
}
