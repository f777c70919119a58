import { LPM_MISS, type Lpm } from "../lpm/lpm.ts";
import { PROTO_ICMP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import {
  type EniGroupsRow,
  NO_GROUP,
  PROTOCOL_ALL,
  type SecurityGroupRow,
  type SecurityGroupRule,
  TARGET_NAT_GATEWAY,
  TARGET_PEERING,
  TARGET_TRANSIT_GATEWAY,
} from "../rows.ts";
import { maskOf } from "../wire/address.ts";
import { TARGET_MASK } from "./routeValue.ts";

// A rule in a group's list.
const PROTOCOL = 0;
/** First port, or the ICMP type; -1: any. */
const FROM = 1;
/** Last port, or the ICMP code; -1: any. */
const TO = 2;
const PREFIX = 3;
const MASK = 4;
/** Group that the rule names, or NO_GROUP. */
const GROUP = 5;
/** ANY_* of {@link SecurityGroups.open} for a rule that names 0.0.0.0/0, else 0. */
const OPEN = 6;
const RULE_SHIFT = 3;
const RULE_WORDS = 1 << RULE_SHIFT;

const ANY_PORT = -1;
const LAST_PORT = 0xffff;

/** What {@link SecurityGroups.open} finds: no rule for everybody, one for some ports, one for all ports. */
export const OPEN_NO = 0;
export const OPEN_SOME_PORTS = 1;
export const OPEN_ALL_PORTS = 2;

const NONE = -1;
const NO_RULES = new Int32Array(0);

/** What a group's rules are judged by besides the packet: where ENIs are, and where their subnets' routes lead. The plane's tables. */
interface Surroundings {
  readonly eniVpc: Int32Array;
  readonly eniSubnet: Int32Array;
  readonly subnetRouteTable: Int32Array;
  readonly mapping: readonly Lpm[];
  readonly routeTables: readonly Lpm[];
}

/** The security groups of all VPCs as flat lists of rules, and the groups of every ENI. */
export class SecurityGroups {
  /** Rules by direction (0 ingress, 1 egress) and group. */
  readonly #rules: [Int32Array[], Int32Array[]] = [[], []];
  /** VPC by group; -1: there is no such group. */
  readonly #vpc: number[] = [];
  /** Groups by ENI; null: the ENI is not filtered. */
  readonly #members: (Int32Array | null)[] = [];
  /** Position of the rule that {@link match} found. */
  rule = NONE;

  put(row: SecurityGroupRow): void {
    for (let id = this.#vpc.length; id <= row.id; id++) this.#clear(id);
    this.#rules[0][row.id] = flat(row.ingress);
    this.#rules[1][row.id] = flat(row.egress);
    this.#vpc[row.id] = row.vpc;
  }

  remove(id: number): void {
    if (id < this.#vpc.length) this.#clear(id);
  }

  putMembers(row: EniGroupsRow): void {
    while (this.#members.length <= row.eni) this.#members.push(null);
    this.#members[row.eni] = Int32Array.from(row.groups);
  }

  removeMembers(eni: number): void {
    if (eni < this.#members.length) this.#members[eni] = null;
  }

  /** Whether an ENI is in groups at all: its VPC has them. */
  filters(eni: number): boolean {
    return eni < this.#members.length && this.#members[eni] !== null;
  }

  /** The groups of an ENI, none for one that is not filtered. */
  groupsOf(eni: number): Int32Array {
    return this.#members[eni] ?? NO_RULES;
  }

  /**
   * The first rule that allows a packet: of the ENI's groups in their order, of each group's rules in theirs. Which one it
   * is matters to nobody but a reader: all rules allow.
   *
   * @param egress 1: the packet leaves the ENI; 0: it comes in
   * @param port the packet's destination port; ICMP: type << 8 | code
   * @param remote the other end's address
   * @returns the group, whose rule is {@link rule}; -1: none allows it
   */
  match(t: Surroundings, eni: number, egress: number, protocol: number, port: number, remote: number): number {
    const groups = this.groupsOf(eni);
    for (let i = 0; i < groups.length; i++) {
      const rules = this.#rules[egress][groups[i]] ?? NO_RULES;
      for (let o = 0; o < rules.length; o += RULE_WORDS) {
        if (!covers(rules, o, protocol, port)) continue;
        const group = rules[o + GROUP];
        const other =
          group === NO_GROUP ? (remote & rules[o + MASK]) === rules[o + PREFIX] : this.#has(t, eni, remote, group);
        if (!other) continue;
        this.rule = o >> RULE_SHIFT;
        return groups[i];
      }
    }
    return NONE;
  }

  /** Rules that {@link match} looked at. @param group that it found, and position of its rule; -1: it looked at all */
  looked(eni: number, egress: number, group: number, rule: number): number {
    const groups = this.groupsOf(eni);
    let n = 0;
    for (let i = 0; i < groups.length; i++) {
      if (groups[i] === group) return n + rule + 1;
      n += (this.#rules[egress][groups[i]] ?? NO_RULES).length >> RULE_SHIFT;
    }
    return n;
  }

  /** The widest rule of an ENI's groups that allows a protocol and port from or to 0.0.0.0/0: OPEN_*. */
  open(eni: number, egress: number, protocol: number, port: number): number {
    const groups = this.groupsOf(eni);
    let widest = OPEN_NO;
    for (let i = 0; i < groups.length; i++) {
      const rules = this.#rules[egress][groups[i]] ?? NO_RULES;
      for (let o = 0; o < rules.length; o += RULE_WORDS)
        if (rules[o + OPEN] > widest && covers(rules, o, protocol, port)) widest = rules[o + OPEN];
    }
    return widest;
  }

  /** Whether an address is a private one of an ENI that is in a group, of the same VPC or of one peered with it. */
  #has(t: Surroundings, eni: number, address: number, group: number): boolean {
    const vpc = this.#vpc[group] ?? NONE;
    if (vpc === NONE) return false;
    if (vpc !== t.eniVpc[eni] && routeTarget(t, eni, address) !== TARGET_PEERING) return false;
    const other = t.mapping[vpc].lookup(address);
    if (other === LPM_MISS) return false;
    const groups = this.groupsOf(other);
    for (let i = 0; i < groups.length; i++) if (groups[i] === group) return true;
    return false;
  }

  #clear(id: number): void {
    this.#rules[0][id] = NO_RULES;
    this.#rules[1][id] = NO_RULES;
    this.#vpc[id] = NONE;
  }
}

/**
 * Whether what an ENI exchanges with an address goes by a gateway that makes every connection a tracked one (EC2 User
 * Guide, "Security group connection tracking", "Automatically tracked connections").
 */
export function isAutomaticallyTracked(t: Surroundings, eni: number, remote: number): boolean {
  const target = routeTarget(t, eni, remote);
  return target === TARGET_NAT_GATEWAY || target === TARGET_TRANSIT_GATEWAY;
}

/** TARGET_* of the route from an ENI's subnet to an address; LPM_MISS: none. */
function routeTarget(t: Surroundings, eni: number, address: number): number {
  const table = t.routeTables[t.subnetRouteTable[t.eniSubnet[eni]]];
  const found = table === undefined ? LPM_MISS : table.lookup(address);
  return found === LPM_MISS ? LPM_MISS : found & TARGET_MASK;
}

/** Whether a rule is about a protocol and port, whatever addresses it names. */
function covers(rules: Int32Array, o: number, protocol: number, port: number): boolean {
  const wanted = rules[o + PROTOCOL];
  if (wanted === PROTOCOL_ALL) return true;
  if (wanted !== protocol) return false;
  return coversPort(rules[o + FROM], rules[o + TO], protocol, port);
}

/**
 * Whether a rule's port range has a port, or its ICMP type and code a message.
 *
 * @param port destination port; ICMP: type << 8 | code
 */
export function coversPort(from: number, to: number, protocol: number, port: number): boolean {
  if (protocol === PROTO_TCP || protocol === PROTO_UDP) return port >= from && port <= to;
  if (protocol !== PROTO_ICMP) return true;
  return (from === ANY_PORT || from === port >>> 8) && (to === ANY_PORT || to === (port & 0xff));
}

function flat(rules: readonly SecurityGroupRule[]): Int32Array {
  const words = new Int32Array(rules.length * RULE_WORDS);
  rules.forEach((rule, i) => {
    const o = i * RULE_WORDS;
    words[o + PROTOCOL] = rule.protocol;
    words[o + FROM] = rule.fromPort;
    words[o + TO] = rule.toPort;
    words[o + PREFIX] = rule.prefix;
    words[o + MASK] = maskOf(rule.length);
    words[o + GROUP] = rule.group;
    words[o + OPEN] = rule.group === NO_GROUP && rule.length === 0 ? openness(rule) : OPEN_NO;
  });
  return words;
}

function openness({ protocol, fromPort, toPort }: SecurityGroupRule): number {
  return protocol === PROTOCOL_ALL || (fromPort === 0 && toPort === LAST_PORT) ? OPEN_ALL_PORTS : OPEN_SOME_PORTS;
}
