import { REASONS } from "./reasons.ts";

/**
 * Counters of the plane: one Float64Array, usually a view on shared memory. The plane is the only writer, so a plain
 * `+=` will do; the metrics endpoint reads it at scrape time.
 *
 * The ledger that must always balance (a packet is in one place only):
 * read + generated + split = written + merged + dropped by reason + queued.
 */
export const C_READ = 0;
export const C_GENERATED = 1;
/** Additional packets that fragmentation or segmentation made: pieces minus the packet they came from. */
export const C_SPLIT = 2;
export const C_WRITTEN = 3;
/** Packets that reassembly took in minus the one it gave out. */
export const C_MERGED = 4;
/** Gauge: packets that wait: fragments in reassembly, for the confirmation of a conntrack entry, for an impairment. */
export const C_QUEUED = 5;
export const C_ICMP_SUPPRESSED = 6;
export const C_NAT_DNAT = 7;
export const C_NAT_SNAT = 8;
/** Source bindings that kept the packet's address and port. */
export const C_NAT_NULL = 9;
/** Source bindings whose first choice of a port was taken: the packet's own, or the one that was drawn. */
export const C_NAT_COLLISION = 10;
export const C_NAT_EXHAUSTED = 11;
export const C_BATCHES = 12;
export const C_BATCH_PACKETS = 13;
/** Nanoseconds that the loop worked, and that it waited. */
export const C_BUSY_NS = 14;
export const C_IDLE_NS = 15;
export const C_VERIFIED = 16;
export const C_VERIFY_BAD = 17;
export const C_ROUTES = 18;
export const C_CT_ENTRIES = 19;
export const C_GENERATION = 20;
/** What the monotonic clock of the process (process.hrtime), in milliseconds, is ahead of the plane's tick; set by the owner. */
export const C_TICK_ORIGIN = 21;

/** Where the drop counters start: one for each reason. */
export const C_DROPS = 32;
const AFTER_DROPS = C_DROPS + 96;
/** Where conntrack's own statistics start (conntrack/info.ts has their order). */
export const C_CONNTRACK = AFTER_DROPS;
/** Where per-device counters start; {@link DEVICE_COUNTERS} for each device. */
export const C_DEVICES = C_CONNTRACK + 32;
export const DEVICE_COUNTERS = 11;
export const D_RX_PACKETS = 0;
export const D_RX_BYTES = 1;
export const D_TX_PACKETS = 2;
export const D_TX_BYTES = 3;
// At a node's own device: source NAT of all of the node.
export const D_NAT_SNAT = 4;
export const D_NAT_COLLISION = 5;
/** Ports that were tried and taken. */
export const D_NAT_PORTS_TAKEN = 6;
export const D_NAT_EXHAUSTED = 7;
// At a pod's device: what network policies dropped of what it sent, and of what was for it. Bytes with the Ethernet header.
export const D_POLICY_EGRESS_PACKETS = 4;
export const D_POLICY_EGRESS_BYTES = 5;
export const D_POLICY_INGRESS_PACKETS = 6;
export const D_POLICY_INGRESS_BYTES = 7;
// At the device of a node or a VPC's host: what the security groups of its ENIs track, ENA's conntrack_allowance_*.
/** Gauge: connections. */
export const D_TRACKED = 8;
/** Gauge: connections that it may track besides; {@link TRACKED_UNLIMITED} where it has no limit. */
export const D_TRACKED_AVAILABLE = 9;
/** New connections that were dropped because it tracks as many as it may. */
export const D_TRACKED_EXCEEDED = 10;
export const TRACKED_UNLIMITED = -1;

if (REASONS.length > AFTER_DROPS - C_DROPS) throw new RangeError("the counters have no room for all reasons");

/** Number of counters for `devices` devices. */
export function counterCount(devices: number): number {
  return C_DEVICES + devices * DEVICE_COUNTERS;
}
