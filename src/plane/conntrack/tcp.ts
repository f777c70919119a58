import type { Packet } from "../packet.ts";
import { getI32, getU16 } from "../wire/bytes.ts";
import type { Entries } from "./entries.ts";
import {
  DIR_ORIGINAL,
  DIR_REPLY,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  TRACK_ACCEPT,
  TRACK_INVALID,
  TRACK_KILL,
  TRACK_REPEAT,
} from "./info.ts";
import {
  ENTRY_BYTE_SHIFT,
  ENTRY_SHIFT,
  STATE_BYTE,
  STATUS,
  STATUS_BITS,
  TCP_FLAGS_BYTE,
  TCP_LAST_ACK,
  TCP_LAST_BYTE,
  TCP_LAST_CLASS_MASK,
  TCP_LAST_DIR_SHIFT,
  TCP_LAST_END,
  TCP_LAST_FLAGS_BYTE,
  TCP_LAST_SCALE_BYTE,
  TCP_LAST_SEQ,
  TCP_RETRANS_BYTE,
  TCP_SCALE_BYTE,
  TCP_SEEN,
  TCP_SEEN_WORDS,
  TD_END,
  TD_MAXACK,
  TD_MAXEND,
  TD_MAXWIN,
  WINDOW_SHIFT,
} from "./layout.ts";
import {
  CT_BE_LIBERAL,
  CT_CHALLENGE_ACK,
  CT_CLOSE_INIT,
  CT_DATA_UNACKNOWLEDGED,
  CT_MAXACK_SET,
  CT_SACK_PERM,
  CT_SIMULTANEOUS_OPEN,
  isClosing,
  isLegalTcpFlags,
  nextTcpState,
  TCP_CLASS_ACK,
  TCP_CLASS_FIN,
  TCP_CLASS_NONE,
  TCP_CLASS_RST,
  TCP_CLASS_SYN,
  TCP_CLASS_SYNACK,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT,
  TCP_IGNORE,
  TCP_INVALID_STATE,
  TCP_LAST_ACK as TCP_LAST_ACK_STATE,
  TCP_NONE,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TCP_SYN_SENT2,
  TCP_TIME_WAIT,
  TCP_TIMEOUT_RETRANS,
  TCP_TIMEOUT_UNACK,
  TH_TRACKED,
  tcpClass,
} from "./tcpStates.ts";
import {
  checkWindow,
  isAfter,
  readSynOptions,
  segmentEnd,
  TCP_ACK,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_SEQ,
  TCP_WINDOW,
  tcpHeaderLength,
  WINDOW_IGNORE,
  WINDOW_INVALID,
} from "./tcpWindow.ts";

/** An invalid FIN or RST shortens timeouts above this only, in ms. */
const INVALID_CLOSE_FLOOR = 120_000;

/**
 * Tracks a TCP segment (nf_conntrack_tcp_packet): legal flags, the state table, what the table cannot say, the window
 * check, then state, timeout and ASSURED.
 *
 * @param dir the segment's direction in the entry
 * @returns a TRACK_* verdict
 */
