import type { Lab, LabVpc } from "../objects/lab.ts";
import { type Cidr, cidrText, toCidr } from "./cidr.ts";
import type { SubnetReservation } from "./ec2/types.ts";
import { labVpcs, vpcIndex } from "./labVpcs.ts";
import type { Network } from "./networks.ts";
import { type RouteTarget, RouteTargets } from "./routes.ts";
import { type TransitGateway, transitGatewaysOf } from "./transit.ts";

/** Name of the route table that a VPC has where the lab writes none with `main: true`. */
export const IMPLICIT_MAIN = "main";

/** MTU of peerings within a region and between two (EC2 user guide, "Network MTU for your EC2 instance"). */
const PEERING_MTU = 9001;
const INTER_REGION_MTU = 1500;

interface Vpc {
  readonly index: number;
  readonly name: string;
  readonly cidrs: readonly Cidr[];
}

interface Subnet {
  readonly name: string;
  /** Index of its VPC. */
  readonly vpc: number;
  readonly cidr: Cidr;
  readonly availabilityZone: string;
  /** Key of the route table it uses, its own or the main one. */
  readonly routeTable: string;
  readonly mapPublicIpOnLaunch: boolean;
  readonly reservations: readonly SubnetReservation[];
}

/**
 * How a route came into its table. To one destination `static` ones win over those of a gateway endpoint's prefix list, and
 * these over those that a VPN gateway propagates (VPC user guide, "Route priority").
 */
export type RouteOrigin = "local" | "static" | "prefixList" | "propagated";

export interface Route {
  readonly destination: Cidr;
  /** As the lab has it. */
  readonly targetText: string;
  readonly target: RouteTarget;
  readonly origin: RouteOrigin;
}

export interface RouteTable {
  /** `private`, or `VPC/private` where the lab has several VPCs. */
  readonly key: string;
  readonly name: string;
  /** Index of its VPC. */
  readonly vpc: number;
  readonly main: boolean;
  /** The implicit local routes first, then the lab's; one to each destination. */
  readonly routes: readonly Route[];
}

export interface NatGateway {
  readonly name: string;
  readonly vpc: number;
  readonly subnet: string;
  readonly isPrivate: boolean;
}

export interface Peering {
  readonly name: string;
  /** Indices of the two VPCs. */
  readonly a: number;
  readonly b: number;
  /** Bytes. */
  readonly mtu: number;
}

export interface VpcEndpoint {
  readonly name: string;
  readonly vpc: number;
  readonly type: "Gateway" | "Interface";
  /** Gateway: the network; interface: the host that stands for its ENI. */
  readonly leadsTo: string;
}

/** The VPCs of a lab that has passed its checks, names resolved and blocks canonicalised. */
export interface VpcModel {
  /** The cluster's VPC is the first. */
  readonly vpcs: readonly Vpc[];
  /** Blocks of the cluster's VPC. */
  readonly cidrs: readonly Cidr[];
  /** Of all VPCs, by name; an index is a place. */
  readonly subnets: ReadonlyMap<string, Subnet>;
  /** Of all VPCs. */
  readonly routeTables: readonly RouteTable[];
  readonly networks: readonly Network[];
  readonly natGateways: readonly NatGateway[];
  readonly peerings: readonly Peering[];
  readonly transitGateways: readonly TransitGateway[];
  readonly vpcEndpoints: readonly VpcEndpoint[];
}

/** The routes of a VPC's tables, with what gateways add to them. */
class RouteTableModels {
  readonly #targets: RouteTargets;
  readonly #several: boolean;

  constructor(lab: Lab, targets: RouteTargets) {
    this.#targets = targets;
    this.#several = lab.spec.vpcs.length > 0;
  }

  key(vpc: LabVpc, name: string): string {
    return this.#several ? `${vpc.name}/${name}` : name;
  }

  of(vpc: LabVpc, index: number): RouteTable[] {
    const written = vpc.routeTables.some((t) => t.main)
      ? vpc.routeTables
      : [{ name: IMPLICIT_MAIN, main: true, routes: [], propagatingVgws: [] }, ...vpc.routeTables];
    return written.map((table) => ({
      key: this.key(vpc, table.name),
      name: table.name,
      vpc: index,
      main: table.main,
      routes: this.#routes(vpc, index, table),
    }));
  }

