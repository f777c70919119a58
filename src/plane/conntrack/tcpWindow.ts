import type { Packet } from "../packet.ts";
import { getI32, getU16 } from "../wire/bytes.ts";
import type { Entries } from "./entries.ts";
import { DIR_REPLY } from "./info.ts";
import {
  ENTRY_BYTE_SHIFT,
  ENTRY_SHIFT,
  STATE_BYTE,
  STATUS,
  STATUS_BITS,
  TCP_FLAGS_BYTE,
  TCP_LAST_ACK,
  TCP_LAST_BYTE,
  TCP_LAST_DIR_SHIFT,
  TCP_LAST_END,
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
  CT_DATA_UNACKNOWLEDGED,
  CT_MAXACK_SET,
  CT_SACK_PERM,
  CT_WINDOW_SCALE,
  TCP_CLASS_ACK,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
  TH_ACK,
  TH_FIN,
  TH_RST,
  TH_SYN,
} from "./tcpStates.ts";

// The TCP header (RFC 9293, section 3.1).
export const TCP_HEADER = 20;
export const TCP_SEQ = 4;
export const TCP_ACK = 8;
const TCP_DATA_OFFSET = 12;
export const TCP_FLAGS = 13;
export const TCP_WINDOW = 14;

// Options (RFC 9293, RFC 7323, RFC 2018).
const OPT_EOL = 0;
const OPT_NOP = 1;
const OPT_WINDOW = 3;
const OPT_WINDOW_LENGTH = 3;
const OPT_SACK_PERM = 4;
const OPT_SACK_PERM_LENGTH = 2;
const OPT_SACK = 5;
const SACK_BLOCK = 8;
const OPT_BASE = 2;
/** NOP, NOP, timestamp, length 10: what nearly every segment carries. */
const TIMESTAMP_ALONE = 0x0101080a;
const TIMESTAMP_ALONE_LENGTH = 12;
const MAX_SCALE = 14;

/** An acknowledgement may be this late at least (MAXACKWINCONST). */
const MAX_ACK_WINDOW = 66_000;

export const WINDOW_INVALID = 0;
/** Pass, but neither state nor timeout changes: an old segment or acknowledgement, or a little too much data. */
export const WINDOW_IGNORE = 1;
const WINDOW_ACCEPT = 2;

/** Length of the TCP header in bytes. */
export function tcpHeaderLength(p: Packet): number {
  return (p.buf[p.l4 + TCP_DATA_OFFSET] >>> 4) * 4;
}

/** Sequence number after the segment. A GSO super-packet is one segment. */
export function segmentEnd(p: Packet): number {
  const flags = p.buf[p.l4 + TCP_FLAGS];
  const length = p.l4len - tcpHeaderLength(p) + ((flags & TH_SYN) !== 0 ? 1 : 0) + (flags & TH_FIN);
  return (getI32(p.buf, p.l4 + TCP_SEQ) + length) | 0;
}

/** Reads window scale and SACK-permitted of a SYN into a byte of flags and a byte of scale (tcp_options). */
export function readSynOptions(p: Packet, bytes: Uint8Array, flagsAt: number, scaleAt: number): void {
  const buf = p.buf;
  const end = p.l4 + tcpHeaderLength(p);
  let o = p.l4 + TCP_HEADER;
  if (o >= end) return;
  bytes[scaleAt] = 0;
  bytes[flagsAt] &= CT_BE_LIBERAL;
  while (o < end && buf[o] !== OPT_EOL) {
    if (buf[o] === OPT_NOP) {
      o++;
      continue;
    }
    const length = buf[o + 1];
    if (o + 2 > end || length < OPT_BASE || o + length > end) return;
    if (buf[o] === OPT_SACK_PERM && length === OPT_SACK_PERM_LENGTH) bytes[flagsAt] |= CT_SACK_PERM;
    else if (buf[o] === OPT_WINDOW && length === OPT_WINDOW_LENGTH) {
      bytes[scaleAt] = Math.min(buf[o + 2], MAX_SCALE);
      bytes[flagsAt] |= CT_WINDOW_SCALE;
    }
    o += length;
  }
}

/** The highest sequence number acknowledged by the segment: its acknowledgement, or the end of a SACK block (tcp_sack). */
function readSack(p: Packet, ack: number): number {
  const buf = p.buf;
  const end = p.l4 + tcpHeaderLength(p);
  let o = p.l4 + TCP_HEADER;
  if (end - o === TIMESTAMP_ALONE_LENGTH && getI32(buf, o) === TIMESTAMP_ALONE) return ack;
  let sack = ack;
  while (o < end && buf[o] !== OPT_EOL) {
    if (buf[o] === OPT_NOP) {
      o++;
      continue;
    }
    const length = buf[o + 1];
    if (o + 2 > end || length < OPT_BASE || o + length > end) return sack;
    if (buf[o] === OPT_SACK && length >= OPT_BASE + SACK_BLOCK && (length - OPT_BASE) % SACK_BLOCK === 0) {
      for (let block = o + OPT_BASE; block < o + length; block += SACK_BLOCK) {
        const right = getI32(buf, block + 4);
        if (isAfter(right, sack)) sack = right;
      }
      return sack;
    }
    o += length;
  }
  return sack;
}

