import {
  CT_ESTABLISHED,
  CT_ESTABLISHED_REPLY,
  CT_FULL,
  CT_INVALID,
  CT_NEW,
  CT_RELATED,
  CT_RELATED_REPLY,
  CT_UNTRACKED,
  IPS_CONFIRMED,
} from "../plane/conntrack/info.ts";
import { SCTP_STATE_NAMES } from "../plane/conntrack/sctpStates.ts";
import { TCP_STATE_NAMES } from "../plane/conntrack/tcpStates.ts";
import * as D from "../plane/decision.ts";
import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP } from "../plane/packet.ts";
import { SNAT_NONE } from "../plane/rows.ts";
import { NEXT_LOCAL, NEXT_POD } from "../plane/tables.ts";
import { protocolName, socketText, type Tuple, tupleText } from "./explainEnds.ts";
import { cidrText, counted, nextBest } from "./explainText.ts";

/** A node's own stages: conntrack, marks, routes, source NAT, confirmation. */

/** Where a step of conntrack has the entry's state. */
const STATE_SHIFT = 16;
const STATUS_MASK = 0xffff;
const PORT_SHIFT = 16;
const PORT_MASK = 0xffff;
const MS = 1000;
const HEX = 16;
const WORD_BITS = 32;

const ROUTE_RULES: Record<number, string> = {
  0: "0 from all lookup local",
  10: "10 iif of the branch ENI lookup its VLAN's table",
  512: "512 to pod lookup main",
  1024: "1024 fwmark 0x80/0x80 lookup main",
  1535: "1535 to AWS_EXTERNAL_SERVICE_CIDRS lookup main",
  1536: "1536 from pod lookup its ENI's table",
  32765: "32765 from ENI address lookup its table",
  32766: "32766 from all lookup main",
};

const NAT_RULES: Record<number, string> = {
  [D.NAT_RULE_KUBE_MASQUERADE]: "KUBE-POSTROUTING MASQUERADE",
  [D.NAT_RULE_AWS_SNAT]: "AWS-SNAT-CHAIN-0",
  [D.NAT_RULE_VPC_CIDR]: "AWS-SNAT-CHAIN-0 (VPC CIDR)",
  [D.NAT_RULE_EXCLUDED_CIDR]: "AWS-SNAT-CHAIN-0 (EXCLUDE_SNAT_CIDRS)",
  [D.NAT_RULE_EXTERNAL_SNAT]: "EXTERNALSNAT",
  [D.NAT_RULE_LOCAL]: "INPUT",
  [D.NAT_RULE_IGW]: "internet gateway",
  [D.NAT_RULE_NULL]: "none",
  [D.NAT_RULE_HOST_PORT]: "CNI-HOSTPORT-MASQ",
  [D.NAT_RULE_CILIUM]: "cilium nodeport SNAT",
  [D.NAT_RULE_CILIUM_LOOPBACK]: "cilium service loopback",
  [D.NAT_RULE_VLAN]: "AWS-SNAT-CHAIN-0 (! -o vlan+)",
};

/** What the block of a destination is that keeps the CNI from translating. */
const NAT_PASS: Record<number, string> = {
  [D.NAT_RULE_VPC_CIDR]: "is a CIDR block of the VPC",
  [D.NAT_RULE_EXCLUDED_CIDR]: "is in AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
};

const NAT_KEPT: Record<number, string> = {
  [D.NAT_RULE_EXTERNAL_SNAT]: "source kept: SNAT is left to others",
  [D.NAT_RULE_LOCAL]: "source kept: the node itself is the destination",
  [D.NAT_RULE_VLAN]: "source kept: nothing is translated that leaves by a branch ENI",
};

const MARK_RULES: Record<number, string> = {
  [D.MARK_RULE_PRIMARY_ENI]: "AWS, primary ENI",
  [D.MARK_RULE_OUTBOUND]: "AWS-CONNMARK-CHAIN-0",
  [D.MARK_RULE_RESTORE]: "AWS, CONNMARK restore",
  [D.MARK_RULE_KUBE_MASQ]: "KUBE-MARK-MASQ",
  [D.MARK_RULE_HOST_PORT]: "CNI-HOSTPORT-SETMARK",
  [D.MARK_RULE_CILIUM]: "cilium",
};

/** What a mark is for, by the rule that set it. @param bits the connection's mark (AWS_VPC_K8S_CNI_CONNMARK) */
const MARK_MEANINGS: Record<number, (bits: string) => string> = {
  [D.MARK_RULE_PRIMARY_ENI]: (bits) => `connmark ${bits}, primary ENI: answers leave by it`,
  [D.MARK_RULE_OUTBOUND]: (bits) => `mark and connmark ${bits}: leaves the VPC, by the primary ENI`,
  [D.MARK_RULE_RESTORE]: (bits) => `mark ${bits}, from the connection's connmark`,
  [D.MARK_RULE_KUBE_MASQ]: (bits) => `mark ${bits}: the source is to be masqueraded`,
  [D.MARK_RULE_HOST_PORT]: (bits) => `mark ${bits}: the source is to be masqueraded`,
  [D.MARK_RULE_CILIUM]: (bits) => `mark ${bits}: the source is to be translated`,
};

export function routeRuleName(rule: number): string {
  return ROUTE_RULES[rule] ?? String(rule);
}

export function natRuleName(rule: number): string {
  return NAT_RULES[rule] ?? String(rule);
}

export function markRuleName(rule: number): string {
  return MARK_RULES[rule] ?? String(rule);
}

