import type { Accounting } from "./accounting.ts";
import type { Entries } from "./entries.ts";
import { DIR_ORIGINAL, DIR_REPLY } from "./info.ts";

// What happened to an entry, as the kernel's event cache tells it (enum ip_conntrack_events): IPCT_NEW; IPCT_REPLY,
// IPCT_ASSURED and IPCT_PROTOINFO as one update for each packet; IPCT_DESTROY.
export const CT_EVENT_NEW = 1;
export const CT_EVENT_UPDATE = 2;
export const CT_EVENT_DESTROY = 3;

// A record: the event, then the entry as it is right after it.
export const CT_EVENT = 0;
export const CT_EVENT_ENTRY = 1;

// An entry in words, for other threads.
export const CTW_ZONE = 0;
export const CTW_PROTOCOL = 1;
export const CTW_STATE = 2;
export const CTW_STATUS = 3;
export const CTW_MARK = 4;
/** Milliseconds that it has left. */
export const CTW_TIMEOUT = 5;
export const CTW_SERVICE = 6;
export const CTW_ENDPOINT = 7;
/** Original tuple, then the reply tuple: source, destination, source port << 16 | destination port. */
export const CTW_TUPLES = 8;
/** 1: the counts below are its own; 0: nobody counts. */
export const CTW_COUNTED = 14;
/** Milliseconds that it has been counted for. */
export const CTW_AGE = 15;
/** Packets and bytes of the original direction, then of the reply's: two words each, the lower 32 bits first. */
export const CTW_COUNTS = 16;
export const CTW_WORDS = 24;

export const CT_EVENT_WORDS = 1 + CTW_WORDS;

/** 2^32 */
const HIGH_WORD = 4_294_967_296;
const COUNTS = 4;

/** Writes an entry's words at an offset. */
export function writeEntry(
  ct: Entries,
  accounting: Accounting | null,
  entry: number,
  now: number,
  to: Int32Array,
  at: number,
): void {
  to[at + CTW_ZONE] = ct.zone(entry);
  to[at + CTW_PROTOCOL] = ct.protocol(entry);
  to[at + CTW_STATE] = ct.tcpState(entry);
  to[at + CTW_STATUS] = ct.status(entry);
  to[at + CTW_MARK] = ct.mark(entry);
  to[at + CTW_TIMEOUT] = ct.timeoutLeft(entry, now);
  to[at + CTW_SERVICE] = ct.service(entry);
  to[at + CTW_ENDPOINT] = ct.endpoint(entry);
  let t = at + CTW_TUPLES;
  for (let dir = DIR_ORIGINAL; dir <= DIR_REPLY; dir++, t += 3) {
    to[t] = ct.src(entry, dir);
    to[t + 1] = ct.dst(entry, dir);
    to[t + 2] = (ct.sport(entry, dir) << 16) | ct.dport(entry, dir);
  }
  to[at + CTW_COUNTED] = accounting === null ? 0 : 1;
  to[at + CTW_AGE] = accounting === null ? 0 : (now - accounting.since[entry]) | 0;
  for (let i = 0; i < COUNTS; i++) {
    const count = accounting === null ? 0 : accounting.counts[entry * COUNTS + i];
    to[at + CTW_COUNTS + 2 * i] = (count % HIGH_WORD) | 0;
    to[at + CTW_COUNTS + 2 * i + 1] = Math.floor(count / HIGH_WORD);
  }
}

/** Our own choice: what 100 ms of new connections at several 10,000 a second come to, three events each. */
const CAPACITY = 16_384;

/** What happened to entries since somebody watches: a ring that drops what it has no room for, and counts that. */
export class ConntrackEvents {
  readonly #words = new Int32Array(CAPACITY * CT_EVENT_WORDS);
  #head = 0;
  #count = 0;
  /** Events that found the ring full, ever. */
  lost = 0;

  /** @param event CT_EVENT_* */
  push(event: number, ct: Entries, accounting: Accounting | null, entry: number, now: number): void {
    if (this.#count === CAPACITY) {
      this.lost++;
      return;
    }
    const o = ((this.#head + this.#count++) % CAPACITY) * CT_EVENT_WORDS;
    this.#words[o + CT_EVENT] = event;
    writeEntry(ct, accounting, entry, now, this.#words, o + CT_EVENT_ENTRY);
  }

  /** All records, oldest first; the ring is empty then. Not on a packet's way: it allocates. */
  drain(): Int32Array<ArrayBuffer> {
    const out = new Int32Array(this.#count * CT_EVENT_WORDS);
    const first = Math.min(this.#count, CAPACITY - this.#head);
    const from = this.#head * CT_EVENT_WORDS;
    out.set(this.#words.subarray(from, from + first * CT_EVENT_WORDS));
    out.set(this.#words.subarray(0, (this.#count - first) * CT_EVENT_WORDS), first * CT_EVENT_WORDS);
    this.#head = this.#count = 0;
    return out;
  }
}
