import type { Context } from "../context.ts";
import {
  ACT_NONE,
  CHOICE_NO_LOCAL,
  CHOICE_SOURCE_RANGE,
  MARK_RULE_KUBE_MASQ,
  RULE_SERVICE,
  STAGE_SERVICE,
} from "../decision.ts";
import { FROM_HOST } from "../from.ts";
import { type Reason, reason } from "../reasons.ts";
import {
  FRONTEND_CLUSTER_IP,
  FRONTEND_LOAD_BALANCER_IP,
  type NodeRow,
  SERVICE_MODE_IPTABLES,
  SERVICE_MODE_NFTABLES,
} from "../rows.ts";
import { kindOf, serviceOf } from "../services/services.ts";
import { maskOf } from "../wire/address.ts";
import { bindEndpoint, schedulerOf } from "./choose.ts";
import { hasPorts, isNodeLocal, isPodSource, takesNodePorts } from "./local.ts";
import { MARK_MASQUERADE, markForSnat } from "./mark.ts";

/**
 * kube-proxy's iptables and nftables modes (pkg/proxy/iptables/proxier.go and pkg/proxy/nftables/proxier.go,
 * syncProxyRules): which service a new packet is for, what it may choose from, whether it is masqueraded, and what the
 * filter chains do with what was not translated.
 */

/** No rule refuses the packet. */
export const PASS = -1;
export type Verdict = Reason | typeof PASS;
/** No service translated the packet. */
const UNBOUND = -1;

/** nat PREROUTING and OUTPUT: KUBE-SERVICES and KUBE-NODEPORTS. @returns the service, or -1 */
export function bindKubeProxy(c: Context, row: NodeRow, from: number): number {
  const p = c.p;
  const { services } = c.tables;
  const frontend = services.lookup(p.dst, p.protocol, p.dport);
  if (frontend >= 0) {
    const internal = kindOf(frontend) === FRONTEND_CLUSTER_IP;
    const bound = internal ? bindInternal(c, row, frontend) : bindExternal(c, row, frontend);
    // nftables goes to the service's chain and comes back to none; iptables returns to the last rule of KUBE-SERVICES.
    if (bound !== UNBOUND || row.serviceMode === SERVICE_MODE_NFTABLES) return bound;
  }
  if (!takesNodePorts(c, row, from)) return UNBOUND;
  const nodePort = services.lookupNodePort(p.protocol, p.dport);
  return nodePort < 0 ? UNBOUND : bindExternal(c, row, nodePort);
}

/** KUBE-SVC-... by the ClusterIP, or KUBE-SVL-... under internalTrafficPolicy Local. */
function bindInternal(c: Context, row: NodeRow, frontend: number): number {
  const { sets } = c.tables.services;
  const service = serviceOf(frontend);
  if (!sets.hasEndpoints(service)) return none(c, row, frontend, 0);
  const local = sets.internalLocal(service);
  const set = local ? sets.localSet(service, row.id) : sets.clusterSet(service, row.id);
  if (sets.setSize(set) === 0) return none(c, row, frontend, CHOICE_NO_LOCAL);
  const masquerade = row.masqueradeAll || (row.clusterCidr !== null && !isPodSource(row, c.p.src));
  return bind(c, row, frontend, set, local, masquerade);
}

/**
 * KUBE-EXT-...: external IPs, load balancer IPs and NodePorts. Under externalTrafficPolicy Local, pods (where a local
 * detector knows them) and the node itself are short-circuited to all endpoints; who comes from elsewhere gets those of
 * this node and keeps its address.
 */
function bindExternal(c: Context, row: NodeRow, frontend: number): number {
  const { sets } = c.tables.services;
  const { src } = c.p;
  const service = serviceOf(frontend);
  if (!sets.hasEndpoints(service)) return none(c, row, frontend, 0);
  if (row.serviceMode === SERVICE_MODE_IPTABLES && !passesFirewall(c, row, frontend))
    return none(c, row, frontend, CHOICE_SOURCE_RANGE);
  let masquerade = true;
  let local = false;
  if (sets.externalLocal(service)) {
    const pod = isPodSource(row, src);
    const node = !pod && isNodeLocal(c, row.id, src);
    masquerade = node;
    local = !pod && !node;
  }
  const set = local ? sets.localSet(service, row.id) : sets.clusterSet(service, row.id);
  if (sets.setSize(set) === 0) return none(c, row, frontend, local ? CHOICE_NO_LOCAL : 0);
  return bind(c, row, frontend, set, local, masquerade);
}

function bind(c: Context, row: NodeRow, frontend: number, set: number, local: boolean, masquerade: boolean): number {
  const { src } = c.p;
  const service = serviceOf(frontend);
  const address = bindEndpoint(c, row, service, kindOf(frontend), set, local, schedulerOf(c, row, service));
  // Hairpin: an endpoint that reaches itself through its service must see an answer from someone else.
  if (masquerade || address === src) markForSnat(c, row.id, MARK_RULE_KUBE_MASQ, MARK_MASQUERADE);
  return service;
}

