import { DIR_REPLY } from "../conntrack/info.ts";
import type { Conntrack } from "../conntrack/table.ts";
import { TCP_SYN_SENT } from "../conntrack/tcpStates.ts";
import { type Packet, PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import type { Random } from "../random.ts";
import { SNAT_NONE } from "../rows.ts";

/**
 * Source binding: which address and port a new connection leaves with, so that its reply tuple is unique in the node's
 * zone (get_unique_tuple and nf_nat_l4proto_unique_tuple in net/netfilter/nf_nat_core.c). The destination is bound
 * already: `p.dst` and `p.dport` are what the reply will come from.
 */

/** Kernel: NF_NAT_MAX_ATTEMPTS, halved each round with a fresh offset until under 16 (nf_nat_core.c). */
const MAX_ATTEMPTS = 128;
const MIN_ATTEMPTS = 16;
/** NF_NAT_HARDER_THRESH: in so many last attempts of a round, a connection that is closed gives its port up. */
const LAST_ATTEMPTS = MAX_ATTEMPTS / 4;

// Port classes a source port keeps to (RFC 4787 REQ-3(a) as the kernel has it: under 512, under 1024, the rest).
const CREDENTIAL_LIMIT = 512;
const PRIVILEGED_LIMIT = 1024;
const PRIVILEGED_MIN = 600;
const PORT_MAX = 65_535;

/** What the last {@link bindSource} met on its way: ports that it tried and that were taken. Read it at once. */
export const lastSearch = { taken: 0 };

/** No port was free: the packet is dropped. */
export const BIND_EXHAUSTED = -1;
const NO_MAPPING = -1;

/**
 * Chooses the source port (or ICMP identifier).
 *
 * @param address source address to leave with
 * @param mode SNAT_NONE keeps the port where it can and reuses the source's mapping; SNAT_HASHRANDOM and SNAT_PRNG draw
 *   (iptables --random and --random-fully, which this kernel code treats alike)
 * @returns the port, or BIND_EXHAUSTED
 */
export function bindSource(
  ct: Conntrack,
  random: Random,
  p: Packet,
  zone: number,
  address: number,
  mode: number,
): number {
  const replyDport = ct.dport(p.ct, DIR_REPLY);
  lastSearch.taken = 0;
  if (mode === SNAT_NONE) {
    // A source that takes another address asks for its mapping first, and only then for its own port.
    const mapped = address === p.src ? NO_MAPPING : mappedPort(ct, p, zone, address);
    if (mapped !== NO_MAPPING) {
      if (isFree(ct, p, zone, address, mapped, replyDport)) return mapped;
      lastSearch.taken++;
    }
    if (isFree(ct, p, zone, address, p.sport, replyDport)) return p.sport;
    lastSearch.taken++;
  }
  let min: number;
  let size: number;
  switch (p.protocol) {
    case PROTO_ICMP:
      min = 0;
      size = PORT_MAX + 1;
      break;
    case PROTO_TCP:
    case PROTO_UDP:
    case PROTO_SCTP:
      if (p.sport < CREDENTIAL_LIMIT) {
        min = 1;
        size = CREDENTIAL_LIMIT - 1;
      } else if (p.sport < PRIVILEGED_LIMIT) {
        min = PRIVILEGED_MIN;
        size = PRIVILEGED_LIMIT - PRIVILEGED_MIN;
      } else {
        min = PRIVILEGED_LIMIT;
        size = PORT_MAX - PRIVILEGED_LIMIT + 1;
      }
      break;
    default:
      // No ports to choose from: the tuple is unique as it is, or the connection cannot be.
      return isFree(ct, p, zone, address, 0, replyDport) ? 0 : BIND_EXHAUSTED;
  }
  const syn = p.protocol === PROTO_TCP && ct.tcpState(p.ct) === TCP_SYN_SENT;
  let attempts = Math.min(size, MAX_ATTEMPTS);
  for (;;) {
    let offset = random.below(PORT_MAX + 1);
    for (let i = 0; i < attempts; i++, offset++) {
      const port = min + (offset % size);
      const free =
        syn && attempts - i <= LAST_ATTEMPTS
          ? ct.takeOver(zone, p.dst, address, p.dport, port, p.ct)
          : isFree(ct, p, zone, address, port, replyDport);
      if (free) return port;
      lastSearch.taken++;
    }
    if (attempts >= size || attempts < MIN_ATTEMPTS) return BIND_EXHAUSTED;
    attempts >>= 1;
  }
}

/** find_appropriate_src: the port that the packet's source already has at this address, for any destination. */
function mappedPort(ct: Conntrack, p: Packet, zone: number, address: number): number {
  let sibling = ct.findBySource(zone, p.protocol, p.src, p.sport);
  while (sibling >= 0 && ct.dst(sibling, DIR_REPLY) !== address) sibling = ct.nextBySource(sibling);
  if (sibling < 0) return NO_MAPPING;
  return p.protocol === PROTO_ICMP ? ct.sport(sibling, DIR_REPLY) : ct.dport(sibling, DIR_REPLY);
}

/** Whether the reply tuple that this source port would give is unused in the zone. */
function isFree(ct: Conntrack, p: Packet, zone: number, address: number, port: number, replyDport: number): boolean {
  // An ICMP query's identifier is the same in both directions, and its reply type is fixed.
  return p.protocol === PROTO_ICMP
    ? !ct.isTaken(zone, p.protocol, p.dst, address, port, replyDport, p.ct)
    : !ct.isTaken(zone, p.protocol, p.dst, address, p.dport, port, p.ct);
}

/** Writes the reply tuple that a bound source port gives into the entry. */
export function setReplyTuple(ct: Conntrack, p: Packet, address: number, port: number): void {
  if (p.protocol === PROTO_ICMP) ct.setReply(p.ct, p.dst, address, port, ct.dport(p.ct, DIR_REPLY));
  else ct.setReply(p.ct, p.dst, address, p.dport, port);
}
