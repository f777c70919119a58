import { suggestion } from "../near.ts";
import type { Lab } from "../objects/lab.ts";
import { type Cidr, overlaps, toCidr } from "./cidr.ts";

/** What lies beyond the VPC. Index 0 is the internet, whether the lab names it or not. */
export interface Network {
  readonly index: number;
  readonly name: string;
  readonly kind: "internet" | "onPremises";
  readonly cidrs: readonly Cidr[];
  /** Gateway that route tables name. */
  readonly target: string;
}

export const LOCAL = "local";
export const INTERNET_GATEWAY = "igw";
export const BLACKHOLE = "blackhole";
const DEFAULT_GATEWAY = "tgw";
const EVERYWHERE: Cidr = { prefix: 0, length: 0 };

/** Where a VPC route leads. */
export type RouteTarget =
  | { readonly kind: "local" | "internet" | "blackhole" }
  | { readonly kind: "network"; readonly network: Network };

/** The lab's networks with their indices: the internet first, the others numbered in the order they stand. */
export function labNetworks(lab: Lab): Network[] {
  const written = lab.spec.networks.map((n) => ({
    name: n.name,
    kind: n.kind,
    cidrs: n.cidrBlocks.map(toCidr),
    target: n.target ?? (n.kind === "internet" ? INTERNET_GATEWAY : DEFAULT_GATEWAY),
  }));
  const internet = written.find((n) => n.kind === "internet") ?? {
    name: "internet",
    kind: "internet" as const,
    cidrs: [EVERYWHERE],
    target: INTERNET_GATEWAY,
  };
  return [internet, ...written.filter((n) => n.kind !== "internet")].map((n, index) => ({ ...n, index }));
}

/**
 * What a route's `target` text means. A gateway that several networks share leads to the one that the route's destination
 * overlaps.
 *
 * @returns the target, or a text that says what is wrong with it.
 */
export function resolveTarget(text: string, destination: Cidr, networks: readonly Network[]): RouteTarget | string {
  if (text === LOCAL) return { kind: "local" };
  if (text === BLACKHOLE) return { kind: "blackhole" };
  const [internet] = networks;
  if (text === INTERNET_GATEWAY || text === internet.name) return { kind: "internet" };
  const named = networks.find((n) => n.name === text);
  if (named !== undefined) return { kind: "network", network: named };
  const behind = networks.filter((n) => n.target === text && n.kind === "onPremises");
  const met = behind.length > 1 ? behind.filter((n) => n.cidrs.some((c) => overlaps(c, destination))) : behind;
  if (met.length === 1) return { kind: "network", network: met[0] };
  if (behind.length > 0) {
    const names = behind.map((n) => n.name).join(", ");
    return `expected a target that leads to one network, got "${text}", which leads to ${names}; write the network's name`;
  }
  const known = [LOCAL, INTERNET_GATEWAY, BLACKHOLE, ...networks.flatMap((n) => [n.name, n.target])];
  return `expected local, igw, blackhole or a network, got "${text}"; ${suggestion(text, known)}`;
}
