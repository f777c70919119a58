import { formatAddress } from "../plane/wire/address.ts";
import type { ClusterState } from "./clusterState.ts";
import { cidrText } from "./vpc/cidr.ts";
import type { Route, RouteOrigin } from "./vpc/model.ts";

/** A route of a VPC's or a transit gateway's route table. */
export interface RouteView {
  /** `private`; `VPC/private` where there are several VPCs; `tgw/main` of a transit gateway. */
  readonly routeTable: string;
  /** Name of the VPC; null: a transit gateway's table. */
  readonly vpc: string | null;
  readonly main: boolean;
  readonly destination: string;
  /** As the lab has it; of a transit gateway's route the attachment. */
  readonly target: string;
  readonly origin: RouteOrigin;
  /** blackhole: what it matches is dropped. */
  readonly state: "active" | "blackhole";
  /** Subnets that use the table; of a transit gateway's table the attachments that are associated with it. */
  readonly subnets: readonly string[];
}

export type GatewayType =
  | "nat"
  | "private nat"
  | "peering"
  | "transit"
  | "gateway endpoint"
  | "interface endpoint"
  | "vgw";

export interface GatewayView {
  /** `nat-a`, `tgw/office` */
  readonly name: string;
  readonly type: GatewayType;
  /** VPC that it is in, or that it is attached to; null: a network's attachment. */
  readonly vpc: string | null;
  readonly subnets: readonly string[];
  readonly address: string | null;
  readonly publicAddress: string | null;
  /** The VPC, network or host at its other end; of a VPC's transit gateway attachment the route table that it is looked up in; null:
   * what the route table of its subnet says. */
  readonly leadsTo: string | null;
  /** Largest packet in bytes, where it has one of its own. */
  readonly mtu: number | null;
}

export interface VpcView {
  readonly name: string;
  readonly cidrBlocks: readonly string[];
  readonly subnets: number;
  readonly routeTables: number;
  readonly natGateways: readonly string[];
  /** Names of the VPCs that it is peered with. */
  readonly peers: readonly string[];
  readonly transitGateways: readonly string[];
}

const SHOWN_BLACKHOLE = "blackhole";

function stateOf({ target }: Route): RouteView["state"] {
  return target.kind === "blackhole" ? "blackhole" : "active";
}

export function routeViews(state: ClusterState): RouteView[] {
  const { model } = state;
  const subnets = [...model.subnets.values()];
  const ofVpcs = model.routeTables.flatMap((table) =>
    table.routes.map(
      (route): RouteView => ({
        routeTable: table.key,
        vpc: model.vpcs[table.vpc].name,
        main: table.main,
        destination: cidrText(route.destination),
        target: route.targetText,
        origin: route.origin,
        state: stateOf(route),
        subnets: subnets.filter((s) => s.routeTable === table.key).map((s) => s.name),
      }),
    ),
  );
  const ofGateways = model.transitGateways.flatMap((gateway) =>
    gateway.routeTables.flatMap((table) =>
      table.routes.map(
        ({ destination, attachment, origin }): RouteView => ({
          routeTable: table.key,
          vpc: null,
          main: false,
          destination: cidrText(destination),
          target: attachment ?? SHOWN_BLACKHOLE,
          origin,
          state: attachment === null ? "blackhole" : "active",
          subnets: table.associations,
        }),
      ),
    ),
  );
  return [...ofVpcs, ...ofGateways];
}

/** Every way out of a VPC but the internet gateway, which every VPC has. */
export function gatewayViews(state: ClusterState): GatewayView[] {
  const { model } = state;
  const vpcName = (index: number): string | null => model.vpcs[index]?.name ?? null;
  const none = { subnets: [], address: null, publicAddress: null, leadsTo: null, mtu: null };
  const nats = state.natGateways.map(
    ({ spec, address, publicAddress }): GatewayView => ({
      ...none,
      name: spec.name,
      type: spec.isPrivate ? "private nat" : "nat",
      vpc: vpcName(spec.vpc),
      subnets: [spec.subnet],
      address: formatAddress(address),
      publicAddress: publicAddress === 0 ? null : formatAddress(publicAddress),
    }),
  );
  const peerings = model.peerings.map(
    ({ name, a, b, mtu }): GatewayView => ({
      ...none,
      name,
      type: "peering",
      vpc: vpcName(a),
      leadsTo: vpcName(b),
      mtu,
    }),
  );
  const attachments = model.transitGateways.flatMap((gateway) =>
    gateway.attachments.map(
      ({ key, vpc, network, subnets, routeTable }): GatewayView => ({
        ...none,
        name: key,
        type: "transit",
        vpc: vpcName(vpc),
        subnets,
        leadsTo: network ?? gateway.routeTables.find((t) => t.key === routeTable)?.name ?? null,
      }),
    ),
  );
  const endpoints = model.vpcEndpoints.map(({ name, vpc, type, leadsTo }): GatewayView => {
    const host = state.hosts.find((h) => type === "Interface" && h.spec.name === leadsTo)?.spec;
    return {
      ...none,
      name,
      type: type === "Gateway" ? "gateway endpoint" : "interface endpoint",
      vpc: vpcName(vpc),
      subnets: host?.subnet === undefined ? [] : [host.subnet],
      address: host?.address ?? null,
      leadsTo: type === "Gateway" ? leadsTo : `host/${leadsTo}`,
    };
  });
  const own = model.networks
    .filter((n) => n.kind === "onPremises" && n.attachment === null)
    .map(
      (n): GatewayView => ({ ...none, name: n.target, type: "vgw", vpc: vpcName(n.vpc), leadsTo: n.name, mtu: n.mtu }),
    );
  return [...nats, ...peerings, ...attachments, ...endpoints, ...own];
}

export function vpcViews(state: ClusterState): VpcView[] {
  const { vpcs, subnets, routeTables, natGateways, peerings, transitGateways } = state.model;
  return vpcs.map(({ index, name, cidrs }) => ({
    name,
    cidrBlocks: cidrs.map(cidrText),
    subnets: [...subnets.values()].filter((s) => s.vpc === index).length,
    routeTables: routeTables.filter((t) => t.vpc === index).length,
    natGateways: natGateways.filter((g) => g.vpc === index).map((g) => g.name),
    peers: peerings.flatMap(({ a, b }) => (a === index ? [vpcs[b].name] : b === index ? [vpcs[a].name] : [])),
    transitGateways: transitGateways.filter((g) => g.attachments.some((x) => x.vpc === index)).map((g) => g.name),
  }));
}
