import { hashTuple, hashWords } from "../conntrack/hash.ts";
import { ENTRY_SHIFT, ENTRY_WORDS, WHEEL_ARMED } from "../conntrack/layout.ts";
import { Wheel } from "../conntrack/wheel.ts";

export interface FlowTableOptions {
  /** Flows of all owners together, at most 2^24. */
  capacity: number;
  /** Four words: the key of the hash. */
  hashKey: Int32Array;
}

// One flow: the words of a conntrack entry (conntrack/layout.ts), whose timer wheel it shares; words 16 to 18 are the wheel's.
/** Next flow of the hash chain, or of the list of free entries. */
const CHAIN = 0;
/** Owner and protocol of a flow, 0 of a free entry (see {@link metaOf}). */
const META = 1;
const A = 2;
const B = 3;
/** Port of a << 16 | port of b. */
const PORTS = 4;
const DEADLINE = 5;
const VALUE = 6;
const VALUE2 = 7;
const ACCOUNT = 8;
/** 1: deleted during a trial; it is in its chain until the trial is taken back. */
const GONE = 9;

const PROTOCOL_BITS = 8;
const PROTOCOL_MASK = 0xff;
const MAX_CAPACITY = 1 << 24;
const NONE = -1;
/** Due flows that a full table looks at for one that wants in. */
const EXPIRE_WHEN_FULL = 8;
/** Flows that a trial changes or inserts at most: far more than one packet can. What is beyond is not changed. */
const TRIAL_FLOWS = 1024;
const JOURNAL_WORDS = ENTRY_WORDS + 1;

/**
 * Flows by (owner, protocol, a, port of a, b, port of b): what security groups, NAT gateways and network policies
 * remember. The key is ordered: who wants both directions to meet in one flow asks with the ends in one order.
 *
 * A hash table with chains over one fixed amount of memory; the hash is keyed, so that nobody can choose flows that
 * fall into one chain. `now` is the plane's wrapping millisecond tick; a flow whose time is up is not found, and goes
 * when {@link expire} comes by.
 */
export class FlowTable {
  readonly capacity: number;
  /** Flows in the table, those whose time is up included. */
  count = 0;
  /** The latest time that the table was told: what {@link find} takes for now. */
  now = 0;

  readonly #key: Int32Array;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #heads: Int32Array<ArrayBuffer>;
  readonly #mask: number;
  readonly #wheel: Wheel;
  #counts = new Int32Array(64);
  #free = NONE;
  /** Entries from here on were never used. */
  #fresh = 0;

  #trial = false;
  #trialFresh = 0;
  #trialNow = 0;
  readonly #inserted = new Int32Array(TRIAL_FLOWS);
  #insertedCount = 0;
  readonly #journal = new Int32Array(TRIAL_FLOWS * JOURNAL_WORDS);
  #journaled = 0;

  /** @throws RangeError when the capacity is out of range or the key too short */
  constructor(options: FlowTableOptions) {
    const { capacity, hashKey } = options;
    if (!(Number.isInteger(capacity) && capacity >= 1 && capacity <= MAX_CAPACITY))
      throw new RangeError(`flow table: capacity must be 1 to ${MAX_CAPACITY}, not ${capacity}`);
    if (hashKey.length < 4) throw new RangeError("flow table: the hash key needs four words");
    let buckets = 1;
    while (buckets < capacity) buckets *= 2;
    this.capacity = capacity;
    this.#key = hashKey.subarray(0, 4);
    this.#words = new Int32Array(capacity * ENTRY_WORDS);
    this.#heads = new Int32Array(buckets).fill(NONE);
    this.#mask = buckets - 1;
    this.#wheel = new Wheel(this.#words);
  }

  /**
   * @param owner ENI, gateway or device, 0 to 2^23
   * @param protocol IANA number
   * @returns the flow, or -1
   */
  find(owner: number, protocol: number, a: number, aPort: number, b: number, bPort: number): number {
    const words = this.#words;
    const meta = metaOf(owner, protocol);
    const ports = (aPort << 16) | bPort;
    let entry = this.#heads[hashTuple(this.#key, meta, a, b, ports) & this.#mask];
    while (entry !== NONE) {
      const o = entry << ENTRY_SHIFT;
      if (
        words[o + META] === meta &&
        words[o + A] === a &&
        words[o + B] === b &&
        words[o + PORTS] === ports &&
        words[o + GONE] === 0 &&
        ((words[o + DEADLINE] - this.now) | 0) > 0
      )
        return entry;
      entry = words[o + CHAIN];
    }
    return NONE;
  }

