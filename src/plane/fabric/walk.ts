import type { Context } from "../context.ts";
import {
  ACT_ACCEPT,
  ACT_ROUTE,
  LATER,
  RULE_ENI,
  RULE_VPC_TABLE,
  STAGE_ENI_IN,
  STAGE_ENI_OUT,
  STAGE_GATEWAY,
  STAGE_VPC_ROUTE,
} from "../decision.ts";
import { AT_ENI, DIRECTION_IN, DIRECTION_OUT } from "../impair/impairmentRow.ts";
import { DONE } from "../leave.ts";
import { LPM_MISS } from "../lpm/lpm.ts";
import { reason } from "../reasons.ts";
import {
  TARGET_ENI,
  TARGET_INTERNET_GATEWAY,
  TARGET_LOCAL,
  TARGET_NAT_GATEWAY,
  TARGET_NETWORK,
  TARGET_PEERING,
  TARGET_TRANSIT_GATEWAY,
} from "../rows.ts";
import { deliverHost, NO_NODE, NO_SUBNET } from "./deliver.ts";
import { enterByInternetGateway, leaveByInternetGateway, NETWORK_INTERNET } from "./internetGateway.ts";
import { translateAtNatGateway } from "./natGateway.ts";
import { leaveToNetwork } from "./network.ts";
import { crossPeering } from "./peering.ts";
import { TARGET_BITS, TARGET_MASK } from "./routeValue.ts";
import { enterEni, enterSubnet, leaveEni, leaveSubnet } from "./security.ts";
import { crossTransit } from "./transit.ts";

/** Nodes, gateways and attachments that one packet may pass; a packet that goes in circles ends here. */
export const MAX_HOPS = 8;
const NONE = -1;
/** An ENI has addresses, not an MTU of its own: what is sent in a VPC is at most this long (EC2 User Guide, "Network MTU"). */
const VPC_MTU = 9001;
/**
 * 169.254.0.0/16: services at the ENI itself (resolver, metadata, time). No route leads there, 169.254.168.0/22 least of all
 * (VPC User Guide, "Reserved CIDR blocks" of route tables).
 */
const LINK_LOCAL = 0xa9fe;
const LINK_LOCAL_SHIFT = 16;

/**
 * The VPC from the sending ENI to the receiving one: source/destination check and security groups of the sender, then
 * {@link walkFromSubnet}.
 *
 * @returns the node's ENI that receives the packet, or DONE
 */
export function walkFabric(c: Context, eni: number): number {
  const p = c.p;
  const t = c.tables;
  const checked = t.eniCheck[eni];
  if (checked === 1 && t.mapping[t.eniVpc[eni]].lookup(p.src) !== eni) {
    c.drop(reasonCheck, NO_NODE, STAGE_ENI_OUT);
    c.because(RULE_ENI, eni, p.src, p.dst, 1);
    return DONE;
  }
  const d = c.decision;
  if (d !== null) {
    d.addWith(NO_NODE, STAGE_ENI_OUT, ACT_ACCEPT, RULE_ENI, eni, p.src, p.dst, checked, 0);
    if (d.tap !== null) d.tap.atEni(p, eni, true);
  }
  const { impairments } = c;
  if (impairments !== null && !impairments.pass(AT_ENI, eni, DIRECTION_OUT, NO_NODE, p.off, p.len)) return DONE;
  return leaveInstance(c, eni);
}

/** From an ENI on, behind what impairs it: security groups of the sender, then {@link walkFromSubnet}. */
export function leaveInstance(c: Context, eni: number): number {
  if (!leaveEni(c, eni)) return DONE;
  return walkFromSubnet(c, c.tables.eniSubnet[eni], true);
}

/**
 * The packet stands in a subnet: its route table says where to. The subnet's ACL is asked when it leaves the subnet.
 *
 * @param inside false: it is at the subnet's router already (an ICMP error of the router, a piece of a packet that left)
 * @returns the node's ENI that receives the packet, or DONE
 */
