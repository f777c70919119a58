import type { ClusterState } from "./clusterState.ts";
import type { Ids } from "./ids.ts";
import type { NameTables } from "./names.ts";

/** Names of route tables and gateways by their indices. */
export function gatewayNames(
  state: ClusterState,
  ids: Ids,
): Pick<NameTables, "routeTables" | "natGateways" | "peerings" | "transitAttachments"> {
  const { routeTables, natGateways, peerings, transitGateways } = state.model;
  return {
    routeTables: new Map(routeTables.map(({ key }) => [ids.of("routeTable", key), key])),
    natGateways: new Map(natGateways.map(({ name }) => [ids.of("natGateway", name), name])),
    peerings: new Map(peerings.map(({ name }) => [ids.of("peering", name), name])),
    transitAttachments: new Map(
      transitGateways.flatMap((g) => g.attachments.map(({ key }) => [ids.of("transitAttachment", key), key])),
    ),
  };
}
