import type { Packet } from "../packet.ts";
import { getI32, getU16 } from "../wire/bytes.ts";
import type { Entries } from "./entries.ts";
import { DIR_ORIGINAL, DIR_REPLY, IPS_ASSURED, IPS_CONFIRMED, TRACK_ACCEPT, TRACK_INVALID } from "./info.ts";
import {
  ENTRY_BYTE_SHIFT,
  ENTRY_SHIFT,
  SCTP_FLAGS_BYTE,
  SCTP_INIT_BYTE,
  SCTP_LAST_DIR_BYTE,
  SCTP_VTAG,
  STATE_BYTE,
  STATUS,
} from "./layout.ts";
import {
  CHUNK_ABORT,
  CHUNK_COOKIE_ACK,
  CHUNK_COOKIE_ECHO,
  CHUNK_DATA,
  CHUNK_HEARTBEAT,
  CHUNK_HEARTBEAT_ACK,
  CHUNK_INIT,
  CHUNK_INIT_ACK,
  CHUNK_SHUTDOWN_ACK,
  CHUNK_SHUTDOWN_COMPLETE,
  nextSctpState,
  SCTP_CLOSED,
  SCTP_ESTABLISHED,
  SCTP_INVALID_STATE,
  SCTP_NONE,
} from "./sctpStates.ts";

// Common header and chunk header (RFC 9260, section 3).
const HEADER = 12;
const VTAG = 4;
const CHUNK_HEADER = 4;
const CHUNK_FLAGS = 1;
const CHUNK_LENGTH = 2;
/** The T flag of ABORT and SHUTDOWN COMPLETE: the tag is the sender's own, because it has no association. */
const FLAG_T = 0x01;
/** INIT and INIT ACK carry at least these fields, the initiate tag first. */
const INIT_HEADER = 16;

/** A heartbeat carried another tag: its answer may bring the new one (failover to a restarted peer). */
const HEARTBEAT_VTAG_FAILED = 1;

const CHUNK_IGNORED = -1;
const CHUNK_REFUSED = -2;

const has = (seen: number, chunk: number): boolean => (seen & (1 << chunk)) !== 0;

/** Chunks whose tag is checked one by one, or not at all. */
const OWN_TAG_RULE =
  (1 << CHUNK_INIT) |
  (1 << CHUNK_SHUTDOWN_COMPLETE) |
  (1 << CHUNK_COOKIE_ECHO) |
  (1 << CHUNK_ABORT) |
  (1 << CHUNK_SHUTDOWN_ACK) |
  (1 << CHUNK_HEARTBEAT) |
  (1 << CHUNK_HEARTBEAT_ACK);
/** Out of the blue these are discarded (RFC 9260, section 8.4). */
const NEVER_FIRST = (1 << CHUNK_ABORT) | (1 << CHUNK_SHUTDOWN_COMPLETE) | (1 << CHUNK_COOKIE_ACK);

/**
 * Tracks an SCTP packet (nf_conntrack_sctp_packet): well-formed chunks, verification tags, the state table, timeout of
 * the state that the last chunk led to.
 */
