import type { Accounting } from "./accounting.ts";
import { Entries } from "./entries.ts";
import { type ConntrackEvents, CT_EVENT_DESTROY, CT_EVENT_NEW } from "./events.ts";
import { hashTuple } from "./hash.ts";
import { DIR_ORIGINAL, DIR_REPLY, IPS_CONFIRMED, IPS_DYING, IPS_NAT_CLASH, STAT_DELETE, STAT_FOUND } from "./info.ts";
import {
  CHAIN,
  ENTRY_SHIFT,
  META,
  META_KEY_MASK,
  META_PROTOCOL_SHIFT,
  SERVICE,
  SOURCE_NEXT,
  SOURCE_PREV,
  STATUS,
  TUPLE,
  TUPLE_DST,
  TUPLE_PORTS,
  TUPLE_SRC,
  TUPLE_WORDS,
} from "./layout.ts";
import type { ConntrackSettings } from "./settings.ts";

const NONE = -1;
/** What {@link Chains.findTuple} returns instead of a tuple when the chain is too long. */
export const CHAIN_TOO_LONG = -2;

/** Told of connections that come to and go from the table, after trials as if those had not been. */
export interface ConnectionWatch {
  opened(entries: Entries, entry: number): void;
  closed(entries: Entries, entry: number): void;
}

/**
 * How entries are found, and how they come to and go from the table: a hash table of tuples, two an entry, and one of
 * sources.
 *
 * ```text
 *   heads[hash(zone, protocol, addresses, ports)] -> entry * 2 + direction -> ... -> -1
 *   sources[hash(zone, protocol, address, port)] <-> entry <-> ...             -> -1
 * ```
 * Chains of tuples are short by their limit and singly linked; one socket may have thousands of connections, so those of
 * sources are doubly linked.
 */
export class Chains extends Entries {
  /** The counters of `conntrack -S`, by STAT_* index. */
  readonly stats: Float64Array;
  /** Told of connections that a service translated; null: nobody. */
  watch: ConnectionWatch | null = null;
  /** Is told what happens to entries; null: nobody watches. */
  events: ConntrackEvents | null = null;
  /** Counts the packets of entries; null: nobody asks. */
  accounting: Accounting | null = null;
  /** Where counting goes: {@link stats}, or nowhere in a trial. */
  protected counters: Float64Array;
  protected readonly counts: Int32Array;
  /** Entries in use, unconfirmed ones included. */
  protected occupied = 0;
  /** Deleted by the packet that is still on its way: its fields are needed until the next one comes. */
  protected deferred = NONE;
  protected readonly heads: Int32Array;
  protected readonly mask: number;
  protected readonly sources: Int32Array;
  /** The tick of the last packet or expiry: what a lookup takes for the time. */
  protected now = 0;
  readonly #key: Int32Array;
  readonly #sourceMask: number;

  constructor(
    capacity: number,
    zones: number,
    key: Int32Array,
    settings: Partial<ConntrackSettings>,
    stats: Float64Array,
  ) {
    super(capacity, settings);
    this.stats = stats;
    this.counters = stats;
    this.counts = new Int32Array(zones);
    this.#key = Int32Array.from(key);
    // Two tuples an entry: a full table has one a bucket or less.
    this.heads = new Int32Array(powerOfTwo(capacity * 2)).fill(NONE);
    this.mask = this.heads.length - 1;
    this.sources = new Int32Array(powerOfTwo(capacity)).fill(NONE);
    this.#sourceMask = this.sources.length - 1;
  }

  /** Entries of a zone, unconfirmed ones included. */
  count(zone: number): number {
    return this.counts[zone];
  }

  get total(): number {
    return this.occupied;
  }

  /** Frees an entry that was never confirmed, because its packet was dropped. Nothing happens to a confirmed one. */
  discard(entry: number): void {
    if ((this.words[(entry << ENTRY_SHIFT) + STATUS] & IPS_CONFIRMED) !== 0) return;
    this.#uncount(entry);
    this.release(entry);
  }

