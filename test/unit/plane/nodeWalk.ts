import { ACT_DNAT, ACT_MARK, MARK_RULE_KUBE_MASQ, RULE_SERVICE, STAGE_FILTER } from "../../../src/plane/decision.ts";
import { walkNode } from "../../../src/plane/host.ts";
import { PROTO_SCTP } from "../../../src/plane/packet.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import type { Bench } from "./bench.ts";
import { build, VNET } from "./slowPacket.ts";

/**
 * An SCTP INIT chunk: type, flags, length 20, then a tag, a window, streams and a first number. Its packet has no
 * verification tag yet.
 */
export const INIT = Uint8Array.of(1, 0, 0, 20, 0, 0, 0, 9, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1);

/** What a node did with one new packet, as far as services go. */
export interface Walked {
  to: { address: number; port: number } | null;
  /** Number of the endpoint in its row. */
  endpoint: number;
  masquerade: boolean;
  /** What the packet's source became. */
  source: number;
  verdict: "ACCEPT" | "REJECT" | "DROP";
  reason: string;
}

/** Takes a packet to node 0 by any way in, whatever the VPC would do with it. @param from FROM_* @param via device or ENI */
export function walk(
  b: Bench,
  from: number,
  via: number,
  packet: { src: number; dst: number; sport: number; dport: number; protocol?: number },
): Walked {
  const c = b.plane.context;
  const at = b.plane.slotOffset(1);
  const payload = packet.protocol === PROTO_SCTP ? INIT : new Uint8Array(0);
  const bytes = build({ protocol: 6, flags: 2, tag: 0, payload, ...packet });
  c.arena.set(bytes, at - VNET);
  const d = b.decision;
  d.clear();
  c.decision = d;
  parsePacket(c.p, at, bytes.length - VNET);
  walkNode(c, 0, from, via);
  const source = c.p.src;
  c.decision = null;
  c.reset();
  const walked: Walked = { to: null, endpoint: -1, masquerade: false, source, verdict: "ACCEPT", reason: "NONE" };
  for (let i = 0; i < d.count; i++) {
    if (d.action[i] === ACT_DNAT) {
      walked.to = { address: d.c[i], port: d.d[i] };
      if (d.ruleKind[i] === RULE_SERVICE) walked.endpoint = d.e[i];
    }
    if (d.action[i] === ACT_MARK && d.rule[i] === MARK_RULE_KUBE_MASQ) walked.masquerade = true;
    if (d.stage[i] === STAGE_FILTER) {
      const row = REASONS[d.reason[i]];
      walked.verdict = row.verdict === "REJECTED" ? "REJECT" : "DROP";
      walked.reason = row.code;
    }
  }
  return walked;
}