export function trackTcp(ct: Entries, p: Packet, entry: number, dir: number, now: number): number {
  const flags = p.buf[p.l4 + TCP_FLAGS] & TH_TRACKED;
  const header = tcpHeaderLength(p);
  if (!isLegalTcpFlags(flags) || header < TCP_HEADER || header > p.l4len) return TRACK_INVALID;
  const words = ct.words;
  const bytes = ct.bytes;
  const o = entry << ENTRY_SHIFT;
  const b = entry << ENTRY_BYTE_SHIFT;
  const segment = tcpClass(flags);
  if ((words[o + STATUS] & IPS_CONFIRMED) === 0 && !start(ct, p, entry, segment)) return TRACK_INVALID;

  const state = bytes[b + STATE_BYTE];
  let next = nextTcpState(dir, segment, state);
  let inWindow = false;
  if (next === TCP_INVALID_STATE) return TRACK_INVALID;
  if (next === TCP_IGNORE || (next === TCP_SYN_SENT && state >= TCP_TIME_WAIT)) {
    if (next === TCP_SYN_SENT && mayReopen(ct, entry, dir)) return TRACK_REPEAT;
    if (!syncsWithIgnoredSyn(ct, p, entry, dir, segment)) {
      noteIgnored(ct, p, entry, dir, segment, state);
      return TRACK_ACCEPT;
    }
    next = TCP_SYN_RECV;
  } else if (next === TCP_TIME_WAIT) {
    if (isChallengeAck(ct, entry, dir, segment, state)) return TRACK_ACCEPT;
  } else if (next === TCP_SYN_SENT2) bytes[b + TCP_LAST_FLAGS_BYTE] |= CT_SIMULTANEOUS_OPEN;
  else if (next === TCP_SYN_RECV) {
    // The state table has no way out of a simultaneous open: neither side ever sends the ACK of a handshake.
    const simultaneous = (bytes[b + TCP_LAST_FLAGS_BYTE] & CT_SIMULTANEOUS_OPEN) !== 0;
    if (dir === DIR_REPLY && segment === TCP_CLASS_ACK && simultaneous) next = TCP_ESTABLISHED;
  } else if (next === TCP_CLOSE && segment === TCP_CLASS_RST) {
    const rst = judgeRst(ct, p, entry, dir, state);
    if (rst === RST_INVALID) return TRACK_INVALID;
    if ((rst & RST_KEEP_STATE) !== 0) next = state;
    inWindow = (rst & RST_IN_WINDOW) !== 0;
  }

  if (!inWindow) {
    const result = checkWindow(ct, p, entry, dir, segment);
    if (result === WINDOW_IGNORE) return TRACK_ACCEPT;
    if (result === WINDOW_INVALID) {
      noteInvalidClose(ct, entry, dir, segment, now);
      return TRACK_INVALID;
    }
  }
  return advance(ct, entry, dir, segment, next, now);
}

/** First segment of a connection (tcp_new): a SYN, or, when loose, an ACK in the middle. False when it may not be one. */
function start(ct: Entries, p: Packet, entry: number, segment: number): boolean {
  const first = nextTcpState(DIR_ORIGINAL, segment, TCP_NONE);
  if (first === TCP_INVALID_STATE || (first !== TCP_SYN_SENT && !ct.settings.tcpLoose)) return false;
  const words = ct.words;
  const bytes = ct.bytes;
  const b = entry << ENTRY_BYTE_SHIFT;
  const s = (entry << ENTRY_SHIFT) + TCP_SEEN;
  const window = getU16(p.buf, p.l4 + TCP_WINDOW);
  const end = segmentEnd(p);
  words[s + TD_END] = end;
  words[s + TD_MAXWIN] = window === 0 ? 1 : window;
  if (first === TCP_SYN_SENT) {
    words[s + TD_MAXEND] = end;
    readSynOptions(p, bytes, b + TCP_FLAGS_BYTE, b + TCP_SCALE_BYTE);
  } else {
    words[s + TD_MAXEND] = end + words[s + TD_MAXWIN];
    // The window scale is not known: assume SACK and be liberal.
    bytes[b + TCP_FLAGS_BYTE + DIR_ORIGINAL] = CT_SACK_PERM | CT_BE_LIBERAL;
    bytes[b + TCP_FLAGS_BYTE + DIR_REPLY] = CT_SACK_PERM | CT_BE_LIBERAL;
  }
  bytes[b + TCP_LAST_BYTE] = TCP_CLASS_NONE;
  return true;
}

