import { parseCidr } from "../../plane/wire/address.ts";
import { overlaps, toCidr } from "../vpc/cidr.ts";
import { type Ec2Answers, type Ec2Item, isLive, type ObservedRoute } from "./ec2Shapes.ts";
import { importAcl, importGroup } from "./importRules.ts";
import type { FurtherVpcInput, RouteInput } from "./labInput.ts";
import { nameTag, tagFields, UniqueNames } from "./names.ts";
import type { ImportNotes } from "./notes.ts";
import type { VpcNames } from "./vpcNames.ts";

/** What the import of a VPC reads beside the VPC. */
export interface VpcSurroundings {
  readonly ec2: Ec2Answers;
  readonly names: VpcNames;
  readonly notes: ImportNotes;
  /** Name of the host that an ENI became, by the ENI's id. */
  readonly hostOfEni: ReadonlyMap<string, string>;
  /** Name of the network that a VPN gateway leads to, by the gateway's id. */
  readonly networkOfGateway: ReadonlyMap<string, string>;
}

/** The IPv4 blocks of a VPC, the primary one first. */
export function vpcBlocks(vpc: Ec2Item<"Vpcs">): string[] {
  const more = vpc.CidrBlockAssociationSet.filter((a) => isLive(a.CidrBlockState?.State ?? "associated"));
  return [...new Set([vpc.CidrBlock, ...more.map((a) => a.CidrBlock)])];
}

class VpcImport {
  readonly #vpc: Ec2Item<"Vpcs">;
  readonly #in: VpcSurroundings;

  constructor(vpc: Ec2Item<"Vpcs">, surroundings: VpcSurroundings) {
    this.#vpc = vpc;
    this.#in = surroundings;
  }

