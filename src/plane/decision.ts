/**
 * The decision record: what the forwarding code did with one packet and why, stage by stage. The code that forwards
 * fills it when one is passed, and pays one null check when none is. Everything is a number; observe/ turns it into
 * names, because only control knows them.
 */

import type { Tap } from "./tap.ts";

// Stages, in execution order on a node, then the VPC's and the devices'.
export const STAGE_DEVICE_IN = 1;
export const STAGE_REASSEMBLY = 2;
export const STAGE_CONNTRACK = 3;
export const STAGE_MARK = 4;
export const STAGE_SERVICE = 5;
export const STAGE_ROUTE = 6;
export const STAGE_TTL = 7;
export const STAGE_MTU = 8;
export const STAGE_FILTER = 9;
export const STAGE_SNAT = 10;
export const STAGE_CONFIRM = 11;
export const STAGE_ENI_OUT = 12;
export const STAGE_VPC_ROUTE = 13;
export const STAGE_GATEWAY = 14;
export const STAGE_ENI_IN = 15;
export const STAGE_DEVICE_OUT = 16;
export const STAGE_ICMP = 17;
/** Network policies, at the pod's device: egress behind STAGE_DEVICE_IN, ingress in front of STAGE_DEVICE_OUT. */
export const STAGE_POLICY = 18;
/** Security groups: egress behind STAGE_ENI_OUT, ingress in front of STAGE_ENI_IN. */
export const STAGE_SECURITY_GROUP = 19;
/** Network ACLs, where a packet leaves or enters a subnet. */
export const STAGE_NETWORK_ACL = 20;
/** What a lab does to packets on purpose, at a device or an ENI (impair/). */
export const STAGE_IMPAIR = 21;

// Actions.
export const ACT_ACCEPT = 1;
export const ACT_DROP = 2;
export const ACT_REJECT = 3;
/**
 * Conntrack: a = protocol of the entry, b = its direction (DIR_*) that the packet has, c = CT_* classification, d = entry.
 * The entry's original tuple: e = source, f = destination, g = source port << 16 | destination port. b = -1 where the packet
 * has no entry; e to g are the packet's own then. h = the entry's status bits (IPS_*) | TCP_* or SCTP_* state << 16; `left`
 * in a question: milliseconds that the entry had left, -1: the packet begins it.
 */
export const ACT_TRACK = 4;
/**
 * Destination translated: a/b = address and port before, c/d after. Rule: service, e = the endpoint's number, f = how many
 * the set has that it was chosen from, g = its position there, h = CHOICE_* bits.
 */
export const ACT_DNAT = 5;
/**
 * Source translated: a/b = address and port before, c/d after. Rule NAT, at a node: e = SNAT_* mode (how the port was
 * chosen), f = ports that were tried and taken.
 */
export const ACT_SNAT = 6;
/** A stored translation was applied: a/b = source, c/d = destination after it. */
export const ACT_RESTORE = 7;
/** Route found: a = prefix, b = length, c = table (RULE_TABLE number), d = device or ENI. */
export const ACT_ROUTE = 8;
/** Mark changed: a = before, b = after. */
export const ACT_MARK = 9;
/**
 * Nothing applied, and that decided something: rule says which rule let the packet pass untouched. Rule service: h = why
 * (CHOICE_* bits). STAGE_MTU: a = bytes on the wire, b = MTU, c = 1: it is cut; the rule is what has the MTU. STAGE_TTL:
 * a = before, b = after. Rule NAT: a/b = the block that has the destination, where that is why; b = -1: it is not.
 */
export const ACT_NONE = 10;
/** Cut into or joined from c packets. */
export const ACT_FRAGMENT = 11;
export const ACT_REASSEMBLE = 12;
export const ACT_DELIVER = 13;
/** An ICMP error was made: a = type, b = code. */
export const ACT_ICMP = 14;
/** A SYN's maximum segment size was lowered: a = before, b = after. */
export const ACT_CLAMP = 15;
/** A TCP reset was made: a/b = its source, c/d = its destination. */
export const ACT_RESET = 16;
/** Impaired: a = IMPAIR_* (impair/), b and c what that says. Rule: RULE_IMPAIRMENT, the number of what is impaired. */
export const ACT_IMPAIR = 17;
/** A conntrack entry was confirmed. Its reply tuple: a/b = source, c/d = destination; its original one: e to g as ACT_TRACK has it, h = protocol. */
export const ACT_INSERT = 18;
/** The packet waits: a fragment for the others of its datagram (a = its first byte there, b = bytes), or for its confirmation. */
export const ACT_QUEUE = 19;

