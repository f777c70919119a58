import type { Cluster } from "../control/cluster.ts";
import { nodeName } from "../control/entityNames.ts";
import { policyViews } from "../control/policy/views.ts";
import { NameError } from "../control/resolve.ts";
import { networkAclViews, securityGroupViews } from "../control/securityViews.ts";
import { sliceEndpointViews } from "../control/sliceViews.ts";
import * as views from "../control/views.ts";
import { gatewayViews, routeViews, vpcViews } from "../control/vpcViews.ts";
import { natViews } from "../observe/natView.ts";
import { serviceHits } from "../observe/serviceHits.ts";
import { conntrackRows, reasonCounts } from "../observe/tables.ts";
import type { ViewName, Views } from "./controlProtocol.ts";
import { countedEndpoints, countedServices, hitsByKey } from "./countedViews.ts";
import { impairmentRowsOf } from "./impairments.ts";
import { natPoolViews } from "./natPoolViews.ts";
import type { PlaneClient } from "./planeClient.ts";

/** What a lab's objects alone say; null: the view is of packets. */
function objectRows(what: ViewName, cluster: Cluster): Views[ViewName] | null {
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
    default:
      return null;
  }
}

async function allRows(what: ViewName, cluster: Cluster, plane: PlaneClient): Promise<Views[ViewName]> {
  switch (what) {
    case "services": {
      const hits = serviceHits(await plane.serviceHits());
      return countedServices(views.serviceViews(cluster.current()), hitsByKey(hits, cluster.snapshot()));
    }
    case "endpoints": {
      const hits = serviceHits(await plane.serviceHits());
      const entries = await plane.conntrack();
      const snapshot = cluster.snapshot();
      return countedEndpoints(views.endpointViews(cluster.current()), hitsByKey(hits, snapshot), entries, snapshot);
    }
    case "conntrack":
      return conntrackRows(await plane.conntrack(), cluster.snapshot().names);
    case "nat": {
      const { names } = cluster.snapshot();
      const { nodes } = cluster.current();
      const devices = nodes.map(({ spec: { name } }) => ({ name, device: names.resolve(nodeName(name)).device }));
      return natViews(plane.counters, devices, await plane.conntrack(), names);
    }
    case "natpools":
      return natPoolViews(cluster, plane);
    case "impairments":
      return impairmentRowsOf(cluster, plane);
    case "reasons":
      return reasonCounts(plane.counters, plane, cluster.snapshot().names);
    default:
      return objectRows(what, cluster) ?? [];
  }
}

/**
 * Rows of a view of a lab that does not run.
 *
 * @param name part of a row's name that it must have, or null for all rows.
 * @throws NameError where no row has it, or the view is of packets.
 */
export function offlineView(what: ViewName, name: string | null, cluster: Cluster): Views[ViewName] {
  const rows = objectRows(what, cluster);
  if (rows === null) throw new NameError(`get ${what} is about packets: only a running lab has them, not its files`);
  return name === null ? rows : (rowsNamed(what, rows as object[], name) as Views[ViewName]);
}

/**
 * Rows of a view of a running lab.
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
  return name === null ? rows : (rowsNamed(what, rows as object[], name) as Views[ViewName]);
}

/** The rows that a name is in. @throws NameError where there are none */
export function rowsNamed<T extends object>(what: ViewName, rows: readonly T[], name: string): T[] {
  const kept = rows.filter((row) => isNamed(row, name));
  if (kept.length === 0) throw new NameError(`get ${what}: nothing is called "${name}"`);
  return kept;
}

/** `api`, `default/api`, `svc/api` or an address name the rows that have them. */
function isNamed(row: object, name: string): boolean {
  const own = name.slice(name.indexOf("/") + 1);
  return Object.values(row).some(
    (value) => typeof value === "string" && (value === name || value === own || value.endsWith(`/${own}`)),
  );
}
