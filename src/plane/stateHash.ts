import { hashWords } from "./conntrack/hash.ts";
import type { Context } from "./context.ts";
import { C_BUSY_NS, C_IDLE_NS } from "./counters.ts";

/** The owner's loop counts its own time, whether packets come or not. */
const LOOP_COUNTERS: readonly number[] = [C_BUSY_NS, C_IDLE_NS];

/**
 * A hash over everything that a packet can change: conntrack, what security groups, NAT gateways and policies remember,
 * random generators, counters, session affinity, schedulers, limits, impairments, and packets that wait. To show that a question
 * changes nothing; it reads all of it, and is slow.
 */
export function stateHash(c: Context): number {
  const { affinity, schedulers } = c.tables.services;
  const tables = Int32Array.of(
    c.ct.stateHash(),
    c.tracked.table.stateHash(),
    c.nat.stateHash(),
    c.policyFlows.stateHash(),
  );
  let h = hashWords(tables, 0, tables.length);
  h = c.random.fold(h);
  h = affinity.fold(h);
  h = schedulers.fold(h);
  h = c.limit.fold(h);
  h = c.resolverMeter.fold(h);
  h = c.policyEvents.fold(h);
  h = c.reassembly.fold(h, c.arena);
  if (c.parking !== null) h = c.parking.fold(h, c.arena);
  if (c.impairments !== null) h = c.impairments.fold(h);
  if (c.impairments !== null) h = c.impairments.fold(h);
  const rest = Int32Array.of(c.out.count, c.icmpId);
  h = hashWords(rest, 0, rest.length, h);
  const counters = Float64Array.from(c.counters);
  for (const i of LOOP_COUNTERS) counters[i] = 0;
  const words = new Int32Array(counters.buffer);
  return hashWords(words, 0, words.length, h);
}