  run(): FurtherVpcInput {
    const { VpcId, Tags } = this.#vpc;
    const { ec2, names, notes } = this.#in;
    if (this.#vpc.Ipv6CidrBlockAssociationSet.length > 0)
      notes.add(VpcId, "its IPv6 blocks are left out: podplane is IPv4 alone");
    const own = <T extends { VpcId: string }>(items: readonly T[]): T[] => items.filter((i) => i.VpcId === VpcId);
    const tables = new UniqueNames();
    const tableNames = new Map(
      own(ec2.RouteTables).map((t) => [t.RouteTableId, tables.name(nameTag(t.Tags), t.RouteTableId)]),
    );
    const acls = new UniqueNames();
    return {
      name: names.vpcs.get(VpcId) ?? VpcId,
      id: VpcId,
      ...tagFields(Tags),
      cidrBlocks: vpcBlocks(this.#vpc),
      subnets: own(ec2.Subnets).map((subnet) => this.#subnet(subnet, tableNames)),
      routeTables: own(ec2.RouteTables).map((table) => ({
        name: tableNames.get(table.RouteTableId) ?? table.RouteTableId,
        id: table.RouteTableId,
        ...(table.Associations.some((a) => a.Main) ? { main: true } : {}),
        routes: table.Routes.flatMap((route) => this.#route(table.RouteTableId, route)),
      })),
      natGateways: own(ec2.NatGateways).flatMap((gateway) => this.#natGateway(gateway)),
      securityGroups: own(ec2.SecurityGroups).map((group) => importGroup(group, names.groups, notes)),
      networkAcls: own(ec2.NetworkAcls).map((acl) => importAcl(acl, acls, names.subnets, notes)),
    };
  }

  #subnet(subnet: Ec2Item<"Subnets">, tables: ReadonlyMap<string, string>) {
    const { SubnetId, AvailabilityZone, CidrBlock, Tags, MapPublicIpOnLaunch } = subnet;
    const { ec2, names, notes } = this.#in;
    const table = ec2.RouteTables.find((t) => t.Associations.some((a) => a.SubnetId === SubnetId));
    const routeTable = tables.get(table?.RouteTableId ?? "");
    const reservations = ec2.SubnetIpv4CidrReservations.filter((r) => r.SubnetId === SubnetId);
    if (MapPublicIpOnLaunch)
      notes.add(SubnetId, "mapPublicIpOnLaunch is left out: machines have the public addresses that were observed");
    return {
      name: names.subnets.get(SubnetId) ?? SubnetId,
      id: SubnetId,
      availabilityZone: AvailabilityZone,
      cidrBlock: CidrBlock,
      ...(routeTable === undefined ? {} : { routeTable }),
      ...tagFields(Tags),
      ...(reservations.length === 0
        ? {}
        : { reservations: reservations.map((r) => ({ cidrBlock: r.Cidr, type: r.ReservationType })) }),
    };
  }

  #route(table: string, route: ObservedRoute): RouteInput[] {
    const { notes } = this.#in;
    const { DestinationCidrBlock: destinationCidrBlock, DestinationPrefixListId, Origin, GatewayId } = route;
    if (Origin === "CreateRouteTable" || GatewayId === "local") return [];
    if (DestinationPrefixListId !== undefined) {
      const text = `the route to the managed prefix list ${DestinationPrefixListId} is left out: its blocks are in no answer`;
      notes.add(table, text);
      return [];
    }
    if (destinationCidrBlock === undefined) {
      notes.add(table, "IPv6 routes are left out: podplane is IPv4 alone");
      return [];
    }
    if (route.State === "blackhole") return [{ destinationCidrBlock, target: "blackhole" }];
    const target = this.#target(route);
    if (target !== null) return [{ destinationCidrBlock, target }];
    const { State: _, Origin: __, DestinationCidrBlock: ___, ...gateway } = route;
    const what = Object.values(gateway).join(", ");
    notes.add(
      table,
      `the route to ${destinationCidrBlock} is left out: podplane has no ${what}, or it is in no answer`,
    );
    return [];
  }

  /** What the lab calls the target of a route, or null: there is no such thing in it. */
  #target(route: ObservedRoute): string | null {
    const { names, hostOfEni, networkOfGateway } = this.#in;
    const { GatewayId, NatGatewayId, TransitGatewayId, VpcPeeringConnectionId, NetworkInterfaceId } = route;
    if (GatewayId?.startsWith("igw-") === true) return "igw";
    if (GatewayId !== undefined) return networkOfGateway.get(GatewayId) ?? null;
    if (NatGatewayId !== undefined) return names.natGateways.get(NatGatewayId) ?? null;
    if (TransitGatewayId !== undefined) return names.transitGateways.get(TransitGatewayId) ?? null;
    if (VpcPeeringConnectionId !== undefined) return names.peerings.get(VpcPeeringConnectionId) ?? null;
    const host = hostOfEni.get(NetworkInterfaceId ?? "");
    return host === undefined ? null : `host/${host}`;
  }

  #natGateway(gateway: Ec2Item<"NatGateways">) {
    const { names, notes } = this.#in;
    const { NatGatewayId, SubnetId, ConnectivityType, NatGatewayAddresses, State } = gateway;
    const subnet = names.subnets.get(SubnetId);
    if (!isLive(State) || subnet === undefined) {
      notes.add(NatGatewayId, `left out: its state is ${State}, in subnet ${SubnetId}`);
      return [];
    }
    const primary = NatGatewayAddresses.find((a) => a.IsPrimary === true) ?? NatGatewayAddresses.at(0);
    if (NatGatewayAddresses.length > 1)
      notes.add(NatGatewayId, "its secondary addresses are left out: it translates to its primary one alone");
    return [
      {
        name: names.natGateways.get(NatGatewayId) ?? NatGatewayId,
        id: NatGatewayId,
        subnet,
        ...(ConnectivityType === "private" ? { connectivityType: ConnectivityType } : {}),
        ...(primary?.PublicIp === undefined || ConnectivityType === "private" ? {} : { publicIp: primary.PublicIp }),
        ...(primary?.PrivateIp === undefined ? {} : { privateIp: primary.PrivateIp }),
      },
    ];
  }
}

/** A VPC with all that is in it but machines. */
export function importVpc(vpc: Ec2Item<"Vpcs">, surroundings: VpcSurroundings): FurtherVpcInput {
  return new VpcImport(vpc, surroundings).run();
}

/** Whether a text is a block that overlaps one of the others. */
export function overlapsAny(text: string, blocks: readonly string[]): boolean {
  const block = parseCidr(text);
  return block !== null && blocks.some((other) => overlaps(block, toCidr(other)));
}
