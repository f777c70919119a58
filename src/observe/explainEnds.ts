import * as D from "../plane/decision.ts";
import { PROTO_ICMP, PROTO_TCP } from "../plane/packet.ts";
import { formatAddress } from "../plane/wire/address.ts";

export interface FlowEnd {
  name: string | null;
  address: string;
  port: number;
}

/** Both ends of a packet as it stands at one point of its way. */
export interface Ends {
  source: { address: string; port: number };
  destination: { address: string; port: number };
}

export interface AskedFlow {
  protocol: number;
  source: { address: number; port: number; name: string | null };
  destination: { address: number; port: number; name: string | null };
}

/** A packet's ends as numbers: addresses are int32, ports in host order. */
export interface Tuple {
  protocol: number;
  src: number;
  sport: number;
  dst: number;
  dport: number;
}

/** Follows a packet's ends through the steps of its decision. */
export class EndsTracker {
  #now: Tuple;

  constructor({ protocol, source, destination }: AskedFlow) {
    this.#now = {
      protocol,
      src: source.address,
      sport: source.port,
      dst: destination.address,
      dport: destination.port,
    };
  }

  /** The packet as it stands behind the last step. */
  get now(): Tuple {
    return this.#now;
  }

  /** Takes a step. @returns the packet before it where the step translates it, else null */
  step(d: D.Decision, i: number): Tuple | null {
    const before = this.#now;
    const [a, b, c, e] = [d.a[i], d.b[i], d.c[i], d.d[i]];
    switch (d.action[i]) {
      case D.ACT_DNAT:
        this.#now = { ...before, dst: c, dport: e };
        // What was asked may not say it: a trace's first packet is as the decision found it.
        return { ...before, dst: a, dport: b };
      case D.ACT_SNAT:
        this.#now = { ...before, src: c, sport: e };
        return { ...before, src: a, sport: b };
      case D.ACT_RESTORE:
        this.#now = { ...before, src: a, sport: b, dst: c, dport: e };
        return before;
      case D.ACT_ICMP:
        this.#now = { protocol: PROTO_ICMP, src: c, sport: 0, dst: e, dport: 0 };
        return null;
      case D.ACT_RESET:
        this.#now = { protocol: PROTO_TCP, src: a, sport: b, dst: c, dport: e };
        return null;
      default:
        return null;
    }
  }
}

/** An end of a packet as text: ICMP has no ports. */
export function socketText(protocol: number, address: number, port: number): string {
  return protocol === PROTO_ICMP ? formatAddress(address) : `${formatAddress(address)}:${port}`;
}

export function tupleText({ protocol, src, sport, dst, dport }: Tuple): string {
  return `${socketText(protocol, src, sport)} -> ${socketText(protocol, dst, dport)}`;
}

export function endsOf({ protocol, src, sport, dst, dport }: Tuple): Ends {
  const port = (n: number): number => (protocol === PROTO_ICMP ? 0 : n);
  return {
    source: { address: formatAddress(src), port: port(sport) },
    destination: { address: formatAddress(dst), port: port(dport) },
  };
}

/** `tcp`, `udp`, `icmp`, `sctp`, or the number. */
export function protocolName(protocol: number): string {
  return PROTOCOL_NAMES[protocol] ?? String(protocol);
}

const PROTOCOL_NAMES: Record<number, string> = { 1: "icmp", 6: "tcp", 17: "udp", 132: "sctp" };
