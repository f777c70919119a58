import { DIR_REPLY, IPS_DST_NAT } from "../conntrack/info.ts";
import type { Context } from "../context.ts";
import { C_NAT_DNAT } from "../counters.ts";
import {
  ACT_DNAT,
  ACT_MARK,
  ACT_NONE,
  MARK_RULE_KUBE_MASQ,
  RULE_MARK,
  RULE_SERVICE,
  STAGE_MARK,
  STAGE_SERVICE,
} from "../decision.ts";
import { FROM_HOST } from "../from.ts";
import { type Packet, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import { type Reason, reason } from "../reasons.ts";
import { type NodeRow, SERVICE_MODE_IPTABLES, SERVICE_MODE_NFTABLES } from "../rows.ts";
import { NEXT_LOCAL } from "../tables.ts";
import { maskOf } from "../wire/address.ts";
import { isLoopback, MARK_MASQUERADE } from "./mark.ts";

/**
 * Destination NAT of a connection's first packet: kube-proxy's KUBE-SERVICES and KUBE-NODEPORTS. On a match the packet,
 * the entry's reply tuple and the masquerade mark are set.
 *
 * @returns the service, or -1 when none applied (no service, or one without endpoints: the filter chains see to that)
 */
export function bindService(c: Context, row: NodeRow, from: number): number {
  const p = c.p;
  if (!hasPorts(p)) return -1;
  const services = c.tables.services;
  let service = services.lookup(p.dst, p.protocol, p.dport);
  let masquerade: boolean;
  if (service >= 0) {
    const cidr = row.clusterCidr;
    masquerade = row.masqueradeAll || (cidr !== null && (p.src & maskOf(cidr.length)) !== cidr.prefix);
  } else {
    if (!takesNodePorts(c, row, from)) return -1;
    service = services.lookupNodePort(p.protocol, p.dport);
    if (service < 0) return -1;
    masquerade = true;
  }
  const d = c.decision;
  const count = services.endpointCount(service);
  if (count === 0) {
    if (d !== null) d.add(row.id, STAGE_SERVICE, ACT_NONE, RULE_SERVICE, service, 0);
    return -1;
  }
  const pick = count === 1 ? 0 : c.random.below(count);
  const address = services.endpointAddress(service, pick);
  const port = services.endpointPort(service, pick);
  // Hairpin: an endpoint that reaches itself through its service must see an answer from someone else.
  if (address === p.src) masquerade = true;
  if (d !== null) {
    const i = d.addWith(row.id, STAGE_SERVICE, ACT_DNAT, RULE_SERVICE, service, p.dst, p.dport, address, port);
    d.e[i] = pick;
    d.f[i] = count;
  }
  p.dst = address;
  p.dport = port;
  const ct = c.ct;
  ct.setReply(p.ct, address, ct.dst(p.ct, DIR_REPLY), port, ct.dport(p.ct, DIR_REPLY));
  ct.setStatus(p.ct, IPS_DST_NAT);
  ct.setService(p.ct, service);
  ct.setEndpoint(p.ct, pick);
  c.counters[C_NAT_DNAT]++;
  if (masquerade) {
    if (d !== null)
      d.addWith(row.id, STAGE_MARK, ACT_MARK, RULE_MARK, MARK_RULE_KUBE_MASQ, p.mark, p.mark | MARK_MASQUERADE, 0, 0);
    p.mark |= MARK_MASQUERADE;
  }
  return service;
}

export type FilterVerdict = Reason | typeof FILTER_PASS | typeof FILTER_DROP;
export const FILTER_PASS = -1;
/** Dropped silently: an address of the service CIDR that no service has. */
export const FILTER_DROP = -2;

/**
 * kube-proxy's filter rules for a NEW packet that was not translated: services without endpoints are rejected in both
 * modes; nftables mode also rejects other ports and protocols at a ClusterIP, and drops what goes to an address of the
 * service CIDR that no service has (cluster-ips-check, which hooks FORWARD and OUTPUT but not INPUT).
 */
export function filterNew(c: Context, row: NodeRow, input: boolean, from: number): FilterVerdict {
  const p = c.p;
  const services = c.tables.services;
  if (hasPorts(p)) {
    if (services.lookup(p.dst, p.protocol, p.dport) >= 0) return reasonNoEndpoints;
    if (input && takesNodePorts(c, row, from) && services.lookupNodePort(p.protocol, p.dport) >= 0)
      return reasonNoEndpoints;
  }
  if (input || row.serviceMode !== SERVICE_MODE_NFTABLES) return FILTER_PASS;
  if (services.hasAddress(p.dst)) return reasonUnknownPort;
  return (p.dst & maskOf(row.serviceCidr.length)) === row.serviceCidr.prefix ? FILTER_DROP : FILTER_PASS;
}

function hasPorts(p: Packet): boolean {
  return p.protocol === PROTO_TCP || p.protocol === PROTO_UDP || p.protocol === PROTO_SCTP;
}

/**
 * Whether NodePorts are looked at for this destination: any local address in iptables mode, 127.0.0.0/8 from the node
 * itself included (--iptables-localhost-nodeports); the primary address alone in nftables mode.
 */
function takesNodePorts(c: Context, row: NodeRow, from: number): boolean {
  const p = c.p;
  if (row.serviceMode !== SERVICE_MODE_IPTABLES) return p.dst === row.primaryAddress;
  if (isLoopback(p.dst)) return from === FROM_HOST;
  const v = c.tables.nodeRoutes[row.id].lookup(p.dst);
  return v >= 0 && (v & 3) === NEXT_LOCAL;
}

const reasonNoEndpoints = reason("SERVICE_NO_ENDPOINTS");
const reasonUnknownPort = reason("SERVICE_PORT_UNKNOWN");
