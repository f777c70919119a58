import type { Context } from "../context.ts";
import { ACT_CLAMP, RULE_NONE, STAGE_GATEWAY } from "../decision.ts";
import { FRAG_OFFSET_MASK, PROTO_TCP, VNET_F_NEEDS_CSUM } from "../packet.ts";
import { getU16, setU16 } from "../wire/bytes.ts";
import { update16 } from "../wire/checksum.ts";
import { TCP_CHECKSUM, TCP_FLAGS, TCP_HEADER_MIN, TCP_SYN, tcpHeaderLength } from "../wire/tcp.ts";
import { NO_NODE } from "./deliver.ts";

// TCP options (RFC 9293, section 3.2).
const OPTION_END = 0;
const OPTION_NOOP = 1;
const OPTION_MSS = 2;
const MSS_LENGTH = 4;
/** Type and length. */
const OPTION_HEADER = 2;
/** A TCP and an IPv4 header without options: what the MSS does not count (RFC 879, section 3). */
const HEADERS = 40;

/**
 * Lowers the maximum segment size that a SYN or SYN-ACK announces to what fits an MTU; other packets, and lower ones, are
 * left alone.
 *
 * @param mtu bytes
 */
export function clampMss(c: Context, mtu: number): void {
  const p = c.p;
  if (p.protocol !== PROTO_TCP || (p.frag & FRAG_OFFSET_MASK) !== 0 || p.l4len < TCP_HEADER_MIN) return;
  const b = p.buf;
  if ((b[p.l4 + TCP_FLAGS] & TCP_SYN) === 0) return;
  const limit = mtu - HEADERS;
  const end = p.l4 + Math.min(tcpHeaderLength(b, p.l4), p.l4len);
  let i = p.l4 + TCP_HEADER_MIN;
  while (i + OPTION_HEADER <= end) {
    const type = b[i];
    if (type === OPTION_END) return;
    if (type === OPTION_NOOP) {
      i++;
      continue;
    }
    const length = b[i + 1];
    if (length < OPTION_HEADER) return;
    if (type === OPTION_MSS && length === MSS_LENGTH && i + MSS_LENGTH <= end) {
      lower(c, i + OPTION_HEADER, limit);
      return;
    }
    i += length;
  }
}

function lower(c: Context, at: number, limit: number): void {
  const p = c.p;
  const b = p.buf;
  const before = getU16(b, at);
  if (before <= limit) return;
  setU16(b, at, limit);
  // With NEEDS_CSUM whoever completes the checksum sums the options.
  if ((p.vnetFlags & VNET_F_NEEDS_CSUM) === 0) fixChecksum(b, p.l4 + TCP_CHECKSUM, at, at - p.l4, before, limit);
  const d = c.decision;
  if (d !== null) d.addWith(NO_NODE, STAGE_GATEWAY, ACT_CLAMP, RULE_NONE, 0, before, limit, 0, 0);
}

/** The checksum adds up words of the segment; an option may lie across two of them. */
function fixChecksum(b: Uint8Array, field: number, at: number, offset: number, before: number, after: number): void {
  const check = getU16(b, field);
  if ((offset & 1) === 0) {
    setU16(b, field, update16(check, before, after));
    return;
  }
  const left = b[at - 1] << 8;
  const right = b[at + 2];
  const half = update16(check, left | (before >>> 8), left | (after >>> 8));
  setU16(b, field, update16(half, ((before & 0xff) << 8) | right, ((after & 0xff) << 8) | right));
}
