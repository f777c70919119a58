import {
  CT_FULL,
  CT_INVALID,
  CT_NEW,
  CT_RELATED,
  CT_RELATED_REPLY,
  DIR_ORIGINAL,
  IPS_CONFIRMED,
  IPS_DST_NAT,
  IPS_NODE_SOCKET,
  IPS_SRC_NAT,
} from "./conntrack/info.ts";
import { addressedTo, type Context } from "./context.ts";
import {
  ACT_RESTORE,
  ACT_TRACK,
  type Decision,
  RULE_DEVICE,
  RULE_ENI,
  RULE_NONE,
  RULE_SERVICE,
  STAGE_CONNTRACK,
  STAGE_ENI_OUT,
  STAGE_FILTER,
  STAGE_MTU,
  STAGE_ROUTE,
  STAGE_SERVICE,
  STAGE_SNAT,
  STAGE_TTL,
} from "./decision.ts";
import { reassemble } from "./defragment.ts";
import { fits, sizeOnWire } from "./fragment.ts";
import { FROM_ENI, FROM_HOST, FROM_POD } from "./from.ts";
import {
  CODE_FRAGMENTATION_NEEDED,
  CODE_NET_UNREACHABLE,
  CODE_PORT_UNREACHABLE,
  CODE_TTL_IN_TRANSIT,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
} from "./icmpError.ts";
import { confirmNew, DONE, leave, park } from "./leave.ts";
import { PASS } from "./nat/kubeProxy.ts";
import { isLoopback, markOutbound, markPrimary, restoreMark, restoresMark } from "./nat/mark.ts";
import { rewriteQuoted, writeBack, writeTtl } from "./nat/rewrite.ts";
import { admitNew, bindService, filterNew, noteRefused } from "./nat/service.ts";
import { bindSourceRules } from "./nat/source.ts";
import { isUntracked, leaveUntracked, resolverAdmits } from "./nodeDns.ts";
import { isSockets, isStrict, route, routeVlan } from "./nodeRoute.ts";
import { noteMtu, noteTtl } from "./notes.ts";
import { FRAG_ANY, PROTO_ICMP } from "./packet.ts";
import { enterPod } from "./policy/agent.ts";
import { admitByPolicy } from "./policy/upstream.ts";
import { REASONS, type Reason, reason } from "./reasons.ts";
import type { NodeRow } from "./rows.ts";
import { SERVICE_MODE_CILIUM, SERVICE_MODE_IPTABLES, SERVICE_MODE_IPVS } from "./rows.ts";
import { NEXT_ENI, NEXT_LOCAL, NEXT_POD } from "./tables.ts";
import { hasSourceRoute, IP_HEADER_MIN } from "./wire/ipv4.ts";
import { layer4ChecksumOk } from "./wire/verify.ts";

const ICMP_REDIRECT = 5;
/** Where a step of conntrack has the entry's state. */
const STATE_SHIFT = 16;

/**
 * A packet's way through a node, in the order of Linux's hooks as kube-proxy and the VPC CNI use them
 * (docs/architecture.md, "The packet's way on a node").
 *
 * @param from FROM_POD, FROM_ENI or FROM_HOST
 * @param via device (pod, host) or ENI it came in by
 * @returns the ENI that it leaves the node by, translated and written back, or DONE
 */