/** Whether a SYN on a closed connection starts a new one: it was closed in order, or by this side's RST. */
function mayReopen(ct: Entries, entry: number, dir: number): boolean {
  const b = entry << ENTRY_BYTE_SHIFT;
  const seen = ct.bytes[b + TCP_FLAGS_BYTE] | ct.bytes[b + TCP_FLAGS_BYTE + 1];
  return (seen & CT_CLOSE_INIT) !== 0 || ct.bytes[b + TCP_LAST_BYTE] === ((dir << TCP_LAST_DIR_SHIFT) | TCP_CLASS_RST);
}

/**
 * A SYN-ACK that acknowledges a SYN which was ignored: both ends agree on a new connection and only conntrack did not
 * know. Takes over what was noted of the SYN.
 */
function syncsWithIgnoredSyn(ct: Entries, p: Packet, entry: number, dir: number, segment: number): boolean {
  const words = ct.words;
  const bytes = ct.bytes;
  const o = entry << ENTRY_SHIFT;
  const b = entry << ENTRY_BYTE_SHIFT;
  const other = 1 - dir;
  if (
    segment !== TCP_CLASS_SYNACK ||
    bytes[b + TCP_LAST_BYTE] !== ((other << TCP_LAST_DIR_SHIFT) | TCP_CLASS_SYN) ||
    getI32(p.buf, p.l4 + TCP_ACK) !== words[o + TCP_LAST_END]
  ) {
    return false;
  }
  const window = words[o + STATUS] >>> WINDOW_SHIFT;
  const theirs = o + TCP_SEEN + other * TCP_SEEN_WORDS;
  words[theirs + TD_END] = words[o + TCP_LAST_END];
  words[theirs + TD_MAXEND] = words[o + TCP_LAST_END];
  words[theirs + TD_MAXWIN] = window === 0 ? 1 : window;
  bytes[b + TCP_SCALE_BYTE + other] = bytes[b + TCP_LAST_SCALE_BYTE];
  bytes[b + TCP_LAST_FLAGS_BYTE] &= ~CT_CHALLENGE_ACK;
  bytes[b + TCP_FLAGS_BYTE + other] = bytes[b + TCP_LAST_FLAGS_BYTE];
  const ours = o + TCP_SEEN + dir * TCP_SEEN_WORDS;
  words[ours + TD_END] = 0;
  words[ours + TD_MAXEND] = 0;
  words[ours + TD_MAXWIN] = 0;
  words[ours + TD_MAXACK] = 0;
  bytes[b + TCP_SCALE_BYTE + dir] = 0;
  bytes[b + TCP_FLAGS_BYTE + dir] &= CT_BE_LIBERAL;
  return true;
}

/** Notes a segment that passes without effect; the answer to it tells whether it was right. */
function noteIgnored(ct: Entries, p: Packet, entry: number, dir: number, segment: number, state: number): void {
  const words = ct.words;
  const bytes = ct.bytes;
  const o = entry << ENTRY_SHIFT;
  const b = entry << ENTRY_BYTE_SHIFT;
  bytes[b + TCP_LAST_BYTE] = (dir << TCP_LAST_DIR_SHIFT) | segment;
  words[o + TCP_LAST_SEQ] = getI32(p.buf, p.l4 + TCP_SEQ);
  words[o + TCP_LAST_END] = segmentEnd(p);
  words[o + STATUS] = (words[o + STATUS] & STATUS_BITS) | (getU16(p.buf, p.l4 + TCP_WINDOW) << WINDOW_SHIFT);
  if (segment === TCP_CLASS_SYN && dir === DIR_ORIGINAL) {
    bytes[b + TCP_LAST_FLAGS_BYTE] = 0;
    bytes[b + TCP_LAST_SCALE_BYTE] = 0;
    readSynOptions(p, bytes, b + TCP_LAST_FLAGS_BYTE, b + TCP_LAST_SCALE_BYTE);
    // The other end may answer with a challenge ACK, which must not count as the ACK of its FIN.
    if (state === TCP_LAST_ACK_STATE) bytes[b + TCP_LAST_FLAGS_BYTE] |= CT_CHALLENGE_ACK;
  }
  // Perhaps a challenge ACK that answers a SYN: the RST that follows will carry this number.
  if (state === TCP_SYN_SENT && segment === TCP_CLASS_ACK && dir === DIR_REPLY) {
    words[o + TCP_LAST_ACK] = getI32(p.buf, p.l4 + TCP_ACK);
  }
}

