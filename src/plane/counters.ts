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
/** Gauge: fragments that wait in reassembly, and packets that wait for the confirmation of their conntrack entry. */
export const C_QUEUED = 5;
export const C_ICMP_SUPPRESSED = 6;
export const C_NAT_DNAT = 7;
export const C_NAT_SNAT = 8;
/** Source bindings that kept the packet's address and port. */
export const C_NAT_NULL = 9;
/** Source bindings whose wanted port was taken, so that another was searched. */
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

/** Where the drop counters start: one for each reason. */
export const C_DROPS = 32;
const AFTER_DROPS = C_DROPS + 96;
/** Where conntrack's own statistics start (conntrack/info.ts has their order). */
export const C_CONNTRACK = AFTER_DROPS;
/** Where per-device counters start; {@link DEVICE_COUNTERS} for each device. */
export const C_DEVICES = C_CONNTRACK + 32;
export const DEVICE_COUNTERS = 4;
export const D_RX_PACKETS = 0;
export const D_RX_BYTES = 1;
export const D_TX_PACKETS = 2;
export const D_TX_BYTES = 3;

if (REASONS.length > AFTER_DROPS - C_DROPS) throw new RangeError("the counters have no room for all reasons");

/** Number of counters for `devices` devices. */
export function counterCount(devices: number): number {
  return C_DEVICES + devices * DEVICE_COUNTERS;
}
