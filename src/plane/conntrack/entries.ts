import { IPS_CONFIRMED, IPS_DYING, IPS_FIXED_TIMEOUT } from "./info.ts";
import {
  CHAIN,
  DEADLINE,
  ENDPOINT,
  ENTRY_BYTE_SHIFT,
  ENTRY_SHIFT,
  ENTRY_WORDS,
  MARK,
  META,
  META_PROTOCOL_SHIFT,
  META_ZONE_MASK,
  SERVICE,
  STATE_BYTE,
  STATUS,
  STATUS_BITS,
  TUPLE,
  TUPLE_DST,
  TUPLE_PORTS,
  TUPLE_SRC,
  TUPLE_WORDS,
  WHEEL_ARMED,
} from "./layout.ts";
import { type ConntrackSettings, DEFAULT_SETTINGS, Timeouts } from "./settings.ts";
import { Wheel } from "./wheel.ts";

const NONE = -1;
/** Entries that a trial may make, beyond the table's capacity: one a node that its packet or an answer visits. */
const TRIAL_ENTRIES = 256;

/**
 * The entries: their memory, fields, deadlines, and the journal that takes a trial back. How entries are found is the
 * table's business; what happens to them is the trackers'. The trackers see this class only.
 */
export class Entries {
  readonly capacity: number;
  readonly settings: ConntrackSettings;
  readonly timeouts: Timeouts;
  /** All entries, {@link ENTRY_WORDS} words each (layout.ts). */
  readonly words: Int32Array<ArrayBuffer>;
  /** The same memory as bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly wheel: Wheel;
  /** A trial is on: whatever changes an entry calls {@link save} first, and nothing is linked or unlinked. */
  trial = false;

  #free = NONE;
  /** Entries from here on were never used. */
  #fresh = 0;
  #trialNext = 0;
  #trialUsed = 0;
  readonly #touched: Uint8Array;
  #journal = new Int32Array(0);
  #journaled = 0;

  constructor(capacity: number, settings: Partial<ConntrackSettings>) {
    this.capacity = capacity;
    this.settings = { ...DEFAULT_SETTINGS, ...settings };
    this.timeouts = new Timeouts(this.settings);
    const buffer = new ArrayBuffer((capacity + TRIAL_ENTRIES) << ENTRY_BYTE_SHIFT);
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.wheel = new Wheel(this.words);
    this.#touched = new Uint8Array(capacity);
  }

  /** Takes an entry, all words 0. The caller has seen {@link hasFree}, or is on trial. */
  protected allocate(): number {
    let entry: number;
    if (this.trial) {
      // A trial's entries go round: by the time one is used again its packet is long gone.
      entry = this.capacity + this.#trialNext;
      this.#trialNext = (this.#trialNext + 1) % TRIAL_ENTRIES;
      this.#trialUsed = Math.min(this.#trialUsed + 1, TRIAL_ENTRIES);
    } else if (this.#free !== NONE) {
      entry = this.#free;
      this.#free = this.words[(entry << ENTRY_SHIFT) + CHAIN];
    } else entry = this.#fresh++;
    const o = entry << ENTRY_SHIFT;
    this.words.fill(0, o, o + ENTRY_WORDS);
    return entry;
  }

  protected hasFree(): boolean {
    return this.#free !== NONE || this.#fresh < this.capacity;
  }

  /** Gives an entry back. A trial's entries need none of it. */
  protected release(entry: number): void {
    if (entry >= this.capacity) return;
    const o = entry << ENTRY_SHIFT;
    this.words[o + STATUS] = 0;
    this.words[o + CHAIN] = this.#free;
    this.#free = entry;
  }

  /** The entries that this trial has made: from {@link capacity} up to here. */
  protected get trialEnd(): number {
    return this.capacity + this.#trialUsed;
  }

  /** Entries from this one on are not in use. */
  protected get used(): number {
    return this.#fresh;
  }

  protected get freeHead(): number {
    return this.#free;
  }

  /** Whether an entry is no longer valid: lookups take it for absent. */
  isGone(entry: number, now: number): boolean {
    const o = entry << ENTRY_SHIFT;
    return ((this.words[o + DEADLINE] - now) | 0) <= 0 || (this.words[o + STATUS] & IPS_DYING) !== 0;
  }

  /** nf_ct_refresh_acct: the entry is valid for `timeout` ms from now. */
  refresh(entry: number, now: number, timeout: number): void {
    if ((this.words[(entry << ENTRY_SHIFT) + STATUS] & IPS_FIXED_TIMEOUT) !== 0) return;
    this.setDeadline(entry, (now + timeout) | 0, now);
  }

  /** Writes the deadline; the timer moves only when the wheel would otherwise look at the entry too late. */
  setDeadline(entry: number, deadline: number, now: number): void {
    const words = this.words;
    const o = entry << ENTRY_SHIFT;
    words[o + DEADLINE] = deadline;
    if (
      ((deadline - words[o + WHEEL_ARMED]) | 0) < 0 &&
      !this.trial &&
      (words[o + STATUS] & (IPS_CONFIRMED | IPS_DYING)) === IPS_CONFIRMED
    ) {
      this.wheel.remove(entry);
      this.wheel.insert(entry, deadline, now);
    }
  }

  /** Ms that an entry has left, 0 when it is no longer valid. */
  timeoutLeft(entry: number, now: number): number {
    const left = (this.words[(entry << ENTRY_SHIFT) + DEADLINE] - now) | 0;
    return Math.max(left, 0);
  }

  // Tuples, by direction. Addresses are int32, ports in host order; ICMP: sport = identifier, dport = type << 8 | code.

  src(entry: number, dir: number): number {
    return this.words[(entry << ENTRY_SHIFT) + TUPLE + dir * TUPLE_WORDS + TUPLE_SRC];
  }

