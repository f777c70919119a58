import type { Context } from "../context.ts";
import { MARK_RULE_KUBE_MASQ } from "../decision.ts";
import { reason } from "../reasons.ts";
import { FRONTEND_CLUSTER_IP, type NodeRow } from "../rows.ts";
import { kindOf, serviceOf } from "../services/services.ts";
import { bindEndpoint } from "./choose.ts";
import { PASS, passesFirewall, refuse, type Verdict } from "./kubeProxy.ts";
import { frontendOf, isPodSource } from "./local.ts";
import { MARK_MASQUERADE, markForSnat } from "./mark.ts";

/**
 * kube-proxy's IPVS mode (pkg/proxy/ipvs/proxier.go). All service addresses are bound to kube-ipvs0, so a packet for one is
 * for the node itself: the filter INPUT chain sees it first, then IPVS, which answers for a virtual server without
 * destinations with a port unreachable.
 */

const UNBOUND = -1;
const NO_SET = -1;

/**
 * Its destinations (syncEndpoint): those of this node under a Local policy. Where there are none, all: pods of the node
 * shall reach the service (kubernetes 97081), unless internalTrafficPolicy is Local.
 */
function destinations(c: Context, row: NodeRow, frontend: number): number {
  const { sets } = c.tables.services;
  const service = serviceOf(frontend);
  if (!sets.hasEndpoints(service)) return NO_SET;
  const cluster = sets.clusterSet(service, row.id);
  if (!isLocal(c, frontend)) return sets.setSize(cluster) === 0 ? NO_SET : cluster;
  const local = sets.localSet(service, row.id);
  if (sets.setSize(local) > 0) return local;
  return sets.internalLocal(service) || sets.setSize(cluster) === 0 ? NO_SET : cluster;
}

/**
 * What INPUT refuses: KUBE-SOURCE-RANGES-FIREWALL drops, KUBE-IPVS-FILTER rejects what is NEW and for a service address but
 * no service port (an echo request too); then IPVS rejects for a virtual server without destinations.
 */
export function admitIpvs(c: Context, row: NodeRow, from: number): Verdict {
  const { services } = c.tables;
  const frontend = frontendOf(c, row, from);
  if (frontend < 0) return services.hasAddress(c.p.dst) ? reasonUnknownPort : PASS;
  if (!passesFirewall(c, row, frontend)) return refuse(c, frontend, reasonSourceRange);
  return destinations(c, row, frontend) === NO_SET ? refuse(c, frontend, reasonNoEndpoints) : PASS;
}

/**
 * Translates a packet that {@link admitIpvs} let through. Masquerade: KUBE-CLUSTER-IP from no pod, KUBE-EXTERNAL-IP,
 * KUBE-LOAD-BALANCER and KUBE-NODE-PORT-... under the policy Cluster, KUBE-LOOP-BACK for an endpoint that reaches itself.
 */
export function bindIpvs(c: Context, row: NodeRow, from: number): number {
  const { src } = c.p;
  const frontend = frontendOf(c, row, from);
  if (frontend < 0) return UNBOUND;
  const set = destinations(c, row, frontend);
  if (set === NO_SET) return UNBOUND;
  const { sets } = c.tables.services;
  const service = serviceOf(frontend);
  const masquerade =
    kindOf(frontend) === FRONTEND_CLUSTER_IP
      ? row.masqueradeAll || (row.clusterCidr !== null && !isPodSource(row, src))
      : !sets.externalLocal(service);
  const local = isLocal(c, frontend) && set === sets.localSet(service, row.id);
  const address = bindEndpoint(c, row, service, kindOf(frontend), set, local, sets.scheduler(service));
  if (masquerade || address === src) markForSnat(c, row.id, MARK_RULE_KUBE_MASQ, MARK_MASQUERADE);
  return service;
}

function isLocal(c: Context, frontend: number): boolean {
  const { sets } = c.tables.services;
  const service = serviceOf(frontend);
  return kindOf(frontend) === FRONTEND_CLUSTER_IP ? sets.internalLocal(service) : sets.externalLocal(service);
}

const reasonNoEndpoints = reason("SERVICE_NO_ENDPOINTS");
const reasonSourceRange = reason("SERVICE_SOURCE_RANGE");
const reasonUnknownPort = reason("SERVICE_PORT_UNKNOWN");
