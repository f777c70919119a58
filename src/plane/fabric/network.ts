import type { Context } from "../context.ts";
import { STAGE_GATEWAY } from "../decision.ts";
import { LPM_MISS } from "../lpm/lpm.ts";
import { reason } from "../reasons.ts";
import { deliverHost, NO_NODE } from "./deliver.ts";

/**
 * By the VPC's own way to a network beyond it (a virtual private gateway, a gateway endpoint), without translation. It
 * takes what the VPC's own addresses send: what only passes through the VPC goes no further (VPC Peering Guide and
 * PrivateLink Guide: neither a VPN nor a gateway endpoint can be extended out of the VPC).
 *
 * @param subnet whose route table sent the packet here; its router answers to what is too large
 */
export function leaveToNetwork(c: Context, network: number, vpc: number, subnet: number): void {
  if (c.tables.mapping[vpc].lookup(c.p.src) === LPM_MISS) c.drop(reasonTransitive, NO_NODE, STAGE_GATEWAY);
  else deliverInNetwork(c, network, subnet);
}

/** To the host of a network beyond the VPCs that has the destination address. */
export function deliverInNetwork(c: Context, network: number, subnet: number): void {
  const t = c.tables;
  const device = t.outside[network]?.lookup(c.p.dst) ?? LPM_MISS;
  if (device === LPM_MISS) c.drop(reasonOutside, NO_NODE, STAGE_GATEWAY);
  else deliverHost(c, device, subnet, t.gateways.networkMtu(network));
}

const reasonTransitive = reason("GATEWAY_NOT_TRANSITIVE");
const reasonOutside = reason("OUTSIDE_UNREACHABLE");