/** What conntrack found. @param i a step with ACT_TRACK */
export function trackDetail(d: D.Decision, i: number): string {
  const known = d.b[i] >= 0;
  const protocol = d.a[i];
  const name = protocolName(protocol);
  const tuple = `${name} ${tupleText(originalTuple(d, i, protocol))}`;
  const isNew = known && (d.h[i] & STATUS_MASK & IPS_CONFIRMED) === 0;
  const state = stateName(protocol, d.h[i] >> STATE_SHIFT);
  const left = d.left[i] < 0 ? "" : `, ${Math.ceil(d.left[i] / MS)} s left`;
  const entry = `entry ${tuple}${state === "" ? "" : ` (${state} after it)`}`;
  switch (d.c[i]) {
    case CT_NEW:
      return isNew ? `NEW: no entry for ${tuple}; one begins` : `NEW, not answered yet${left}: ${entry}`;
    case CT_ESTABLISHED:
      return `established connection${left}: ${entry}`;
    case CT_ESTABLISHED_REPLY:
      return `established connection${left}, reply direction: ${entry}`;
    case CT_RELATED:
    case CT_RELATED_REPLY:
      return `RELATED: an ICMP error about a known connection${left}: ${entry}`;
    case CT_INVALID:
      return `INVALID: no entry for ${tuple}, and the packet may start none`;
    case CT_UNTRACKED:
      return "UNTRACKED: the node's own DNS is left out of conntrack";
    case CT_FULL:
      return `table full: no room for ${tuple}`;
    default:
      return "";
  }
}

function stateName(protocol: number, state: number): string {
  if (protocol === PROTO_TCP) return TCP_STATE_NAMES[state] ?? "";
  return protocol === PROTO_SCTP ? (SCTP_STATE_NAMES[state] ?? "") : "";
}

/** The original tuple of a step's entry. */
function originalTuple(d: D.Decision, i: number, protocol: number): Tuple {
  return { protocol, src: d.e[i], sport: d.g[i] >>> PORT_SHIFT, dst: d.f[i], dport: d.g[i] & PORT_MASK };
}

/** Which entry came into the table. @param i a step with ACT_INSERT */
export function insertDetail(d: D.Decision, i: number): string {
  const protocol = d.h[i];
  const original = tupleText(originalTuple(d, i, protocol));
  const reply = tupleText({ protocol, src: d.a[i], sport: d.b[i], dst: d.c[i], dport: d.d[i] });
  return `new entry ${protocolName(protocol)} ${original}, answered ${reply}`;
}

/** `0x0 -> 0x80: bit 7 set (connmark 0x80, primary ENI)`. @param i a step with ACT_MARK */
export function markDetail(d: D.Decision, i: number): string {
  const [before, after] = [d.a[i], d.b[i]];
  const set = bitsOf(after & ~before);
  const cleared = bitsOf(before & ~after);
  const changes = [bitText(set, "set"), bitText(cleared, "cleared")].filter((text) => text !== "");
  const meaning = MARK_MEANINGS[d.rule[i]]?.(hex(after & ~before || after)) ?? "";
  return `${hex(before)} -> ${hex(after)}: ${changes.join(", ")}${meaning === "" ? "" : ` (${meaning})`}`;
}

function hex(mark: number): string {
  return `0x${(mark >>> 0).toString(HEX)}`;
}

function bitsOf(word: number): number[] {
  return Array.from({ length: WORD_BITS }, (_, bit) => bit).filter((bit) => ((word >>> bit) & 1) === 1);
}

function bitText(bits: readonly number[], what: string): string {
  if (bits.length === 0) return "";
  return `${bits.length === 1 ? "bit" : "bits"} ${bits.join(", ")} ${what}`;
}

/** Source NAT of a new connection at a node. @param i a step with ACT_SNAT and RULE_NAT @param before the packet before it */
export function snatDetail(d: D.Decision, i: number, before: Tuple): string {
  const { protocol, dst, dport } = before;
  const from = socketText(protocol, d.a[i], d.b[i]);
  const to = socketText(protocol, d.c[i], d.d[i]);
  const what = `source ${from} -> ${to}, destination ${socketText(protocol, dst, dport)} stays`;
  return `${what}; ${portChoice(d, i, protocol)}`;
}

function portChoice(d: D.Decision, i: number, protocol: number): string {
  const word = protocol === PROTO_ICMP ? "identifier" : "port";
  const taken = d.f[i] === 0 ? "" : `, ${counted(d.f[i], "try was taken", "tries were taken")}`;
  if (d.e[i] === SNAT_NONE && d.b[i] === d.d[i]) return `${word} kept`;
  return `${word} drawn at random${taken}`;
}

/** Why a node leaves the source alone. @param i a step with ACT_NONE of STAGE_SNAT */
export function keptDetail(d: D.Decision, i: number): string {
  const list = NAT_PASS[d.rule[i]];
  if (list === undefined) return NAT_KEPT[d.rule[i]] ?? "source kept";
  return `source kept: ${d.b[i] < 0 ? "the destination" : cidrText(d.a[i], d.b[i])} ${list}`;
}

/** A node's routing decision. @param i a step with ACT_ROUTE of STAGE_ROUTE */
export function nodeRouteDetail(
  d: D.Decision,
  i: number,
  names: { device(index: number): string; eni(index: number): string },
): string {
  const table = d.c[i] === 0 ? "main" : String(d.c[i]);
  const kind = d.e[i];
  const to = kind === NEXT_POD ? names.device(d.d[i]) : kind === NEXT_LOCAL ? "the node itself" : names.eni(d.d[i]);
  return `table ${table}: ${cidrText(d.a[i], d.b[i])} -> ${to}${nextBest(d.a[i], d.f[i])}`;
}