export function walkNode(c: Context, node: number, from: number, via: number): number {
  const p = c.p;
  const row = c.tables.nodes[node];
  if (row === null) {
    c.drop(reasonDeviceGone, node, STAGE_ROUTE);
    return DONE;
  }
  if ((p.frag & FRAG_ANY) !== 0 && !reassemble(c, node)) return DONE;

  // PREROUTING or OUTPUT: conntrack, mangle, destination NAT
  const untracked = isUntracked(c, node);
  const damaged = !untracked && from !== FROM_HOST && c.ct.settings.checksum && !layer4ChecksumOk(p);
  const info = untracked ? leaveUntracked(c) : damaged ? c.ct.refuse(p) : c.ct.track(p, node, c.now);
  if (c.decision !== null) traceTrack(c, c.decision, node, info);
  if (info === CT_FULL) {
    c.drop(reasonFull, node, STAGE_CONNTRACK);
    return DONE;
  }
  const related = info === CT_RELATED || info === CT_RELATED_REPLY;
  const first = info === CT_NEW && (c.ct.status(p.ct) & IPS_CONFIRMED) === 0;
  const cni = c.tables.cniOf(node);
  const strict = isStrict(c, from, via);
  if (p.ct >= 0) {
    if (from === FROM_ENI && via === row.primaryEni) markPrimary(c, node, cni, via);
    else if ((from === FROM_POD || strict) && restoresMark(row, cni, strict)) restoreMark(c, node, cni);
  }
  // IPVS has its addresses on the node, which a strict pod's packets never reach (aws-node's README: "use standard").
  const passesServices = strict && row.serviceMode === SERVICE_MODE_IPVS;
  if (info === CT_NEW && !passesServices && !admitNew(c, row, from, first)) return DONE;
  let service = -1;
  if (first) {
    // Cilium translates at the pod's veth, before netfilter sees the packet.
    const cilium = row.serviceMode === SERVICE_MODE_CILIUM;
    const early = cni.markBeforeDnat && !cilium;
    const marks = from === FROM_POD && !strict;
    if (marks && early) markOutbound(c, row, cni);
    if (!passesServices) service = bindService(c, row, from);
    if (marks && !early && (service < 0 || cilium)) markOutbound(c, row, cni);
  } else if (p.ct >= 0 && !restoreDestination(c, node, related)) return DONE;

  // Routing decision
  if (isLoopback(p.dst) && from !== FROM_HOST && !takesLoopback(c, row, info)) {
    c.drop(reasonMartian, node, STAGE_ROUTE);
    return DONE;
  }
  if (p.ihl > IP_HEADER_MIN && from !== FROM_HOST && hasSourceRoute(p.buf, p.off, p.ihl)) {
    c.drop(reasonSourceRoute, node, STAGE_ROUTE);
    return DONE;
  }
  const next = strict ? routeVlan(c, node, from, via) : route(c, row, cni, from, via);
  if (next < 0) {
    c.reject(reasonNoRoute, node, STAGE_ROUTE, errorSource(c, row), ICMP_UNREACHABLE, CODE_NET_UNREACHABLE, 0);
    return DONE;
  }
  const kind = next & 3;
  const target = next >> 2;

  // FORWARD: TTL, MTU, filter. OUTPUT and INPUT: filter only.
  const forwarded = kind !== NEXT_LOCAL && from !== FROM_HOST;
  if (forwarded) {
    if (strict && cni.tcpEarlyDemux && isSockets(c, from, info)) {
      c.drop(reasonEarlyDemux, node, STAGE_ROUTE);
      return DONE;
    }
    if (p.ttl <= 1) {
      c.reject(reasonTtl, node, STAGE_TTL, errorSource(c, row), ICMP_TIME_EXCEEDED, CODE_TTL_IN_TRANSIT, 0);
      return DONE;
    }
  }
  // What is for the node itself has no MTU on Linux; our way to it is a TUN, which takes a reassembled datagram in pieces.
  const local = p.fragMax > 0 ? c.tables.deviceMtu[row.hostDevice] : 0;
  const mtu = kind === NEXT_ENI ? c.tables.eniMtu[target] : kind === NEXT_POD ? c.tables.deviceMtu[target] : local;
  const fit = mtu === 0 ? 0 : fits(c.p, mtu);
  if (fit < 0) {
    const source = errorSource(c, row);
    c.reject(reasonTooBig, node, STAGE_MTU, source, ICMP_UNREACHABLE, CODE_FRAGMENTATION_NEEDED, mtu);
    c.because(kind === NEXT_ENI ? RULE_ENI : RULE_DEVICE, target, sizeOnWire(p), mtu, 0);
    return DONE;
  }
  if (c.decision !== null) {
    if (forwarded) noteTtl(c, node);
    if (mtu !== 0) noteMtu(c, node, kind === NEXT_ENI ? RULE_ENI : RULE_DEVICE, deviceOf(row, kind, target), mtu, fit);
  }
  if (forwarded) p.ttl--;
  if (info === CT_INVALID) {
    // kube-proxy 1.29 and later: KUBE-FORWARD drops INVALID unless conntrack is liberal; nftables mode never does.
    if (forwarded && row.serviceMode === SERVICE_MODE_IPTABLES && !c.liberal) {
      c.drop(damaged ? reasonChecksum : reasonInvalid, node, STAGE_FILTER);
      return DONE;
    }
  } else if (info === CT_NEW && service < 0 && !filter(c, row, kind, from)) return DONE;
  if ((info === CT_NEW || info === CT_INVALID) && !admitByPolicy(c, node, kind, target, from, via)) return DONE;

  // The VPC's resolver, which is behind no ENI of a lab: nodes answer for it.
  if (kind === NEXT_LOCAL && from === FROM_POD && !resolverAdmits(c, node, via)) {
    c.drop(reasonResolverLimit, node, STAGE_ENI_OUT);
    c.because(RULE_ENI, c.tables.deviceEni[via], p.src, p.dst, 0);
    return DONE;
  }

  if (info === CT_NEW && (kind === NEXT_LOCAL || from === FROM_HOST)) c.ct.setStatus(p.ct, IPS_NODE_SOCKET);
  // POSTROUTING or INPUT: source NAT, confirm
  if (first) {
    if (!bindSourceRules(c, row, from, kind, target)) {
      c.drop(reasonExhausted, node, STAGE_SNAT);
      return DONE;
    }
    if (c.parking !== null && park(c, c.parking, node, kind, target, fit, mtu)) return DONE;
    if (!confirmNew(c, node)) return DONE;
  } else if (p.ct >= 0 && !restoreSource(c, node, related)) return DONE;
  writeBack(p);
  return leave(c, row, kind, target, fit, mtu);
}

