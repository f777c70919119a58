import type { Context } from "../context.ts";
import { CHOICE_INTERNAL, MARK_RULE_CILIUM } from "../decision.ts";
import { FROM_ENI } from "../from.ts";
import { LPM_MISS } from "../lpm/lpm.ts";
import { reason } from "../reasons.ts";
import { FRONTEND_CLUSTER_IP, FRONTEND_NODE_PORT, type NodeRow, SCHEDULER_RANDOM } from "../rows.ts";
import { kindOf, serviceOf } from "../services/services.ts";
import { NEXT_ENI } from "../tables.ts";
import { bindEndpoint } from "./choose.ts";
import { PASS, refuse, type Verdict } from "./kubeProxy.ts";
import { frontendOf } from "./local.ts";
import { isLoopback, MARK_CILIUM_LOOPBACK, MARK_CILIUM_SNAT, markForSnat } from "./mark.ts";

/**
 * Cilium's kube-proxy replacement as its tc programs do it (Documentation/network/kubernetes/kubeproxy-free.rst), with
 * socketLB.hostNamespaceOnly: pods' packets are translated at their node. East-west is what comes from a pod or the node
 * itself, north-south what arrives by an ENI; internalTrafficPolicy is for the first, externalTrafficPolicy for the second,
 * whatever the address.
 */

const UNBOUND = -1;

function isLocal(c: Context, frontend: number, from: number): boolean {
  const { sets } = c.tables.services;
  const service = serviceOf(frontend);
  return from === FROM_ENI ? sets.externalLocal(service) : sets.internalLocal(service);
}

function backends(c: Context, row: NodeRow, frontend: number, from: number): number {
  const { sets } = c.tables.services;
  const service = serviceOf(frontend);
  return isLocal(c, frontend, from) ? sets.localSet(service, row.id) : sets.clusterSet(service, row.id);
}

/**
 * What is refused: ClusterIPs from outside (bpf.lbExternalClusterIP is off), sources that are not in
 * loadBalancerSourceRanges of load balancer and external IPs, both north-south alone; and a service without backends, which
 * is answered (service-no-backend-response: reject).
 */
export function admitCilium(c: Context, row: NodeRow, from: number): Verdict {
  const frontend = frontendOf(c, row, from);
  if (frontend < 0) return PASS;
  const { sets } = c.tables.services;
  const service = serviceOf(frontend);
  const kind = kindOf(frontend);
  if (from === FROM_ENI) {
    if (kind === FRONTEND_CLUSTER_IP) return refuse(c, frontend, reasonExternal);
    if (kind !== FRONTEND_NODE_PORT && sets.hasRanges(service) && !sets.inRanges(service, c.p.src))
      return refuse(c, frontend, reasonSourceRange);
  }
  return sets.setSize(backends(c, row, frontend, from)) === 0 ? refuse(c, frontend, reasonNoEndpoints) : PASS;
}

/**
 * Translates a packet that {@link admitCilium} let through. North-south the source becomes the node's address, unless the
 * backend is on this node; an endpoint that reaches itself gets Cilium's loopback address for a source.
 */
export function bindCilium(c: Context, row: NodeRow, from: number): number {
  const { src } = c.p;
  const frontend = frontendOf(c, row, from);
  if (frontend < 0) return UNBOUND;
  const { sets } = c.tables.services;
  const service = serviceOf(frontend);
  const set = backends(c, row, frontend, from);
  if (sets.setSize(set) === 0) return UNBOUND;
  const scheduler = from === FROM_ENI ? sets.scheduler(service) : SCHEDULER_RANDOM;
  const local = isLocal(c, frontend, from);
  const address = bindEndpoint(c, row, service, kindOf(frontend), set, local, scheduler);
  const d = c.decision;
  if (d !== null && local && from !== FROM_ENI) d.h[d.count - 1] |= CHOICE_INTERNAL;
  if (address === src) markForSnat(c, row.id, MARK_RULE_CILIUM, MARK_CILIUM_LOOPBACK);
  else if (isLoopback(src) || (from === FROM_ENI && !isHere(c, row, address)))
    markForSnat(c, row.id, MARK_RULE_CILIUM, MARK_CILIUM_SNAT);
  return service;
}

/** Whether an address is the node's or one of its pods'. */
function isHere(c: Context, row: NodeRow, address: number): boolean {
  const v = c.tables.nodeRoutes[row.id].lookup(address);
  return v !== LPM_MISS && (v & 3) !== NEXT_ENI;
}

const reasonNoEndpoints = reason("SERVICE_NO_ENDPOINTS");
const reasonSourceRange = reason("SERVICE_SOURCE_RANGE");
const reasonExternal = reason("SERVICE_CLUSTER_IP_EXTERNAL");