export function trackSctp(ct: Entries, p: Packet, entry: number, dir: number, now: number): number {
  if (p.l4len < HEADER) return TRACK_INVALID;
  const chunks = scanChunks(p);
  if (chunks < 0) return TRACK_INVALID;
  const words = ct.words;
  const o = entry << ENTRY_SHIFT;
  const vtag = getI32(p.buf, p.l4 + VTAG);
  if ((words[o + STATUS] & IPS_CONFIRMED) === 0 && ((chunks & NEVER_FIRST) !== 0 || !start(ct, p, entry, vtag))) {
    return TRACK_INVALID;
  }
  if ((chunks & OWN_TAG_RULE) === 0 && vtag !== words[o + SCTP_VTAG + dir]) return TRACK_INVALID;

  const stateAt = (entry << ENTRY_BYTE_SHIFT) + STATE_BYTE;
  const end = p.l4 + p.l4len;
  let next = SCTP_NONE;
  let refresh = true;
  for (let at = p.l4 + HEADER; at + CHUNK_HEADER <= end; at += chunkStep(p, at)) {
    const type = p.buf[at];
    const allowed = checkChunk(ct, p, entry, dir, at, vtag, has(chunks, CHUNK_DATA) || !refresh);
    if (allowed === CHUNK_REFUSED) return TRACK_INVALID;
    if (allowed === CHUNK_IGNORED) {
      refresh = false;
      continue;
    }
    const state = ct.bytes[stateAt];
    next = nextSctpState(dir, type, state);
    if (next === SCTP_INVALID_STATE) return TRACK_INVALID;
    if ((type === CHUNK_INIT || type === CHUNK_INIT_ACK) && !noteInitTag(ct, p, entry, dir, at)) return TRACK_INVALID;
    // A repeated INIT does not keep the entry of an association that never came about.
    const confirmed = (words[o + STATUS] & IPS_CONFIRMED) !== 0;
    if (type === CHUNK_INIT && state === SCTP_CLOSED && next === SCTP_CLOSED && confirmed) refresh = false;
    ct.bytes[stateAt] = next;
    if (state !== next && next === SCTP_ESTABLISHED) words[o + STATUS] |= IPS_ASSURED;
  }
  if (refresh) ct.refresh(entry, now, ct.timeouts.sctp[next]);
  return TRACK_ACCEPT;
}

/** Bytes from one chunk to the next: its length, padded to a multiple of four. */
function chunkStep(p: Packet, at: number): number {
  return (getU16(p.buf, at + CHUNK_LENGTH) + 3) & ~3;
}

/** Which chunk types below 31 a packet has, as bits; -1 when the chunks are not well-formed (do_basic_checks). */
function scanChunks(p: Packet): number {
  const end = p.l4 + p.l4len;
  let seen = 0;
  let count = 0;
  let alone = false;
  for (let at = p.l4 + HEADER; at + CHUNK_HEADER <= end; at += chunkStep(p, at)) {
    const type = p.buf[at];
    if (type === CHUNK_INIT || type === CHUNK_INIT_ACK || type === CHUNK_SHUTDOWN_COMPLETE) alone = true;
    const first = alone || type === CHUNK_COOKIE_ACK || type === CHUNK_COOKIE_ECHO;
    if ((first && count !== 0) || getU16(p.buf, at + CHUNK_LENGTH) === 0) return -1;
    if (type <= CHUNK_SHUTDOWN_COMPLETE) seen |= 1 << type;
    count++;
  }
  return count === 0 ? -1 : seen;
}

/** First packet of an association (sctp_new): learns the tag that the other side will use. */
function start(ct: Entries, p: Packet, entry: number, vtag: number): boolean {
  const tags = (entry << ENTRY_SHIFT) + SCTP_VTAG;
  const end = p.l4 + p.l4len;
  for (let at = p.l4 + HEADER; at + CHUNK_HEADER <= end; at += chunkStep(p, at)) {
    const type = p.buf[at];
    const next = nextSctpState(DIR_ORIGINAL, type, SCTP_NONE);
    if (next === SCTP_NONE || next === SCTP_INVALID_STATE) return false;
    if (type === CHUNK_INIT) {
      if (vtag !== 0 || at + CHUNK_HEADER + INIT_HEADER > end) return false;
      ct.words[tags + DIR_REPLY] = getI32(p.buf, at + CHUNK_HEADER);
    } else if (type === CHUNK_HEARTBEAT) ct.words[tags + DIR_ORIGINAL] = vtag;
    // Out of the blue: the answer reflects the tag (RFC 9260, section 8.4).
    else ct.words[tags + DIR_REPLY] = vtag;
  }
  return true;
}

