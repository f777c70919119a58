import type { Packet } from "../packet.ts";
import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP, PROTO_UDP } from "../packet.ts";
import { CT_EVENT_UPDATE } from "./events.ts";
import { Eviction } from "./eviction.ts";
import { hashWords } from "./hash.ts";
import {
  invertIcmp,
  isIcmpError,
  MAX_ICMP_TYPE,
  QUOTED_DST,
  QUOTED_PORTS,
  QUOTED_PROTOCOL,
  QUOTED_SRC,
  QUOTED_WORDS,
  readQuoted,
  trackIcmp,
} from "./icmp.ts";
import {
  CONNTRACK_STATS,
  CT_ESTABLISHED,
  CT_ESTABLISHED_REPLY,
  CT_FULL,
  CT_INVALID,
  CT_NEW,
  CT_RELATED,
  CT_RELATED_REPLY,
  DIR_ORIGINAL,
  DIR_REPLY,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_NAT_CLASH,
  IPS_SEEN_REPLY,
  STAT_DROP,
  STAT_ERROR,
  STAT_ICMP_ERROR,
  STAT_INVALID,
  TRACK_INVALID,
  TRACK_KILL,
  TRACK_REPEAT,
} from "./info.ts";
import {
  CHAIN,
  DEADLINE,
  ENDPOINT,
  ENTRY_SHIFT,
  META,
  META_PROTOCOL_SHIFT,
  META_ZONE_MASK,
  SERVICE,
  STATUS,
  TCP_SEEN,
  TCP_SEEN_WORDS,
  TD_END,
} from "./layout.ts";
import { trackSctp } from "./sctp.ts";
import type { ConntrackSettings } from "./settings.ts";
import { trackTcp } from "./tcp.ts";
import { trackGeneric, trackUdp } from "./udp.ts";

export interface ConntrackOptions {
  /** Entries of all zones together, at most 2^24. */
  capacity: number;
  /** Number of zones: one for each node, at most 2^16. */
  zones: number;
  /** Four random words: the key of the tuple hash. */
  hashKey: Int32Array;
  settings?: Partial<ConntrackSettings>;
  /** Where to count (STAT_* indices); shared memory when others read along. */
  stats?: Float64Array;
}

/** 16 M entries, 2 GiB. */
const MAX_CAPACITY = 1 << 24;
const MAX_ZONES = META_ZONE_MASK + 1;

const NONE = -1;
// What create() returns instead of an entry.
const FULL = -2;
const NOT_TRACKED = -3;

/**
 * The connection tracking table of all nodes (nf_conntrack_core.c): one zone a node, one fixed amount of memory.
 *
 * A packet's way: {@link track} finds or makes its entry and classifies it; translations call {@link setReply}; and
 * {@link confirm} puts a new entry into the table once the packet leaves the node, or {@link discard} drops it with the
 * packet. `now` is always the plane's wrapping millisecond tick.
 */
export class Conntrack extends Eviction {
  readonly #limits: Int32Array;
  readonly #quoted = new Int32Array(QUOTED_WORDS);
  readonly #trialCounters = new Float64Array(CONNTRACK_STATS);
  /** Entries of each zone, and of all, before the trial. */
  readonly #countsBefore: Int32Array;
  #occupiedBefore = 0;

  /** @throws RangeError when a size is out of range or the key is too short. */
  constructor(options: ConntrackOptions) {
    const { capacity, zones, hashKey } = options;
    if (!(Number.isInteger(capacity) && capacity >= 1 && capacity <= MAX_CAPACITY)) {
      throw new RangeError(`conntrack: capacity must be 1 to ${MAX_CAPACITY}, not ${capacity}`);
    }
    if (!(Number.isInteger(zones) && zones >= 1 && zones <= MAX_ZONES)) {
      throw new RangeError(`conntrack: zones must be 1 to ${MAX_ZONES}, not ${zones}`);
    }
    if (hashKey.length < 4) throw new RangeError("conntrack: the hash key needs four words");
    super(
      capacity,
      zones,
      hashKey.subarray(0, 4),
      options.settings ?? {},
      options.stats ?? new Float64Array(CONNTRACK_STATS),
    );
    this.#limits = new Int32Array(zones).fill(capacity);
    this.#countsBefore = new Int32Array(zones);
  }

