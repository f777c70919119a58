import type { Context } from "../context.ts";
import { ACT_DNAT, ACT_SNAT, NAT_RULE_IGW, RULE_ENI, RULE_NAT, STAGE_GATEWAY } from "../decision.ts";
import { DONE } from "../leave.ts";
import { LPM_MISS } from "../lpm/lpm.ts";
import { quotedDport, quotedDst, quotedSport, quotedSrc } from "../nat/quoted.ts";
import { rewriteQuoted, writeBack } from "../nat/rewrite.ts";
import { reason } from "../reasons.ts";
import { deliverHost, fitWay, NO_NODE, NO_SUBNET } from "./deliver.ts";

/** MTU of the way through an internet gateway (EC2 User Guide, "Network MTU for your EC2 instance"). */
const INTERNET_MTU = 1500;
/** Network of {@link OutsideRow} that is the internet. */
export const NETWORK_INTERNET = 0;

/**
 * Out by the internet gateway of a VPC: 1:1 translation of the sender's private address. What goes to a public address of
 * any VPC comes back in there.
 *
 * @param subnet whose route table sent the packet here
 * @returns the ENI that the packet comes back in to, or DONE
 */
export function leaveByInternetGateway(c: Context, vpc: number, subnet: number): number {
  const t = c.tables;
  const p = c.p;
  const eni = t.mapping[vpc].lookup(p.src);
  const pub = eni === LPM_MISS ? 0 : t.eniPublic[eni];
  // Only the ENI's primary private address has the public address; a pod's own address has none.
  if (pub === 0 || p.src !== t.eniAddress[eni]) {
    c.drop(reasonNoPublic, NO_NODE, STAGE_GATEWAY);
    if (eni !== LPM_MISS) c.because(RULE_ENI, eni, p.src, t.eniAddress[eni], pub);
    return DONE;
  }
  if (!fitWay(c, subnet, INTERNET_MTU, RULE_NAT, NAT_RULE_IGW)) return DONE;
  const d = c.decision;
  if (d !== null) d.addWith(NO_NODE, STAGE_GATEWAY, ACT_SNAT, RULE_NAT, NAT_RULE_IGW, p.src, p.sport, pub, p.sport);
  if (p.icmpError === 1 && quotedDst(p) === p.src) rewriteQuoted(p, quotedSrc(p), pub, quotedSport(p), quotedDport(p));
  p.src = pub;
  writeBack(p);
  const device = t.outside[NETWORK_INTERNET]?.lookup(p.dst) ?? LPM_MISS;
  if (device !== LPM_MISS) {
    deliverHost(c, device, NO_SUBNET, INTERNET_MTU);
    return DONE;
  }
  return enterByInternetGateway(c);
}

/**
 * In by the internet gateway that has the packet's destination: the private address of that ENI becomes the destination.
 *
 * @returns the ENI, or DONE when no ENI has that public address
 */
export function enterByInternetGateway(c: Context): number {
  const t = c.tables;
  const p = c.p;
  const eni = t.publicAddresses.lookup(p.dst);
  if (eni === LPM_MISS) {
    c.drop(reasonOutside, NO_NODE, STAGE_GATEWAY);
    return DONE;
  }
  const address = t.eniAddress[eni];
  const d = c.decision;
  if (d !== null) d.addWith(NO_NODE, STAGE_GATEWAY, ACT_DNAT, RULE_NAT, NAT_RULE_IGW, p.dst, p.dport, address, p.dport);
  if (p.icmpError === 1 && quotedSrc(p) === p.dst)
    rewriteQuoted(p, address, quotedDst(p), quotedSport(p), quotedDport(p));
  p.dst = address;
  writeBack(p);
  return eni;
}

const reasonNoPublic = reason("IGW_NO_PUBLIC_ADDRESS");
const reasonOutside = reason("OUTSIDE_UNREACHABLE");