  /** Deletes a confirmed entry. */
  remove(entry: number): void {
    if (this.#detach(entry)) this.release(entry);
  }

  /**
   * nf_conntrack_tuple_taken: whether a connection with this reply tuple (source: the server's side) would clash with
   * an entry of the zone, in either direction, other than `ignore` (-1 for none).
   */
  isTaken(
    zone: number,
    protocol: number,
    src: number,
    dst: number,
    sport: number,
    dport: number,
    ignore: number,
  ): boolean {
    const meta = zone | (protocol << META_PROTOCOL_SHIFT);
    const ports = (sport << 16) | dport;
    const bucket = this.bucket(meta, src, dst, ports);
    const ref = this.find(bucket, meta, src, dst, ports, ignore);
    if (ref === NONE) return false;
    // The very same connection from another thread is for confirm() to settle.
    if (ignore !== NONE && this.sameTuple(ref >> 1, ignore, DIR_ORIGINAL)) return false;
    this.counters[STAT_FOUND]++;
    return true;
  }

  /** The bucket of a tuple. @param meta zone | protocol << 16 @param ports source << 16 | destination */
  protected bucket(meta: number, src: number, dst: number, ports: number): number {
    return hashTuple(this.#key, meta, src, dst, ports) & this.mask;
  }

  /** The tuple (entry * 2 + direction) of a chain that equals this one, or -1. Deletes it when its time is up. */
  protected find(bucket: number, meta: number, src: number, dst: number, ports: number, ignore: number): number {
    const words = this.words;
    let ref = this.heads[bucket];
    while (ref !== NONE) {
      const o = (ref >> 1) << ENTRY_SHIFT;
      const t = o + TUPLE + (ref & 1) * TUPLE_WORDS;
      if (
        words[t + TUPLE_PORTS] === ports &&
        words[t + TUPLE_SRC] === src &&
        words[t + TUPLE_DST] === dst &&
        (words[o + META] & META_KEY_MASK) === meta &&
        ref >> 1 !== ignore
      ) {
        if (!this.isGone(ref >> 1, this.now)) return ref;
        if (!this.trial) {
          // A tuple is in the table once, so there is nothing else to find.
          this.remove(ref >> 1);
          return NONE;
        }
      }
      ref = words[o + CHAIN + (ref & 1)];
    }
    return this.trial ? this.#findInTrial(meta, src, dst, ports, ignore) : NONE;
  }

  /** As {@link find}, of the entries that the trial has confirmed: they are in no chain. */
  #findInTrial(meta: number, src: number, dst: number, ports: number, ignore: number): number {
    const words = this.words;
    for (let entry = this.capacity; entry < this.trialEnd; entry++) {
      const o = entry << ENTRY_SHIFT;
      const status = words[o + STATUS];
      if ((status & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED || entry === ignore) continue;
      if ((words[o + META] & META_KEY_MASK) !== meta) continue;
      for (let dir = (status & IPS_NAT_CLASH) === 0 ? DIR_ORIGINAL : DIR_REPLY; dir <= DIR_REPLY; dir++) {
        const t = o + TUPLE + dir * TUPLE_WORDS;
        if (words[t + TUPLE_PORTS] === ports && words[t + TUPLE_SRC] === src && words[t + TUPLE_DST] === dst)
          return entry * 2 + dir;
      }
    }
    return NONE;
  }

  /** As {@link findBySource}, of the entries that the trial has confirmed before one; the latest first. */
  #sourceInTrial(before: number, meta: number, src: number, sport: number): number {
    const words = this.words;
    for (let entry = before - 1; entry >= this.capacity; entry--) {
      const o = entry << ENTRY_SHIFT;
      if ((words[o + STATUS] & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) continue;
      if ((words[o + META] & META_KEY_MASK) !== meta) continue;
      if (words[o + TUPLE + TUPLE_SRC] === src && words[o + TUPLE + TUPLE_PORTS] >>> 16 === sport) return entry;
    }
    return NONE;
  }

  /** As {@link find} for a tuple of an entry; CHAIN_TOO_LONG when the chain is. */
  protected findTuple(bucket: number, entry: number, dir: number): number {
    const t = (entry << ENTRY_SHIFT) + TUPLE + dir * TUPLE_WORDS;
    const words = this.words;
    const meta = words[(entry << ENTRY_SHIFT) + META] & META_KEY_MASK;
    const found = this.find(bucket, meta, words[t + TUPLE_SRC], words[t + TUPLE_DST], words[t + TUPLE_PORTS], NONE);
    if (found !== NONE) return found;
    let length = 0;
    for (let ref = this.heads[bucket]; ref !== NONE; ref = words[((ref >> 1) << ENTRY_SHIFT) + CHAIN + (ref & 1)]) {
      if (++length > this.settings.maxChain) return CHAIN_TOO_LONG;
    }
    return NONE;
  }

  /**
   * find_appropriate_src: the latest connection from the same source, or -1; {@link nextBySource} has the others. The
   * mapping is its reply destination.
   */
  findBySource(zone: number, protocol: number, src: number, sport: number): number {
    const meta = zone | (protocol << META_PROTOCOL_SHIFT);
    const tried = this.trial ? this.#sourceInTrial(this.trialEnd, meta, src, sport) : NONE;
    if (tried !== NONE) return tried;
    return this.#sameSource(this.sources[this.#sourceBucket(meta, src, sport)], meta, src, sport);
  }

  /** The next older connection from the same source as a confirmed entry, or -1. */
  nextBySource(entry: number): number {
    const o = entry << ENTRY_SHIFT;
    const meta = this.words[o + META] & META_KEY_MASK;
    const src = this.src(entry, DIR_ORIGINAL);
    const sport = this.sport(entry, DIR_ORIGINAL);
    if (entry < this.capacity) return this.#sameSource(this.words[o + SOURCE_NEXT], meta, src, sport);
    const tried = this.#sourceInTrial(entry, meta, src, sport);
    if (tried !== NONE) return tried;
    return this.#sameSource(this.sources[this.#sourceBucket(meta, src, sport)], meta, src, sport);
  }

  /** The bucket of one of an entry's tuples. */
  protected tupleBucket(entry: number, dir: number): number {
    const words = this.words;
    const o = entry << ENTRY_SHIFT;
    const t = o + TUPLE + dir * TUPLE_WORDS;
    const meta = words[o + META] & META_KEY_MASK;
    return hashTuple(this.#key, meta, words[t + TUPLE_SRC], words[t + TUPLE_DST], words[t + TUPLE_PORTS]) & this.mask;
  }

  /** Takes a confirmed entry out of the table. In a trial it only becomes invalid, and stays linked. Returns whether it is out. */
  #detach(entry: number): boolean {
    if (this.trial) this.save(entry);
    const o = entry << ENTRY_SHIFT;
    const status = this.words[o + STATUS];
    if ((status & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) return false;
    this.words[o + STATUS] = status | IPS_DYING;
    if (this.trial) {
      this.#uncount(entry);
      return false;
    }
    if (this.watch !== null && this.words[o + SERVICE] >= 0) this.watch.closed(this, entry);
    // As conntrack -L, -E does not see an entry that has its reply tuple alone.
    if (this.events !== null && (status & IPS_NAT_CLASH) === 0)
      this.events.push(CT_EVENT_DESTROY, this, this.accounting, entry, this.now);
    this.#unlinkAll(entry);
    this.wheel.remove(entry);
    this.#uncount(entry);
    this.counters[STAT_DELETE]++;
    return true;
  }

  /** Deletes the entry of the packet at hand, which still needs it to be translated. */
  protected removeDeferred(entry: number): void {
    if (this.#detach(entry)) this.deferred = entry;
  }

  /** Frees the entry of the packet before this one, if that packet deleted it. */
  protected reap(): void {
    if (this.deferred === NONE) return;
    const entry = this.deferred;
    this.deferred = NONE;
    this.release(entry);
  }

  #uncount(entry: number): void {
    this.counts[this.zone(entry)]--;
    this.occupied--;
  }

  /** Puts an entry into the chains of its tuples and of its source. */
  protected link(entry: number, bucket: number, replyBucket: number): void {
    this.#linkTuple(entry * 2 + DIR_ORIGINAL, bucket);
    this.#linkTuple(entry * 2 + DIR_REPLY, replyBucket);
    this.#linkSource(entry);
    if (this.watch !== null && this.words[(entry << ENTRY_SHIFT) + SERVICE] >= 0) this.watch.opened(this, entry);
    if (this.events !== null) this.events.push(CT_EVENT_NEW, this, this.accounting, entry, this.now);
  }

  /** As {@link link} for an entry whose original tuple another one has. */
  protected linkReply(entry: number, replyBucket: number): void {
    this.#linkTuple(entry * 2 + DIR_REPLY, replyBucket);
    this.#linkSource(entry);
    if (this.watch !== null && this.words[(entry << ENTRY_SHIFT) + SERVICE] >= 0) this.watch.opened(this, entry);
  }

  #unlinkAll(entry: number): void {
    if ((this.words[(entry << ENTRY_SHIFT) + STATUS] & IPS_NAT_CLASH) === 0)
      this.#unlinkTuple(entry * 2 + DIR_ORIGINAL, this.tupleBucket(entry, DIR_ORIGINAL));
    this.#unlinkTuple(entry * 2 + DIR_REPLY, this.tupleBucket(entry, DIR_REPLY));
    this.#unlinkSource(entry);
  }

  #linkTuple(ref: number, bucket: number): void {
    this.words[((ref >> 1) << ENTRY_SHIFT) + CHAIN + (ref & 1)] = this.heads[bucket];
    this.heads[bucket] = ref;
  }

  #unlinkTuple(ref: number, bucket: number): void {
    const words = this.words;
    const after = words[((ref >> 1) << ENTRY_SHIFT) + CHAIN + (ref & 1)];
    let at = this.heads[bucket];
    if (at === ref) {
      this.heads[bucket] = after;
      return;
    }
    while (at !== NONE) {
      const link = ((at >> 1) << ENTRY_SHIFT) + CHAIN + (at & 1);
      at = words[link];
      if (at === ref) words[link] = after;
    }
  }