  /** Entries that a zone may hold (nf_conntrack_max of the node); the table's capacity unless set. */
  setZoneLimit(zone: number, limit: number): void {
    this.#limits[zone] = limit;
  }

  /**
   * nf_conntrack_in: finds the entry of the packet (of the packet that it quotes, for an ICMP error), or makes an
   * unconfirmed one, and runs the protocol's tracker. Sets `p.ct`, `p.ctDir` and `p.ctInfo`.
   *
   * @returns `p.ctInfo`. With CT_INVALID and CT_FULL `p.ct` is -1.
   */
  track(p: Packet, zone: number, now: number): number {
    this.now = now;
    if (!this.trial) this.reap();
    p.ct = NONE;
    p.ctDir = DIR_ORIGINAL;
    p.ctInfo = CT_INVALID;
    if (p.protocol === PROTO_ICMP) {
      const type = p.dport >>> 8;
      if (type > MAX_ICMP_TYPE) return this.#icmpInvalid();
      if (isIcmpError(type)) return this.#trackError(p, zone);
    }
    const meta = zone | (p.protocol << META_PROTOCOL_SHIFT);
    const ports = (p.sport << 16) | p.dport;
    const bucket = this.bucket(meta, p.src, p.dst, ports);
    for (;;) {
      let ref = this.find(bucket, meta, p.src, p.dst, ports, NONE);
      if (ref === NONE) {
        const entry = this.#create(p, zone, meta, ports, bucket);
        if (entry === FULL) {
          this.counters[STAT_DROP]++;
          p.ctInfo = CT_FULL;
          return CT_FULL;
        }
        if (entry === NOT_TRACKED) {
          this.counters[STAT_INVALID]++;
          return CT_INVALID;
        }
        ref = entry * 2;
      } else if (this.trial) this.save(ref >> 1);
      const entry = ref >> 1;
      const dir = ref & 1;
      const status = this.words[(entry << ENTRY_SHIFT) + STATUS];
      const state = this.events === null ? 0 : this.tcpState(entry);
      const verdict = this.#runTracker(p, entry, dir, now);
      if (verdict === TRACK_REPEAT) {
        this.remove(entry);
        continue;
      }
      if (verdict === TRACK_INVALID) {
        if ((status & IPS_CONFIRMED) === 0) this.discard(entry);
        this.counters[STAT_INVALID]++;
        return CT_INVALID;
      }
      p.ct = entry;
      p.ctDir = dir;
      if (this.accounting !== null && !this.trial) this.accounting.add(entry, dir, p.len);
      // An answer that ends the connection is no news of it but its end.
      if (verdict === TRACK_KILL) this.removeDeferred(entry);
      if (dir === DIR_REPLY) {
        this.words[(entry << ENTRY_SHIFT) + STATUS] |= IPS_SEEN_REPLY;
        p.ctInfo = CT_ESTABLISHED_REPLY;
      } else p.ctInfo = (status & IPS_SEEN_REPLY) !== 0 ? CT_ESTABLISHED : CT_NEW;
      if (this.events !== null && verdict !== TRACK_KILL && !this.trial) this.#tellUpdate(entry, status, state);
      return p.ctInfo;
    }
  }

  /** A packet that a tracker refuses to look at any further (nf_checksum): as {@link track}, with CT_INVALID. */
  refuse(p: Packet): number {
    p.ct = NONE;
    p.ctDir = DIR_ORIGINAL;
    p.ctInfo = CT_INVALID;
    this.counters[STAT_INVALID]++;
    return CT_INVALID;
  }

  /**
   * Whether a zone has a connection that goes from one end to the other: as its first packet was sent, or, where that was
   * translated, from the same sender to the end that answers.
   */
  knows(zone: number, protocol: number, src: number, sport: number, dst: number, dport: number): boolean {
    const meta = zone | (protocol << META_PROTOCOL_SHIFT);
    const there = (sport << 16) | dport;
    const back = (dport << 16) | sport;
    const forward = this.find(this.bucket(meta, src, dst, there), meta, src, dst, there, NONE);
    if (forward !== NONE && (forward & 1) === DIR_ORIGINAL) return true;
    const answer = this.find(this.bucket(meta, dst, src, back), meta, dst, src, back, NONE);
    if (answer === NONE || (answer & 1) !== DIR_REPLY) return false;
    return this.src(answer >> 1, DIR_ORIGINAL) === src && this.sport(answer >> 1, DIR_ORIGINAL) === sport;
  }