export function walkFromSubnet(c: Context, subnet: number, inside: boolean): number {
  const p = c.p;
  const t = c.tables;
  const vpc = t.gateways.subnetVpc[subnet] ?? NONE;
  if (vpc === NONE) {
    c.drop(reasonNoVpcRoute, NO_NODE, STAGE_VPC_ROUTE);
    return DONE;
  }
  if (p.dst >>> LINK_LOCAL_SHIFT === LINK_LOCAL) return toLinkLocal(c, vpc);
  const tableId = t.subnetRouteTable[subnet];
  const table = t.routeTables[tableId];
  // A subnet that went with its route table routes nowhere.
  const found = table === undefined ? LPM_MISS : table.lookup(p.dst);
  const target = found === LPM_MISS ? NONE : found & TARGET_MASK;
  const arg = found >> TARGET_BITS;
  const to = nextEni(c, target, arg, vpc);
  if (inside && (to === NONE || t.eniSubnet[to] !== subnet) && !leaveSubnet(c, subnet)) return DONE;
  if (target === NONE) {
    c.drop(reasonNoVpcRoute, NO_NODE, STAGE_VPC_ROUTE);
    c.because(RULE_VPC_TABLE, tableId, p.dst, 0, 0);
    return DONE;
  }
  const d = c.decision;
  if (d !== null) {
    const length = d.brief ? LATER : table.matchLength(p.dst);
    const i = d.addWith(NO_NODE, STAGE_VPC_ROUTE, ACT_ROUTE, RULE_VPC_TABLE, tableId, p.dst, length, 0, target);
    d.e[i] = arg;
    d.f[i] = d.brief ? LATER : table.matchLength(p.dst, length);
  }
  const from = inside ? subnet : NO_SUBNET;
  if (to !== NONE) return arrive(c, to, from, target === TARGET_LOCAL);
  switch (target) {
    case TARGET_LOCAL:
      c.drop(reasonUnassigned, NO_NODE, STAGE_ENI_IN);
      return DONE;
    case TARGET_INTERNET_GATEWAY:
      return arrive(c, leaveByInternetGateway(c, vpc, subnet), NO_SUBNET);
    case TARGET_PEERING:
      return arrive(c, crossPeering(c, arg, vpc, subnet), NO_SUBNET);
    case TARGET_TRANSIT_GATEWAY:
      return toTransit(c, arg, subnet);
    case TARGET_NETWORK:
      leaveToNetwork(c, arg, vpc, subnet);
      return DONE;
    default:
      // A blackhole, or a gateway that is gone.
      c.drop(reasonBlackhole, NO_NODE, STAGE_VPC_ROUTE);
      return DONE;
  }
}

/**
 * A packet from a host outside the VPCs, at the gateway: the internet gateway maps a public address to the private one; a
 * private network's packets name the private address themselves, by a transit gateway or the VPC's own gateway.
 *
 * @returns the node's ENI that receives the packet, or DONE
 */
export function walkFromOutside(c: Context, device: number): number {
  const t = c.tables;
  const p = c.p;
  const network = t.deviceNetwork[device];
  if (network < 0) {
    c.drop(reasonOutside, NO_NODE, STAGE_GATEWAY);
    return DONE;
  }
  const neighbour = t.outside[network].lookup(p.dst);
  if (neighbour !== LPM_MISS) {
    deliverHost(c, neighbour, NO_SUBNET, VPC_MTU);
    return DONE;
  }
  if (network === NETWORK_INTERNET) return arrive(c, enterByInternetGateway(c), NO_SUBNET);
  const attachment = t.gateways.attachmentOf(network);
  if (attachment !== NONE) return fromTransit(c, crossTransit(c, attachment, NO_SUBNET));
  if (t.outside[NETWORK_INTERNET]?.lookup(p.src) === device) return fromService(c);
  const to = t.mapping[t.deviceVpc[device]]?.lookup(p.dst) ?? LPM_MISS;
  if (to !== LPM_MISS) return arrive(c, to, NO_SUBNET);
  c.drop(reasonOutside, NO_NODE, STAGE_GATEWAY);
  return DONE;
}

/**
 * An AWS service's host is in a network of gateway endpoints and on the internet: private addresses it answers by the
 * endpoint of the VPC that has them, public ones by the internet.
 */
function fromService(c: Context): number {
  const { mapping } = c.tables;
  for (let vpc = 0; vpc < mapping.length; vpc++) {
    const to = mapping[vpc].lookup(c.p.dst);
    if (to !== LPM_MISS) return arrive(c, to, NO_SUBNET);
  }
  return arrive(c, enterByInternetGateway(c), NO_SUBNET);
}

/**
 * The packet comes to an ENI: its subnet's ACL unless it stayed in the subnet, source/destination check, security groups;
 * then the node takes it, the host behind the ENI, or the NAT gateway, which sends it on.
 *
 * @param from subnet that it comes from, or NO_SUBNET
 * @param mapped whether the ENI was found by the packet's destination, which the check would only find again
 */
