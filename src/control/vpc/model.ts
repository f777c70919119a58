import type { Lab } from "../objects/lab.ts";
import { type Cidr, toCidr } from "./cidr.ts";
import type { SubnetReservation } from "./ec2/types.ts";
import { labNetworks, type Network, type RouteTarget, resolveTarget } from "./routes.ts";

/** Name of the route table that a VPC has where the lab writes none with `main: true`. */
export const IMPLICIT_MAIN = "main";

interface Subnet {
  readonly name: string;
  readonly cidr: Cidr;
  readonly availabilityZone: string;
  /** Name of the route table it uses, its own or the main one. */
  readonly routeTable: string;
  readonly mapPublicIpOnLaunch: boolean;
  readonly reservations: readonly SubnetReservation[];
}

interface Route {
  readonly destination: Cidr;
  /** As the lab has it. */
  readonly targetText: string;
  readonly target: RouteTarget;
}

interface RouteTable {
  readonly name: string;
  readonly main: boolean;
  /** The implicit local routes first, then the lab's. */
  readonly routes: readonly Route[];
}

/** The VPC of a lab that has passed its checks, names resolved and blocks canonicalised. */
export interface VpcModel {
  readonly cidrs: readonly Cidr[];
  readonly subnets: ReadonlyMap<string, Subnet>;
  readonly routeTables: readonly RouteTable[];
  readonly networks: readonly Network[];
}

export function vpcModel(lab: Lab): VpcModel {
  const { vpc } = lab.spec;
  const cidrs = vpc.cidrBlocks.map(toCidr);
  const networks = labNetworks(lab);
  const local = cidrs.map((destination): Route => ({ destination, targetText: "local", target: { kind: "local" } }));

  const routeTables = vpc.routeTables.map((table): RouteTable => {
    const routes: Route[] = [...local];
    for (const route of table.routes) {
      const destination = toCidr(route.destinationCidrBlock);
      const target = resolveTarget(route.target, destination, networks);
      // The check has let only local routes through that are there already, and no text that resolves to nothing.
      if (typeof target === "string" || target.kind === "local") continue;
      routes.push({ destination, targetText: route.target, target });
    }
    return { name: table.name, main: table.main, routes };
  });
  if (!routeTables.some((t) => t.main)) routeTables.unshift({ name: IMPLICIT_MAIN, main: true, routes: local });

  const main = routeTables.find((t) => t.main)?.name ?? IMPLICIT_MAIN;
  const subnets = new Map<string, Subnet>();
  for (const s of vpc.subnets)
    subnets.set(s.name, {
      name: s.name,
      cidr: toCidr(s.cidrBlock),
      availabilityZone: s.availabilityZone,
      routeTable: s.routeTable ?? main,
      mapPublicIpOnLaunch: s.mapPublicIpOnLaunch,
      reservations: s.reservations.map(({ cidrBlock, type }) => ({ cidr: toCidr(cidrBlock), type })),
    });
  return { cidrs, subnets, routeTables, networks };
}