  #sourceBucket(meta: number, src: number, sport: number): number {
    return hashTuple(this.#key, meta, src, 0, sport) & this.#sourceMask;
  }

  #sameSource(from: number, meta: number, src: number, sport: number): number {
    const words = this.words;
    for (let entry = from; entry !== NONE; entry = words[(entry << ENTRY_SHIFT) + SOURCE_NEXT]) {
      const o = entry << ENTRY_SHIFT;
      if (
        words[o + TUPLE + TUPLE_SRC] === src &&
        words[o + TUPLE + TUPLE_PORTS] >>> 16 === sport &&
        (words[o + META] & META_KEY_MASK) === meta &&
        !this.isGone(entry, this.now)
      ) {
        return entry;
      }
    }
    return NONE;
  }

  #linkSource(entry: number): void {
    const words = this.words;
    const o = entry << ENTRY_SHIFT;
    const bucket = this.#sourceBucket(words[o + META] & META_KEY_MASK, words[o + TUPLE], this.sport(entry, 0));
    const next = this.sources[bucket];
    words[o + SOURCE_NEXT] = next;
    words[o + SOURCE_PREV] = ~bucket;
    if (next !== NONE) words[(next << ENTRY_SHIFT) + SOURCE_PREV] = entry;
    this.sources[bucket] = entry;
  }

  #unlinkSource(entry: number): void {
    const words = this.words;
    const o = entry << ENTRY_SHIFT;
    const next = words[o + SOURCE_NEXT];
    const prev = words[o + SOURCE_PREV];
    if (next !== NONE) words[(next << ENTRY_SHIFT) + SOURCE_PREV] = prev;
    if (prev >= 0) words[(prev << ENTRY_SHIFT) + SOURCE_NEXT] = next;
    else this.sources[~prev] = next;
  }
}

/** The smallest power of two that is not below n. */
function powerOfTwo(n: number): number {
  return 1 << (32 - Math.clz32(n - 1));
}
