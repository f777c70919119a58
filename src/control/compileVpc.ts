import {
  DEVICE_HOST,
  type Row,
  TARGET_BLACKHOLE,
  TARGET_ENI,
  TARGET_INTERNET_GATEWAY,
  TARGET_LOCAL,
  TARGET_NAT_GATEWAY,
  TARGET_NETWORK,
  TARGET_PEERING,
  TARGET_TRANSIT_GATEWAY,
} from "../plane/rows.ts";
import type { ClusterState, HostState } from "./clusterState.ts";
import { hostEniName, hostName } from "./entityNames.ts";
import type { Ids } from "./ids.ts";
import { toCidr } from "./vpc/cidr.ts";
import type { RouteTarget } from "./vpc/routes.ts";

/** Index of the cluster's VPC. */
export const VPC_ID = 0;
const INTERNET = 0;
/** MTU of hosts beyond the VPC: gateways carry no more (EC2 user guide, "Network MTU"). */
const OUTSIDE_MTU = 1500;
/** MTU of instances in VPCs that the CNI has no business in. */
const VPC_MTU = 9001;

function targetRow(target: RouteTarget, ids: Ids): { target: number; arg: number } {
  switch (target.kind) {
    case "local":
      return { target: TARGET_LOCAL, arg: 0 };
    case "internet":
      return { target: TARGET_INTERNET_GATEWAY, arg: 0 };
    case "blackhole":
      return { target: TARGET_BLACKHOLE, arg: 0 };
    case "network":
      return { target: TARGET_NETWORK, arg: target.network.index };
    case "natGateway":
      return { target: TARGET_NAT_GATEWAY, arg: ids.of("natGateway", target.name) };
    case "peering":
      return { target: TARGET_PEERING, arg: ids.of("peering", target.name) };
    case "transitGateway":
      return { target: TARGET_TRANSIT_GATEWAY, arg: ids.of("transitAttachment", target.attachment) };
    case "eni":
      return { target: TARGET_ENI, arg: ids.of("eni", hostEniName(target.host)) };
  }
}

/**
 * Subnets and route tables of all VPCs, and what the nodes do not source-translate: blocks of the cluster's VPC alone, as the
 * CNI does it. A subnet's index is its place; a route table keeps its own while it is there.
 */
export function vpcRows(state: ClusterState, ids: Ids): Row[] {
  const { model, cni } = state;
  const rows: Row[] = [];
  const tables = new Map(model.routeTables.map((t) => [t.key, ids.of("routeTable", t.key)]));
  [...model.subnets.values()].forEach(({ vpc, cidr, routeTable }, id) => {
    rows.push({ t: "subnet", id, vpc, ...cidr, routeTable: tables.get(routeTable) ?? -1 });
  });
  for (const { key, routes } of model.routeTables)
    for (const route of routes)
      rows.push({
        t: "vpcRoute",
        routeTable: tables.get(key) ?? -1,
        ...route.destination,
        ...targetRow(route.target, ids),
      });
  const own = new Set<string>();
  for (const cidr of model.cidrs) {
    own.add(`${cidr.prefix}/${cidr.length}`);
    rows.push({ t: "snatExempt", vpc: VPC_ID, ...cidr, excluded: false });
  }
  for (const cidr of cni.excludeSnatCidrs.map(toCidr)) {
    const key = `${cidr.prefix}/${cidr.length}`;
    if (own.has(key)) continue;
    own.add(key);
    rows.push({ t: "snatExempt", vpc: VPC_ID, ...cidr, excluded: true });
  }
  return rows;
}

function vpcHostRows(state: ClusterState, host: HostState, ids: Ids): Row[] {
  const { name, subnet = "" } = host.spec;
  const device = ids.of("device", hostName(name));
  const eni = ids.of("eni", hostEniName(name));
  const mtu = hostMtu(state, host);
  const subnets = [...state.model.subnets.keys()];
  return [
    {
      t: "eni",
      id: eni,
      node: -1,
      deviceNumber: 0,
      subnet: subnets.indexOf(subnet),
      vpc: state.model.subnets.get(subnet)?.vpc ?? VPC_ID,
      address: host.address,
      mtu,
      publicAddress: host.publicAddress,
      sourceDestCheck: host.spec.sourceDestCheck,
      hostDevice: device,
    },
    { t: "device", id: device, kind: DEVICE_HOST, node: -1, eni, address: host.address, mtu },
  ];
}

/**
 * Hosts of the VPCs with an ENI each, and hosts of the networks beyond them. An AWS service's addresses are on the internet as
 * well: by a NAT gateway it is reached there, by a gateway endpoint in its own network.
 */
export function hostRows(state: ClusterState, ids: Ids): Row[] {
  return state.hosts.flatMap((host): Row[] => {
    if (host.spec.subnet !== undefined) return vpcHostRows(state, host, ids);
    const device = ids.of("device", hostName(host.spec.name));
    const network = state.model.networks.find((n) => n.name === host.spec.network) ?? state.model.networks[INTERNET];
    const { address } = host;
    const { index, vpc } = network;
    const rows: Row[] = [
      { t: "device", id: device, kind: DEVICE_HOST, node: -1, eni: -1, address, mtu: hostMtu(state, host) },
    ];
    if (network.kind === "awsService") rows.push({ t: "outside", network: INTERNET, address, device, vpc });
    rows.push({ t: "outside", network: index, address, device, vpc });
    return rows;
  });
}

/** MTU of a host's device in bytes. */
function hostMtu(state: ClusterState, { spec }: HostState): number {
  if (spec.mtu !== undefined) return spec.mtu;
  if (spec.subnet === undefined) return OUTSIDE_MTU;
  return state.model.subnets.get(spec.subnet)?.vpc === VPC_ID ? state.cni.eniMtu : VPC_MTU;
}
