import { PROTO_ICMP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import { type AclRule, type NetworkAclRow, PROTOCOL_ALL } from "../rows.ts";
import { maskOf } from "../wire/address.ts";
import { coversPort } from "./securityGroups.ts";

// A rule in an ACL's list.
const NUMBER = 0;
const PROTOCOL = 1;
const FROM = 2;
const TO = 3;
const PREFIX = 4;
const MASK = 5;
const ALLOW = 6;
const RULE_WORDS = 8;

const NONE = -1;
const NO_RULES = new Int32Array(0);

/** The port of a packet that does not show it: a later fragment. */
export const PORT_UNKNOWN = -1;
/** Number of the rule "*", which is behind all others and denies. */
export const RULE_DEFAULT = 0;

/** Network ACLs as flat lists of rules in ascending order, and the ACL of each subnet. */
export class NetworkAcls {
  /** Rules by direction (0 ingress, 1 egress) and ACL. */
  readonly #rules: [Int32Array[], Int32Array[]] = [[], []];
  #subnets = new Int32Array(0);
  /** Number of the rule that decided last; {@link RULE_DEFAULT}: none matched. */
  rule = RULE_DEFAULT;

  put(row: NetworkAclRow): void {
    this.#rules[0][row.id] = flat(row.ingress);
    this.#rules[1][row.id] = flat(row.egress);
  }

  remove(id: number): void {
    this.#rules[0][id] = NO_RULES;
    this.#rules[1][id] = NO_RULES;
  }

  putSubnet(subnet: number, acl: number): void {
    if (subnet >= this.#subnets.length) {
      const grown = new Int32Array(Math.max(subnet + 1, this.#subnets.length * 2)).fill(NONE);
      grown.set(this.#subnets);
      this.#subnets = grown;
    }
    this.#subnets[subnet] = acl;
  }

  /** The subnet has this ACL no longer; another that it has by now stays. */
  removeSubnet(subnet: number, acl: number): void {
    if (this.aclOf(subnet) === acl) this.#subnets[subnet] = NONE;
  }

  /** The ACL of a subnet; -1: the default one, which allows everything. */
  aclOf(subnet: number): number {
    return subnet < this.#subnets.length ? this.#subnets[subnet] : NONE;
  }

  /**
   * Whether an ACL lets a packet pass: the first rule that matches decides, and {@link rule} is its number.
   *
   * A later fragment has no ports. AWS documents nothing of them: here an allow rule is taken by its addresses and
   * protocol alone, and a deny rule with a port range does not match. Without its first fragment nobody can put the
   * datagram together.
   *
   * @param egress 1: the packet leaves the subnet, and its destination is what rules name; 0: it enters, and its source is
   * @param port destination port; ICMP: type << 8 | code; or PORT_UNKNOWN
   */
  allows(acl: number, egress: number, protocol: number, port: number, remote: number): boolean {
    const rules = this.#rules[egress][acl] ?? NO_RULES;
    for (let o = 0; o < rules.length; o += RULE_WORDS) {
      if ((remote & rules[o + MASK]) !== rules[o + PREFIX]) continue;
      const wanted = rules[o + PROTOCOL];
      if (wanted !== PROTOCOL_ALL) {
        if (wanted !== protocol) continue;
        if (port === PORT_UNKNOWN) {
          if (rules[o + ALLOW] === 0 && hasPorts(protocol)) continue;
        } else if (!coversPort(rules[o + FROM], rules[o + TO], protocol, port)) continue;
      }
      this.rule = rules[o + NUMBER];
      return rules[o + ALLOW] === 1;
    }
    this.rule = RULE_DEFAULT;
    return false;
  }

  /** Rules that {@link allows} looked at, by the number of the one that decided. */
  looked(acl: number, egress: number, number: number): number {
    const rules = this.#rules[egress][acl] ?? NO_RULES;
    let n = 0;
    for (let o = 0; o < rules.length; o += RULE_WORDS) {
      n++;
      if (rules[o + NUMBER] === number) return n;
    }
    return n;
  }
}

function hasPorts(protocol: number): boolean {
  return protocol === PROTO_TCP || protocol === PROTO_UDP || protocol === PROTO_ICMP;
}

function flat(rules: readonly AclRule[]): Int32Array {
  const words = new Int32Array(rules.length * RULE_WORDS);
  const ascending = rules.toSorted((a, b) => a.number - b.number);
  ascending.forEach((rule, i) => {
    const o = i * RULE_WORDS;
    words[o + NUMBER] = rule.number;
    words[o + PROTOCOL] = rule.protocol;
    words[o + FROM] = rule.fromPort;
    words[o + TO] = rule.toPort;
    words[o + PREFIX] = rule.prefix;
    words[o + MASK] = maskOf(rule.length);
    words[o + ALLOW] = rule.allow ? 1 : 0;
  });
  return words;
}
