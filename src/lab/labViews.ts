import type { Cluster } from "../control/cluster.ts";
import { nodeName } from "../control/entityNames.ts";
import { policyViews } from "../control/policy/views.ts";
import { NameError } from "../control/resolve.ts";
import { networkAclViews, securityGroupViews } from "../control/securityViews.ts";
import { sliceEndpointViews } from "../control/sliceViews.ts";
import * as views from "../control/views.ts";
import { gatewayViews, routeViews, vpcViews } from "../control/vpcViews.ts";
import { natViews } from "../observe/natView.ts";
import { conntrackRows, reasonCounts } from "../observe/tables.ts";
import type { ViewName, Views } from "./controlProtocol.ts";
import type { PlaneClient } from "./planeClient.ts";

async function allRows(what: ViewName, cluster: Cluster, plane: PlaneClient): Promise<Views[ViewName]> {
  const state = cluster.current();
  switch (what) {
    case "pods":
      return views.podViews(state);
    case "services":
      return views.serviceViews(state);
    case "endpoints":
      return views.endpointViews(state);
    case "endpointslices":
      return sliceEndpointViews(state);
    case "nodes":
      return views.nodeViews(state);
    case "enis":
      return views.eniViews(state);
    case "subnets":
      return views.subnetViews(state);
    case "routes":
      return routeViews(state);
    case "gateways":
      return gatewayViews(state);
    case "vpcs":
      return vpcViews(state);
    case "securitygroups":
      return securityGroupViews(state);
    case "networkacls":
      return networkAclViews(state);
    case "policies":
      return policyViews(state.policy, cluster.snapshot().policies);
    case "conntrack":
      return conntrackRows(await plane.conntrack(), cluster.snapshot().names);
    case "nat": {
      const { names } = cluster.snapshot();
      const nodes = state.nodes.map(({ spec: { name } }) => ({ name, device: names.resolve(nodeName(name)).device }));
      return natViews(plane.counters, nodes, await plane.conntrack(), names);
    }
    case "reasons":
      return reasonCounts(plane.counters);
  }
}

/**
 * Rows of a view.
 *
 * @param name part of a row's name that it must have, or null for all rows.
 * @throws NameError where no row has it.
 */
export async function labView(
  what: ViewName,
  name: string | null,
  cluster: Cluster,
  plane: PlaneClient,
): Promise<Views[ViewName]> {
  const rows = await allRows(what, cluster, plane);
  if (name === null) return rows;
  const kept = (rows as object[]).filter((row) => isNamed(row, name));
  if (kept.length === 0) throw new NameError(`get ${what}: nothing is called "${name}"`);
  return kept as Views[ViewName];
}

/** `api`, `default/api`, `svc/api` or an address name the rows that have them. */
function isNamed(row: object, name: string): boolean {
  const own = name.slice(name.indexOf("/") + 1);
  return Object.values(row).some(
    (value) => typeof value === "string" && (value === name || value === own || value.endsWith(`/${own}`)),
  );
}