  /** The connection and direction that a tuple has in a zone, as entry * 2 + DIR_*; -1: none. */
  lookUp(zone: number, protocol: number, src: number, sport: number, dst: number, dport: number): number {
    const meta = zone | (protocol << META_PROTOCOL_SHIFT);
    const ports = (sport << 16) | dport;
    return this.find(this.bucket(meta, src, dst, ports), meta, src, dst, ports, NONE);
  }

  /** The sequence number that the sender of a direction of a TCP connection will use next (td_end). */
  nextSequence(entry: number, dir: number): number {
    return this.words[(entry << ENTRY_SHIFT) + TCP_SEEN + dir * TCP_SEEN_WORDS + TD_END];
  }

  /** Sets the reply tuple of an unconfirmed entry: where answers to the translated packet come from and go to. */
  setReply(entry: number, src: number, dst: number, sport: number, dport: number): void {
    this.setTuple(entry, DIR_REPLY, src, dst, (sport << 16) | dport);
  }

  /**
   * Deletes entries whose time is up. Costs what it deletes, not what exists.
   *
   * @param budget timers to look at, at most
   * @returns how many entries were deleted; none during a trial
   */
  expire(now: number, budget: number): number {
    if (this.trial) return 0;
    this.now = now;
    this.reap();
    let expired = 0;
    for (let i = 0; i < budget; i++) {
      const entry = this.wheel.pop(now);
      if (entry === NONE) break;
      const deadline = this.words[(entry << ENTRY_SHIFT) + DEADLINE];
      // Also when it is due: remove() takes every entry out of the wheel.
      this.wheel.insert(entry, deadline, now);
      if (((deadline - now) | 0) > 0) continue;
      this.remove(entry);
      expired++;
    }
    return expired;
  }

  /** Ms until {@link expire} has something to look at, 0 to 60000. */
  nextExpiry(now: number): number {
    return this.wheel.next(now);
  }

  /**
   * Starts a what-if: until {@link rollback} packets are tracked as ever. What they begin is found by those that follow
   * within the trial, but is linked nowhere; what they end stays where it is and is found no more.
   */
  beginTrial(): void {
    this.trial = true;
    this.#trialCounters.fill(0);
    this.#countsBefore.set(this.counts);
    this.#occupiedBefore = this.occupied;
    this.counters = this.#trialCounters;
  }

