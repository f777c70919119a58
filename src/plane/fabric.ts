import type { Context } from "./context.ts";
import {
  ACT_ACCEPT,
  ACT_DNAT,
  ACT_ROUTE,
  ACT_SNAT,
  NAT_RULE_IGW,
  RULE_ENI,
  RULE_NAT,
  RULE_VPC_TABLE,
  STAGE_ENI_IN,
  STAGE_ENI_OUT,
  STAGE_GATEWAY,
  STAGE_MTU,
  STAGE_VPC_ROUTE,
} from "./decision.ts";
import { fits } from "./fragment.ts";
import { CODE_FRAGMENTATION_NEEDED, ICMP_UNREACHABLE } from "./icmpError.ts";
import { LPM_MISS } from "./lpm/lpm.ts";
import { quotedDport, quotedDst, quotedSport, quotedSrc } from "./nat/quoted.ts";
import { rewriteQuoted, writeBack } from "./nat/rewrite.ts";
import { reason } from "./reasons.ts";
import { TARGET_BLACKHOLE, TARGET_INTERNET_GATEWAY, TARGET_LOCAL, TARGET_NETWORK } from "./rows.ts";
import { TARGET_BITS, TARGET_MASK } from "./tables.ts";
import { WORK_ENI_IN } from "./workQueue.ts";

/** MTU of the way through an internet gateway or a VPN (EC2 User Guide, "Network MTU for your EC2 instance"). */
const GATEWAY_MTU = 1500;
const NETWORK_INTERNET = 0;
/** The VPC's steps in a decision belong to no node. */
const NO_NODE = -1;
/** The host is outside the VPC: it has no ENI. */
const NO_ENI = -1;
/** The packet reached no node's ENI: it was delivered, answered, queued or dropped. */
const DONE = -1;

/**
 * The VPC from the sending ENI to the receiving one: source/destination check and the route table of the sender's
 * subnet, then the target's own rules.
 *
 * @returns the node's ENI that receives the packet, or DONE
 */
export function walkFabric(c: Context, eni: number): number {
  const p = c.p;
  const t = c.tables;
  const vpc = t.eniVpc[eni];
  const d = c.decision;
  if (t.eniCheck[eni] === 1 && t.mapping[vpc].lookup(p.src) !== eni) {
    c.drop(reasonCheck, NO_NODE, STAGE_ENI_OUT);
    return DONE;
  }
  if (d !== null) d.addWith(NO_NODE, STAGE_ENI_OUT, ACT_ACCEPT, RULE_ENI, eni, p.src, p.dst, 0, 0);
  const tableId = t.subnetRouteTable[t.eniSubnet[eni]];
  const table = t.routeTables[tableId];
  // A subnet that went with its route table routes nowhere.
  const found = table === undefined ? LPM_MISS : table.lookup(p.dst);
  if (found === LPM_MISS) {
    c.drop(reasonNoVpcRoute, NO_NODE, STAGE_VPC_ROUTE);
    return DONE;
  }
  const target = found & TARGET_MASK;
  if (d !== null) {
    const length = table.matchLength(p.dst);
    const i = d.addWith(NO_NODE, STAGE_VPC_ROUTE, ACT_ROUTE, RULE_VPC_TABLE, tableId, p.dst, length, 0, target);
    d.e[i] = found >> TARGET_BITS;
    d.f[i] = table.matchLength(p.dst, length);
  }
  if (target === TARGET_LOCAL) {
    const to = t.mapping[vpc].lookup(p.dst);
    if (to !== LPM_MISS) return enter(c, to);
    c.drop(reasonUnassigned, NO_NODE, STAGE_ENI_IN);
  } else if (target === TARGET_INTERNET_GATEWAY) {
    const back = leaveByInternetGateway(c, eni);
    if (back !== DONE) return enter(c, back);
  } else if (target === TARGET_NETWORK) leaveTo(c, found >> TARGET_BITS, eni);
  else c.drop(target === TARGET_BLACKHOLE ? reasonBlackhole : reasonNoVpcRoute, NO_NODE, STAGE_VPC_ROUTE);
  return DONE;
}

/**
 * A packet from a host outside the VPC, at the gateway: the internet gateway maps a public address to the private one;
 * a private network's packets name the private address themselves.
 *
 * @returns the node's ENI that receives the packet, or DONE
 */
export function walkFromOutside(c: Context, device: number): number {
  const t = c.tables;
  const p = c.p;
  const network = t.deviceNetwork[device];
  const vpc = t.deviceVpc[device];
  if (network < 0) {
    c.drop(reasonOutside, NO_NODE, STAGE_GATEWAY);
    return DONE;
  }
  const neighbour = t.outside[network].lookup(p.dst);
  if (neighbour !== LPM_MISS) {
    deliverHost(c, neighbour, NO_ENI);
    return DONE;
  }
  const to = network === NETWORK_INTERNET ? publicToPrivate(c, vpc) : t.mapping[vpc].lookup(p.dst);
  if (to === LPM_MISS) {
    c.drop(reasonOutside, NO_NODE, STAGE_GATEWAY);
    return DONE;
  }
  return enter(c, to);
}

