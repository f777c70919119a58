/** TCP: the states of a tracked connection, the classes of segments, and what follows from the two. */

export const TCP_NONE = 0;
export const TCP_SYN_SENT = 1;
export const TCP_SYN_RECV = 2;
export const TCP_ESTABLISHED = 3;
export const TCP_FIN_WAIT = 4;
export const TCP_CLOSE_WAIT = 5;
export const TCP_LAST_ACK = 6;
export const TCP_TIME_WAIT = 7;
export const TCP_CLOSE = 8;
/** A SYN was seen from either side: simultaneous open. */
export const TCP_SYN_SENT2 = 9;
const STATES = 10;
// What the table says instead of a state.
export const TCP_INVALID_STATE = 10;
/** Let the segment pass and learn nothing from it: its receiver knows better. */
export const TCP_IGNORE = 11;

/** Names by state, as `conntrack -L` prints them. */
export const TCP_STATE_NAMES: readonly string[] = [
  "NONE",
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2",
];

// Timeouts that belong to no state follow the states' in the table of timeouts.
export const TCP_TIMEOUT_RETRANS = 10;
export const TCP_TIMEOUT_UNACK = 11;
export const TCP_TIMEOUTS = 12;

// Classes of segments, in the order of the table's rows.
export const TCP_CLASS_SYN = 0;
export const TCP_CLASS_SYNACK = 1;
export const TCP_CLASS_FIN = 2;
export const TCP_CLASS_ACK = 3;
export const TCP_CLASS_RST = 4;
export const TCP_CLASS_NONE = 5;
const CLASSES = 6;

// Flags in the TCP header (RFC 9293, section 3.1).
export const TH_FIN = 0x01;
export const TH_SYN = 0x02;
export const TH_RST = 0x04;
export const TH_ACK = 0x10;
const TH_URG = 0x20;
/** PSH, ECE and CWR say nothing about the connection. */
export const TH_TRACKED = TH_FIN | TH_SYN | TH_RST | TH_ACK | TH_URG;

// What is known about a direction (IP_CT_TCP_FLAG_*).
export const CT_WINDOW_SCALE = 0x01;
export const CT_SACK_PERM = 0x02;
/** This side closed first. */
export const CT_CLOSE_INIT = 0x04;
/** Picked up in the middle: windows are not known well enough to be strict. */
export const CT_BE_LIBERAL = 0x08;
export const CT_DATA_UNACKNOWLEDGED = 0x10;
export const CT_MAXACK_SET = 0x20;
// Kept with the last segment.
/** The next acknowledgement may be a challenge (RFC 5961), not one of the last FIN. */
export const CT_CHALLENGE_ACK = 0x40;
export const CT_SIMULTANEOUS_OPEN = 0x80;

const CODES = ["NO", "SS", "SR", "ES", "FW", "CW", "LA", "TW", "CL", "S2", "IV", "IG"];

// net/netfilter/nf_conntrack_proto_tcp.c, tcp_conntracks: a row for each class of segment, a column for each state.
const ROWS = `
  NO SS SR ES FW CW LA TW CL S2

  SS SS IG IG IG IG IG SS SS S2   original syn
  IV IV SR IV IV IV IV IV IV SR   original synack
  IV IV FW FW LA LA LA TW CL IV   original fin
  ES IV ES ES CW CW TW TW CL IV   original ack
  IV CL CL CL CL CL CL CL CL CL   original rst
  IV IV IV IV IV IV IV IV IV IV   original none

  IV S2 IV IV IV IV IV SS IV S2   reply syn
  IV SR IG IG IG IG IG IG IG SR   reply synack
  IV IV FW FW LA LA LA TW CL IV   reply fin
  IV IG SR ES CW CW TW TW CL IG   reply ack
  IV CL CL CL CL CL CL CL CL CL   reply rst
  IV IV IV IV IV IV IV IV IV IV   reply none
`;

const TRANSITIONS = Uint8Array.from(
  ROWS.split("\n")
    .filter((row) => /original|reply/.test(row))
    .flatMap((row) => row.trim().split(/\s+/).slice(0, STATES))
    .map((code) => CODES.indexOf(code)),
);

/** The state that a segment of a class, seen in a direction, leads to: a state, TCP_INVALID_STATE or TCP_IGNORE. */
export function nextTcpState(dir: number, segment: number, state: number): number {
  return TRANSITIONS[(dir * CLASSES + segment) * STATES + state];
}

const LEGAL = new Uint8Array(TH_TRACKED + 1);
for (const flags of [
  TH_SYN,
  TH_SYN | TH_URG,
  TH_SYN | TH_ACK,
  TH_RST,
  TH_RST | TH_ACK,
  TH_FIN | TH_ACK,
  TH_FIN | TH_ACK | TH_URG,
  TH_ACK,
  TH_ACK | TH_URG,
]) {
  LEGAL[flags] = 1;
}

/** Whether these flags can occur together. @param flags masked with {@link TH_TRACKED} */
export function isLegalTcpFlags(flags: number): boolean {
  return LEGAL[flags] === 1;
}

/** The class of a segment with these flags: RST before SYN before FIN before ACK. */
export function tcpClass(flags: number): number {
  if ((flags & TH_RST) !== 0) return TCP_CLASS_RST;
  if ((flags & TH_SYN) !== 0) return (flags & TH_ACK) !== 0 ? TCP_CLASS_SYNACK : TCP_CLASS_SYN;
  if ((flags & TH_FIN) !== 0) return TCP_CLASS_FIN;
  return (flags & TH_ACK) !== 0 ? TCP_CLASS_ACK : TCP_CLASS_NONE;
}

/** Whether the connection is closing: both ends are done with it, or nearly so. */
export function isClosing(state: number): boolean {
  return state >= TCP_FIN_WAIT && state <= TCP_CLOSE;
}
