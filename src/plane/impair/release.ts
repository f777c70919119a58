import type { Context } from "../context.ts";
import type { Patch } from "../rows.ts";
import { parsePacket } from "../wire/parse.ts";
import { AT_DEVICE, AT_ENI } from "./impairmentRow.ts";
import { Impairments } from "./impairments.ts";

/** Changes what is impaired. What waits goes with its device or ENI alone. */
export function applyImpairments(c: Context, patch: Patch): void {
  for (const row of patch.gone) {
    if (row.t === "impairment") c.impairments?.lanes.remove(row);
    else if (row.t === "device") c.impairments?.forget(AT_DEVICE, row.id);
    else if (row.t === "eni") c.impairments?.forget(AT_ENI, row.id);
  }
  for (const row of patch.put) {
    if (row.t !== "impairment") continue;
    c.impairments ??= new Impairments(c);
    c.impairments.lanes.put(row);
  }
  if (c.impairments?.lanes.isEmpty === true) c.impairments = null;
}

/**
 * Loads the packet that is due next, in scratch space, with its number and its hops.
 *
 * @returns whether there was one, and room for it; `impairments.held` says where it waited.
 */
export function loadDue(c: Context, impairments: Impairments): boolean {
  const { held } = impairments;
  if (c.mustFlush || !impairments.isDue(c.now)) return false;
  const length = held.nextLength;
  const at = c.allocate(length);
  if (at < 0) return false;
  impairments.take(at);
  c.countQueued();
  c.packetId = held.packet;
  c.hops = held.hops;
  // What does not parse was kept from waiting.
  parsePacket(c.p, at, length);
  return true;
}
