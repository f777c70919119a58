import { formatAddress, formatCidr, maskOf } from "../plane/wire/address.ts";

/** Words that explanations of all stages share. */

/** `10.0.2.0/24`, `default` */
export function cidrText(address: number, length: number): string {
  return length === 0 ? "default" : formatCidr(address & maskOf(length), length);
}

/** `, next best default`; empty where there is none (length -1). */
export function nextBest(address: number, length: number): string {
  return length < 0 ? "" : `, next best ${cidrText(address, length)}`;
}

/** `1 rule`, `3 rules` */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** `pod/default/web-1 (10.0.1.16)`, or the address alone. */
export function namedAddress(address: number, name: string | null): string {
  return name === null ? formatAddress(address) : `${name} (${formatAddress(address)})`;
}

/** `tcp 80`, `icmp`, `protocol 47` */
export function portText(protocol: number, port: number): string {
  const name = PROTOCOLS[protocol];
  if (name === undefined) return `protocol ${protocol}`;
  return name === "icmp" ? name : `${name} ${port}`;
}

const PROTOCOLS: Record<number, string> = { 1: "icmp", 6: "tcp", 17: "udp", 132: "sctp" };