// What a step's rule number counts in.
export const RULE_NONE = 0;
export const RULE_SERVICE = 1;
export const RULE_ROUTE_RULE = 2;
export const RULE_ENI = 3;
export const RULE_DEVICE = 4;
export const RULE_VPC_TABLE = 5;
export const RULE_NAT = 6;
export const RULE_MARK = 7;
export const RULE_HOST_PORT = 8;
/**
 * a = position of the rule in its direction, or BY_* of fabric/security.ts: what decided instead of a rule. b = 1: egress.
 * c = ENI, d = TRACK_*, e = rules that were looked at, f = groups of the ENI.
 */
export const RULE_SECURITY_GROUP = 9;
/** a = number of the rule, 0: the default rule "*". b = 1: egress. c = subnet, e = rules that were looked at. */
export const RULE_NETWORK_ACL = 10;
/** ACT_SNAT: e = 1: a new connection. */
export const RULE_NAT_GATEWAY = 11;
/** a = destination, b = the other VPC, c = MTU. */
export const RULE_PEERING = 12;
/** A transit gateway's attachment. a = destination, b = length of the route, c = route table, d = attachment out, e = next best. */
export const RULE_TRANSIT = 13;
/**
 * A network policy's rule: what its number means, names say (Names.policyRule). a = BY_* of policy/verdict.ts, b = 1: egress,
 * c = device, d = TIER_*, e = the other end, f = protocol, g = port, h = entries that the pod's tables have for that end.
 */
export const RULE_POLICY = 14;
/** An impairment: a device's or an ENI's (impair/ has the numbers). */
export const RULE_IMPAIRMENT = 15;

// How a service's endpoint was chosen, or why none was.
/** FRONTEND_*, in the low bits. */
export const CHOICE_KIND = 3;
/** From the endpoints of this node. */
export const CHOICE_LOCAL = 4;
/** The client had it before: session affinity. */
export const CHOICE_AFFINITY = 8;
/** The service has endpoints, but the policy Local finds none on this node. */
export const CHOICE_NO_LOCAL = 16;
/** The source is not in loadBalancerSourceRanges. */
export const CHOICE_SOURCE_RANGE = 32;
/** The policy Local is internalTrafficPolicy, though the address is no ClusterIP (Cilium, for pods and the node). */
export const CHOICE_INTERNAL = 64;
/** SCHEDULER_* of the choice, from this bit on. */
export const CHOICE_SCHEDULER_SHIFT = 8;

// NAT rules, by the names of the rules they stand for.
export const NAT_RULE_KUBE_MASQUERADE = 1;
export const NAT_RULE_AWS_SNAT = 2;
export const NAT_RULE_VPC_CIDR = 3;
export const NAT_RULE_EXCLUDED_CIDR = 4;
export const NAT_RULE_EXTERNAL_SNAT = 5;
export const NAT_RULE_LOCAL = 6;
export const NAT_RULE_IGW = 7;
export const NAT_RULE_NULL = 8;
export const NAT_RULE_HOST_PORT = 9;
export const NAT_RULE_CILIUM = 10;
export const NAT_RULE_CILIUM_LOOPBACK = 11;
/** No SNAT on vlan+: a branch ENI in strict mode. */
export const NAT_RULE_VLAN = 13;

// Mark rules.
export const MARK_RULE_PRIMARY_ENI = 1;
export const MARK_RULE_OUTBOUND = 2;
export const MARK_RULE_RESTORE = 3;
export const MARK_RULE_KUBE_MASQ = 4;
export const MARK_RULE_HOST_PORT = 5;
export const MARK_RULE_CILIUM = 6;

export const VERDICT_NONE = 0;
export const VERDICT_DELIVERED = 1;
export const VERDICT_DROPPED = 2;

/** ACT_ROUTE, in a brief decision: a length that nobody has looked up yet (routeLengths.ts). */
export const LATER = -2;

/** Steps that a decision holds at most. */
export const MAX_STEPS = 96;

/** Where steps go that nobody keeps. */
const NOWHERE = MAX_STEPS;

/**
 * Stages that say which way a packet took, who translated it and who let it pass: enough for a line about it. Of the others
 * only what ended the packet is kept.
 */
export const OUTLINE_STAGES =
  (1 << STAGE_DEVICE_IN) |
  (1 << STAGE_REASSEMBLY) |
  (1 << STAGE_CONNTRACK) |
  (1 << STAGE_SERVICE) |
  (1 << STAGE_SNAT) |
  (1 << STAGE_ENI_OUT) |
  (1 << STAGE_GATEWAY) |
  (1 << STAGE_ENI_IN) |
  (1 << STAGE_DEVICE_OUT) |
  (1 << STAGE_ICMP) |
  (1 << STAGE_POLICY) |
  (1 << STAGE_SECURITY_GROUP) |
  (1 << STAGE_NETWORK_ACL) |
  (1 << STAGE_IMPAIR);
