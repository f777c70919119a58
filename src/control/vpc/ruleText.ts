import type { AclRule } from "../../plane/rows.ts";
import { PROTOCOL_ALL } from "../../plane/rows.ts";
import { cidrText } from "./cidr.ts";
import { ANY, type GroupRule } from "./securityGroups.ts";

const ICMP = 1;
const LAST_PORT = 0xffff;
const PROTOCOL_NAMES: Record<number, string> = { [PROTOCOL_ALL]: "all", [ICMP]: "icmp", 6: "tcp", 17: "udp" };

interface Ports {
  readonly protocol: number;
  readonly fromPort: number;
  readonly toPort: number;
}

/** `all`, `tcp`, `udp`, `icmp`, or the number. */
export function protocolText(protocol: number): string {
  return PROTOCOL_NAMES[protocol] ?? String(protocol);
}

/** `80`, `1024-65535`, `all`; ICMP: `type 3 code 4`, `type 8`, `all`. */
export function portsText({ protocol, fromPort, toPort }: Ports): string {
  if (protocol === ICMP) {
    if (fromPort === ANY) return "all";
    return toPort === ANY ? `type ${fromPort}` : `type ${fromPort} code ${toPort}`;
  }
  if (fromPort === 0 && toPort === LAST_PORT) return "all";
  return fromPort === toPort ? String(fromPort) : `${fromPort}-${toPort}`;
}

function trafficText(rule: Ports): string {
  const protocol = protocolText(rule.protocol);
  const ports = portsText(rule);
  if (rule.protocol === PROTOCOL_ALL) return "all";
  return ports === "all" ? protocol : `${protocol} ${ports}`;
}

/** The source or destination of a rule: a block in canonical form, or the group as the lab names it. */
export function peerText({ group, peer, prefix, length }: GroupRule): string {
  return group < 0 ? cidrText({ prefix, length }) : peer;
}

/** `tcp 80 from 10.0.0.0/16`, `all to 0.0.0.0/0` */
export function groupRuleText(rule: GroupRule, egress: boolean): string {
  return `${trafficText(rule)} ${egress ? "to" : "from"} ${peerText(rule)}`;
}

/** `allow tcp 80 from 0.0.0.0/0` */
export function aclRuleText(rule: AclRule, egress: boolean): string {
  return `${rule.allow ? "allow" : "deny"} ${trafficText(rule)} ${egress ? "to" : "from"} ${cidrText(rule)}`;
}
