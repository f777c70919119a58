import type { Context } from "../context.ts";
import { C_GENERATED } from "../counters.ts";
import { ACT_RESET, RULE_NAT_GATEWAY, STAGE_GATEWAY } from "../decision.ts";
import { FRAG_DF, PROTO_TCP, VNET_BEFORE } from "../packet.ts";
import { getI32 } from "../wire/bytes.ts";
import { IP_HEADER_MIN, writeIpv4Header } from "../wire/ipv4.ts";
import {
  TCP_ACK,
  TCP_ACK_NUMBER,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER_MIN,
  TCP_RST,
  TCP_SEQ,
  TCP_SYN,
  tcpHeaderLength,
  writeTcpChecksum,
  writeTcpHeader,
} from "../wire/tcp.ts";
import { WORK_ENI_OUT } from "../workQueue.ts";
import { NO_NODE } from "./deliver.ts";

const LENGTH = IP_HEADER_MIN + TCP_HEADER_MIN;
const TTL = 64;

/**
 * Answers a TCP segment with a reset that seems to come from its destination (RFC 9293, 3.10.7.1), and lets it leave by an
 * ENI. The caller drops the segment.
 *
 * @param eni of the NAT gateway that answers
 */
export function answerWithReset(c: Context, eni: number): void {
  const p = c.p;
  const at = c.allocate(LENGTH);
  if (at < 0) return;
  const b = p.buf;
  const flags = b[p.l4 + TCP_FLAGS];
  const hasAck = (flags & TCP_ACK) !== 0;
  const phantom = ((flags & TCP_SYN) !== 0 ? 1 : 0) + ((flags & TCP_FIN) !== 0 ? 1 : 0);
  const taken = p.l4len - tcpHeaderLength(b, p.l4) + phantom;
  b.fill(0, at - VNET_BEFORE, at);
  writeIpv4Header(b, at, 0, LENGTH, 0, FRAG_DF, TTL, PROTO_TCP, p.dst, p.src);
  const l4 = at + IP_HEADER_MIN;
  const seq = hasAck ? getI32(b, p.l4 + TCP_ACK_NUMBER) : 0;
  const ack = hasAck ? 0 : (getI32(b, p.l4 + TCP_SEQ) + taken) | 0;
  writeTcpHeader(b, l4, p.dport, p.sport, seq, ack, hasAck ? TCP_RST : TCP_RST | TCP_ACK, 0);
  writeTcpChecksum(b, l4, TCP_HEADER_MIN, p.dst, p.src);
  c.counters[C_GENERATED]++;
  const d = c.decision;
  if (d !== null)
    d.addWith(
      NO_NODE,
      STAGE_GATEWAY,
      ACT_RESET,
      RULE_NAT_GATEWAY,
      c.tables.gateways.natOf(eni),
      p.dst,
      p.dport,
      p.src,
      p.sport,
    );
  c.queue(WORK_ENI_OUT, eni, at, LENGTH, 0);
}