/** All of them. */
export const ALL_STAGES = -1;

/** Places of a column: one for each step, and {@link NOWHERE}. */
const PLACES = MAX_STEPS + 1;
// Where columns begin in the words of a decision.
const NODE = 0;
const STAGE = PLACES;
const ACTION = PLACES * 2;
const RULE_KIND = PLACES * 3;
const RULE = PLACES * 4;
const REASON = PLACES * 5;
const A = PLACES * 6;
const B = PLACES * 7;
const C = PLACES * 8;
const D = PLACES * 9;
const E = PLACES * 10;
const F = PLACES * 11;
const G = PLACES * 12;
const H = PLACES * 13;
const SOURCE = PLACES * 14;
const LEFT = PLACES * 15;
const COLUMNS = 16;

export class Decision {
  count = 0;
  /** All columns, one behind the other: a step is written through one array, which takes half the time. */
  readonly #words = new Int32Array(PLACES * COLUMNS);
  /** Node of each step, or -1 for the VPC's. */
  readonly node = this.#column(NODE);
  readonly stage = this.#column(STAGE);
  readonly action = this.#column(ACTION);
  readonly ruleKind = this.#column(RULE_KIND);
  readonly rule = this.#column(RULE);
  readonly reason = this.#column(REASON);
  readonly a = this.#column(A);
  readonly b = this.#column(B);
  readonly c = this.#column(C);
  readonly d = this.#column(D);
  readonly e = this.#column(E);
  readonly f = this.#column(F);
  readonly g = this.#column(G);
  readonly h = this.#column(H);
  /** Source address at the step, as translated so far. */
  readonly source = this.#column(SOURCE);
  /** ACT_TRACK, in a question: milliseconds that the entry had left; -1: unknown. */
  readonly left = this.#column(LEFT);

  // The outcome of the packet itself (an ICMP error that it caused adds steps, but has an outcome of its own).
  verdict = VERDICT_NONE;
  outcomeReason = 0;
  /** Device that received the packet, or -1, and what it sees. */
  receiver = -1;
  protocol = 0;
  src = 0;
  sport = 0;
  dst = 0;
  dport = 0;
  /** Is shown the packet at every ENI that it passes, when there is one. */
  tap: Tap | null = null;
  /**
   * Leaves out what costs time and is the same for all packets of a flow, or no two of them: lengths of routes are
   * {@link LATER}, sizes of packets 0.
   */
  brief = false;
  /** Stages whose steps are kept: bits. A step with a reason is kept in any case. */
  stages = ALL_STAGES;

  clear(): void {
    this.count = 0;
    this.verdict = VERDICT_NONE;
    this.outcomeReason = 0;
    this.receiver = -1;
  }

  /**
   * Adds a step; steps beyond the record's size are left out (a packet cannot take that many).
   *
   * @returns where its columns are; of a step that nobody keeps a place that nobody reads
   */
  add(node: number, stage: number, action: number, ruleKind: number, rule: number, reason: number): number {
    if (reason === 0 && ((this.stages >>> stage) & 1) === 0) return NOWHERE;
    return this.#put(node, stage, action, ruleKind, rule, reason, 0, 0, 0, 0);
  }

  /** Adds a step with numbers whose meaning its action defines. */
  addWith(
    node: number,
    stage: number,
    action: number,
    ruleKind: number,
    rule: number,
    a: number,
    b: number,
    c: number,
    d: number,
  ): number {
    if (((this.stages >>> stage) & 1) === 0) return NOWHERE;
    return this.#put(node, stage, action, ruleKind, rule, 0, a, b, c, d);
  }

  #put(
    node: number,
    stage: number,
    action: number,
    ruleKind: number,
    rule: number,
    reason: number,
    a: number,
    b: number,
    c: number,
    d: number,
  ): number {
    const i = this.count < MAX_STEPS ? this.count++ : MAX_STEPS - 1;
    const w = this.#words;
    w[i] = node;
    w[STAGE + i] = stage;
    w[ACTION + i] = action;
    w[RULE_KIND + i] = ruleKind;
    w[RULE + i] = rule;
    w[REASON + i] = reason;
    w[A + i] = a;
    w[B + i] = b;
    w[C + i] = c;
    w[D + i] = d;
    w[E + i] = 0;
    w[F + i] = 0;
    w[G + i] = 0;
    w[H + i] = 0;
    w[SOURCE + i] = 0;
    w[LEFT + i] = 0;
    return i;
  }

  #column(begin: number): Int32Array {
    return this.#words.subarray(begin, begin + PLACES);
  }
}
