import { ACT_ROUTE, type Decision, LATER, RULE_TRANSIT, STAGE_ROUTE, STAGE_VPC_ROUTE } from "./decision.ts";
import type { Lpm } from "./lpm/lpm.ts";
import type { Tables } from "./tables.ts";

/**
 * Looks up what a brief decision left for later: how long the routes are that were taken, and the next best ones. The tables
 * have to be those that the packet was routed by.
 */
export function findRouteLengths(t: Tables, d: Decision): void {
  for (let i = 0; i < d.count; i++) {
    if (d.action[i] !== ACT_ROUTE || d.b[i] !== LATER) continue;
    const table = tableOf(t, d, i);
    const address = d.a[i];
    const length = table === null ? -1 : table.matchLength(address);
    const next = table === null ? -1 : table.matchLength(address, length);
    d.b[i] = length;
    if (d.ruleKind[i] === RULE_TRANSIT) d.e[i] = next;
    else d.f[i] = next;
  }
}

function tableOf(t: Tables, d: Decision, i: number): Lpm | null {
  if (d.ruleKind[i] === RULE_TRANSIT) return t.gateways.transitTables[d.c[i]] ?? null;
  if (d.stage[i] === STAGE_ROUTE) return t.nodeRoutes[d.node[i]] ?? null;
  return d.stage[i] === STAGE_VPC_ROUTE ? (t.routeTables[d.rule[i]] ?? null) : null;
}
