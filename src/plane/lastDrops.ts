import { type Packet, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "./packet.ts";
import { REASONS, reason } from "./reasons.ts";
import { getI32, getU16 } from "./wire/bytes.ts";
import { IP_DST, IP_SRC } from "./wire/ipv4.ts";

// One record a reason: the last packet that was dropped for it.
/** Odd while the record is being written; 0: no packet yet. */
export const DROP_VERSION = 0;
/** The plane's millisecond tick. */
export const DROP_TIME = 1;
/** -1: in the VPC. */
export const DROP_NODE = 2;
/** STAGE_* */
export const DROP_STAGE = 3;
/** -1: the packet had no header that could be read. */
export const DROP_PROTOCOL = 4;
/** As translated so far: addresses, source port << 16 | destination port. */
export const DROP_SRC = 5;
export const DROP_DST = 6;
export const DROP_PORTS = 7;
/** In the packet's bytes: what the node got. */
export const DROP_SENT_SRC = 8;
export const DROP_SENT_DST = 9;
export const DROP_SENT_PORTS = 10;
/** Bytes of the IP packet. */
export const DROP_LENGTH = 11;
export const DROP_WORDS = 12;

/** Words of the records of all reasons. */
export const LAST_DROPS_WORDS = REASONS.length * DROP_WORDS;

/** TCP, UDP and SCTP headers begin with both ports. */
const PORT_BYTES = 4;

/** 1: the packet's header could not be read (parsePacket), so that its fields are another packet's. */
const UNREAD = new Uint8Array(REASONS.length);
for (const why of [
  reason("PACKET_TOO_SHORT"),
  reason("IPV6_NOT_SUPPORTED"),
  reason("IP_VERSION_BAD"),
  reason("IP_HEADER_LENGTH_BAD"),
  reason("IP_TOTAL_LENGTH_BAD"),
])
  UNREAD[why] = 1;

/** The last packet that was dropped for each reason, in memory that another thread may read ({@link readDrop}). */
export class LastDrops {
  readonly #words: Int32Array;

  /** @param words {@link LAST_DROPS_WORDS} of them, usually in shared memory; made when missing */
  constructor(words: Int32Array = new Int32Array(LAST_DROPS_WORDS)) {
    this.#words = words;
  }

  note(why: number, p: Packet, node: number, stage: number, now: number): void {
    const w = this.#words;
    const o = why * DROP_WORDS;
    const version = w[o + DROP_VERSION];
    Atomics.store(w, o + DROP_VERSION, (version + 1) | 1);
    w[o + DROP_TIME] = now;
    w[o + DROP_NODE] = node;
    w[o + DROP_STAGE] = stage;
    w[o + DROP_LENGTH] = p.len;
    if (UNREAD[why] === 1) w.fill(-1, o + DROP_PROTOCOL, o + DROP_LENGTH);
    else writeFlow(w, o, p);
    Atomics.store(w, o + DROP_VERSION, ((version + 1) | 1) + 1);
  }
}

function writeFlow(w: Int32Array, o: number, p: Packet): void {
  const { protocol } = p;
  w[o + DROP_PROTOCOL] = protocol;
  w[o + DROP_SRC] = p.src;
  w[o + DROP_DST] = p.dst;
  w[o + DROP_PORTS] = (p.sport << 16) | p.dport;
  w[o + DROP_SENT_SRC] = getI32(p.buf, p.off + IP_SRC);
  w[o + DROP_SENT_DST] = getI32(p.buf, p.off + IP_DST);
  const hasPorts = protocol === PROTO_TCP || protocol === PROTO_UDP || protocol === PROTO_SCTP;
  // Fragments have none: the parser left them at 0.
  const inBytes = hasPorts && (p.sport | p.dport) !== 0 && p.l4len >= PORT_BYTES;
  w[o + DROP_SENT_PORTS] = inBytes ? (getU16(p.buf, p.l4) << 16) | getU16(p.buf, p.l4 + 2) : w[o + DROP_PORTS];
}

/** Looks that a reader takes at a record that is being written. */
const LOOKS = 100;

/** The record of a reason, as it stood at one moment; null: no packet was dropped for it, or they come too fast to see one. */
export function readDrop(words: Int32Array, why: number): Int32Array | null {
  const o = why * DROP_WORDS;
  for (let look = 0; look < LOOKS; look++) {
    const before = Atomics.load(words, o + DROP_VERSION);
    if (before === 0) return null;
    const copy = words.slice(o, o + DROP_WORDS);
    if ((before & 1) === 0 && Atomics.load(words, o + DROP_VERSION) === before) return copy;
  }
  return null;
}
