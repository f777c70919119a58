import {
  DEVICE_HOST,
  type Row,
  TARGET_BLACKHOLE,
  TARGET_INTERNET_GATEWAY,
  TARGET_LOCAL,
  TARGET_NETWORK,
} from "../plane/rows.ts";
import type { ClusterState, HostState } from "./clusterState.ts";
import { hostEniName, hostName } from "./entityNames.ts";
import type { Ids } from "./ids.ts";
import { toCidr } from "./vpc/cidr.ts";
import type { RouteTarget } from "./vpc/routes.ts";

/** Index of the lab's one VPC. */
export const VPC_ID = 0;
const INTERNET = 0;
/** MTU of hosts beyond the VPC: gateways carry no more (EC2 user guide, "Network MTU"). */
const OUTSIDE_MTU = 1500;

function targetRow(target: RouteTarget): { target: number; arg: number } {
  switch (target.kind) {
    case "local":
      return { target: TARGET_LOCAL, arg: 0 };
    case "internet":
      return { target: TARGET_INTERNET_GATEWAY, arg: 0 };
    case "blackhole":
      return { target: TARGET_BLACKHOLE, arg: 0 };
    case "network":
      return { target: TARGET_NETWORK, arg: target.network.index };
  }
}

/** Subnets, route tables and what the nodes do not source-translate. A subnet's and a table's index is its place. */
export function vpcRows(state: ClusterState): Row[] {
  const { model, cni } = state;
  const rows: Row[] = [];
  const tables = model.routeTables.map((t) => t.name);
  [...model.subnets.values()].forEach((subnet, id) => {
    rows.push({ t: "subnet", id, vpc: VPC_ID, ...subnet.cidr, routeTable: tables.indexOf(subnet.routeTable) });
  });
  model.routeTables.forEach((table, routeTable) => {
    for (const route of table.routes)
      rows.push({ t: "vpcRoute", routeTable, ...route.destination, ...targetRow(route.target) });
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
  return [
    {
      t: "eni",
      id: eni,
      node: -1,
      deviceNumber: 0,
      subnet: [...state.model.subnets.keys()].indexOf(subnet),
      vpc: VPC_ID,
      address: host.address,
      mtu,
      publicAddress: host.publicAddress,
      sourceDestCheck: true,
      hostDevice: device,
    },
    { t: "device", id: device, kind: DEVICE_HOST, node: -1, eni, address: host.address, mtu },
  ];
}

/** Hosts of the VPC with an ENI each, and hosts of the networks beyond it. */
export function hostRows(state: ClusterState, ids: Ids): Row[] {
  return state.hosts.flatMap((host): Row[] => {
    if (host.spec.subnet !== undefined) return vpcHostRows(state, host, ids);
    const device = ids.of("device", hostName(host.spec.name));
    const network = state.model.networks.find((n) => n.name === host.spec.network)?.index ?? INTERNET;
    const { address } = host;
    return [
      { t: "device", id: device, kind: DEVICE_HOST, node: -1, eni: -1, address, mtu: hostMtu(state, host) },
      { t: "outside", network, address, device, vpc: VPC_ID },
    ];
  });
}

/** MTU of a host's device in bytes. */
function hostMtu(state: ClusterState, host: HostState): number {
  return host.spec.mtu ?? (host.spec.subnet === undefined ? OUTSIDE_MTU : state.cni.eniMtu);
}