/** The tag rules of single chunks (RFC 9260, section 8.5.1): 0, CHUNK_IGNORED or CHUNK_REFUSED. */
function checkChunk(
  ct: Entries,
  p: Packet,
  entry: number,
  dir: number,
  at: number,
  vtag: number,
  noFailover: boolean,
): number {
  const words = ct.words;
  const tags = (entry << ENTRY_SHIFT) + SCTP_VTAG;
  const b = entry << ENTRY_BYTE_SHIFT;
  const type = p.buf[at];
  if (type === CHUNK_INIT) return vtag === 0 ? 0 : CHUNK_REFUSED;
  if (type === CHUNK_ABORT || type === CHUNK_SHUTDOWN_COMPLETE) {
    const reflected = (p.buf[at + CHUNK_FLAGS] & FLAG_T) !== 0;
    return vtag === words[tags + (reflected ? 1 - dir : dir)] ? 0 : CHUNK_REFUSED;
  }
  if (type === CHUNK_COOKIE_ECHO) return vtag === words[tags + dir] ? 0 : CHUNK_REFUSED;
  if (type === CHUNK_COOKIE_ACK) {
    ct.bytes[b + SCTP_INIT_BYTE] = 0;
    ct.bytes[b + SCTP_INIT_BYTE + 1] = 0;
    return 0;
  }
  if (type !== CHUNK_HEARTBEAT && type !== CHUNK_HEARTBEAT_ACK) return 0;
  if (words[tags + dir] === 0) {
    words[tags + dir] = vtag;
    return 0;
  }
  if (vtag === words[tags + dir]) {
    ct.bytes[b + SCTP_FLAGS_BYTE] &= ~HEARTBEAT_VTAG_FAILED;
    return 0;
  }
  if (noFailover) return CHUNK_REFUSED;
  if (type === CHUNK_HEARTBEAT) {
    ct.bytes[b + SCTP_FLAGS_BYTE] |= HEARTBEAT_VTAG_FAILED;
    ct.bytes[b + SCTP_LAST_DIR_BYTE] = dir;
    return CHUNK_IGNORED;
  }
  const failed = (ct.bytes[b + SCTP_FLAGS_BYTE] & HEARTBEAT_VTAG_FAILED) !== 0;
  if (!failed || ct.bytes[b + SCTP_LAST_DIR_BYTE] === dir) return CHUNK_REFUSED;
  ct.bytes[b + SCTP_FLAGS_BYTE] &= ~HEARTBEAT_VTAG_FAILED;
  words[tags + dir] = vtag;
  words[tags + 1 - dir] = 0;
  return 0;
}

/** Notes the tag that INIT or INIT ACK asks the other side to use. False when it contradicts what is known. */
function noteInitTag(ct: Entries, p: Packet, entry: number, dir: number, at: number): boolean {
  if (at + CHUNK_HEADER + INIT_HEADER > p.l4 + p.l4len) return false;
  const words = ct.words;
  const theirs = (entry << ENTRY_SHIFT) + SCTP_VTAG + 1 - dir;
  const ourInit = (entry << ENTRY_BYTE_SHIFT) + SCTP_INIT_BYTE + dir;
  const theirInit = (entry << ENTRY_BYTE_SHIFT) + SCTP_INIT_BYTE + 1 - dir;
  const tag = getI32(p.buf, at + CHUNK_HEADER);
  const both = ct.bytes[ourInit] !== 0 && ct.bytes[theirInit] !== 0;
  if (p.buf[at] === CHUNK_INIT) {
    if (both) ct.bytes[theirInit] = 0;
    ct.bytes[ourInit] = 1;
  } else {
    const known = words[theirs];
    if (ct.bytes[theirInit] === 0 && known !== 0 && known !== tag) return false;
    // INITs of both sides crossed.
    if (both && known !== tag) return false;
  }
  words[theirs] = tag;
  return true;
}
