import { hashWords } from "./conntrack/hash.ts";
import { FRAG_OFFSET_MASK, type Packet, PROTO_ICMP, VNET_BEFORE } from "./packet.ts";
import { setU16 } from "./wire/bytes.ts";
import { checksum } from "./wire/checksum.ts";
import { ICMP_CHECKSUM, ICMP_CODE, ICMP_HEADER, ICMP_TYPE } from "./wire/icmp.ts";
import { IP_HEADER_MIN, IP_TOS, writeIpv4Header } from "./wire/ipv4.ts";

// The errors that the plane makes (RFC 792, RFC 1191).
export const ICMP_UNREACHABLE = 3;
export const ICMP_TIME_EXCEEDED = 11;
export const CODE_NET_UNREACHABLE = 0;
export const CODE_PORT_UNREACHABLE = 3;
export const CODE_FRAGMENTATION_NEEDED = 4;
export const CODE_TTL_IN_TRANSIT = 0;

/** Largest ICMP error, IP header included (RFC 1812, 4.3.2.3; net/ipv4/icmp.c "room"). */
export const ICMP_ERROR_MAX = 576;
/** Internetwork control, with the four bits of the packet's own type of service (net/ipv4/icmp.c, icmp_send; RT_TOS). */
const TOS_INTERNETCONTROL = 0xc0;
const TOS_BITS = 0x1e;
const TTL_DEFAULT = 64;
const REST_OF_HEADER = 4;

/** Whether an error about this packet may be sent at all (RFC 1122, 3.2.2): none about errors or later fragments. */
export function mayAnswer(p: Packet): boolean {
  if ((p.frag & FRAG_OFFSET_MASK) !== 0 || p.src === 0) return false;
  return p.protocol !== PROTO_ICMP || p.icmpError === 0;
}

/**
 * Writes an ICMP error about the packet at `out`. It quotes the packet's bytes as they stand, that is untranslated:
 * translations are written back only when a packet leaves a node, so the quotation is what the sender sent.
 *
 * @param rest the four bytes after the checksum: next-hop MTU for fragmentation needed, otherwise 0
 * @returns length of the packet in bytes
 */
export function writeIcmpError(
  p: Packet,
  out: number,
  src: number,
  dst: number,
  type: number,
  code: number,
  rest: number,
  id: number,
): number {
  const b = p.buf;
  const quoted = Math.min(p.len, ICMP_ERROR_MAX - IP_HEADER_MIN - ICMP_HEADER);
  const length = IP_HEADER_MIN + ICMP_HEADER + quoted;
  b.fill(0, out - VNET_BEFORE, out);
  const tos = TOS_INTERNETCONTROL | (b[p.off + IP_TOS] & TOS_BITS);
  writeIpv4Header(b, out, tos, length, id, 0, TTL_DEFAULT, PROTO_ICMP, src, dst);
  const icmp = out + IP_HEADER_MIN;
  b[icmp + ICMP_TYPE] = type;
  b[icmp + ICMP_CODE] = code;
  setU16(b, icmp + ICMP_CHECKSUM, 0);
  setU16(b, icmp + REST_OF_HEADER, 0);
  setU16(b, icmp + REST_OF_HEADER + 2, rest);
  b.copyWithin(icmp + ICMP_HEADER, p.off, p.off + quoted);
  setU16(b, icmp + ICMP_CHECKSUM, checksum(b, icmp, ICMP_HEADER + quoted));
  return length;
}

const SLOTS = 1024;
/** net.ipv4.icmp_ratelimit: one error a second to a destination, with a burst of six (XRLIM_BURST_FACTOR). */
const INTERVAL_MS = 1000;
const BURST = 6;

/**
 * How many ICMP errors a node sends to one destination: a token bucket each, as net/ipv4/icmp.c has it. A fixed,
 * direct-mapped table: two destinations that share a slot share a bucket, which only makes the limit stricter.
 */
export class IcmpLimit {
  readonly #tokens = new Int32Array(SLOTS).fill(INTERVAL_MS * BURST);
  readonly #last = new Int32Array(SLOTS);

  /** Takes a token (or in a what-if only looks); false if there is none. @param now milliseconds tick */
  allow(node: number, destination: number, now: number, take: boolean): boolean {
    const h = Math.imul(destination ^ Math.imul(node + 1, 0x9e3779b1), 0x85ebca6b);
    const i = (h >>> 16) & (SLOTS - 1);
    const elapsed = Math.min(Math.max(0, (now - this.#last[i]) | 0), INTERVAL_MS * BURST);
    const tokens = Math.min(INTERVAL_MS * BURST, this.#tokens[i] + elapsed);
    if (!take) return tokens >= INTERVAL_MS;
    this.#last[i] = now;
    if (tokens < INTERVAL_MS) {
      this.#tokens[i] = tokens;
      return false;
    }
    this.#tokens[i] = tokens - INTERVAL_MS;
    return true;
  }

  /** Continues a state hash with the buckets. */
  fold(seed: number): number {
    return hashWords(this.#tokens, 0, SLOTS, hashWords(this.#last, 0, SLOTS, seed));
  }
}
