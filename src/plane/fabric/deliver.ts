import type { Context } from "../context.ts";
import { RULE_DEVICE, STAGE_ENI_IN, STAGE_MTU } from "../decision.ts";
import { fits, sizeOnWire } from "../fragment.ts";
import { CODE_FRAGMENTATION_NEEDED, ICMP_UNREACHABLE } from "../icmpError.ts";
import { noteMtu } from "../notes.ts";
import { reason } from "../reasons.ts";
import { WORK_ROUTER } from "../workQueue.ts";

/** The ends of a packet's way through the VPC: a host's device, or an MTU that it does not fit. */

/** The VPC's steps in a decision belong to no node. */
export const NO_NODE = -1;
/** No router of a subnet is near: the wire beyond a gateway drops what is too large, and tells nobody. */
export const NO_SUBNET = -1;

/**
 * Checks the packet against the MTU of a way out of a subnet. What is too large and may be cut is cut, and its pieces are
 * routed from the subnet again; what may not be is answered by the subnet's router.
 *
 * @param mtu bytes
 * @param ruleKind RULE_* of what has the MTU, and its number
 * @returns whether the packet fits; false: it is done
 */
export function fitWay(c: Context, subnet: number, mtu: number, ruleKind: number, rule: number): boolean {
  const fit = fits(c.p, mtu);
  if (c.decision !== null && fit >= 0) noteMtu(c, NO_NODE, ruleKind, rule, mtu, fit);
  if (fit === 0) return true;
  if (fit > 0) c.cut(NO_NODE, "router", subnet, mtu);
  else tooBig(c, subnet, mtu, ruleKind, rule);
  return false;
}

/**
 * To a host's device, by a link of an MTU. A packet that is over it is cut where it may be.
 *
 * @param subnet whose router answers to what may not be cut; NO_SUBNET: nobody does
 * @param mtu of the link to the host, in bytes; the device's own is below it or holds as well
 */
export function deliverHost(c: Context, device: number, subnet: number, mtu: number): void {
  if (device < 0) {
    c.drop(reasonGone, NO_NODE, STAGE_ENI_IN);
    return;
  }
  const limit = Math.min(mtu, c.tables.deviceMtu[device]);
  const fit = fits(c.p, limit);
  if (fit === 0) c.deliver(device);
  else if (fit > 0) c.cut(NO_NODE, "device", device, limit);
  else tooBig(c, subnet, limit, RULE_DEVICE, device);
}

/** Drops the packet, which is over an MTU; the subnet's router tells its sender. */
export function tooBig(c: Context, subnet: number, mtu: number, ruleKind: number, rule: number): void {
  c.drop(reasonTooBig, NO_NODE, STAGE_MTU);
  c.because(ruleKind, rule, sizeOnWire(c.p), mtu, 0);
  if (subnet !== NO_SUBNET) {
    const router = c.tables.subnetRouter[subnet];
    c.answer(WORK_ROUTER, subnet, NO_NODE, router, ICMP_UNREACHABLE, CODE_FRAGMENTATION_NEEDED, mtu);
  }
}

const reasonGone = reason("DEVICE_GONE");
const reasonTooBig = reason("FRAGMENTATION_NEEDED");