/** The packet is at an ENI: that of a node, which takes it from here, or that of a VPC host. */
export function enter(c: Context, eni: number): number {
  const t = c.tables;
  const d = c.decision;
  if (d !== null) d.addWith(NO_NODE, STAGE_ENI_IN, ACT_ACCEPT, RULE_ENI, eni, c.p.src, c.p.dst, 0, 0);
  if (t.eniNode[eni] >= 0) return eni;
  deliverHost(c, t.eniHostDevice[eni], eni);
  return DONE;
}

/** 1:1 translation of the sender's private address; what goes to a public address of the VPC itself comes back in. */
function leaveByInternetGateway(c: Context, eni: number): number {
  const t = c.tables;
  const p = c.p;
  const pub = t.eniPublic[eni];
  // Only the ENI's primary private address has the public address; a pod's own address has none.
  if (pub === 0 || p.src !== t.eniAddress[eni]) {
    c.drop(reasonNoPublic, NO_NODE, STAGE_GATEWAY);
    return DONE;
  }
  if (!fitGateway(c, eni)) return DONE;
  const d = c.decision;
  if (d !== null) d.addWith(NO_NODE, STAGE_GATEWAY, ACT_SNAT, RULE_NAT, NAT_RULE_IGW, p.src, p.sport, pub, p.sport);
  if (p.icmpError === 1 && quotedDst(p) === p.src) rewriteQuoted(p, quotedSrc(p), pub, quotedSport(p), quotedDport(p));
  p.src = pub;
  writeBack(p);
  const device = t.outside[NETWORK_INTERNET]?.lookup(p.dst) ?? LPM_MISS;
  if (device !== LPM_MISS) {
    deliverHost(c, device, NO_ENI);
    return DONE;
  }
  const back = publicToPrivate(c, t.eniVpc[eni]);
  if (back === LPM_MISS) {
    c.drop(reasonOutside, NO_NODE, STAGE_GATEWAY);
    return DONE;
  }
  return back;
}

/** Translates a public destination to its ENI's private address; LPM_MISS if no ENI has it. */
function publicToPrivate(c: Context, vpc: number): number {
  const t = c.tables;
  const p = c.p;
  const table = t.publicAddresses[vpc];
  const eni = table === undefined ? LPM_MISS : table.lookup(p.dst);
  if (eni === LPM_MISS) return LPM_MISS;
  const address = t.eniAddress[eni];
  const d = c.decision;
  if (d !== null) d.addWith(NO_NODE, STAGE_GATEWAY, ACT_DNAT, RULE_NAT, NAT_RULE_IGW, p.dst, p.dport, address, p.dport);
  if (p.icmpError === 1 && quotedSrc(p) === p.dst)
    rewriteQuoted(p, address, quotedDst(p), quotedSport(p), quotedDport(p));
  p.dst = address;
  writeBack(p);
  return eni;
}

/** To a private network beyond the VPC (on-premises), without translation. */
function leaveTo(c: Context, network: number, eni: number): void {
  if (!fitGateway(c, eni)) return;
  const device = c.tables.outside[network].lookup(c.p.dst);
  if (device === LPM_MISS) c.drop(reasonOutside, NO_NODE, STAGE_GATEWAY);
  else deliverHost(c, device, NO_ENI);
}

/**
 * Checks the packet against the gateway's MTU. What is too large and may be cut is cut, and its pieces leave by the
 * same ENI again; what may not be is answered by the subnet's router.
 */
function fitGateway(c: Context, eni: number): boolean {
  const fit = fits(c.p, GATEWAY_MTU);
  if (fit === 0) return true;
  if (fit > 0) c.cut(NO_NODE, "eni", eni, GATEWAY_MTU);
  else {
    const router = c.tables.subnetRouter[c.tables.eniSubnet[eni]];
    c.answer(WORK_ENI_IN, eni, NO_NODE, router, ICMP_UNREACHABLE, CODE_FRAGMENTATION_NEEDED, GATEWAY_MTU);
    c.drop(reasonTooBig, NO_NODE, STAGE_MTU);
  }
  return false;
}

/**
 * To a host's device. A packet over its MTU is cut where it may be; otherwise a VPC host's subnet router answers, and
 * beyond the gateway the wire just drops it.
 */
function deliverHost(c: Context, device: number, eni: number): void {
  const t = c.tables;
  const mtu = t.deviceMtu[device];
  const fit = fits(c.p, mtu);
  if (fit === 0) c.deliver(device);
  else if (fit > 0) c.cut(NO_NODE, "device", device, mtu);
  else {
    if (eni !== NO_ENI) {
      const sender = t.mapping[t.eniVpc[eni]].lookup(c.p.src);
      const router = t.subnetRouter[t.eniSubnet[eni]];
      if (sender !== LPM_MISS)
        c.answer(WORK_ENI_IN, sender, NO_NODE, router, ICMP_UNREACHABLE, CODE_FRAGMENTATION_NEEDED, mtu);
    }
    c.drop(reasonTooBig, NO_NODE, STAGE_MTU);
  }
}

const reasonCheck = reason("SOURCE_DEST_CHECK");
const reasonNoVpcRoute = reason("VPC_NO_ROUTE");
const reasonBlackhole = reason("VPC_BLACKHOLE");
const reasonUnassigned = reason("VPC_ADDRESS_UNASSIGNED");
const reasonNoPublic = reason("IGW_NO_PUBLIC_ADDRESS");
const reasonOutside = reason("OUTSIDE_UNREACHABLE");
const reasonTooBig = reason("FRAGMENTATION_NEEDED");
