import type { Context } from "../context.ts";
import { PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import { DEVICE_POD, POLICY_ENGINE_AWS } from "../rows.ts";
import { getI32, getU16 } from "../wire/bytes.ts";
import { IP_DST, IP_HEADER_MIN, IP_PROTOCOL, IP_SRC } from "../wire/ipv4.ts";
import { SCTP_HEADER } from "../wire/sctp.ts";
import { TCP_HEADER_MIN } from "../wire/tcp.ts";
import { UDP_HEADER } from "../wire/udp.ts";
import { statePair } from "./policyFlows.ts";
import { BY_FLOW, BY_REPLY, evaluate, noteAllowed, refuse, TIER_DEFAULT, tell, verdict } from "./verdict.ts";

/**
 * AWS's network policy agent (aws-network-policy-agent at c8619c05, pkg/ebpf/c/tc.v4{in,e}gress.bpf.c): a program at the
 * host's end of each pod's veth. What a pod sends is judged before reassembly and before the node's DNAT; what comes to a
 * pod, when everything is done with it.
 */

const NONE = -1;
const INGRESS = 0;
const EGRESS = 1;

/** A packet that a pod has sent. False: it was dropped. */
export function leavePod(c: Context, device: number): boolean {
  if (c.tables.policies.count === 0 || c.tables.policies.engine(device) !== POLICY_ENGINE_AWS) return true;
  return judge(c, device, EGRESS, c.p.off, c.p.len);
}

/** A packet that is to be written to a pod's device, translated and whole. False: it was dropped. */
export function enterPod(c: Context, device: number): boolean {
  if (c.tables.policies.count === 0 || c.tables.policies.engine(device) !== POLICY_ENGINE_AWS) return true;
  return judge(c, device, INGRESS, c.p.off, c.p.len);
}

/** A piece of a packet that was cut for a device: the program sees no other than these. False: it was dropped. */
export function enterPodPiece(c: Context, device: number, offset: number, length: number): boolean {
  const t = c.tables;
  if (t.policies.count === 0 || t.deviceKind[device] !== DEVICE_POD) return true;
  if (t.policies.engine(device) !== POLICY_ENGINE_AWS) return true;
  return judge(c, device, INGRESS, offset, length);
}

/**
 * The program, on the packet's bytes. It takes the layer 4 header for what begins 20 bytes into the packet, whatever
 * options or fragment offset there are, and lets pass what ends inside that header; ICMP and others have ports 0.
 */
function judge(c: Context, device: number, egress: number, offset: number, length: number): boolean {
  const { buf } = c.p;
  const protocol = buf[offset + IP_PROTOCOL];
  const src = getI32(buf, offset + IP_SRC);
  const dst = getI32(buf, offset + IP_DST);
  let sport = 0;
  let dport = 0;
  const header = headerOf(protocol);
  if (header > 0) {
    if (length < IP_HEADER_MIN + header) return true;
    sport = getU16(buf, offset + IP_HEADER_MIN);
    dport = getU16(buf, offset + IP_HEADER_MIN + 2);
  }
  const { tables: t, policyFlows: flows } = c;
  const node = t.deviceNode[device];
  const pair = statePair(t.policies.state(device), t.policies.clusterState(device));
  const remote = egress === EGRESS ? dst : src;
  const known = flows.find(device, protocol, src, sport, dst, dport);
  if (known !== NONE) {
    if (flows.table.value(known) === pair) {
      flows.touch(known, c.now);
      noteAllowed(c, node, device, egress, BY_FLOW, NONE, TIER_DEFAULT, protocol, remote, dport);
      return true;
    }
  } else {
    const answers = flows.find(device, protocol, dst, dport, src, sport);
    if (answers !== NONE) {
      flows.touch(answers, c.now);
      noteAllowed(c, node, device, egress, BY_REPLY, NONE, TIER_DEFAULT, protocol, remote, dport);
      return true;
    }
  }
  const isNode = remote === (t.nodes[node]?.primaryAddress ?? 0);
  const allowed = evaluate(c, device, egress, protocol, remote, dport, isNode);
  tell(c, node, device, egress, protocol, src, sport, dst, dport, allowed, length);
  if (allowed) {
    flows.allow(known, device, protocol, src, sport, dst, dport, pair, c.now);
    noteAllowed(c, node, device, egress, verdict.cause, verdict.rule, verdict.tier, protocol, remote, dport);
    return true;
  }
  if (known !== NONE) flows.table.delete(known);
  return refuse(c, node, device, egress, protocol, remote, dport, length);
}

/** Bytes of the header that the program wants to see whole, or 0. */
function headerOf(protocol: number): number {
  if (protocol === PROTO_TCP) return TCP_HEADER_MIN;
  if (protocol === PROTO_UDP) return UDP_HEADER;
  return protocol === PROTO_SCTP ? SCTP_HEADER : 0;
}
