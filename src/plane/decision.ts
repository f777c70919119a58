/**
 * The decision record: what the forwarding code did with one packet and why, stage by stage. The code that forwards
 * fills it when one is passed, and pays one null check when none is. Everything is a number; observe/ turns it into
 * names, because only control knows them.
 */

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

// Actions.
export const ACT_ACCEPT = 1;
export const ACT_DROP = 2;
export const ACT_REJECT = 3;
/** Conntrack: a/b unused; c = CT_* classification, d = entry. */
export const ACT_TRACK = 4;
/**
 * Destination translated: a/b = address and port before, c/d after. Rule: service, e = the endpoint's number, f = how many
 * the set has that it was chosen from, g = its position there, h = CHOICE_* bits.
 */
export const ACT_DNAT = 5;
/** Source translated: a/b = address and port before, c/d after. */
export const ACT_SNAT = 6;
/** A stored translation was applied: a/b = source, c/d = destination after it. */
export const ACT_RESTORE = 7;
/** Route found: a = prefix, b = length, c = table (RULE_TABLE number), d = device or ENI. */
export const ACT_ROUTE = 8;
/** Mark changed: a = before, b = after. */
export const ACT_MARK = 9;
/**
 * Nothing applied, and that decided something: rule says which rule let the packet pass untouched. Rule service: h = why
 * (CHOICE_* bits).
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
 * c = ENI, d = TRACK_*.
 */
export const RULE_SECURITY_GROUP = 9;
/** a = number of the rule, 0: the default rule "*". b = 1: egress. c = subnet. */
export const RULE_NETWORK_ACL = 10;
/** ACT_SNAT: e = 1: a new connection. */
export const RULE_NAT_GATEWAY = 11;
/** a = destination, b = the other VPC, c = MTU. */
export const RULE_PEERING = 12;
/** A transit gateway's attachment. a = destination, b = length of the route, c = route table, d = attachment out, e = next best. */
export const RULE_TRANSIT = 13;
/** A network policy's rule: what its number means, names say (Names.policyRule). b = 1: egress. */
export const RULE_POLICY = 14;

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

const MAX_STEPS = 96;

export class Decision {
  count = 0;
  /** Node of each step, or -1 for the VPC's. */
  readonly node = new Int32Array(MAX_STEPS);
  readonly stage = new Int32Array(MAX_STEPS);
  readonly action = new Int32Array(MAX_STEPS);
  readonly ruleKind = new Int32Array(MAX_STEPS);
  readonly rule = new Int32Array(MAX_STEPS);
  readonly reason = new Int32Array(MAX_STEPS);
  readonly a = new Int32Array(MAX_STEPS);
  readonly b = new Int32Array(MAX_STEPS);
  readonly c = new Int32Array(MAX_STEPS);
  readonly d = new Int32Array(MAX_STEPS);
  readonly e = new Int32Array(MAX_STEPS);
  readonly f = new Int32Array(MAX_STEPS);
  readonly g = new Int32Array(MAX_STEPS);
  readonly h = new Int32Array(MAX_STEPS);
  /** Source address at the step, as translated so far. */
  readonly source = new Int32Array(MAX_STEPS);

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

  clear(): void {
    this.count = 0;
    this.verdict = VERDICT_NONE;
    this.outcomeReason = 0;
    this.receiver = -1;
  }

  /** Adds a step; steps beyond the record's size are left out (a packet cannot take that many). */
  add(node: number, stage: number, action: number, ruleKind: number, rule: number, reason: number): number {
    const i = this.count < MAX_STEPS ? this.count++ : MAX_STEPS - 1;
    this.node[i] = node;
    this.stage[i] = stage;
    this.action[i] = action;
    this.ruleKind[i] = ruleKind;
    this.rule[i] = rule;
    this.reason[i] = reason;
    this.a[i] = this.b[i] = this.c[i] = this.d[i] = this.e[i] = this.f[i] = 0;
    this.g[i] = this.h[i] = this.source[i] = 0;
    return i;
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
    const i = this.add(node, stage, action, ruleKind, rule, 0);
    this.a[i] = a;
    this.b[i] = b;
    this.c[i] = c;
    this.d[i] = d;
    return i;
  }
}