/**
 * iptables mode sets route_localnet for 127.0.0.1:NodePort, and KUBE-FIREWALL then drops what comes to 127.0.0.0/8 from
 * elsewhere, except the answers of connections that the node itself began (CVE-2020-8558). In other modes the portmap
 * plugin sets it for the pods that have host ports.
 */
function takesLoopback(c: Context, row: NodeRow, info: number): boolean {
  if (info === CT_NEW || info === CT_INVALID || c.p.ct < 0) return false;
  return row.serviceMode === SERVICE_MODE_IPTABLES || (c.ct.status(c.p.ct) & IPS_DST_NAT) !== 0;
}

/** A packet that the node made (an ICMP error): routed like any local packet; its translation is done already. */
export function walkGenerated(c: Context, node: number): number {
  const p = c.p;
  const row = c.tables.nodes[node];
  if (row === null) {
    c.drop(reasonDeviceGone, node, STAGE_ROUTE);
    return DONE;
  }
  const next = route(c, row, c.tables.cniOf(node), FROM_HOST, row.hostDevice);
  const kind = next & 3;
  if (next >= 0 && kind === NEXT_ENI) return next >> 2;
  if (isLoopback(p.dst) || next < 0 || kind === NEXT_LOCAL) c.deliver(row.hostDevice);
  else if (enterPod(c, next >> 2)) c.deliver(next >> 2);
  return DONE;
}

/**
 * PREROUTING for a known connection: the stored translation of the destination. For an ICMP error that is the address
 * of the packet it quotes. False if the packet was dropped.
 */
function restoreDestination(c: Context, node: number, related: boolean): boolean {
  const p = c.p;
  const status = c.ct.status(p.ct);
  if ((status & (IPS_SRC_NAT | IPS_DST_NAT)) === 0) return true;
  if (related && p.protocol === PROTO_ICMP && p.dport >> 8 === ICMP_REDIRECT) {
    c.drop(reasonRedirect, node, STAGE_SERVICE);
    return false;
  }
  const other = 1 - p.ctDir;
  // In the reply direction the stored source translation is what changes the destination.
  if ((status & (p.ctDir === DIR_ORIGINAL ? IPS_DST_NAT : IPS_SRC_NAT)) === 0) return true;
  p.dst = c.ct.src(p.ct, other);
  if (!related) {
    if (p.protocol === PROTO_ICMP) p.sport = c.ct.sport(p.ct, other);
    else p.dport = c.ct.sport(p.ct, other);
  }
  traceRestore(c, node, STAGE_SERVICE);
  return true;
}

/**
 * POSTROUTING for a known connection: the stored translation of the source, and an ICMP error's quoted packet. False if
 * the packet was dropped.
 */
function restoreSource(c: Context, node: number, related: boolean): boolean {
  const p = c.p;
  const status = c.ct.status(p.ct);
  if ((status & (IPS_SRC_NAT | IPS_DST_NAT)) === 0) return true;
  const other = 1 - p.ctDir;
  if ((status & (p.ctDir === DIR_ORIGINAL ? IPS_SRC_NAT : IPS_DST_NAT)) !== 0) {
    p.src = c.ct.dst(p.ct, other);
    if (!related) {
      if (p.protocol === PROTO_ICMP) p.sport = c.ct.sport(p.ct, other);
      else p.sport = c.ct.dport(p.ct, other);
    }
    traceRestore(c, node, STAGE_SNAT);
  }
  if (!related) return true;
  const ct = c.ct;
  const e = p.ct;
  if (rewriteQuoted(p, ct.src(e, other), ct.dst(e, other), ct.sport(e, other), ct.dport(e, other))) return true;
  c.drop(reasonInner, node, STAGE_SNAT);
  return false;
}