  #routes(
    vpc: LabVpc,
    index: number,
    table: Pick<LabVpc["routeTables"][number], "name" | "routes" | "propagatingVgws">,
  ): Route[] {
    const routes = new Map<string, Route>();
    const add = (route: Route) => {
      const text = cidrText(route.destination);
      if (!routes.has(text)) routes.set(text, route);
    };
    for (const destination of vpc.cidrBlocks.map(toCidr))
      add({ destination, targetText: "local", target: { kind: "local" }, origin: "local" });
    for (const { destinationCidrBlock, target: targetText } of table.routes) {
      const destination = toCidr(destinationCidrBlock);
      const target = this.#targets.resolve(index, targetText, destination);
      // The check has let only local routes through that are there already, and no text that resolves to nothing.
      if (typeof target !== "string") add({ destination, targetText, target, origin: "static" });
    }
    const { networks } = this.#targets;
    for (const { name, routeTables, network: networkName } of vpc.vpcEndpoints) {
      const network = networks.find((n) => n.name === networkName);
      if (network === undefined || !routeTables.includes(table.name)) continue;
      const target: RouteTarget = { kind: "network", network, endpoint: name };
      for (const destination of network.cidrs) add({ destination, targetText: name, target, origin: "prefixList" });
    }
    for (const name of table.propagatingVgws) {
      const network = networks.find((n) => n.name === name);
      for (const destination of network?.cidrs ?? []) {
        const target = this.#targets.resolve(index, name, destination);
        if (typeof target !== "string") add({ destination, targetText: name, target, origin: "propagated" });
      }
    }
    return [...routes.values()];
  }
}

function subnetsOf(lab: Lab, tables: RouteTableModels): Map<string, Subnet> {
  const subnets = new Map<string, Subnet>();
  labVpcs(lab).forEach((vpc, index) => {
    const main = vpc.routeTables.find((t) => t.main)?.name ?? IMPLICIT_MAIN;
    for (const s of vpc.subnets)
      subnets.set(s.name, {
        name: s.name,
        vpc: index,
        cidr: toCidr(s.cidrBlock),
        availabilityZone: s.availabilityZone,
        routeTable: tables.key(vpc, s.routeTable ?? main),
        mapPublicIpOnLaunch: s.mapPublicIpOnLaunch,
        reservations: s.reservations.map(({ cidrBlock, type }) => ({ cidr: toCidr(cidrBlock), type })),
      });
  });
  return subnets;
}

/** @param gone targets that the lab had once while it ran: routes to those that are no more are black holes. */
export function vpcModel(lab: Lab, gone: ReadonlySet<string> = new Set()): VpcModel {
  const targets = new RouteTargets(lab, gone);
  const tables = new RouteTableModels(lab, targets);
  const vpcs = labVpcs(lab);
  return {
    vpcs: vpcs.map(({ name, cidrBlocks }, index) => ({ index, name, cidrs: cidrBlocks.map(toCidr) })),
    cidrs: lab.spec.vpc.cidrBlocks.map(toCidr),
    subnets: subnetsOf(lab, tables),
    routeTables: vpcs.flatMap((vpc, index) => tables.of(vpc, index)),
    networks: targets.networks,
    natGateways: vpcs.flatMap((v, vpc) =>
      v.natGateways.map(({ name, subnet, connectivityType }) => ({
        name,
        vpc,
        subnet,
        isPrivate: connectivityType === "private",
      })),
    ),
    peerings: lab.spec.peerings.map(({ name, vpcs: [a, b], interRegion }) => ({
      name,
      a: vpcIndex(lab, a),
      b: vpcIndex(lab, b),
      mtu: interRegion ? INTER_REGION_MTU : PEERING_MTU,
    })),
    transitGateways: transitGatewaysOf(lab),
    vpcEndpoints: vpcs.flatMap((v, vpc) =>
      v.vpcEndpoints.map(({ name, type, network, host }) => ({
        name,
        vpc,
        type,
        leadsTo: (type === "Gateway" ? network : host) ?? "",
      })),
    ),
  };
}