  /**
   * Adds a flow, which is not there: the caller has asked {@link find}.
   *
   * @param timeout milliseconds from `now`, under 2^31
   * @param account what {@link countOf} counts it for: the owner unless given
   * @returns the flow, or -1 when the table is full
   */
  insert(
    owner: number,
    protocol: number,
    a: number,
    aPort: number,
    b: number,
    bPort: number,
    now: number,
    timeout: number,
    account: number = owner,
  ): number {
    this.now = now;
    const entry = this.#allocate(now);
    if (entry === NONE) return NONE;
    const words = this.#words;
    const o = entry << ENTRY_SHIFT;
    const meta = metaOf(owner, protocol);
    const ports = (aPort << 16) | bPort;
    const bucket = hashTuple(this.#key, meta, a, b, ports) & this.#mask;
    const deadline = (now + timeout) | 0;
    words[o + CHAIN] = this.#heads[bucket];
    words[o + META] = meta;
    words[o + A] = a;
    words[o + B] = b;
    words[o + PORTS] = ports;
    words[o + DEADLINE] = deadline;
    words[o + ACCOUNT] = account;
    this.#heads[bucket] = entry;
    if (account >= this.#counts.length) this.#growCounts(account);
    this.#counts[account]++;
    this.count++;
    if (this.#trial) this.#inserted[this.#insertedCount++] = entry;
    else this.#wheel.insert(entry, deadline, now);
    return entry;
  }

  /** The flow is used: it lives for `timeout` ms from now. */
  touch(entry: number, now: number, timeout: number): void {
    this.now = now;
    if (this.#trial && !this.#save(entry)) return;
    const o = entry << ENTRY_SHIFT;
    const deadline = (now + timeout) | 0;
    this.#words[o + DEADLINE] = deadline;
    // Later deadlines need no new timer: the wheel looks, and puts the flow back.
    if (!this.#trial && ((deadline - this.#words[o + WHEEL_ARMED]) | 0) < 0) {
      this.#wheel.remove(entry);
      this.#wheel.insert(entry, deadline, now);
    }
  }

  /** Two words for the owner's own use, 0 in a new flow. */
  value(entry: number): number {
    return this.#words[(entry << ENTRY_SHIFT) + VALUE];
  }

  setValue(entry: number, value: number): void {
    if (!this.#trial || this.#save(entry)) this.#words[(entry << ENTRY_SHIFT) + VALUE] = value;
  }

  value2(entry: number): number {
    return this.#words[(entry << ENTRY_SHIFT) + VALUE2];
  }

  setValue2(entry: number, value: number): void {
    if (!this.#trial || this.#save(entry)) this.#words[(entry << ENTRY_SHIFT) + VALUE2] = value;
  }

  delete(entry: number): void {
    if (!this.#trial) this.#remove(entry);
    else if (this.#save(entry)) this.#words[(entry << ENTRY_SHIFT) + GONE] = 1;
  }

  /** Flows of an account: of an owner, where none other was named. */
  countOf(account: number): number {
    return account < this.#counts.length ? this.#counts[account] : 0;
  }

  /**
   * Removes flows whose time is up. Costs what it removes, not what exists.
   *
   * @param budget timers to look at, at most
   * @returns how many flows were removed; none during a trial
   */
  expire(now: number, budget: number): number {
    this.now = now;
    if (this.#trial) return 0;
    let expired = 0;
    for (let i = 0; i < budget; i++) {
      const entry = this.#wheel.pop(now);
      if (entry === NONE) break;
      const deadline = this.#words[(entry << ENTRY_SHIFT) + DEADLINE];
      // Also when it is due: #remove takes every flow out of the wheel.
      this.#wheel.insert(entry, deadline, now);
      if (((deadline - now) | 0) > 0) continue;
      this.#remove(entry);
      expired++;
    }
    return expired;
  }

  /** Milliseconds until {@link expire} has something to look at, 0 to 60000. */
  nextExpiry(now: number): number {
    return this.#wheel.next(now);
  }

  /** Starts a what-if: until {@link rollback} all works as ever, and is taken back then. Nothing expires meanwhile. */
  beginTrial(): void {
    this.#trial = true;
    this.#trialFresh = this.#fresh;
    this.#trialNow = this.now;
  }

  /** Ends a what-if: every flow, every count and the order of free entries are what they were. */
  rollback(): void {
    const words = this.#words;
    for (let i = 0; i < this.#journaled; i++) {
      const record = i * JOURNAL_WORDS;
      const o = this.#journal[record] << ENTRY_SHIFT;
      for (let k = 0; k < ENTRY_WORDS; k++) words[o + k] = this.#journal[record + 1 + k];
    }
    this.#journaled = 0;
    // Nothing was unlinked meanwhile: the last one in is the head of its chain.
    while (this.#insertedCount > 0) {
      const entry = this.#inserted[--this.#insertedCount];
      this.#heads[this.#bucketOf(entry)] = words[(entry << ENTRY_SHIFT) + CHAIN];
      this.#release(entry);
      if (entry < this.#trialFresh) continue;
      this.#free = words[(entry << ENTRY_SHIFT) + CHAIN];
      words[(entry << ENTRY_SHIFT) + CHAIN] = 0;
    }
    this.#fresh = this.#trialFresh;
    this.now = this.#trialNow;
    this.#trial = false;
  }

  /** Removes all flows of an owner that is gone. Looks at all flows. */
  flush(owner: number): void {
    for (let entry = 0; entry < this.#fresh; entry++) {
      const meta = this.#words[(entry << ENTRY_SHIFT) + META];
      if (meta !== 0 && this.owner(entry) === owner) this.#remove(entry);
    }
  }

  // What a flow is, for views.

  /** The first flow at or behind an entry that is there and whose time is not up; -1: none. Start with 0. */
  next(entry: number): number {
    for (let e = entry; e < this.#fresh; e++) {
      const o = e << ENTRY_SHIFT;
      if (this.#words[o + META] !== 0 && ((this.#words[o + DEADLINE] - this.now) | 0) > 0) return e;
    }
    return NONE;
  }

  owner(entry: number): number {
    return (this.#words[(entry << ENTRY_SHIFT) + META] - 1) >>> PROTOCOL_BITS;
  }

  protocol(entry: number): number {
    return (this.#words[(entry << ENTRY_SHIFT) + META] - 1) & PROTOCOL_MASK;
  }

  a(entry: number): number {
    return this.#words[(entry << ENTRY_SHIFT) + A];
  }

  aPort(entry: number): number {
    return this.#words[(entry << ENTRY_SHIFT) + PORTS] >>> 16;
  }

  b(entry: number): number {
    return this.#words[(entry << ENTRY_SHIFT) + B];
  }

  bPort(entry: number): number {
    return this.#words[(entry << ENTRY_SHIFT) + PORTS] & 0xffff;
  }

  /** Milliseconds that a flow has left. */
  left(entry: number, now: number): number {
    return Math.max(0, (this.#words[(entry << ENTRY_SHIFT) + DEADLINE] - now) | 0);
  }

  /** A hash over the whole state, to show that something did not change it. */
  stateHash(): number {
    let h = hashWords(this.#words, 0, this.#fresh << ENTRY_SHIFT);
    h = hashWords(this.#heads, 0, this.#heads.length, h);
    // Up to the last that counts: a what-if may have made room for an account that has none.
    let accounts = this.#counts.length;
    while (accounts > 0 && this.#counts[accounts - 1] === 0) accounts--;
    h = hashWords(this.#counts, 0, accounts, h);
    h = this.#wheel.fold(h);
    return hashWords(Int32Array.of(this.#free, this.#fresh, this.count, this.now), 0, 4, h);
  }

  #allocate(now: number): number {
    if (this.#trial && this.#insertedCount === TRIAL_FLOWS) return NONE;
    if (this.#free === NONE && this.#fresh === this.capacity) this.expire(now, EXPIRE_WHEN_FULL);
    const entry = this.#free;
    if (entry !== NONE) {
      this.#free = this.#words[(entry << ENTRY_SHIFT) + CHAIN];
      return entry;
    }
    return this.#fresh < this.capacity ? this.#fresh++ : NONE;
  }

  #remove(entry: number): void {
    const words = this.#words;
    this.#wheel.remove(entry);
    const next = words[(entry << ENTRY_SHIFT) + CHAIN];
    const bucket = this.#bucketOf(entry);
    let at = this.#heads[bucket];
    if (at === entry) this.#heads[bucket] = next;
    else {
      while (words[(at << ENTRY_SHIFT) + CHAIN] !== entry) at = words[(at << ENTRY_SHIFT) + CHAIN];
      words[(at << ENTRY_SHIFT) + CHAIN] = next;
    }
    this.#release(entry);
  }

  /** Gives back an entry that is in no chain and no wheel. */
  #release(entry: number): void {
    const words = this.#words;
    const o = entry << ENTRY_SHIFT;
    this.#counts[words[o + ACCOUNT]]--;
    this.count--;
    words.fill(0, o, o + ENTRY_WORDS);
    words[o + CHAIN] = this.#free;
    this.#free = entry;
  }

  #bucketOf(entry: number): number {
    const words = this.#words;
    const o = entry << ENTRY_SHIFT;
    return hashTuple(this.#key, words[o + META], words[o + A], words[o + B], words[o + PORTS]) & this.#mask;
  }

  /** During a trial: keeps the words of an entry, each time it changes. False when there is no room to. */
  #save(entry: number): boolean {
    if (this.#journaled === TRIAL_FLOWS) return false;
    for (let i = 0; i < this.#journaled; i++) if (this.#journal[i * JOURNAL_WORDS] === entry) return true;
    const record = this.#journaled++ * JOURNAL_WORDS;
    const o = entry << ENTRY_SHIFT;
    this.#journal[record] = entry;
    for (let k = 0; k < ENTRY_WORDS; k++) this.#journal[record + 1 + k] = this.#words[o + k];
    return true;
  }

  /** An account that is new: not on a packet's way but its first. */
  #growCounts(account: number): void {
    const counts = new Int32Array(Math.max(account + 1, this.#counts.length * 2));
    counts.set(this.#counts);
    this.#counts = counts;
  }
}

/** Owner and protocol in one word that is never 0. */
function metaOf(owner: number, protocol: number): number {
  return ((owner << PROTOCOL_BITS) | protocol) + 1;
}
