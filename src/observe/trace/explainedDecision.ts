import * as D from "../../plane/decision.ts";
import { PROTO_ICMP } from "../../plane/packet.ts";
import { formatAddress } from "../../plane/wire/address.ts";
import { explain, type FlowEnd, type NameSource, type NearMisses } from "../explain.ts";
import { EndsTracker } from "../explainEnds.ts";
import type { ExplainedDecision, PacketEvent } from "./packetEvent.ts";
import { formatFlowId, formatTime, UNKNOWN_PROTOCOL } from "./packetEvent.ts";
import { type PacketFacts, PROTO_ICMPV6 } from "./packetFacts.ts";

/** What a packet has for itself, while others share its decision. */
export interface LivePacket {
  /** When it was read, nanoseconds since 1970. */
  readonly time: bigint;
  /** Its number, from 1. */
  readonly id: number;
  /** Its flow's number, int32 (plane/flowIds.ts). */
  readonly flow: number;
}

/** In place of what a packet's bytes do not tell. */
const UNREADABLE = "";

/**
 * Explains a decision in names: all of an event that depends on the decision and on the packet's addresses and ports alone.
 * It may be kept, and used for every packet that is decided the same way ({@link liveEvent}).
 *
 * @param d finished, or as far as the packet came; its first step is the device that sent the packet
 * @param near finds what almost let a refused packet pass; without it nobody looks
 */
export function explainedDecision(
  d: D.Decision,
  facts: PacketFacts,
  names: NameSource,
  near?: NearMisses,
): ExplainedDecision {
  const icmp = facts.protocol === PROTO_ICMP;
  const [sport, dport] = icmp ? [0, 0] : [facts.sport, facts.dport];
  const explanation = explain(
    d,
    {
      protocol: facts.protocol,
      source: { address: facts.src, port: sport, name: null },
      destination: { address: facts.dst, port: dport, name: null },
    },
    names,
    near,
  );
  const at = d.count > 0 && d.ruleKind[0] === D.RULE_DEVICE ? names.device(d.rule[0]) : UNREADABLE;
  const readable = facts.version === 4 && facts.protocol >= 0;
  const flow = readable ? explanation.flow : unreadableFlow(facts, at);
  return { at, ...explanation, flow, translated: readable ? translation(d, facts, names) : null };
}

/** A packet's event. Cheap: everything but four fields is the decision's. */
export function liveEvent(explained: ExplainedDecision, facts: PacketFacts, live: LivePacket): PacketEvent {
  const { at, ...decision } = explained;
  return {
    time: formatTime(live.time),
    id: live.id,
    flowId: formatFlowId(live.flow),
    at,
    length: facts.length,
    info: facts.info,
    ...decision,
  };
}

/** {@link explainedDecision} and {@link liveEvent} in one, for whoever keeps no decisions. */
export function packetEvent(
  d: D.Decision,
  facts: PacketFacts,
  live: LivePacket,
  names: NameSource,
  near?: NearMisses,
): PacketEvent {
  return liveEvent(explainedDecision(d, facts, names, near), facts, live);
}

/** The flow of what is no IPv4, or too short to be any. */
function unreadableFlow(facts: PacketFacts, at: string): ExplainedDecision["flow"] {
  const { ipv6, sport, dport, protocol } = facts;
  if (ipv6 === null) {
    const end = (name: string | null): FlowEnd => ({ name, address: UNREADABLE, port: 0 });
    return { protocol: UNKNOWN_PROTOCOL, source: end(at === UNREADABLE ? null : at), destination: end(null) };
  }
  const isIcmp = protocol === PROTO_ICMPV6;
  const end = (address: string, port: number): FlowEnd => ({ name: null, address, port: isIcmp ? 0 : port });
  const known: Record<number, string> = { 6: "tcp", 17: "udp", 132: "sctp", [PROTO_ICMPV6]: "icmp6" };
  return {
    protocol: known[protocol] ?? String(protocol),
    source: end(ipv6.source, sport),
    destination: end(ipv6.destination, dport),
  };
}

/** Addresses and ports as the packet had them where it ended; null where they are those that it began with. */
function translation(d: D.Decision, facts: PacketFacts, names: NameSource): ExplainedDecision["translated"] {
  const ends = new EndsTracker({
    protocol: facts.protocol,
    source: { address: facts.src, port: facts.sport, name: null },
    destination: { address: facts.dst, port: facts.dport, name: null },
  });
  let { sport, dport } = facts;
  for (let i = 0; i < d.count && !isEnd(d.action[i]); i++) {
    ends.step(d, i);
    // A later piece of what was cut has no ports, and a gateway none to tell of it.
    sport = ends.now.sport || sport;
    dport = ends.now.dport || dport;
  }
  const { src, dst } = d.verdict === D.VERDICT_DELIVERED ? d : ends.now;
  if (d.verdict === D.VERDICT_DELIVERED && (d.sport !== 0 || d.dport !== 0)) ({ sport, dport } = d);
  const isQuery = facts.protocol === PROTO_ICMP;
  // A later fragment tells no ports; whoever got the datagram saw some.
  const noPorts = facts.sport === 0 && facts.dport === 0;
  const samePorts = isQuery || noPorts || (sport === facts.sport && dport === facts.dport);
  if (src === facts.src && dst === facts.dst && samePorts) return null;
  const end = (address: number, port: number): FlowEnd => ({
    name: names.byAddress(address),
    address: formatAddress(address),
    port: isQuery ? 0 : port,
  });
  return { source: end(src, sport), destination: end(dst, dport) };
}

/** Whether what follows an action is about another packet: a further piece, or the answer that this one caused. */
function isEnd(action: number): boolean {
  return action === D.ACT_DELIVER || action === D.ACT_DROP || action === D.ACT_REJECT;
}
