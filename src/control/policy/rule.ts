import { maskOf, parseCidr } from "../../plane/wire/address.ts";
import type { PolicyIpBlock, PolicyPort } from "../objects/networkPolicy.ts";
import { PROTOCOLS } from "../protocols.ts";
import type { Cidr } from "../vpc/cidr.ts";
import type { PolicyPod } from "./world.ts";

/** Ports of a rule, resolved: 0 for any port, and for an end that is not there. */
export interface RulePorts {
  readonly protocol: number;
  readonly from: number;
  readonly to: number;
}

/** What a rule says of a block: these ports (none: everything), but not of the blocks in `except`. */
export interface ResolvedRule {
  readonly cidr: Cidr;
  readonly except: readonly Cidr[];
  readonly ports: readonly RulePorts[];
  /** What the rule is called: `networkpolicy/default/web ingress[0]`. */
  readonly rule: string;
  /** Cluster policies: PolicyEntry.order; else 0. */
  readonly order: number;
}

export const ADDRESS_BITS = 32;
export const EVERYTHING: Cidr = { prefix: 0, length: 0 };

export function hostBlock(address: number): Cidr {
  return { prefix: address, length: ADDRESS_BITS };
}

/** A block without its host bits; null: it is IPv6, of which an IPv4 cluster has no packets. */
export function blockOf(text: string): Cidr | null {
  const block = parseCidr(text);
  return block === null ? null : { prefix: block.prefix & maskOf(block.length), length: block.length };
}

export function exceptOf(block: PolicyIpBlock): Cidr[] {
  return block.except.map(blockOf).filter((b) => b !== null);
}

/** A pod's port of that name and protocol: the first that it declares, or null. */
export function namedPort(
  pod: Pick<PolicyPod, "ports">,
  name: string,
  protocol: PolicyPort["protocol"],
): number | null {
  return pod.ports.find((p) => p.name === name && p.protocol === protocol)?.containerPort ?? null;
}

/** A rule's port with its name taken for a number; null: it has a name that the pod has no port of. */
export function portOn(
  pod: Pick<PolicyPod, "ports"> | null,
  { protocol, port, endPort }: PolicyPort,
): RulePorts | null {
  const number = PROTOCOLS[protocol];
  if (port === undefined) return { protocol: number, from: 0, to: 0 };
  const from = typeof port === "number" ? port : pod === null ? null : namedPort(pod, port, protocol);
  return from === null ? null : { protocol: number, from, to: endPort ?? 0 };
}

/** Those of a rule's ports that there are; null: the rule names ports, and there are none of them. */
export function portsOn(pod: Pick<PolicyPod, "ports"> | null, ports: readonly PolicyPort[]): RulePorts[] | null {
  const found = ports.map((port) => portOn(pod, port)).filter((port) => port !== null);
  return ports.length > 0 && found.length === 0 ? null : found;
}
