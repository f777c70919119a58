import type { Row } from "../plane/rows.ts";
import type { ClusterState, NatGatewayState } from "./clusterState.ts";
import { natGatewayEniName } from "./entityNames.ts";
import type { Ids } from "./ids.ts";
import type { TransitGateway } from "./vpc/transit.ts";

/** The largest packet that a NAT gateway takes, in bytes (VPC user guide, "NAT gateway basics"). */
const NAT_GATEWAY_MTU = 8500;
/** No VPC, subnet, network, attachment or route table. */
const NONE = -1;

/** A NAT gateway and its ENI, which is no machine's. */
function natGatewayRows(state: ClusterState, gateway: NatGatewayState, subnets: readonly string[], ids: Ids): Row[] {
  const { spec, address, publicAddress } = gateway;
  const eni = ids.of("eni", natGatewayEniName(spec.name));
  return [
    {
      t: "eni",
      id: eni,
      node: NONE,
      deviceNumber: 0,
      subnet: subnets.indexOf(spec.subnet),
      vpc: state.model.subnets.get(spec.subnet)?.vpc ?? NONE,
      address,
      mtu: NAT_GATEWAY_MTU,
      publicAddress,
      sourceDestCheck: false,
      hostDevice: NONE,
    },
    { t: "natGateway", id: ids.of("natGateway", spec.name), eni, isPrivate: spec.isPrivate },
  ];
}

function transitRows(state: ClusterState, gateway: TransitGateway, subnets: readonly string[], ids: Ids): Row[] {
  const { networks } = state.model;
  const rows: Row[] = gateway.attachments.map((attachment) => ({
    t: "transitAttachment",
    id: ids.of("transitAttachment", attachment.key),
    vpc: attachment.vpc,
    network: networks.find((n) => n.name === attachment.network)?.index ?? NONE,
    // Of several subnets the first stands for all: their ACLs and route tables are alike in a VPC that works.
    subnet: attachment.vpc < 0 ? NONE : subnets.indexOf(attachment.subnets[0]),
    routeTable: attachment.routeTable === null ? NONE : ids.of("transitRouteTable", attachment.routeTable),
  }));
  for (const table of gateway.routeTables) {
    const routeTable = ids.of("transitRouteTable", table.key);
    for (const { destination, attachment } of table.routes)
      rows.push({
        t: "transitRoute",
        routeTable,
        ...destination,
        attachment: attachment === null ? NONE : ids.of("transitAttachment", attachment),
      });
  }
  return rows;
}

/** NAT gateways, peerings, transit gateways, and how the networks beyond are reached. */
export function gatewayRows(state: ClusterState, ids: Ids): Row[] {
  const { model, natGateways } = state;
  const subnets = [...model.subnets.keys()];
  return [
    ...natGateways.flatMap((gateway) => natGatewayRows(state, gateway, subnets, ids)),
    ...model.peerings.map(({ name, a, b, mtu }): Row => ({ t: "peering", id: ids.of("peering", name), a, b, mtu })),
    ...model.transitGateways.flatMap((gateway) => transitRows(state, gateway, subnets, ids)),
    ...model.networks.map(
      ({ index, attachment, mtu }): Row => ({
        t: "network",
        id: index,
        attachment: attachment === null ? NONE : ids.of("transitAttachment", attachment),
        mtu,
      }),
    ),
  ];
}