  dst(entry: number, dir: number): number {
    return this.words[(entry << ENTRY_SHIFT) + TUPLE + dir * TUPLE_WORDS + TUPLE_DST];
  }

  sport(entry: number, dir: number): number {
    return this.words[(entry << ENTRY_SHIFT) + TUPLE + dir * TUPLE_WORDS + TUPLE_PORTS] >>> 16;
  }

  dport(entry: number, dir: number): number {
    return this.words[(entry << ENTRY_SHIFT) + TUPLE + dir * TUPLE_WORDS + TUPLE_PORTS] & 0xffff;
  }

  protocol(entry: number): number {
    return (this.words[(entry << ENTRY_SHIFT) + META] >>> META_PROTOCOL_SHIFT) & 0xff;
  }

  zone(entry: number): number {
    return this.words[(entry << ENTRY_SHIFT) + META] & META_ZONE_MASK;
  }

  status(entry: number): number {
    return this.words[(entry << ENTRY_SHIFT) + STATUS] & STATUS_BITS;
  }

  /** Sets status bits; those already set stay. */
  setStatus(entry: number, bits: number): void {
    if (this.trial) this.save(entry);
    this.words[(entry << ENTRY_SHIFT) + STATUS] |= bits & STATUS_BITS;
  }

  /** The connection mark (connmark). */
  mark(entry: number): number {
    return this.words[(entry << ENTRY_SHIFT) + MARK];
  }

  setMark(entry: number, mark: number): void {
    if (this.trial) this.save(entry);
    this.words[(entry << ENTRY_SHIFT) + MARK] = mark;
  }

  /** The service that a connection was translated by: the caller's number, -1 in a new entry. */
  service(entry: number): number {
    return this.words[(entry << ENTRY_SHIFT) + SERVICE];
  }

  setService(entry: number, service: number): void {
    if (this.trial) this.save(entry);
    this.words[(entry << ENTRY_SHIFT) + SERVICE] = service;
  }

  /** The endpoint that a connection was translated to: the caller's number, -1 in a new entry. */
  endpoint(entry: number): number {
    return this.words[(entry << ENTRY_SHIFT) + ENDPOINT];
  }

  setEndpoint(entry: number, endpoint: number): void {
    if (this.trial) this.save(entry);
    this.words[(entry << ENTRY_SHIFT) + ENDPOINT] = endpoint;
  }

  /** The state of a TCP connection (TCP_* of tcpStates.ts). */
  tcpState(entry: number): number {
    return this.bytes[(entry << ENTRY_BYTE_SHIFT) + STATE_BYTE];
  }

  /** The state of an SCTP association (SCTP_* of sctpStates.ts). */
  sctpState(entry: number): number {
    return this.bytes[(entry << ENTRY_BYTE_SHIFT) + STATE_BYTE];
  }

  /** During a trial: keeps an entry's words on first touch, so that they can be put back. */
  save(entry: number): void {
    if (entry >= this.capacity || this.#touched[entry] !== 0) return;
    this.#touched[entry] = 1;
    const record = this.#journaled++ * JOURNAL_WORDS;
    if (record + JOURNAL_WORDS > this.#journal.length) {
      const grown = new Int32Array(Math.max(this.#journal.length * 2, JOURNAL_START * JOURNAL_WORDS));
      grown.set(this.#journal);
      this.#journal = grown;
    }
    const o = entry << ENTRY_SHIFT;
    this.#journal[record] = entry;
    this.#journal.set(this.words.subarray(o, o + ENTRY_WORDS), record + 1);
  }

  /** Puts back what {@link save} kept. */
  protected restore(): void {
    for (let i = 0; i < this.#journaled; i++) {
      const record = i * JOURNAL_WORDS;
      const entry = this.#journal[record];
      this.words.set(this.#journal.subarray(record + 1, record + JOURNAL_WORDS), entry << ENTRY_SHIFT);
      this.#touched[entry] = 0;
    }
    this.#journaled = 0;
    this.#trialNext = 0;
    this.#trialUsed = 0;
  }

  /** Ms that an entry had left before the trial's packets refreshed it; -1 of one that the trial made. */
  leftBefore(entry: number, now: number): number {
    if (entry >= this.capacity) return NONE;
    if (this.#touched[entry] === 0) return this.timeoutLeft(entry, now);
    let record = 0;
    while (this.#journal[record] !== entry) record += JOURNAL_WORDS;
    return Math.max((this.#journal[record + 1 + DEADLINE] - now) | 0, 0);
  }

  /** Writes one tuple of an entry. */
  protected setTuple(entry: number, dir: number, src: number, dst: number, ports: number): void {
    const t = (entry << ENTRY_SHIFT) + TUPLE + dir * TUPLE_WORDS;
    this.words[t + TUPLE_SRC] = src;
    this.words[t + TUPLE_DST] = dst;
    this.words[t + TUPLE_PORTS] = ports;
  }

  /** Whether two entries have the same tuple in a direction. Their zones are the caller's business. */
  protected sameTuple(a: number, b: number, dir: number): boolean {
    const x = (a << ENTRY_SHIFT) + TUPLE + dir * TUPLE_WORDS;
    const y = (b << ENTRY_SHIFT) + TUPLE + dir * TUPLE_WORDS;
    const words = this.words;
    return (
      words[x + TUPLE_SRC] === words[y + TUPLE_SRC] &&
      words[x + TUPLE_DST] === words[y + TUPLE_DST] &&
      words[x + TUPLE_PORTS] === words[y + TUPLE_PORTS]
    );
  }
}

const JOURNAL_WORDS = ENTRY_WORDS + 1;
/** Entries that the first journal holds. */
const JOURNAL_START = 64;
