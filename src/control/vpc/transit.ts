import type { Lab } from "../objects/lab.ts";
import { type Cidr, cidrText, toCidr } from "./cidr.ts";
import { labVpcs, vpcIndex } from "./labVpcs.ts";
import { attachmentKey } from "./networks.ts";

type LabGateway = Lab["spec"]["transitGateways"][number];
type LabAttachment = LabGateway["attachments"][number];

/** Name of the route table that a transit gateway has where the lab writes none. */
const DEFAULT_TABLE = "default";

export interface TransitAttachment {
  readonly key: string;
  readonly name: string;
  /** Index of the VPC; -1: a network's. */
  readonly vpc: number;
  /** Name of the network; null: a VPC's. */
  readonly network: string | null;
  /** Subnets by which the gateway sends into the VPC. */
  readonly subnets: readonly string[];
  /** Key of the route table that its packets are looked up in; null: they go nowhere. */
  readonly routeTable: string | null;
  /** What it propagates. */
  readonly cidrs: readonly Cidr[];
}

export interface TransitRoute {
  readonly destination: Cidr;
  /** Key of the attachment; null: blackhole. */
  readonly attachment: string | null;
  readonly origin: "static" | "propagated";
}

export interface TransitRouteTable {
  readonly key: string;
  readonly name: string;
  readonly associations: readonly string[];
  readonly propagations: readonly string[];
  /** One to each destination: the one that holds. */
  readonly routes: readonly TransitRoute[];
}

export interface TransitGateway {
  readonly name: string;
  readonly attachments: readonly TransitAttachment[];
  readonly routeTables: readonly TransitRouteTable[];
}

type WrittenTable = Pick<LabGateway["routeTables"][number], "name" | "associations" | "propagations" | "routes">;

/** The route tables of a transit gateway, or the default one that all its attachments use. */
export function transitTables(gateway: LabGateway): readonly WrittenTable[] {
  if (gateway.routeTables.length > 0) return gateway.routeTables;
  const all = gateway.attachments.map((a) => a.name);
  return [{ name: DEFAULT_TABLE, associations: all, propagations: all, routes: [] }];
}

/** What an attachment propagates: all blocks of its VPC or network. */
export function propagated(lab: Lab, attachment: LabAttachment): Cidr[] {
  const vpc = labVpcs(lab).find((v) => v.name === attachment.vpc);
  const network = lab.spec.networks.find((n) => n.name === attachment.network);
  return (vpc ?? network)?.cidrBlocks.map(toCidr) ?? [];
}

/**
 * The routes of a table that hold. To one destination a static route wins over a propagated one, a VPC's attachment over a
 * VPN's, and of two of a kind the one that was attached first (Transit Gateway guide, "Route evaluation order" and "Amazon VPC
 * attachments").
 */
function routesOf(lab: Lab, gateway: LabGateway, table: WrittenTable): TransitRoute[] {
  const routes = new Map<string, TransitRoute>();
  const key = (name: string) => attachmentKey(gateway.name, name);
  for (const { destinationCidrBlock, attachment } of table.routes) {
    const destination = toCidr(destinationCidrBlock);
    const to = attachment === undefined ? null : key(attachment);
    routes.set(cidrText(destination), { destination, attachment: to, origin: "static" });
  }
  const propagating = gateway.attachments.filter((a) => table.propagations.includes(a.name));
  for (const attachment of [
    ...propagating.filter((a) => a.vpc !== undefined),
    ...propagating.filter((a) => a.vpc === undefined),
  ])
    for (const destination of propagated(lab, attachment)) {
      const text = cidrText(destination);
      if (!routes.has(text)) routes.set(text, { destination, attachment: key(attachment.name), origin: "propagated" });
    }
  return [...routes.values()];
}

/** The transit gateways of a lab that has passed its checks. */
export function transitGatewaysOf(lab: Lab): TransitGateway[] {
  return lab.spec.transitGateways.map((gateway) => {
    const tables = transitTables(gateway);
    const key = (name: string) => attachmentKey(gateway.name, name);
    return {
      name: gateway.name,
      attachments: gateway.attachments.map((attachment): TransitAttachment => {
        const table = tables.find((t) => t.associations.includes(attachment.name));
        return {
          key: key(attachment.name),
          name: attachment.name,
          vpc: attachment.vpc === undefined ? -1 : vpcIndex(lab, attachment.vpc),
          network: attachment.network ?? null,
          subnets: attachment.subnets,
          routeTable: table === undefined ? null : key(table.name),
          cidrs: propagated(lab, attachment),
        };
      }),
      routeTables: tables.map((table) => ({
        key: key(table.name),
        name: table.name,
        associations: table.associations,
        propagations: table.propagations,
        routes: routesOf(lab, gateway, table),
      })),
    };
  });
}