/** A challenge ACK (RFC 5961) in answer to an ignored SYN: it does not acknowledge the last FIN. */
function isChallengeAck(ct: Entries, entry: number, dir: number, segment: number, state: number): boolean {
  const bytes = ct.bytes;
  const b = entry << ENTRY_BYTE_SHIFT;
  if (
    state !== TCP_LAST_ACK_STATE ||
    segment !== TCP_CLASS_ACK ||
    bytes[b + TCP_LAST_BYTE] !== (((1 - dir) << TCP_LAST_DIR_SHIFT) | TCP_CLASS_SYN) ||
    (bytes[b + TCP_LAST_FLAGS_BYTE] & CT_CHALLENGE_ACK) === 0
  ) {
    return false;
  }
  bytes[b + TCP_LAST_FLAGS_BYTE] &= ~CT_CHALLENGE_ACK;
  return true;
}

// What judgeRst() found.
const RST_CHECK_WINDOW = 0;
const RST_IN_WINDOW = 1;
const RST_KEEP_STATE = 2;
const RST_INVALID = 4;

/** A RST closes the connection, unless its sequence number shows that it does not belong to it. */
function judgeRst(ct: Entries, p: Packet, entry: number, dir: number, state: number): number {
  // Once closing, the ports may be in use again and all numbers outdated.
  if (isClosing(state)) return RST_IN_WINDOW;
  const words = ct.words;
  const bytes = ct.bytes;
  const o = entry << ENTRY_SHIFT;
  const b = entry << ENTRY_BYTE_SHIFT;
  const seq = getI32(p.buf, p.l4 + TCP_SEQ);
  const status = words[o + STATUS];
  const last = bytes[b + TCP_LAST_BYTE];
  const lastClass = last & TCP_LAST_CLASS_MASK;
  let result = RST_CHECK_WINDOW;
  if ((bytes[b + TCP_FLAGS_BYTE + 1 - dir] & CT_MAXACK_SET) !== 0 && lastClass !== TCP_CLASS_SYN) {
    const established = state === TCP_ESTABLISHED && (status & IPS_ASSURED) !== 0;
    const expected = words[o + TCP_SEEN + (1 - dir) * TCP_SEEN_WORDS + TD_MAXACK];
    // Most likely the answer to a SYN that was let through.
    if (seq === 0 && !established) return RST_CHECK_WINDOW;
    if (isAfter(expected, seq) && !ct.settings.tcpIgnoreInvalidRst) return RST_INVALID;
    if (!established || seq === expected) return RST_CHECK_WINDOW;
    // Right behind data of its own side.
    if (last === ((dir << TCP_LAST_DIR_SHIFT) | TCP_CLASS_ACK) && seq === words[o + TCP_LAST_END]) {
      return RST_CHECK_WINDOW;
    }
    // In window, but not exact: the receiver will challenge it (RFC 5961, section 3.2).
    result = RST_KEEP_STATE;
  }
  const letThrough =
    lastClass === TCP_CLASS_SYN
      ? (status & IPS_SEEN_REPLY) !== 0
      : lastClass === TCP_CLASS_ACK && (status & IPS_ASSURED) === 0;
  if (letThrough && getI32(p.buf, p.l4 + TCP_ACK) === words[o + TCP_LAST_END]) return result | RST_IN_WINDOW;
  const answersChallenge =
    state === TCP_SYN_SENT &&
    last === ((DIR_REPLY << TCP_LAST_DIR_SHIFT) | TCP_CLASS_ACK) &&
    seq === words[o + TCP_LAST_ACK];
  return answersChallenge ? result | RST_IN_WINDOW : result;
}