function none(c: Context, row: NodeRow, frontend: number, why: number): number {
  const d = c.decision;
  if (d !== null) {
    const i = d.add(row.id, STAGE_SERVICE, ACT_NONE, RULE_SERVICE, serviceOf(frontend), 0);
    d.h[i] = kindOf(frontend) | why;
  }
  return UNBOUND;
}

/**
 * KUBE-FW-...: loadBalancerSourceRanges hold for load balancer IPs alone, and for pods too. Where the node's own address is
 * in them, so is the load balancer's: a node that holds it uses it as its source.
 */
export function passesFirewall(c: Context, row: NodeRow, frontend: number): boolean {
  const { sets } = c.tables.services;
  const service = serviceOf(frontend);
  if (kindOf(frontend) !== FRONTEND_LOAD_BALANCER_IP || !sets.hasRanges(service)) return true;
  const { src } = c.p;
  return (
    sets.inRanges(service, src) || (sets.isLoadBalancer(service, src) && sets.inRanges(service, row.primaryAddress))
  );
}

/**
 * nftables' firewall-check, which stands before destination NAT (prerouting and output, priority -110) and so sees what a
 * NEW packet was addressed to, whether its service has endpoints or not.
 */
export function firewallCheck(c: Context, row: NodeRow): Verdict {
  const p = c.p;
  if (!hasPorts(p)) return PASS;
  const frontend = c.tables.services.lookup(p.dst, p.protocol, p.dport);
  return frontend < 0 || passesFirewall(c, row, frontend) ? PASS : refuse(c, frontend, reasonSourceRange);
}

/**
 * The filter chains, for a NEW packet that no service translated.
 *
 * iptables: KUBE-SERVICES (ClusterIPs) hooks FORWARD and OUTPUT, KUBE-EXTERNAL-SERVICES INPUT and FORWARD,
 * KUBE-PROXY-FIREWALL all three. nftables: service-endpoints-check hooks all three, nodeport-endpoints-check INPUT,
 * cluster-ips-check FORWARD and OUTPUT.
 *
 * @param input the packet is for the node itself
 */
export function filterKubeProxy(c: Context, row: NodeRow, input: boolean, from: number): Verdict {
  const p = c.p;
  const { services } = c.tables;
  const iptables = row.serviceMode === SERVICE_MODE_IPTABLES;
  if (hasPorts(p)) {
    const frontend = services.lookup(p.dst, p.protocol, p.dport);
    if (frontend >= 0) {
      const internal = kindOf(frontend) === FRONTEND_CLUSTER_IP;
      const output = from === FROM_HOST;
      const hooked = !iptables || (internal ? output || !input : input || !output);
      if (iptables && services.sets.hasEndpoints(serviceOf(frontend)) && !passesFirewall(c, row, frontend))
        return refuse(c, frontend, reasonSourceRange);
      const verdict = hooked ? endpointsCheck(c, row, frontend) : PASS;
      if (verdict !== PASS) return verdict;
    }
    // KUBE-EXTERNAL-SERVICES asks for any local address, whatever --nodeport-addresses has.
    if (input && (iptables ? isNodeLocal(c, row.id, p.dst) : takesNodePorts(c, row, from))) {
      const nodePort = services.lookupNodePort(p.protocol, p.dport);
      const verdict = nodePort < 0 ? PASS : endpointsCheck(c, row, nodePort);
      if (verdict !== PASS) return verdict;
    }
  }
  if (iptables || (input && from !== FROM_HOST)) return PASS;
  if (services.isClusterIP(p.dst)) return reasonUnknownPort;
  const inside = (p.dst & maskOf(row.serviceCidr.length)) === row.serviceCidr.prefix;
  return inside ? reasonUnknownAddress : PASS;
}

/** REJECT where no node has an endpoint, DROP where this one has none under a Local policy. */
function endpointsCheck(c: Context, row: NodeRow, frontend: number): Verdict {
  const { sets } = c.tables.services;
  const service = serviceOf(frontend);
  if (!sets.hasEndpoints(service)) return refuse(c, frontend, reasonNoEndpoints);
  const internal = kindOf(frontend) === FRONTEND_CLUSTER_IP;
  const local = internal ? sets.internalLocal(service) : sets.externalLocal(service);
  return local && sets.setSize(sets.localSet(service, row.id)) === 0 ? refuse(c, frontend, reasonNoLocal) : PASS;
}

/** Counts a packet that a service's rules refuse. */
export function refuse(c: Context, frontend: number, why: Reason): Reason {
  if (!c.ct.trial) c.tables.services.hits.refused(serviceOf(frontend), why);
  return why;
}

const reasonNoEndpoints = reason("SERVICE_NO_ENDPOINTS");
const reasonNoLocal = reason("SERVICE_NO_LOCAL_ENDPOINT");
const reasonSourceRange = reason("SERVICE_SOURCE_RANGE");
const reasonUnknownPort = reason("SERVICE_PORT_UNKNOWN");
const reasonUnknownAddress = reason("SERVICE_ADDRESS_UNKNOWN");
