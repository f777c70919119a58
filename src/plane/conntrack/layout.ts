/**
 * One conntrack entry: 32 words (128 bytes, two cache lines) of one Int32Array, which is also seen as bytes.
 *
 * ```text
 *  word  0..1   chain links of the original and the reply tuple      \
 *        2..4   original tuple: source, destination, ports            |
 *        5..7   reply tuple                                           | first cache line: all that a lookup
 *        8      zone (16 bits), protocol (8), protocol state (8)      | and a UDP packet touch
 *        9      status (16 bits), TCP: last window (16)               |
 *       10      deadline                                              |
 *       11..13  mark, service, endpoint                               |
 *       14..15  by-source links                                      /
 *       16..18  timer wheel links, and the tick that the wheel is armed for
 *       19..31  what the protocol's tracker keeps
 * ```
 * A link names a tuple (`entry * 2 + direction`) in a chain, an entry everywhere else; -1 ends a list.
 */
export const ENTRY_SHIFT = 5;
export const ENTRY_WORDS = 1 << ENTRY_SHIFT;
export const ENTRY_BYTE_SHIFT = 7;

/** Chain link of the original tuple; the reply tuple's follows. Free entries are linked by it as well. */
export const CHAIN = 0;
/** First word of the original tuple; the reply tuple follows {@link TUPLE_WORDS} later. */
export const TUPLE = 2;
export const TUPLE_WORDS = 3;
/** Offsets within a tuple: addresses as int32, then source port << 16 | destination port. */
export const TUPLE_SRC = 0;
export const TUPLE_DST = 1;
export const TUPLE_PORTS = 2;
export const META = 8;
export const STATUS = 9;
/** Millisecond tick at which the entry is no longer valid. */
export const DEADLINE = 10;
export const MARK = 11;
export const SERVICE = 12;
export const ENDPOINT = 13;
export const SOURCE_NEXT = 14;
/** Previous entry of the by-source chain, or `~bucket` when this is the first. */
export const SOURCE_PREV = 15;
export const WHEEL_NEXT = 16;
/** Previous entry of the wheel slot, or `~slot` when this is the first. */
export const WHEEL_PREV = 17;
/** The wheel looks at the entry no later than this tick. */
export const WHEEL_ARMED = 18;

// META: the part that is compared in lookups, and the protocol state above it.
export const META_KEY_MASK = 0x00ff_ffff;
export const META_PROTOCOL_SHIFT = 16;
export const META_ZONE_MASK = 0xffff;
/** Byte offset of the protocol state (TCP_*, SCTP_*) within an entry. */
export const STATE_BYTE = META * 4 + 3;

// STATUS: its upper half holds the window field of the last TCP segment, unscaled.
export const STATUS_BITS = 0xffff;
export const WINDOW_SHIFT = 16;

// From word 19 on each protocol has its own.
// TCP. Four words a direction (struct ip_ct_tcp_state), then the last segment (struct ip_ct_tcp).
export const TCP_SEEN = 19;
export const TCP_SEEN_WORDS = 4;
/** Highest sequence number plus length sent. */
export const TD_END = 0;
/** Highest sequence number that the other side allowed: its acknowledgement plus window. */
export const TD_MAXEND = 1;
/** Largest window advertised, scaled. */
export const TD_MAXWIN = 2;
/** Highest acknowledgement sent. */
export const TD_MAXACK = 3;
export const TCP_LAST_SEQ = 27;
export const TCP_LAST_ACK = 28;
export const TCP_LAST_END = 29;
// Bytes within the entry.
export const TCP_FLAGS_BYTE = 30 * 4;
export const TCP_SCALE_BYTE = TCP_FLAGS_BYTE + 2;
export const TCP_LAST_FLAGS_BYTE = 31 * 4;
export const TCP_LAST_SCALE_BYTE = TCP_LAST_FLAGS_BYTE + 1;
export const TCP_RETRANS_BYTE = TCP_LAST_FLAGS_BYTE + 2;
/** Class of the last segment, and its direction in the bit above. */
export const TCP_LAST_BYTE = TCP_LAST_FLAGS_BYTE + 3;
export const TCP_LAST_CLASS_MASK = 7;
export const TCP_LAST_DIR_SHIFT = 3;

// UDP: from this tick on a flow seen in both directions counts as a stream.
export const UDP_STREAM_FROM = 19;

// SCTP: the verification tag that packets of a direction carry, then bytes.
export const SCTP_VTAG = 19;
export const SCTP_INIT_BYTE = (SCTP_VTAG + 2) * 4;
export const SCTP_FLAGS_BYTE = SCTP_INIT_BYTE + 2;
export const SCTP_LAST_DIR_BYTE = SCTP_INIT_BYTE + 3;
