import type { Context } from "./context.ts";
import { ACT_NONE, STAGE_MTU, STAGE_TTL } from "./decision.ts";
import { sizeOnWire } from "./fragment.ts";

/** What a decision says of checks that a packet passed. Call when there is a decision: the rest of the walk pays nothing. */

/**
 * The packet was measured against the MTU of a way.
 *
 * @param node -1: the VPC
 * @param ruleKind RULE_* of what has the MTU, and its number
 * @param fit what fits() says: 0, or 1 for a packet that is to be cut
 */
export function noteMtu(c: Context, node: number, ruleKind: number, rule: number, mtu: number, fit: number): void {
  const d = c.decision;
  if (d !== null) d.addWith(node, STAGE_MTU, ACT_NONE, ruleKind, rule, d.brief ? 0 : sizeOnWire(c.p), mtu, fit, 0);
}

/** The node takes one off the packet's TTL when it sends it on. */
export function noteTtl(c: Context, node: number): void {
  c.decision?.addWith(node, STAGE_TTL, ACT_NONE, 0, 0, c.p.ttl, c.p.ttl - 1, 0, 0);
}