  /** Ends a what-if: every entry and counter is what it was. */
  rollback(): void {
    this.restore();
    this.counts.set(this.#countsBefore);
    this.occupied = this.#occupiedBefore;
    this.counters = this.stats;
    this.trial = false;
  }

  /** A hash over the whole state, to show that something did not change it. Reads all entries. */
  stateHash(): number {
    let h = hashWords(this.words, 0, this.used << ENTRY_SHIFT);
    h = hashWords(this.heads, 0, this.heads.length, h);
    h = hashWords(this.sources, 0, this.sources.length, h);
    h = hashWords(this.counts, 0, this.counts.length, h);
    h = hashWords(this.#limits, 0, this.#limits.length, h);
    h = this.wheel.fold(h);
    const rest = Int32Array.of(this.used, this.freeHead, this.occupied, this.deferred);
    h = hashWords(rest, 0, rest.length, h);
    const counters = new Int32Array(Float64Array.from(this.stats).buffer);
    return hashWords(counters, 0, counters.length, h);
  }

  /**
   * Calls `fn` with every confirmed entry; it may remove that entry. As `conntrack -L`, it does not see an entry that has
   * its reply tuple alone.
   */
  forEach(fn: (entry: number) => void): void {
    for (let entry = 0; entry < this.used; entry++) {
      const status = this.words[(entry << ENTRY_SHIFT) + STATUS];
      if ((status & (IPS_CONFIRMED | IPS_DYING | IPS_NAT_CLASH)) === IPS_CONFIRMED) fn(entry);
    }
  }

  /** Deletes all confirmed entries of a zone. */
  flushZone(zone: number): void {
    for (let entry = 0; entry < this.used; entry++) {
      const status = this.words[(entry << ENTRY_SHIFT) + STATUS];
      if ((status & (IPS_CONFIRMED | IPS_DYING)) === IPS_CONFIRMED && this.zone(entry) === zone) this.remove(entry);
    }
  }

  /** What the kernel's event cache makes an update of: the first answer, ASSURED, another state. */
  #tellUpdate(entry: number, status: number, state: number): void {
    if ((status & IPS_CONFIRMED) === 0 || this.events === null) return;
    const changed = (status ^ this.words[(entry << ENTRY_SHIFT) + STATUS]) & (IPS_SEEN_REPLY | IPS_ASSURED);
    if (changed !== 0 || this.tcpState(entry) !== state)
      this.events.push(CT_EVENT_UPDATE, this, this.accounting, entry, this.now);
  }

  #runTracker(p: Packet, entry: number, dir: number, now: number): number {
    if (p.protocol === PROTO_TCP) return trackTcp(this, p, entry, dir, now);
    if (p.protocol === PROTO_UDP) return trackUdp(this, entry, now);
    if (p.protocol === PROTO_ICMP) return trackIcmp(this, entry, now);
    if (p.protocol === PROTO_SCTP) return trackSctp(this, p, entry, dir, now);
    return trackGeneric(this, entry, now);
  }

  /** An ICMP error belongs to the connection that it is about (nf_conntrack_inet_error), and changes nothing of it. */
  #trackError(p: Packet, zone: number): number {
    const q = this.#quoted;
    if (!readQuoted(p, q)) return this.#icmpInvalid();
    const meta = zone | (q[QUOTED_PROTOCOL] << META_PROTOCOL_SHIFT);
    const bucket = this.bucket(meta, q[QUOTED_SRC], q[QUOTED_DST], q[QUOTED_PORTS]);
    const ref = this.find(bucket, meta, q[QUOTED_SRC], q[QUOTED_DST], q[QUOTED_PORTS], NONE);
    if (ref === NONE) return this.#icmpInvalid();
    // An error to somebody else than the connection's end is forged.
    if (this.dst(ref >> 1, ref & 1) !== p.dst) return this.#icmpInvalid();
    p.ct = ref >> 1;
    p.ctDir = ref & 1;
    p.ctInfo = p.ctDir === DIR_ORIGINAL ? CT_RELATED : CT_RELATED_REPLY;
    return p.ctInfo;
  }

  #icmpInvalid(): number {
    this.counters[STAT_ERROR]++;
    this.counters[STAT_ICMP_ERROR]++;
    return CT_INVALID;
  }

  /** Makes an unconfirmed entry with the packet's tuple and its inverse; or FULL, or NOT_TRACKED. */
  #create(p: Packet, zone: number, meta: number, ports: number, bucket: number): number {
    let inverse = (ports << 16) | (ports >>> 16);
    if (p.protocol === PROTO_ICMP) {
      const dport = invertIcmp(p.dport);
      if (dport < 0) return NOT_TRACKED;
      inverse = (p.sport << 16) | dport;
    }
    // A trial takes no memory, and has not reaped what the next packet would.
    const hasRoom = this.trial ? this.occupied < this.capacity : this.hasFree();
    const full = this.counts[zone] >= this.#limits[zone] || !hasRoom;
    if (full && !this.earlyDrop(zone, bucket)) return FULL;
    const entry = this.allocate();
    const o = entry << ENTRY_SHIFT;
    this.words[o + META] = meta;
    this.words[o + SERVICE] = NONE;
    this.words[o + ENDPOINT] = NONE;
    this.setTuple(entry, DIR_ORIGINAL, p.src, p.dst, ports);
    this.setTuple(entry, DIR_REPLY, p.dst, p.src, inverse);
    // confirm() needs the bucket again.
    this.words[o + CHAIN] = bucket;
    this.counts[zone]++;
    this.occupied++;
    if (this.accounting !== null && !this.trial) this.accounting.begin(entry, this.now);
    return entry;
  }
}
