/** What conntrack says about a packet and about an entry: the closed lists that the rest of the plane reads. */

// Classification of a packet (enum ip_conntrack_info).
/** No entry: illegal, out of window, or an answer to nothing. Passes untranslated. */
export const CT_INVALID = 0;
/** First packet, or another one of a connection that has not been answered yet. */
export const CT_NEW = 1;
export const CT_ESTABLISHED = 2;
export const CT_ESTABLISHED_REPLY = 3;
/** An ICMP error about a connection, travelling in the original direction. */
export const CT_RELATED = 4;
export const CT_RELATED_REPLY = 5;
/** The table or the zone is full and nothing could be evicted: the packet must be dropped. */
export const CT_FULL = 6;
/** Left out of conntrack by a rule (IP_CT_UNTRACKED): it has no entry, and is not translated. */
export const CT_UNTRACKED = 7;

export const DIR_ORIGINAL = 0;
export const DIR_REPLY = 1;

// Status bits, numbered as the kernel's IPS_* (enum ip_conntrack_status).
export const IPS_SEEN_REPLY = 0x0002;
export const IPS_ASSURED = 0x0004;
export const IPS_CONFIRMED = 0x0008;
export const IPS_SRC_NAT = 0x0010;
export const IPS_DST_NAT = 0x0020;
/** @public */
export const IPS_SRC_NAT_DONE = 0x0080;
/** @public */
export const IPS_DST_NAT_DONE = 0x0100;
export const IPS_DYING = 0x0200;
export const IPS_FIXED_TIMEOUT = 0x0400;
/** Found by its reply tuple alone: another connection has the original one. */
export const IPS_NAT_CLASH = 0x1000;
/** Not the kernel's: a socket of the node itself began the connection, or got its first packet. */
export const IPS_NODE_SOCKET = 0x8000;

// Results of confirm().
export const CONFIRM_OK = 0;
/** Another entry has one of the tuples: the packet must be dropped. */
export const CONFIRM_CLASH = 1;
/** A hash chain is too long: the packet must be dropped. */
export const CONFIRM_CHAIN = 2;
/** Another entry is the very same connection: the packet goes on with it (`Conntrack.winner`). */
export const CONFIRM_RESOLVED = 3;

// Indices of Conntrack.stats, named as `conntrack -S` names them.
export const STAT_FOUND = 0;
export const STAT_INVALID = 1;
export const STAT_INSERT = 2;
export const STAT_INSERT_FAILED = 3;
export const STAT_DROP = 4;
export const STAT_EARLY_DROP = 5;
export const STAT_ERROR = 6;
/** Always 0: nothing changes under a lookup here. @public */
export const STAT_SEARCH_RESTART = 7;
export const STAT_CLASH_RESOLVE = 8;
export const STAT_CHAIN_TOO_LONG = 9;
export const STAT_DELETE = 10;
export const STAT_ICMP_ERROR = 11;
export const CONNTRACK_STATS = 12;

/** Names of the counters, by index. */
export const CONNTRACK_STAT_NAMES: readonly string[] = [
  "found",
  "invalid",
  "insert",
  "insert_failed",
  "drop",
  "early_drop",
  "error",
  "search_restart",
  "clash_resolve",
  "chaintoolong",
  "delete",
  "icmp_error",
];

// Verdicts of the protocol trackers: theirs and the table's alone.
export const TRACK_INVALID = 0;
export const TRACK_ACCEPT = 1;
/** The segment reopens a closed connection: delete the entry and look up again (the kernel's -NF_REPEAT). */
export const TRACK_REPEAT = 2;
/** Accepted, and the connection is over at once. */
export const TRACK_KILL = 3;
