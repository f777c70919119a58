/** SCTP: the states of a tracked association, and what chunks lead to. */

export const SCTP_NONE = 0;
export const SCTP_CLOSED = 1;
export const SCTP_COOKIE_WAIT = 2;
export const SCTP_COOKIE_ECHOED = 3;
export const SCTP_ESTABLISHED = 4;
export const SCTP_SHUTDOWN_SENT = 5;
export const SCTP_SHUTDOWN_RECD = 6;
export const SCTP_SHUTDOWN_ACK_SENT = 7;
export const SCTP_HEARTBEAT_SENT = 8;
const STATES = 9;
/** What the table says instead of a state. */
export const SCTP_INVALID_STATE = 9;

/** Names by state, as `conntrack -L` prints them. */
export const SCTP_STATE_NAMES: readonly string[] = [
  "NONE",
  "CLOSED",
  "COOKIE_WAIT",
  "COOKIE_ECHOED",
  "ESTABLISHED",
  "SHUTDOWN_SENT",
  "SHUTDOWN_RECD",
  "SHUTDOWN_ACK_SENT",
  "HEARTBEAT_SENT",
];

// Chunk types (RFC 9260, section 3.2).
export const CHUNK_DATA = 0;
export const CHUNK_INIT = 1;
export const CHUNK_INIT_ACK = 2;
export const CHUNK_HEARTBEAT = 4;
export const CHUNK_HEARTBEAT_ACK = 5;
export const CHUNK_ABORT = 6;
const CHUNK_SHUTDOWN = 7;
export const CHUNK_SHUTDOWN_ACK = 8;
const CHUNK_ERROR = 9;
export const CHUNK_COOKIE_ECHO = 10;
export const CHUNK_COOKIE_ACK = 11;
export const CHUNK_SHUTDOWN_COMPLETE = 14;

const CODES = ["NO", "CL", "CW", "CE", "ES", "SS", "SR", "SA", "HS", "IV"];

/** Chunk types in the order of the table's rows. */
const CHUNKS = [
  CHUNK_INIT,
  CHUNK_INIT_ACK,
  CHUNK_ABORT,
  CHUNK_SHUTDOWN,
  CHUNK_SHUTDOWN_ACK,
  CHUNK_ERROR,
  CHUNK_COOKIE_ECHO,
  CHUNK_COOKIE_ACK,
  CHUNK_SHUTDOWN_COMPLETE,
  CHUNK_HEARTBEAT,
  CHUNK_HEARTBEAT_ACK,
];

// net/netfilter/nf_conntrack_proto_sctp.c, sctp_conntracks: a row for each chunk, a column for each state.
const ROWS = `
  NO CL CW CE ES SS SR SA HS

  CL CL CW CE ES CL CL SA CW   original init
  CL CL CW CE ES SS SR SA CL   original init_ack
  CL CL CL CL CL CL CL CL CL   original abort
  CL CL CW CE SS SS SR SA CL   original shutdown
  SA CL CW CE ES SA SA SA SA   original shutdown_ack
  CL CL CW CE ES SS SR SA CL   original error
  CL CL CE CE ES SS SR SA CL   original cookie_echo
  CL CL CW ES ES SS SR SA CL   original cookie_ack
  CL CL CW CE ES SS SR CL CL   original shutdown_complete
  HS CL CW CE ES SS SR SA HS   original heartbeat
  CL CL CW CE ES SS SR SA HS   original heartbeat_ack

  IV CL CW CE ES SS SR SA IV   reply init
  IV CW CW CE ES SS SR SA IV   reply init_ack
  IV CL CL CL CL CL CL CL IV   reply abort
  IV CL CW CE SR SS SR SA IV   reply shutdown
  IV CL CW CE ES SA SA SA IV   reply shutdown_ack
  IV CL CW CL ES SS SR SA IV   reply error
  IV CL CE CE ES SS SR SA IV   reply cookie_echo
  IV CL CW ES ES SS SR SA IV   reply cookie_ack
  IV CL CW CE ES SS SR CL IV   reply shutdown_complete
  IV CL CW CE ES SS SR SA HS   reply heartbeat
  IV CL CW CE ES SS SR SA ES   reply heartbeat_ack
`;

const TRANSITIONS = Uint8Array.from(
  ROWS.split("\n")
    .filter((row) => /original|reply/.test(row))
    .flatMap((row) => row.trim().split(/\s+/).slice(0, STATES))
    .map((code) => CODES.indexOf(code)),
);

const NO_ROW = 0xff;
const ROW_OF = new Uint8Array(256).fill(NO_ROW);
for (const [row, chunk] of CHUNKS.entries()) ROW_OF[chunk] = row;

/** The state that a chunk seen in a direction leads to, or SCTP_INVALID_STATE. DATA, SACK and unknown chunks stay. */
export function nextSctpState(dir: number, chunk: number, state: number): number {
  const row = ROW_OF[chunk];
  return row === NO_ROW ? state : TRANSITIONS[(dir * CHUNKS.length + row) * STATES + state];
}
