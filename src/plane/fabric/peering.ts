import type { Context } from "../context.ts";
import { ACT_ROUTE, RULE_PEERING, STAGE_GATEWAY, STAGE_VPC_ROUTE } from "../decision.ts";
import { DONE } from "../leave.ts";
import { LPM_MISS } from "../lpm/lpm.ts";
import { reason } from "../reasons.ts";
import { fitWay, NO_NODE } from "./deliver.ts";

/**
 * Across a peering connection, to an address of the other VPC. It ends there: no route table of the other VPC is asked, so
 * that nobody gets to its gateways, endpoints and other peerings (VPC Peering Guide, "Edge to edge routing"). Nobody asks
 * for the source either: without a route back the answers are lost.
 *
 * @param vpc where the packet is
 * @param subnet whose route table sent the packet here
 * @returns the ENI of the other VPC that it goes to, or DONE
 */
export function crossPeering(c: Context, peering: number, vpc: number, subnet: number): number {
  const t = c.tables;
  const g = t.gateways;
  const dst = c.p.dst;
  const mtu = g.peeringMtu[peering] ?? 0;
  if (mtu <= 0) {
    c.drop(reasonBlackhole, NO_NODE, STAGE_VPC_ROUTE);
    return DONE;
  }
  const other = g.peeringA[peering] === vpc ? g.peeringB[peering] : g.peeringA[peering];
  const eni = t.mapping[other]?.lookup(dst) ?? LPM_MISS;
  if (eni === LPM_MISS && !g.isOwn(other, dst)) {
    c.drop(reasonTransitive, NO_NODE, STAGE_GATEWAY);
    c.because(RULE_PEERING, peering, dst, other, mtu);
    return DONE;
  }
  if (!fitWay(c, subnet, mtu, RULE_PEERING, peering)) return DONE;
  const d = c.decision;
  if (d !== null) d.addWith(NO_NODE, STAGE_GATEWAY, ACT_ROUTE, RULE_PEERING, peering, dst, other, mtu, 0);
  if (eni !== LPM_MISS) return eni;
  c.drop(reasonUnassigned, NO_NODE, STAGE_GATEWAY);
  return DONE;
}

const reasonBlackhole = reason("VPC_BLACKHOLE");
const reasonTransitive = reason("PEERING_NOT_TRANSITIVE");
const reasonUnassigned = reason("VPC_ADDRESS_UNASSIGNED");
