import type { Context } from "../context.ts";
import { FROM_HOST } from "../from.ts";
import { type Packet, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import { type NodeRow, SERVICE_MODE_CILIUM, SERVICE_MODE_IPTABLES, SERVICE_MODE_NFTABLES } from "../rows.ts";
import { NEXT_LOCAL } from "../tables.ts";
import { maskOf } from "../wire/address.ts";
import { isLoopback } from "./mark.ts";

/** Whether an address is the node's own (addrtype LOCAL, fib type local). */
export function isNodeLocal(c: Context, node: number, address: number): boolean {
  if (isLoopback(address)) return true;
  const v = c.tables.nodeRoutes[node].lookup(address);
  return v >= 0 && (v & 3) === NEXT_LOCAL;
}

/** kube-proxy's local detector: whether a source is a pod's, by --cluster-cidr. False without one. */
export function isPodSource(row: NodeRow, address: number): boolean {
  const cidr = row.clusterCidr;
  return cidr !== null && (address & maskOf(cidr.length)) === cidr.prefix;
}

export function hasPorts(p: Packet): boolean {
  return p.protocol === PROTO_TCP || p.protocol === PROTO_UDP || p.protocol === PROTO_SCTP;
}

/**
 * Whether NodePorts are looked at for this destination: an address of the node that --nodeport-addresses has. Its default
 * is any address in iptables and IPVS mode and Cilium's, the primary address alone in nftables mode. 127.0.0.0/8 takes them
 * from the node itself in iptables mode (--iptables-localhost-nodeports) and Cilium's (its socket load balancer).
 */
export function takesNodePorts(c: Context, row: NodeRow, from: number): boolean {
  const { dst } = c.p;
  const { nodePortAddresses, serviceMode } = row;
  if (isLoopback(dst)) {
    if (from !== FROM_HOST) return false;
    return serviceMode === SERVICE_MODE_IPTABLES
      ? isListed(nodePortAddresses, dst)
      : serviceMode === SERVICE_MODE_CILIUM;
  }
  if (nodePortAddresses === null && serviceMode === SERVICE_MODE_NFTABLES) return dst === row.primaryAddress;
  return isListed(nodePortAddresses, dst) && isNodeLocal(c, row.id, dst);
}

/** Whether one of --nodeport-addresses has the address; without them, any. */
function isListed(cidrs: NodeRow["nodePortAddresses"], address: number): boolean {
  if (cidrs === null) return true;
  for (let i = 0; i < cidrs.length; i++) if ((address & maskOf(cidrs[i].length)) === cidrs[i].prefix) return true;
  return false;
}

/** The frontend that a packet reached, by its address or by a NodePort of the node, or -1: the lookup of IPVS and Cilium. */
export function frontendOf(c: Context, row: NodeRow, from: number): number {
  const p = c.p;
  if (!hasPorts(p)) return -1;
  const { services } = c.tables;
  const frontend = services.lookup(p.dst, p.protocol, p.dport);
  if (frontend >= 0 || !takesNodePorts(c, row, from)) return frontend;
  return services.lookupNodePort(p.protocol, p.dport);
}