/** A FIN or RST out of window from both sides: the ends agree that it is over, so do not wait for days. */
function noteInvalidClose(ct: Entries, entry: number, dir: number, segment: number, now: number): void {
  const status = ct.words[(entry << ENTRY_SHIFT) + STATUS];
  if ((status & IPS_ASSURED) === 0 || (status & IPS_FIXED_TIMEOUT) !== 0) return;
  if (segment !== TCP_CLASS_RST && segment !== TCP_CLASS_FIN) return;
  const b = entry << ENTRY_BYTE_SHIFT;
  const last = ct.bytes[b + TCP_LAST_BYTE];
  const lastClass = last & TCP_LAST_CLASS_MASK;
  if (last >>> TCP_LAST_DIR_SHIFT !== dir && (lastClass === TCP_CLASS_FIN || lastClass === TCP_CLASS_RST)) {
    const left = ct.timeoutLeft(entry, now);
    const timeout = ct.timeouts.tcp[TCP_TIMEOUT_UNACK];
    if (left >= INVALID_CLOSE_FLOOR && left > timeout) ct.setDeadline(entry, (now + timeout) | 0, now);
  } else ct.bytes[b + TCP_LAST_BYTE] = (dir << TCP_LAST_DIR_SHIFT) | segment;
}

/** The segment counts: new state, new timeout, ASSURED. */
function advance(ct: Entries, entry: number, dir: number, segment: number, next: number, now: number): number {
  const words = ct.words;
  const bytes = ct.bytes;
  const o = entry << ENTRY_SHIFT;
  const b = entry << ENTRY_BYTE_SHIFT;
  const state = bytes[b + STATE_BYTE];
  bytes[b + TCP_LAST_BYTE] = (dir << TCP_LAST_DIR_SHIFT) | segment;
  bytes[b + STATE_BYTE] = next;
  if (state !== next && next === TCP_FIN_WAIT) bytes[b + TCP_FLAGS_BYTE + dir] |= CT_CLOSE_INIT;

  const timeouts = ct.timeouts.tcp;
  const retrans = timeouts[TCP_TIMEOUT_RETRANS];
  const unack = timeouts[TCP_TIMEOUT_UNACK];
  const seen = bytes[b + TCP_FLAGS_BYTE] | bytes[b + TCP_FLAGS_BYTE + 1];
  let timeout = timeouts[next];
  if (bytes[b + TCP_RETRANS_BYTE] >= ct.settings.tcpMaxRetrans && timeout > retrans) timeout = retrans;
  else if (segment === TCP_CLASS_RST) timeout = timeouts[TCP_CLOSE];
  else if ((seen & CT_DATA_UNACKNOWLEDGED) !== 0 && timeout > unack) timeout = unack;
  // A sender that may not send: the window is 0.
  else if (words[o + STATUS] >>> WINDOW_SHIFT === 0 && timeout > retrans) timeout = retrans;

  const status = words[o + STATUS];
  if ((status & IPS_SEEN_REPLY) === 0) {
    // A RST is all that was ever answered: nothing to remember.
    if (segment === TCP_CLASS_RST) return TRACK_KILL;
    // Do not renew on a repeated SYN, or ports used again and again keep an entry, and its translation, forever.
    if (segment === TCP_CLASS_SYN && state === TCP_SYN_SENT) return TRACK_ACCEPT;
    // Picked up in the middle and not answered yet.
    if (next === TCP_ESTABLISHED && timeout > unack) timeout = unack;
  } else if (
    (status & IPS_ASSURED) === 0 &&
    (state === TCP_SYN_RECV || state === TCP_ESTABLISHED) &&
    next === TCP_ESTABLISHED
  ) {
    words[o + STATUS] |= IPS_ASSURED;
  }
  ct.refresh(entry, now, timeout);
  return TRACK_ACCEPT;
}