function arrive(c: Context, eni: number, from: number, mapped = false): number {
  if (eni === DONE) return DONE;
  const t = c.tables;
  const p = c.p;
  const subnet = t.eniSubnet[eni];
  if (from !== subnet && !enterSubnet(c, subnet)) return DONE;
  const checked = t.eniCheck[eni];
  if (checked === 1 && !mapped && t.mapping[t.eniVpc[eni]].lookup(p.dst) !== eni) {
    c.drop(reasonCheck, NO_NODE, STAGE_ENI_IN);
    c.because(RULE_ENI, eni, p.src, p.dst, 1);
    return DONE;
  }
  if (!enterEni(c, eni)) return DONE;
  const { impairments } = c;
  if (impairments !== null && !impairments.pass(AT_ENI, eni, DIRECTION_IN, NO_NODE, p.off, p.len)) return DONE;
  return enterInstance(c, eni);
}

/**
 * The packet comes in by an ENI, behind what impairs it.
 *
 * @returns the ENI when its node takes the packet, else as {@link walkFromSubnet}
 */
export function enterInstance(c: Context, eni: number): number {
  const t = c.tables;
  const p = c.p;
  const subnet = t.eniSubnet[eni];
  const d = c.decision;
  if (d !== null) {
    d.addWith(NO_NODE, STAGE_ENI_IN, ACT_ACCEPT, RULE_ENI, eni, p.src, p.dst, t.eniCheck[eni], 0);
    if (d.tap !== null) d.tap.atEni(p, eni, false);
  }
  if (t.eniNode[eni] >= 0) return eni;
  const nat = t.gateways.natOf(eni);
  if (nat === NONE) deliverHost(c, t.eniHostDevice[eni], subnet, VPC_MTU);
  else if (nextHop(c) && translateAtNatGateway(c, nat, eni)) return walkFromSubnet(c, subnet, true);
  return DONE;
}

/** The ENI that a route leads to within the VPC, or NONE. */
function nextEni(c: Context, target: number, arg: number, vpc: number): number {
  const t = c.tables;
  if (target === TARGET_LOCAL) return t.mapping[vpc].lookup(c.p.dst);
  if (target === TARGET_NAT_GATEWAY) return t.gateways.natEni[arg] ?? NONE;
  if (target === TARGET_ENI) return t.eniMtu[arg] > 0 ? arg : NONE;
  return NONE;
}

/** A service that the ENI itself reaches, without routes, groups and ACLs. */
function toLinkLocal(c: Context, vpc: number): number {
  const t = c.tables;
  const eni = t.mapping[vpc].lookup(c.p.dst);
  if (eni !== LPM_MISS) return arrive(c, eni, t.eniSubnet[eni]);
  c.drop(reasonLinkLocal, NO_NODE, STAGE_VPC_ROUTE);
  return DONE;
}

/**
 * Out to a transit gateway, by the attachment's ENI: the ACL of its subnet is asked even for what comes from that subnet
 * (Transit Gateway Guide, "How network ACLs work with transit gateways").
 */
function toTransit(c: Context, attachment: number, subnet: number): number {
  const by = c.tables.gateways.attachmentSubnet[attachment] ?? NONE;
  if (by === NONE) {
    c.drop(reasonBlackhole, NO_NODE, STAGE_VPC_ROUTE);
    return DONE;
  }
  if (!enterSubnet(c, by)) return DONE;
  return fromTransit(c, crossTransit(c, attachment, subnet));
}

/** In from a transit gateway: the subnet of the attachment routes it. */
function fromTransit(c: Context, attachment: number): number {
  if (attachment === DONE || !nextHop(c)) return DONE;
  return walkFromSubnet(c, c.tables.gateways.attachmentSubnet[attachment], true);
}

/** Whether the packet may pass another gateway. */
function nextHop(c: Context): boolean {
  if (++c.hops <= MAX_HOPS) return true;
  c.drop(reasonLoop, NO_NODE, STAGE_GATEWAY);
  return false;
}

const reasonCheck = reason("SOURCE_DEST_CHECK");
const reasonNoVpcRoute = reason("VPC_NO_ROUTE");
const reasonBlackhole = reason("VPC_BLACKHOLE");
const reasonUnassigned = reason("VPC_ADDRESS_UNASSIGNED");
const reasonOutside = reason("OUTSIDE_UNREACHABLE");
const reasonLinkLocal = reason("LINK_LOCAL_UNREACHABLE");
const reasonLoop = reason("FABRIC_LOOP");
