import { CT_UNTRACKED } from "./conntrack/info.ts";
import type { Context } from "./context.ts";
import { PROTO_TCP, PROTO_UDP } from "./packet.ts";

/** DNS that a node answers at addresses of its own (LocalAddressRow): what conntrack leaves alone, and what is too much. */

const DNS_PORT = 53;
const NONE = -1;

/**
 * Whether a packet is a query to the node's own DNS, or its answer, that the raw table keeps from conntrack (NodeLocal
 * DNSCache: NOTRACK in PREROUTING and OUTPUT). Without an entry no Service that has the address translates it, and no two
 * queries race.
 */
export function isUntracked(c: Context, node: number): boolean {
  const p = c.p;
  if (p.dport !== DNS_PORT && p.sport !== DNS_PORT) return false;
  if (p.protocol !== PROTO_UDP && p.protocol !== PROTO_TCP) return false;
  const { nodeUntracked } = c.tables;
  if (node >= nodeUntracked.length) return false;
  const address = nodeUntracked[node];
  if (address === NONE) return false;
  return (p.dport === DNS_PORT && p.dst === address) || (p.sport === DNS_PORT && p.src === address);
}

/** Marks the packet as one that conntrack does not see. */
export function leaveUntracked(c: Context): number {
  c.p.ct = NONE;
  c.p.ctInfo = CT_UNTRACKED;
  return CT_UNTRACKED;
}

/**
 * Whether the VPC's resolver takes a pod's packet to an address of its own.
 *
 * @param device of the pod
 */
export function resolverAdmits(c: Context, node: number, device: number): boolean {
  if (node >= c.tables.resolverLimits.length) return true;
  const limit = c.tables.resolverLimits[node].lookup(c.p.dst);
  return limit < 0 || c.resolverMeter.admits(c.tables.deviceEni[device], limit, c.now, !c.ct.trial);
}
