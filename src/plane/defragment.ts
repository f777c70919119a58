import type { Context } from "./context.ts";
import { C_DROPS, C_MERGED } from "./counters.ts";
import { ACT_QUEUE, ACT_REASSEMBLE, RULE_NONE, STAGE_REASSEMBLY } from "./decision.ts";
import { FRAG_OFFSET_MASK, PARSE_OK } from "./packet.ts";
import { reason } from "./reasons.ts";
import { FRAG_COMPLETE, FRAG_QUEUED } from "./reassembly.ts";
import { parsePacket } from "./wire/parse.ts";

/** Longest datagram in bytes. */
const LONGEST = 0xffff;

/**
 * Takes a fragment in; true when the packet is now a whole datagram, parsed, and goes on.
 *
 * @param node in the decision's steps; -1: the VPC
 * @param place whose datagrams it is one of: the node, or a number that stands for a gateway
 */
export function reassemble(c: Context, node: number, place: number = node): boolean {
  const p = c.p;
  const at = c.allocate(LONGEST);
  if (at < 0) {
    c.drop(reasonQueueFull, node, STAGE_REASSEMBLY);
    return false;
  }
  const result = c.reassembly.add(p, place, c.now, at);
  c.countQueued();
  if (result === FRAG_QUEUED) {
    c.scratch.release(at);
    const first = (p.frag & FRAG_OFFSET_MASK) << 3;
    c.decision?.addWith(node, STAGE_REASSEMBLY, ACT_QUEUE, RULE_NONE, 0, first, p.l4len, 0, 0);
    return false;
  }
  if (result !== FRAG_COMPLETE) {
    c.scratch.release(at);
    c.counters[C_DROPS + c.reassembly.lastReason] += c.reassembly.lastCount - 1;
    c.drop(c.reassembly.lastReason, node, STAGE_REASSEMBLY);
    return false;
  }
  c.counters[C_MERGED] += c.reassembly.lastCount - 1;
  const fragMax = p.fragMax;
  const fragDf = p.fragDf;
  if (parsePacket(p, p.off, p.len) !== PARSE_OK) {
    c.drop(reasonFragmentBad, node, STAGE_REASSEMBLY);
    return false;
  }
  p.fragMax = fragMax;
  p.fragDf = fragDf;
  const d = c.decision;
  if (d !== null)
    d.addWith(node, STAGE_REASSEMBLY, ACT_REASSEMBLE, RULE_NONE, 0, p.len, fragMax, c.reassembly.lastCount, 0);
  return true;
}

/** Drops datagrams whose fragments waited too long. */
export function expireFragments(c: Context): void {
  const dropped = c.reassembly.expire(c.now);
  if (dropped === 0) return;
  c.counters[C_DROPS + reasonTimeout] += dropped;
  c.countQueued();
}

const reasonQueueFull = reason("WORK_QUEUE_FULL");
const reasonFragmentBad = reason("FRAGMENT_BAD");
const reasonTimeout = reason("REASSEMBLY_TIMEOUT");
