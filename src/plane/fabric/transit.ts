import type { Context } from "../context.ts";
import { ACT_ROUTE, LATER, RULE_TRANSIT, STAGE_GATEWAY, STAGE_MTU } from "../decision.ts";
import { sizeOnWire } from "../fragment.ts";
import { DONE } from "../leave.ts";
import { LPM_MISS } from "../lpm/lpm.ts";
import { noteMtu } from "../notes.ts";
import { reason } from "../reasons.ts";
import { NO_NODE } from "./deliver.ts";
import { clampMss } from "./mss.ts";
import { deliverInNetwork } from "./network.ts";

/**
 * MTU of a transit gateway between VPCs. What is larger is dropped, and nobody is told: "the transit gateway does not
 * generate the FRAG_NEEDED for ICMPv4 packet" (Transit Gateway Guide, "Quotas", MTU, as it stood until November 2024).
 */
const TRANSIT_MTU = 8500;

/**
 * Through a transit gateway: the route table that the packet's attachment is associated with names the attachment that it
 * leaves by. The MSS of every SYN is clamped to the MTU of the way (Transit Gateway Guide, "Quotas": "enforces Maximum
 * Segment Size (MSS) clamping for all packets", RFC 879).
 *
 * @param attachment by which the packet comes
 * @param subnet whose router answers to what is too large for a network's link; NO_SUBNET: nobody does
 * @returns the VPC's attachment that it leaves by, or DONE: it was delivered to a network's host, or dropped
 */
export function crossTransit(c: Context, attachment: number, subnet: number): number {
  const g = c.tables.gateways;
  const dst = c.p.dst;
  if (sizeOnWire(c.p) > TRANSIT_MTU) {
    c.drop(reasonMtu, NO_NODE, STAGE_MTU);
    c.because(RULE_TRANSIT, attachment, sizeOnWire(c.p), TRANSIT_MTU, 0);
    return DONE;
  }
  if (c.decision !== null) noteMtu(c, NO_NODE, RULE_TRANSIT, attachment, TRANSIT_MTU, 0);
  const tableId = g.attachmentTable[attachment] ?? -1;
  const table = tableId < 0 ? undefined : g.transitTables[tableId];
  const found = table === undefined ? LPM_MISS : table.lookup(dst);
  if (table === undefined || found === LPM_MISS) {
    c.drop(reasonNoRoute, NO_NODE, STAGE_GATEWAY);
    c.because(RULE_TRANSIT, attachment, dst, tableId, 0);
    return DONE;
  }
  const out = found - 1;
  const d = c.decision;
  if (d !== null) {
    const length = d.brief ? LATER : table.matchLength(dst);
    const i = d.addWith(NO_NODE, STAGE_GATEWAY, ACT_ROUTE, RULE_TRANSIT, attachment, dst, length, tableId, out);
    d.e[i] = d.brief ? LATER : table.matchLength(dst, length);
  }
  const network = out < 0 ? -1 : g.attachmentNetwork[out];
  if (out < 0 || (network < 0 && g.attachmentSubnet[out] < 0)) {
    c.drop(reasonBlackhole, NO_NODE, STAGE_GATEWAY);
    c.because(RULE_TRANSIT, attachment, dst, tableId, 0);
    return DONE;
  }
  if (network < 0) {
    clampMss(c, TRANSIT_MTU);
    return out;
  }
  clampMss(c, Math.min(TRANSIT_MTU, g.networkMtu(network)));
  deliverInNetwork(c, network, subnet);
  return DONE;
}

const reasonMtu = reason("TRANSIT_GATEWAY_MTU");
const reasonNoRoute = reason("TRANSIT_GATEWAY_NO_ROUTE");
const reasonBlackhole = reason("TRANSIT_GATEWAY_BLACKHOLE");
