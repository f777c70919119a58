import { formatAddress } from "../../plane/wire/address.ts";
import type { Names } from "../names.ts";
import { protocolText } from "../vpc/ruleText.ts";
import type { Refusal } from "./refusal.ts";

const ICMP = 1;
const SCTP = 132;
const TYPE_SHIFT = 8;
const CODE_MASK = 0xff;

/** `tcp`, `sctp`, `47` */
export function protocolName(protocol: number): string {
  return protocol === SCTP ? "sctp" : protocolText(protocol);
}

/** `port 5433`, `type 8 code 0` */
export function portName({ protocol, dport }: Refusal): string {
  return protocol === ICMP ? `type ${dport >>> TYPE_SHIFT} code ${dport & CODE_MASK}` : `port ${dport}`;
}

/** `pod/default/web-1 (10.0.1.16)`, or the address. */
export function addressName(address: number, names: Names): string {
  const name = names.byAddress(address);
  return name === null ? formatAddress(address) : `${name} (${formatAddress(address)})`;
}

/** The other end of what was asked: the destination of what leaves, the source of what comes. */
export function remoteOf(r: Refusal): number {
  return r.egress ? r.dst : r.src;
}

/** `destination 10.0.1.16` */
export function remoteName(r: Refusal, names: Names): string {
  return `${r.egress ? "destination" : "source"} ${addressName(remoteOf(r), names)}`;
}
