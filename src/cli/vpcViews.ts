import { toCidr } from "../control/vpc/cidr.ts";
import type { GatewayType } from "../control/vpcViews.ts";
import type { Views } from "../lab/controlProtocol.ts";
import { type SubnetMapView, subnetBlocks } from "../observe/subnetBlocks.ts";
import { type Columns, firstOf, shorten, yesNo } from "./view.ts";

type Noun = "enis" | "subnets" | "routes" | "gateways" | "vpcs" | "securitygroups" | "networkacls";

/** Words for a narrow column. */
const GATEWAY_TYPES: Readonly<Record<GatewayType, string>> = {
  nat: "nat",
  "private nat": "private",
  peering: "peering",
  transit: "transit",
  "gateway endpoint": "endpoint",
  "interface endpoint": "interface",
  vgw: "vgw",
};

/** What the VPC has. */
export const VPC_VIEWS: { [V in Noun]: Columns<Views[V][number]> } = {
  enis: {
    header: ["NAME", "KIND", "SUBNET", "ADDRESS", "PUBLIC", "SLOTS", "USED", "COOLING", "FREE", "ASSIGNED"],
    row: (e) => [
      e.name,
      e.kind,
      e.subnet,
      e.address,
      e.publicAddress,
      e.slots === null ? null : `${e.assigned.length}/${e.slots}`,
      e.pods,
      e.cooling,
      e.free,
      shorten(e.assigned),
    ],
    empty: "no ENIs",
  },
  subnets: {
    header: ["NAME", "ZONE", "CIDR", "ROUTE-TABLE", "PUBLIC", "FREE", "FREE-/28"],
    row: (s) => [
      s.name,
      s.availabilityZone,
      s.cidrBlock,
      s.routeTable,
      yesNo(s.mapPublicIpOnLaunch),
      s.freeAddresses,
      s.freePrefixes,
    ],
    empty: "no subnets",
  },
  routes: {
    header: ["TABLE", "DESTINATION", "TARGET", "STATE", "SUBNETS"],
    row: (r) => [
      r.main ? `${r.routeTable} (main)` : r.routeTable,
      r.destination,
      r.target,
      r.state === "blackhole" ? r.state : r.origin === "propagated" ? r.origin : null,
      firstOf(r.subnets),
    ],
    empty: "no routes",
  },
  gateways: {
    header: ["NAME", "TYPE", "VPC", "SUBNETS", "ADDRESS", "PUBLIC", "LEADS-TO"],
    row: (g) => [g.name, GATEWAY_TYPES[g.type], g.vpc, firstOf(g.subnets), g.address, g.publicAddress, g.leadsTo],
    empty: "no gateways but the internet gateway",
  },
  vpcs: {
    header: ["NAME", "CIDRS", "SUBNETS", "TABLES", "NATS", "PEERS", "TRANSIT"],
    row: (v) => [
      v.name,
      shorten(v.cidrBlocks),
      v.subnets,
      v.routeTables,
      v.natGateways.length,
      shorten(v.peers),
      shorten(v.transitGateways),
    ],
    empty: "no VPCs",
  },
  securitygroups: {
    header: ["GROUP", "DIRECTION", "RULE", "PROTO", "PORTS", "SOURCE/DESTINATION", "ENIS"],
    row: (g) => [g.group, g.direction, g.rule, g.protocol, g.ports, g.peer, shorten(g.enis)],
    empty: "no security groups: every ENI sends and receives what it likes",
  },
  networkacls: {
    header: ["ACL", "DIRECTION", "RULE", "PROTO", "PORTS", "CIDR", "ACTION", "SUBNETS"],
    row: (a) => [
      a.acl,
      a.direction,
      a.ruleNumber ?? "*",
      a.protocol,
      a.ports,
      a.cidrBlock,
      a.action,
      a.subnets.join(","),
    ],
    empty: "no network ACLs: every subnet has the default one, which allows all",
  },
};

/** Maps of the subnets shown: of all where they are asked for, of one that is named by itself. */
export function subnetMaps(subnets: Views["subnets"], asked: boolean, named: boolean): SubnetMapView[] {
  if (!asked && !(named && subnets.length === 1)) return [];
  return subnets.map(({ name, cidrBlock, ranges, reservations }) =>
    subnetBlocks({
      name,
      cidrBlock,
      cidr: toCidr(cidrBlock),
      ranges: ranges.map(({ cidrBlock: range, kind, owner }) => ({ ...toCidr(range), kind, owner })),
      reservations: reservations.map(({ cidrBlock: range, type }) => ({ ...toCidr(range), type })),
    }),
  );
}