function traceTrack(c: Context, d: Decision, node: number, info: number): void {
  const { ct, p } = c;
  const known = p.ct >= 0;
  const i = d.addWith(node, STAGE_CONNTRACK, ACT_TRACK, RULE_NONE, 0, p.protocol, known ? p.ctDir : -1, info, p.ct);
  // An ICMP error belongs to the connection that it is about.
  if (known) d.a[i] = ct.protocol(p.ct);
  d.e[i] = known ? ct.src(p.ct, DIR_ORIGINAL) : p.src;
  d.f[i] = known ? ct.dst(p.ct, DIR_ORIGINAL) : p.dst;
  d.g[i] = known ? (ct.sport(p.ct, DIR_ORIGINAL) << 16) | ct.dport(p.ct, DIR_ORIGINAL) : (p.sport << 16) | p.dport;
  if (known) d.h[i] = ct.status(p.ct) | (ct.tcpState(p.ct) << STATE_SHIFT);
  d.left[i] = known && ct.trial ? ct.leftBefore(p.ct, c.now) : -1;
}

function traceRestore(c: Context, node: number, stage: number): void {
  const d = c.decision;
  if (d === null) return;
  const p = c.p;
  const service = c.ct.service(p.ct);
  const kind = service >= 0 ? RULE_SERVICE : RULE_NONE;
  const i = d.addWith(node, stage, ACT_RESTORE, kind, service, p.src, p.sport, p.dst, p.dport);
  d.e[i] = c.ct.endpoint(p.ct);
}

/** Device or ENI that has the MTU of a way out. */
function deviceOf(row: NodeRow, kind: number, target: number): number {
  return kind === NEXT_LOCAL ? row.hostDevice : target;
}

/** kube-proxy's filter chains for a NEW packet that no service translated. False if it was refused. */
function filter(c: Context, row: NodeRow, kind: number, from: number): boolean {
  const verdict = filterNew(c, row, kind === NEXT_LOCAL, from);
  if (verdict === PASS) return true;
  const why: Reason = verdict;
  if (REASONS[why].verdict !== "REJECTED") c.drop(why, row.id, STAGE_FILTER);
  else {
    const source = errorSource(c, row);
    // The FORWARD hook stands behind ip_forward's decrement, and the error quotes the packet as it stands there.
    writeTtl(c.p);
    c.reject(why, row.id, STAGE_FILTER, source, ICMP_UNREACHABLE, CODE_PORT_UNREACHABLE, 0);
  }
  noteRefused(c, row, from);
  return false;
}

/**
 * Source of an ICMP error about the packet: the node's primary address (a pod's veth has none of its own), or, once the
 * destination was translated, the address that the sender used: the error takes the connection's translation.
 */
function errorSource(c: Context, row: NodeRow): number {
  const p = c.p;
  if (p.ct < 0) return row.primaryAddress;
  const bit = p.ctDir === DIR_ORIGINAL ? IPS_DST_NAT : IPS_SRC_NAT;
  return (c.ct.status(p.ct) & bit) !== 0 ? addressedTo(p) : row.primaryAddress;
}

const reasonDeviceGone = reason("DEVICE_GONE");
const reasonFull = reason("CONNTRACK_FULL");
const reasonMartian = reason("MARTIAN_LOOPBACK");
const reasonNoRoute = reason("NO_ROUTE");
const reasonEarlyDemux = reason("TCP_EARLY_DEMUX");
const reasonTtl = reason("TTL_EXCEEDED");
const reasonTooBig = reason("FRAGMENTATION_NEEDED");
const reasonInvalid = reason("INVALID_STATE");
const reasonChecksum = reason("CHECKSUM_INVALID");
const reasonSourceRoute = reason("SOURCE_ROUTE");
const reasonResolverLimit = reason("VPC_RESOLVER_LIMIT");
const reasonExhausted = reason("NAT_PORTS_EXHAUSTED");
const reasonRedirect = reason("NAT_REDIRECT");
const reasonInner = reason("NAT_INNER_UNTRANSLATABLE");
