import type { PacketFacts } from "../../observe/trace/packetFacts.ts";
import { PROTO_ICMP } from "../../plane/packet.ts";
import { icmpIsQuery, icmpRequestOf } from "../../plane/wire/icmp.ts";

/** What a conntrack tuple has: of an ICMP query `sport` is the identifier and `dport` the request's type << 8. */
export interface Tuple {
  readonly protocol: number;
  readonly src: number;
  readonly sport: number;
  readonly dst: number;
  readonly dport: number;
}

const BYTE = 8;

/** An ICMP query and its answer have the same kind: the request's type. */
function icmpKind(dport: number): number {
  const type = dport >> BYTE;
  const request = icmpRequestOf(type);
  return (request < 0 ? type : request) << BYTE;
}

/** The tuple of a packet, or null: it is no IPv4 that can be read. An ICMP error has one without ports. */
export function tupleOf(facts: PacketFacts): Tuple | null {
  if (facts.version !== 4 || facts.protocol < 0) return null;
  const { protocol, src, dst, sport, dport } = facts;
  if (protocol !== PROTO_ICMP) return { protocol, src, sport, dst, dport };
  const query = icmpIsQuery(dport >> BYTE);
  return { protocol, src, sport: query ? sport : 0, dst, dport: query ? icmpKind(dport) : 0 };
}

/** The tuple of the answer. */
export function reversed(t: Tuple): Tuple {
  const swapped = { ...t, src: t.dst, dst: t.src };
  return t.protocol === PROTO_ICMP ? swapped : { ...swapped, sport: t.dport, dport: t.sport };
}

/** A text that tuples have in common exactly when they are equal. */
export function tupleKey(t: Tuple): string {
  return `${t.protocol}/${t.src}:${t.sport}/${t.dst}:${t.dport}`;
}
