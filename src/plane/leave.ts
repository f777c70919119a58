import { CONFIRM_CHAIN, CONFIRM_CLASH, CONFIRM_OK, DIR_ORIGINAL, DIR_REPLY } from "./conntrack/info.ts";
import type { Context } from "./context.ts";
import { ACT_INSERT, ACT_QUEUE, type Decision, RULE_NONE, STAGE_CONFIRM } from "./decision.ts";
import { writeBack } from "./nat/rewrite.ts";
import type { Parking } from "./parking.ts";
import { enterPod } from "./policy/agent.ts";
import { reason } from "./reasons.ts";
import type { NodeRow } from "./rows.ts";
import { NEXT_ENI, NEXT_POD } from "./tables.ts";
import { parsePacket } from "./wire/parse.ts";

/** The end of a packet's way on a node: the confirmation of its entry, with or without a wait before it, and the way out. */

/** The packet left the node by no ENI: it was delivered, answered, queued or dropped. */
export const DONE = -1;

/** Confirms the entry of a connection's first packet. False when the packet was dropped. */
export function confirmNew(c: Context, node: number): boolean {
  const p = c.p;
  const entry = p.ct;
  const confirmed = c.ct.confirm(entry, c.now);
  if (confirmed !== CONFIRM_CLASH && confirmed !== CONFIRM_CHAIN) {
    if (c.decision !== null && confirmed === CONFIRM_OK) traceInsert(c, c.decision, node, entry);
    return true;
  }
  p.ct = -1;
  c.drop(confirmed === CONFIRM_CHAIN ? reasonChain : reasonInsert, node, STAGE_CONFIRM);
  return false;
}

function traceInsert(c: Context, d: Decision, node: number, e: number): void {
  const { ct } = c;
  const [src, dst] = [ct.src(e, DIR_REPLY), ct.dst(e, DIR_REPLY)];
  const [sport, dport] = [ct.sport(e, DIR_REPLY), ct.dport(e, DIR_REPLY)];
  const i = d.addWith(node, STAGE_CONFIRM, ACT_INSERT, RULE_NONE, 0, src, sport, dst, dport);
  d.e[i] = ct.src(e, DIR_ORIGINAL);
  d.f[i] = ct.dst(e, DIR_ORIGINAL);
  d.g[i] = (ct.sport(e, DIR_ORIGINAL) << 16) | ct.dport(e, DIR_ORIGINAL);
  d.h[i] = ct.protocol(e);
}

/** Sends a packet that is written back out of the node. @returns the ENI that it leaves by, or DONE */
export function leave(c: Context, row: NodeRow, kind: number, target: number, fit: number, mtu: number): number {
  const p = c.p;
  p.ct = -1;
  p.mark = 0;
  if (kind === NEXT_ENI) {
    if (fit === 0) return target;
    c.cut(row.id, "eni", target, mtu);
    return DONE;
  }
  const device = kind === NEXT_POD ? target : row.hostDevice;
  // Of what is cut, every piece is asked for itself, as it comes to the pod.
  if (fit !== 0) c.cut(row.id, "device", device, mtu);
  else if (enterPod(c, device)) c.deliver(device);
  return DONE;
}

/**
 * Lets a connection's first packet wait, translated, before its entry is confirmed. False when it goes straight on: it is
 * a question's, there is no room, or it was reassembled (whose fragments' ends are kept for one datagram alone).
 */
export function park(
  c: Context,
  parking: Parking,
  node: number,
  kind: number,
  target: number,
  fit: number,
  mtu: number,
): boolean {
  const p = c.p;
  if (c.ct.trial || p.fragMax > 0 || parking.full) return false;
  writeBack(p);
  parking.take(p, node, kind, target, fit, mtu, c.now, c.packetId);
  c.countQueued();
  c.decision?.add(node, STAGE_CONFIRM, ACT_QUEUE, RULE_NONE, 0, 0);
  p.ct = -1;
  return true;
}

/** Lets the packet of a parking slot go on. @returns the ENI that it leaves its node by, or DONE */
export function release(c: Context, parking: Parking, slot: number): number {
  const p = c.p;
  const length = parking.length(slot);
  const at = c.allocate(length);
  if (at < 0) parking.leave(slot);
  else parking.load(slot, c.arena, at);
  c.packetId = parking.id;
  c.countQueued();
  const row = c.tables.nodes[parking.node];
  if (at < 0 || row === null) {
    p.ct = parking.entry;
    c.drop(at < 0 ? reasonQueueFull : reasonDeviceGone, parking.node, STAGE_CONFIRM);
    return DONE;
  }
  // The plane wrote these bytes: they parse.
  parsePacket(p, at, length);
  p.ct = parking.entry;
  if (!confirmNew(c, row.id)) return DONE;
  return leave(c, row, parking.kind, parking.target, parking.fit, parking.mtu);
}

const reasonInsert = reason("CONNTRACK_INSERT_FAILED");
const reasonChain = reason("CONNTRACK_CHAIN_TOO_LONG");
const reasonQueueFull = reason("WORK_QUEUE_FULL");
const reasonDeviceGone = reason("DEVICE_GONE");
