import { QUOTED_DST, QUOTED_PORTS, QUOTED_PROTOCOL, QUOTED_SRC, QUOTED_WORDS, readQuoted } from "../conntrack/icmp.ts";
import type { Context } from "../context.ts";
import { ACT_RESTORE, ACT_SNAT, RULE_NAT_GATEWAY, STAGE_GATEWAY, STAGE_REASSEMBLY, STAGE_TTL } from "../decision.ts";
import { reassemble } from "../defragment.ts";
import { fits } from "../fragment.ts";
import { CODE_TTL_IN_TRANSIT, ICMP_TIME_EXCEEDED } from "../icmpError.ts";
import { quotedDst, quotedSrc } from "../nat/quoted.ts";
import { rewriteQuoted, writeBack } from "../nat/rewrite.ts";
import { noteMtu, noteTtl } from "../notes.ts";
import { FRAG_ANY, PROTO_ICMP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import { type Reason, reason } from "../reasons.ts";
import { icmpReplyOf, icmpRequestOf } from "../wire/icmp.ts";
import { TCP_FLAGS, TCP_RST } from "../wire/tcp.ts";
import { WORK_ENI_OUT } from "../workQueue.ts";
import { NO_NODE, tooBig } from "./deliver.ts";
import { clampMss } from "./mss.ts";
import { answerWithReset } from "./tcpReset.ts";
import { isStart } from "./trackedFlows.ts";

/**
 * "NAT gateways support traffic with a maximum transmission unit (MTU) of 8500", path MTU discovery, and "enforce Maximum
 * Segment Size (MSS) clamping for all packets" (VPC User Guide, "NAT gateway basics").
 */
const NAT_MTU = 8500;
/** Where reassembly keeps a NAT gateway's datagrams apart from nodes'. */
const PLACE = 1 << 20;
const NONE = -1;
const PORT_SHIFT = 16;
const PORT_MASK = 0xffff;
const TYPE_SHIFT = 8;
const CODE_MASK = 0xff;

/** The packet that an ICMP error quotes, turned round: one that goes where the error goes. */
const quoted = new Int32Array(QUOTED_WORDS);

/**
 * A NAT gateway: what comes by a route gets the gateway's private address and a port of its own; what comes to that address
 * and belongs to a connection goes back to who began it. Fragments of UDP are put together for it and cut as they came;
 * those of TCP and ICMP are dropped (VPC User Guide, "Compare NAT gateways and NAT instances").
 *
 * @param eni of the gateway
 * @returns whether the packet, translated, goes on from the gateway's subnet
 */
export function translateAtNatGateway(c: Context, nat: number, eni: number): boolean {
  const p = c.p;
  const protocol = p.protocol;
  if (protocol !== PROTO_TCP && protocol !== PROTO_UDP && protocol !== PROTO_ICMP)
    return refuse(c, reasonProtocol, nat);
  if ((p.frag & FRAG_ANY) !== 0) {
    if (protocol !== PROTO_UDP) {
      c.drop(reasonFragment, NO_NODE, STAGE_REASSEMBLY);
      c.because(RULE_NAT_GATEWAY, nat, 0, 0, 0);
      return false;
    }
    if (!reassemble(c, NO_NODE, PLACE + nat)) return false;
  }
  const address = c.tables.eniAddress[eni];
  // A traceroute shows the gateway's private address (VPC User Guide, "Troubleshoot NAT gateways").
  if (p.ttl <= 1) {
    c.drop(reasonTtl, NO_NODE, STAGE_TTL);
    c.because(RULE_NAT_GATEWAY, nat, p.ttl, 0, 0);
    c.answer(WORK_ENI_OUT, eni, NO_NODE, address, ICMP_TIME_EXCEEDED, CODE_TTL_IN_TRANSIT, 0);
    return false;
  }
  const fit = fits(p, NAT_MTU);
  if (fit < 0) {
    tooBig(c, c.tables.eniSubnet[eni], NAT_MTU, RULE_NAT_GATEWAY, nat);
    return false;
  }
  if (c.decision !== null) {
    noteTtl(c, NO_NODE);
    noteMtu(c, NO_NODE, RULE_NAT_GATEWAY, nat, NAT_MTU, fit);
  }
  let translated: boolean;
  if (p.dst === address) translated = p.icmpError === 1 ? errorBack(c, nat, address) : back(c, nat, address);
  else translated = p.icmpError === 1 ? errorOut(c, nat, address) : out(c, nat, eni, address);
  if (!translated) return false;
  p.ttl--;
  clampMss(c, NAT_MTU);
  writeBack(p);
  if (fit === 0) return true;
  c.cut(NO_NODE, "eni", eni, NAT_MTU);
  return false;
}

/** From inside to a destination. */
function out(c: Context, nat: number, eni: number, address: number): boolean {
  const p = c.p;
  const connections = c.nat;
  const protocol = p.protocol;
  const src = p.src;
  const sport = p.sport;
  const dport = p.dport;
  const flags = protocol === PROTO_TCP ? p.buf[p.l4 + TCP_FLAGS] : 0;
  const starts = protocol === PROTO_ICMP ? icmpReplyOf(dport >>> TYPE_SHIFT) >= 0 : isStart(protocol, flags);
  let connection = connections.findOut(nat, protocol, src, sport, p.dst, dport);
  const known = connection !== NONE;
  if (!known) {
    if (!starts) {
      if (protocol !== PROTO_TCP || (flags & TCP_RST) !== 0) return refuse(c, reasonNoConnection, nat);
      refuse(c, reasonReset, nat);
      answerWithReset(c, eni);
      return false;
    }
    connection = connections.open(nat, c.random, protocol, src, sport, p.dst, dport, address, c.now);
    if (connection === NONE) return refuse(c, reasonExhausted, nat);
  } else if (protocol === PROTO_TCP && starts) connections.restart(connection);
  connections.seen(connection, true, flags, c.now);
  const port = connections.port(connection);
  const d = c.decision;
  if (d !== null) {
    const i = d.addWith(NO_NODE, STAGE_GATEWAY, ACT_SNAT, RULE_NAT_GATEWAY, nat, src, sport, address, port);
    d.e[i] = known ? 0 : 1;
  }
  p.src = address;
  p.sport = port;
  return true;
}

/** From a destination back inside. */
function back(c: Context, nat: number, address: number): boolean {
  const p = c.p;
  const protocol = p.protocol;
  const isIcmp = protocol === PROTO_ICMP;
  const port = isIcmp ? p.sport : p.dport;
  const connection = c.nat.findBack(nat, protocol, p.src, isIcmp ? requestOf(p.dport) : p.sport, address, port);
  if (connection === NONE) return refuse(c, reasonNoConnection, nat);
  c.nat.seen(connection, false, protocol === PROTO_TCP ? p.buf[p.l4 + TCP_FLAGS] : 0, c.now);
  p.dst = c.nat.inside(connection);
  if (isIcmp) p.sport = c.nat.insidePort(connection);
  else p.dport = c.nat.insidePort(connection);
  traceBack(c, nat);
  return true;
}

/** An ICMP error from inside, about a packet that came back: it quotes what the gateway made of that packet. */
function errorOut(c: Context, nat: number, address: number): boolean {
  const p = c.p;
  if (!readQuoted(p, quoted)) return refuse(c, reasonInner, nat);
  const sport = quoted[QUOTED_PORTS] >>> PORT_SHIFT;
  const dport = quoted[QUOTED_PORTS] & PORT_MASK;
  const protocol = quoted[QUOTED_PROTOCOL];
  const connection = c.nat.findOut(nat, protocol, quoted[QUOTED_SRC], sport, quoted[QUOTED_DST], dport);
  if (connection === NONE) return refuse(c, reasonNoConnection, nat);
  const port = c.nat.port(connection);
  // Of an ICMP query the identifier is quoted, which rewriteQuoted takes for its source port.
  rewriteQuoted(p, quotedSrc(p), address, protocol === PROTO_ICMP ? port : dport, port);
  const d = c.decision;
  if (d !== null) d.addWith(NO_NODE, STAGE_GATEWAY, ACT_SNAT, RULE_NAT_GATEWAY, nat, p.src, 0, address, 0);
  p.src = address;
  return true;
}

/** An ICMP error about a packet that the gateway sent. */
function errorBack(c: Context, nat: number, address: number): boolean {
  const p = c.p;
  if (!readQuoted(p, quoted)) return refuse(c, reasonInner, nat);
  const protocol = quoted[QUOTED_PROTOCOL];
  const isIcmp = protocol === PROTO_ICMP;
  const sport = quoted[QUOTED_PORTS] >>> PORT_SHIFT;
  const dport = quoted[QUOTED_PORTS] & PORT_MASK;
  const remote = quoted[QUOTED_SRC];
  const connection = c.nat.findBack(
    nat,
    protocol,
    remote,
    isIcmp ? requestOf(dport) : sport,
    quoted[QUOTED_DST],
    isIcmp ? sport : dport,
  );
  if (connection === NONE || quoted[QUOTED_DST] !== address) return refuse(c, reasonNoConnection, nat);
  const inside = c.nat.inside(connection);
  rewriteQuoted(p, inside, quotedDst(p), c.nat.insidePort(connection), sport);
  p.dst = inside;
  traceBack(c, nat);
  return true;
}

function traceBack(c: Context, nat: number): void {
  const d = c.decision;
  const p = c.p;
  if (d !== null) d.addWith(NO_NODE, STAGE_GATEWAY, ACT_RESTORE, RULE_NAT_GATEWAY, nat, p.src, p.sport, p.dst, p.dport);
}

/** Type and code of the query that an answer's type and code belong to; -1: it is no answer. */
function requestOf(message: number): number {
  const type = icmpRequestOf(message >>> TYPE_SHIFT);
  return type < 0 ? NONE : (type << TYPE_SHIFT) | (message & CODE_MASK);
}

function refuse(c: Context, why: Reason, nat: number): false {
  c.drop(why, NO_NODE, STAGE_GATEWAY);
  c.because(RULE_NAT_GATEWAY, nat, 0, 0, 0);
  return false;
}

const reasonTtl = reason("TTL_EXCEEDED");
const reasonProtocol = reason("NAT_GATEWAY_PROTOCOL");
const reasonFragment = reason("NAT_GATEWAY_FRAGMENT");
const reasonNoConnection = reason("NAT_GATEWAY_NO_CONNECTION");
const reasonReset = reason("NAT_GATEWAY_RESET");
const reasonExhausted = reason("NAT_GATEWAY_PORTS_EXHAUSTED");
const reasonInner = reason("NAT_INNER_UNTRANSLATABLE");
