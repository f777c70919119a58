import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../plane/packet.ts";
import {
  EVENT_DST,
  EVENT_EGRESS,
  EVENT_NODE,
  EVENT_PORTS,
  EVENT_PROTOCOL,
  EVENT_SRC,
  EVENT_TIER,
  EVENT_VERDICT,
  EVENT_WORDS,
} from "../plane/policy/policyEvents.ts";
import { formatAddress } from "../plane/wire/address.ts";
import { tierName } from "./explainPolicy.ts";

/**
 * What a node's network policy agent writes of a verdict, letter for letter (aws-network-policy-agent at c8619c05,
 * pkg/ebpf/events/events.go, capturePolicyEvents).
 */
export interface PolicyEvent {
  /** Index of the node. */
  readonly node: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** TCP, UDP, SCTP, ICMP or UNKNOWN. */
  readonly protocol: string;
  readonly allowed: boolean;
  readonly direction: "ingress" | "egress";
  /** ADMIN, NETWORK_POLICY, BASELINE or DEFAULT. */
  readonly tier: string;
}

const PROTOCOLS: Record<number, string> = {
  [PROTO_TCP]: "TCP",
  [PROTO_UDP]: "UDP",
  [PROTO_SCTP]: "SCTP",
  [PROTO_ICMP]: "ICMP",
};
/** Where the agent's code writes the two: what zap shows as the caller. */
const CALLERS = { info: "events/events.go:270", debug: "events/events.go:273" };

/** Records of a drained ring (plane/policy/policyEvents.ts). */
export function policyEvents(words: Int32Array): PolicyEvent[] {
  const events: PolicyEvent[] = [];
  for (let o = 0; o + EVENT_WORDS <= words.length; o += EVENT_WORDS) {
    const ports = words[o + EVENT_PORTS];
    events.push({
      node: words[o + EVENT_NODE],
      source: formatAddress(words[o + EVENT_SRC]),
      sourcePort: ports >>> 16,
      destination: formatAddress(words[o + EVENT_DST]),
      destinationPort: ports & 0xffff,
      protocol: PROTOCOLS[words[o + EVENT_PROTOCOL]] ?? "UNKNOWN",
      allowed: words[o + EVENT_VERDICT] === 1,
      direction: words[o + EVENT_EGRESS] === 1 ? "egress" : "ingress",
      tier: tierName(words[o + EVENT_TIER]),
    });
  }
  return events;
}

const verdictText = (e: PolicyEvent): string => (e.allowed ? "ACCEPT" : "DENY");

/** The message of a line of network-policy-agent.log. */
export function agentMessage(e: PolicyEvent): string {
  return `Flow Info: Src IP: ${e.source} Src Port: ${e.sourcePort} Dest IP: ${e.destination} Dest Port: ${e.destinationPort} Proto ${e.protocol} Verdict ${verdictText(e)} Direction ${e.direction}, Tier ${e.tier}`;
}

/** A line of network-policy-agent.log, as zap's JSON encoder writes it. */
export function agentLine(e: PolicyEvent, time: Date): string {
  const level = e.allowed ? "debug" : "info";
  return JSON.stringify({ level, ts: time.toISOString(), caller: CALLERS[level], msg: agentMessage(e) });
}

/** The message of an event of the log stream in CloudWatch. @param node the node's name */
export function cloudWatchMessage(e: PolicyEvent, node: string): string {
  return `Node: ${node};SIP: ${e.source};SPORT: ${e.sourcePort};DIP: ${e.destination};DPORT: ${e.destinationPort};PROTOCOL: ${e.protocol};PolicyVerdict: ${verdictText(e)};Tier: ${e.tier}`;
}