/** A SYN or SYN-ACK tells everything about its sender's side (tcp_init_sender). */
function initSender(ct: Entries, p: Packet, entry: number, dir: number, end: number, win: number): void {
  const s = (entry << ENTRY_SHIFT) + TCP_SEEN + dir * TCP_SEEN_WORDS;
  const b = entry << ENTRY_BYTE_SHIFT;
  ct.words[s + TD_END] = end;
  ct.words[s + TD_MAXEND] = end;
  ct.words[s + TD_MAXWIN] = win === 0 ? 1 : win;
  const flagsAt = b + TCP_FLAGS_BYTE;
  const scaleAt = b + TCP_SCALE_BYTE;
  readSynOptions(p, ct.bytes, flagsAt + dir, scaleAt + dir);
  // Both sides must ask for window scaling, or neither has it (RFC 7323, section 2.2).
  if (dir === DIR_REPLY && (ct.bytes[flagsAt] & ct.bytes[flagsAt + 1] & CT_WINDOW_SCALE) === 0) {
    ct.bytes[scaleAt] = 0;
    ct.bytes[scaleAt + 1] = 0;
  }
}

/**
 * Checks a segment against what its two sides may send (tcp_in_window; Guido van Rooij, "Real Stateful TCP Packet
 * Filtering in IP Filter", 2000), and learns from it:
 *
 * ```text
 *   I    seq  <= sender.maxend
 *   II   end  >= sender.end   - receiver.maxwin
 *   III  sack <= receiver.end
 *   IV   sack >= receiver.end - max(66000, sender.maxwin)
 * ```
 * Beyond I and III is invalid (a little beyond I is not: some senders overrun the window by a segment); below II and
 * IV is an old segment, which passes and changes nothing. With tcpBeLiberal all of these pass.
 */
