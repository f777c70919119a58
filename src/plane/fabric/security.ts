import { QUOTED_DST, QUOTED_PORTS, QUOTED_PROTOCOL, QUOTED_SRC, QUOTED_WORDS, readQuoted } from "../conntrack/icmp.ts";
import type { Context } from "../context.ts";
import {
  ACT_ACCEPT,
  RULE_NETWORK_ACL,
  RULE_SECURITY_GROUP,
  STAGE_NETWORK_ACL,
  STAGE_SECURITY_GROUP,
} from "../decision.ts";
import { FRAG_ANY, FRAG_OFFSET_MASK, type Packet, PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import { type Reason, reason } from "../reasons.ts";
import { getU16 } from "../wire/bytes.ts";
import { ICMP_ID, ICMP_TYPE, icmpReplyOf, icmpRequestOf } from "../wire/icmp.ts";
import { IP_ID } from "../wire/ipv4.ts";
import { TCP_DPORT, TCP_FLAGS, TCP_SPORT } from "../wire/tcp.ts";
import { PORT_UNKNOWN } from "./networkAcls.ts";
import { isAutomaticallyTracked, OPEN_ALL_PORTS, OPEN_NO } from "./securityGroups.ts";
import { accountOf, isStart } from "./trackedFlows.ts";

/** The VPC's steps in a decision belong to no node. */
const NO_NODE = -1;
const NONE = -1;
const INGRESS = 0;
const EGRESS = 1;

// What a step says instead of a rule's position.
/** The connection was allowed before. */
export const BY_FLOW = -1;
/** An ICMP error about a connection that is allowed. */
export const BY_RELATION = -2;
/** A later fragment of a datagram that was allowed. */
export const BY_FRAGMENT = -3;
/** No rule: the packet was dropped. */
export const BY_NOTHING = -4;

// How a packet's flow is remembered, in a step's d.
export const TRACK_NONE = 0;
export const TRACK_NEW = 1;

/** 169.254.0.0/16: the resolver, instance metadata, time. Neither groups nor ACLs filter them (VPC User Guide). */
const LINK_LOCAL = 0xa9fe;
const LINK_LOCAL_SHIFT = 16;
/** Above the type and code of a query in an ICMP flow's key: the query left the ENI. */
const ICMP_EGRESS = 0x8000;
/** The key of messages that belong to no query. */
const ICMP_NO_QUERY = 0x7fff;

/** The packet that an ICMP error quotes, turned round: one that goes where the error goes. */
const quoted = new Int32Array(QUOTED_WORDS);

/** Security groups, for a packet that leaves an ENI. False: it was dropped. */
export function leaveEni(c: Context, eni: number): boolean {
  return filter(c, eni, EGRESS);
}

/** Security groups, for a packet that comes to an ENI. False: it was dropped. */
export function enterEni(c: Context, eni: number): boolean {
  return filter(c, eni, INGRESS);
}

/** The network ACL of the subnet that a packet leaves. False: it was dropped. */
export function leaveSubnet(c: Context, subnet: number): boolean {
  return filterSubnet(c, subnet, EGRESS);
}

/** The network ACL of the subnet that a packet enters. False: it was dropped. */
export function enterSubnet(c: Context, subnet: number): boolean {
  return filterSubnet(c, subnet, INGRESS);
}

/**
 * The groups of an ENI: what belongs to a tracked flow passes, everything else needs a rule (EC2 User Guide, "Security
 * group connection tracking"). Rules are read for a flow's first packet, and for each one of an untracked flow.
 */
function filter(c: Context, eni: number, egress: number): boolean {
  const groups = c.tables.securityGroups;
  if (!groups.filters(eni)) return true;
  const p = c.p;
  const remote = egress === EGRESS ? p.dst : p.src;
  if (isLinkLocal(remote)) return true;
  if ((p.frag & FRAG_OFFSET_MASK) !== 0) return filterLaterFragment(c, eni, egress);

  const { protocol } = p;
  const sport = sourcePort(p);
  const dport = destinationPort(p);
  const local = egress === EGRESS ? p.src : p.dst;
  const localPort = keyLocal(protocol, egress, sport, dport);
  const remotePort = keyRemote(protocol, egress, sport, dport);
  const flags = protocol === PROTO_TCP ? p.buf[p.l4 + TCP_FLAGS] : 0;
  const flow = c.tracked.table.find(eni, protocol, local, localPort, remote, remotePort);
  if (flow !== NONE) {
    if (!c.tracked.isRestart(flow, protocol, flags)) {
      c.tracked.seen(flow, eni, egress, protocol, flags, c.now);
      note(c, eni, egress, c.tracked.table.value2(flow), BY_FLOW, TRACK_NONE);
      return passFirst(c, eni);
    }
    // The ports' next connection, which the rules of today decide about.
    c.tracked.table.delete(flow);
  }
  if (p.icmpError === 1 && isRelated(c, eni, egress)) {
    note(c, eni, egress, NONE, BY_RELATION, TRACK_NONE);
    return true;
  }
  const group = groups.match(c.tables, eni, egress, protocol, dport, remote);
  if (group === NONE) return refuse(c, eni, egress, egress === EGRESS ? reasonEgress : reasonIngress);
  const { rule } = groups;
  if (!begins(protocol, dport, flags) || isUntracked(c, eni, egress, protocol, sport, dport, remote)) {
    note(c, eni, egress, group, rule, TRACK_NONE);
    return passFirst(c, eni);
  }
  const node = c.tables.eniNode[eni];
  const device = node >= 0 ? (c.tables.nodes[node]?.hostDevice ?? NONE) : c.tables.eniHostDevice[eni];
  const account = accountOf(node, eni);
  const begun = c.tracked.begin(eni, egress, protocol, local, localPort, remote, remotePort, c.now, account, device);
  if (begun === NONE) return refuse(c, eni, egress, reasonFull);
  c.tracked.table.setValue2(begun, group);
  note(c, eni, egress, group, rule, TRACK_NEW);
  return passFirst(c, eni);
}

/** Whether an ICMP error is about a flow of the ENI that may go both ways: a tracked one, or one that is not tracked. */
function isRelated(c: Context, eni: number, egress: number): boolean {
  if (!readQuoted(c.p, quoted)) return false;
  const protocol = quoted[QUOTED_PROTOCOL];
  const sport = quoted[QUOTED_PORTS] >>> 16;
  const dport = quoted[QUOTED_PORTS] & 0xffff;
  const local = egress === EGRESS ? quoted[QUOTED_SRC] : quoted[QUOTED_DST];
  const remote = egress === EGRESS ? quoted[QUOTED_DST] : quoted[QUOTED_SRC];
  const localPort = keyLocal(protocol, egress, sport, dport);
  const remotePort = keyRemote(protocol, egress, sport, dport);
  if (c.tracked.table.find(eni, protocol, local, localPort, remote, remotePort) !== NONE) return true;
  return isUntracked(c, eni, egress, protocol, sport, dport, remote);
}

/**
 * Whether a TCP or UDP flow needs no tracking: a rule for 0.0.0.0/0 allows it, and one for 0.0.0.0/0 and all ports its
 * answers. Such a flow lives by its rules, and ends with them. Asked of either direction the answer is the same.
 */
function isUntracked(
  c: Context,
  eni: number,
  egress: number,
  protocol: number,
  sport: number,
  dport: number,
  remote: number,
): boolean {
  if (protocol !== PROTO_TCP && protocol !== PROTO_UDP) return false;
  const groups = c.tables.securityGroups;
  const there = groups.open(eni, egress, protocol, dport);
  if (there === OPEN_NO) return false;
  const back = groups.open(eni, 1 - egress, protocol, sport);
  if (back === OPEN_NO || (there !== OPEN_ALL_PORTS && back !== OPEN_ALL_PORTS)) return false;
  return !isAutomaticallyTracked(c.tables, eni, remote);
}

/** A later fragment has no ports: it passes where its datagram's first one did. */
function filterLaterFragment(c: Context, eni: number, egress: number): boolean {
  const p = c.p;
  if (!c.tracked.knowsDatagram(eni, p.src, p.dst, p.protocol, getU16(p.buf, p.off + IP_ID)))
    return refuse(c, eni, egress, egress === EGRESS ? reasonEgress : reasonIngress);
  note(c, eni, egress, NONE, BY_FRAGMENT, TRACK_NONE);
  return true;
}

/** The packet passes; if it is a datagram's first fragment the others will. */
function passFirst(c: Context, eni: number): true {
  const p = c.p;
  if ((p.frag & FRAG_ANY) !== 0)
    c.tracked.rememberDatagram(eni, p.src, p.dst, p.protocol, getU16(p.buf, p.off + IP_ID), c.now);
  return true;
}

function note(c: Context, eni: number, egress: number, group: number, rule: number, tracked: number): void {
  const d = c.decision;
  if (d === null) return;
  const i = d.addWith(
    NO_NODE,
    STAGE_SECURITY_GROUP,
    ACT_ACCEPT,
    RULE_SECURITY_GROUP,
    group,
    rule,
    egress,
    eni,
    tracked,
  );
  const groups = c.tables.securityGroups;
  if (rule >= 0) d.e[i] = groups.looked(eni, egress, group, rule);
  d.f[i] = groups.groupsOf(eni).length;
}

function refuse(c: Context, eni: number, egress: number, why: Reason): false {
  c.drop(why, NO_NODE, STAGE_SECURITY_GROUP);
  const d = c.decision;
  if (d !== null) {
    // The step that drop() wrote: which ENI's groups were asked.
    const i = d.count - 1;
    d.ruleKind[i] = RULE_SECURITY_GROUP;
    d.rule[i] = NONE;
    d.a[i] = BY_NOTHING;
    d.b[i] = egress;
    d.c[i] = eni;
    d.e[i] = c.tables.securityGroups.looked(eni, egress, NONE, NONE);
    d.f[i] = c.tables.securityGroups.groupsOf(eni).length;
  }
  return false;
}

function filterSubnet(c: Context, subnet: number, egress: number): boolean {
  const acls = c.tables.networkAcls;
  const acl = acls.aclOf(subnet);
  if (acl === NONE) return true;
  const p = c.p;
  const remote = egress === EGRESS ? p.dst : p.src;
  if (isLinkLocal(remote)) return true;
  const port = (p.frag & FRAG_OFFSET_MASK) !== 0 ? PORT_UNKNOWN : destinationPort(p);
  const allowed = acls.allows(acl, egress, p.protocol, port, remote);
  const d = c.decision;
  if (allowed) {
    if (d !== null) {
      const i = d.addWith(NO_NODE, STAGE_NETWORK_ACL, ACT_ACCEPT, RULE_NETWORK_ACL, acl, acls.rule, egress, subnet, 0);
      d.e[i] = acls.looked(acl, egress, acls.rule);
    }
    return true;
  }
  c.drop(egress === EGRESS ? reasonAclEgress : reasonAclIngress, NO_NODE, STAGE_NETWORK_ACL);
  if (d !== null) {
    const i = d.count - 1;
    d.ruleKind[i] = RULE_NETWORK_ACL;
    d.rule[i] = acl;
    d.a[i] = acls.rule;
    d.b[i] = egress;
    d.c[i] = subnet;
    d.e[i] = acls.looked(acl, egress, acls.rule);
  }
  return false;
}

function isLinkLocal(address: number): boolean {
  return address >>> LINK_LOCAL_SHIFT === LINK_LOCAL;
}

// Ports of a packet that is no later fragment: of a first one they are read here, because the parser leaves them out.

function sourcePort(p: Packet): number {
  if ((p.frag & FRAG_ANY) === 0) return p.sport;
  if (p.protocol === PROTO_ICMP) return getU16(p.buf, p.l4 + ICMP_ID);
  return hasPorts(p.protocol) ? getU16(p.buf, p.l4 + TCP_SPORT) : 0;
}

function destinationPort(p: Packet): number {
  if ((p.frag & FRAG_ANY) === 0) return p.dport;
  if (p.protocol === PROTO_ICMP) return getU16(p.buf, p.l4 + ICMP_TYPE);
  return hasPorts(p.protocol) ? getU16(p.buf, p.l4 + TCP_DPORT) : 0;
}

function hasPorts(protocol: number): boolean {
  return protocol === PROTO_TCP || protocol === PROTO_UDP || protocol === PROTO_SCTP;
}

// A flow's key has the local end first. Of protocols other than TCP, UDP and ICMP addresses and number alone are tracked.

function keyLocal(protocol: number, egress: number, sport: number, dport: number): number {
  if (protocol === PROTO_TCP || protocol === PROTO_UDP) return egress === EGRESS ? sport : dport;
  return protocol === PROTO_ICMP ? sport : 0;
}

function keyRemote(protocol: number, egress: number, sport: number, dport: number): number {
  if (protocol === PROTO_TCP || protocol === PROTO_UDP) return egress === EGRESS ? dport : sport;
  return protocol === PROTO_ICMP ? icmpKey(egress, dport) : 0;
}

/** Type and code of the query that a message is or answers, and which way that query went. */
function icmpKey(egress: number, message: number): number {
  const type = message >>> 8;
  if (icmpReplyOf(type) >= 0) return egress === EGRESS ? message | ICMP_EGRESS : message;
  const request = icmpRequestOf(type);
  if (request < 0) return ICMP_NO_QUERY;
  const query = (request << 8) | (message & 0xff);
  return egress === EGRESS ? query : query | ICMP_EGRESS;
}

/** Whether a packet may begin a flow: of TCP a SYN alone, of ICMP a query. */
function begins(protocol: number, dport: number, flags: number): boolean {
  return protocol === PROTO_ICMP ? icmpReplyOf(dport >>> 8) >= 0 : isStart(protocol, flags);
}

const reasonEgress = reason("SECURITY_GROUP_EGRESS");
const reasonIngress = reason("SECURITY_GROUP_INGRESS");
const reasonFull = reason("SECURITY_GROUP_TABLE_FULL");
const reasonAclEgress = reason("NETWORK_ACL_EGRESS");
const reasonAclIngress = reason("NETWORK_ACL_INGRESS");