export function checkWindow(ct: Entries, p: Packet, entry: number, dir: number, segment: number): number {
  const words = ct.words;
  const bytes = ct.bytes;
  const o = entry << ENTRY_SHIFT;
  const b = entry << ENTRY_BYTE_SHIFT;
  const s = o + TCP_SEEN + dir * TCP_SEEN_WORDS;
  const r = o + TCP_SEEN + (1 - dir) * TCP_SEEN_WORDS;
  const senderFlags = b + TCP_FLAGS_BYTE + dir;
  const receiverFlags = b + TCP_FLAGS_BYTE + 1 - dir;
  const flags = p.buf[p.l4 + TCP_FLAGS];
  const state = bytes[b + STATE_BYTE];
  const window = getU16(p.buf, p.l4 + TCP_WINDOW);
  let win = window;
  let seq = getI32(p.buf, p.l4 + TCP_SEQ);
  let end = segmentEnd(p);
  let ack = getI32(p.buf, p.l4 + TCP_ACK);
  let sack = (bytes[receiverFlags] & CT_SACK_PERM) !== 0 ? readSack(p, ack) : ack;

  if (words[s + TD_MAXWIN] === 0) {
    if ((flags & TH_SYN) !== 0) {
      initSender(ct, p, entry, dir, end, win);
      if ((flags & TH_ACK) === 0) return WINDOW_ACCEPT;
    } else {
      // Picked up in the middle: believe the segment.
      const scaled = win << bytes[b + TCP_SCALE_BYTE + dir];
      words[s + TD_END] = end;
      words[s + TD_MAXWIN] = scaled === 0 ? 1 : scaled;
      words[s + TD_MAXEND] = end + words[s + TD_MAXWIN];
      if (words[r + TD_MAXWIN] === 0) {
        words[r + TD_END] = sack;
        words[r + TD_MAXEND] = sack;
      } else if (sack === ((words[r + TD_END] + 1) | 0)) words[r + TD_END]++;
    }
  } else if (
    (flags & TH_SYN) !== 0 &&
    isAfter(end, words[s + TD_END]) &&
    (state === TCP_SYN_SENT || state === TCP_SYN_RECV)
  ) {
    // Another attempt with a higher sequence number and maybe other options.
    initSender(ct, p, entry, dir, end, win);
    if (dir === DIR_REPLY && (flags & TH_ACK) === 0) return WINDOW_ACCEPT;
  }

  // No acknowledgement, or a RST of a stack that sets ACK and leaves the number 0: take it for a good one.
  if ((flags & TH_ACK) === 0 || ((flags & TH_RST) !== 0 && ack === 0)) {
    ack = words[r + TD_END];
    sack = ack;
  }
  // A RST that answers a SYN.
  if ((flags & TH_RST) !== 0 && seq === 0 && state === TCP_SYN_SENT) {
    seq = words[s + TD_END];
    end = seq;
  }

  const maxwin = words[s + TD_MAXWIN];
  const lowestAck = words[r + TD_END] - (maxwin >>> 0 > MAX_ACK_WINDOW ? maxwin : MAX_ACK_WINDOW) - 1;
  const lowestEnd = words[s + TD_END] - words[r + TD_MAXWIN] - 1;
  const liberal = ct.settings.tcpBeLiberal || (bytes[senderFlags] & CT_BE_LIBERAL) !== 0;
  if (isAfter(seq, words[s + TD_MAXEND])) {
    const over = (end - words[s + TD_MAXEND] + 1) >>> 0;
    if (
      words[r + TD_MAXWIN] !== 0 &&
      isAfter(end, lowestEnd) &&
      isAfter(sack, lowestAck) &&
      over <= words[r + TD_MAXWIN] >>> 0 &&
      !isAfter(sack, words[r + TD_END])
    ) {
      // If the receiver acknowledges these bytes, III must not call that invalid.
      words[s + TD_END] = end;
      bytes[senderFlags] |= CT_DATA_UNACKNOWLEDGED;
      return liberal ? WINDOW_ACCEPT : WINDOW_IGNORE;
    }
    return liberal ? WINDOW_ACCEPT : WINDOW_INVALID;
  }
  if (isAfter(sack, words[r + TD_END])) return liberal ? WINDOW_ACCEPT : WINDOW_INVALID;
  if ((words[r + TD_MAXWIN] !== 0 && !isAfter(end, lowestEnd)) || !isAfter(sack, lowestAck)) {
    return liberal ? WINDOW_ACCEPT : WINDOW_IGNORE;
  }

  if ((flags & TH_SYN) === 0) win <<= bytes[b + TCP_SCALE_BYTE + dir];
  const offered = (win + (sack - ack)) | 0;
  if (maxwin >>> 0 < offered >>> 0) words[s + TD_MAXWIN] = offered;
  if (isAfter(end, words[s + TD_END])) {
    words[s + TD_END] = end;
    bytes[senderFlags] |= CT_DATA_UNACKNOWLEDGED;
  }
  if ((flags & TH_ACK) !== 0 && ((bytes[senderFlags] & CT_MAXACK_SET) === 0 || isAfter(ack, words[s + TD_MAXACK]))) {
    words[s + TD_MAXACK] = ack;
    bytes[senderFlags] |= CT_MAXACK_SET;
  }
  if (words[r + TD_MAXWIN] !== 0 && isAfter(end, words[s + TD_MAXEND])) {
    words[r + TD_MAXWIN] += end - words[s + TD_MAXEND];
  }
  if (isAfter(sack + win, words[r + TD_MAXEND] - 1)) words[r + TD_MAXEND] = sack + win + (win === 0 ? 1 : 0);
  if (ack === words[r + TD_END]) bytes[receiverFlags] &= ~CT_DATA_UNACKNOWLEDGED;
  if (segment === TCP_CLASS_ACK) countRepeats(ct, entry, dir, seq, ack, end, window);
  return WINDOW_ACCEPT;
}

/** Counts how often the same acknowledgement was seen in a row. */
function countRepeats(
  ct: Entries,
  entry: number,
  dir: number,
  seq: number,
  ack: number,
  end: number,
  window: number,
): void {
  const words = ct.words;
  const o = entry << ENTRY_SHIFT;
  const b = entry << ENTRY_BYTE_SHIFT;
  if (
    ct.bytes[b + TCP_LAST_BYTE] >>> TCP_LAST_DIR_SHIFT === dir &&
    words[o + TCP_LAST_SEQ] === seq &&
    words[o + TCP_LAST_ACK] === ack &&
    words[o + TCP_LAST_END] === end &&
    words[o + STATUS] >>> WINDOW_SHIFT === window
  ) {
    ct.bytes[b + TCP_RETRANS_BYTE]++;
    return;
  }
  // The class of the last segment is the caller's to write, after this.
  ct.bytes[b + TCP_LAST_BYTE] = (ct.bytes[b + TCP_LAST_BYTE] & TCP_CLASS_BITS) | (dir << TCP_LAST_DIR_SHIFT);
  words[o + TCP_LAST_SEQ] = seq;
  words[o + TCP_LAST_ACK] = ack;
  words[o + TCP_LAST_END] = end;
  words[o + STATUS] = (words[o + STATUS] & STATUS_BITS) | (window << WINDOW_SHIFT);
  ct.bytes[b + TCP_RETRANS_BYTE] = 0;
}

const TCP_CLASS_BITS = (1 << TCP_LAST_DIR_SHIFT) - 1;

/** Whether sequence number `a` comes after `b`. */
export function isAfter(a: number, b: number): boolean {
  return ((b - a) | 0) < 0;
}
