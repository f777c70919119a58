import { PROTO_ICMP, PROTO_SCTP, PROTO_TCP } from "../packet.ts";
import { CHAIN_TOO_LONG, Chains } from "./chains.ts";
import {
  CONFIRM_CHAIN,
  CONFIRM_CLASH,
  CONFIRM_OK,
  CONFIRM_RESOLVED,
  DIR_ORIGINAL,
  DIR_REPLY,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_FIXED_TIMEOUT,
  IPS_NAT_CLASH,
  IPS_SRC_NAT,
  STAT_CHAIN_TOO_LONG,
  STAT_CLASH_RESOLVE,
  STAT_DROP,
  STAT_INSERT,
  STAT_INSERT_FAILED,
} from "./info.ts";
import {
  CHAIN,
  DEADLINE,
  ENTRY_SHIFT,
  META,
  META_KEY_MASK,
  META_PROTOCOL_SHIFT,
  STATUS,
  TCP_SEEN,
  TD_END,
  TUPLE,
  TUPLE_DST,
  TUPLE_PORTS,
  TUPLE_SRC,
  TUPLE_WORDS,
} from "./layout.ts";
import { TCP_TIME_WAIT } from "./tcpStates.ts";

const NONE = -1;
/** How long an entry lives that has its reply tuple alone: nf_ct_resolve_clash_harder, HZ. In ms. */
const CLASH_TIMEOUT = 1000;

/** How entries come into the table: confirmed, and, when another one was faster, in which of the kernel's three ways not. */
export class Insertion extends Chains {
  /** After {@link confirm} returned CONFIRM_RESOLVED: the entry that the packet belongs to. */
  winner = NONE;

  /**
   * Inserts an unconfirmed entry with the tuples it has by now (__nf_conntrack_confirm). Nothing happens to a confirmed
   * one.
   *
   * @returns CONFIRM_OK; otherwise the entry was freed, and unless it is CONFIRM_RESOLVED the packet must be dropped
   */
  confirm(entry: number, now: number): number {
    this.now = now;
    const words = this.words;
    const o = entry << ENTRY_SHIFT;
    if ((words[o + STATUS] & IPS_CONFIRMED) !== 0) return CONFIRM_OK;
    const bucket = words[o + CHAIN];
    const replyBucket = this.tupleBucket(entry, DIR_REPLY);
    let found = this.findTuple(bucket, entry, DIR_ORIGINAL);
    if (found === NONE) found = this.findTuple(replyBucket, entry, DIR_REPLY);
    if (found !== NONE) return this.#settle(entry, found, replyBucket);
    if (this.trial) {
      words[o + STATUS] |= IPS_CONFIRMED;
      return CONFIRM_OK;
    }
    this.link(entry, bucket, replyBucket);
    this.wheel.insert(entry, words[o + DEADLINE], now);
    words[o + STATUS] |= IPS_CONFIRMED;
    this.counters[STAT_INSERT]++;
    return CONFIRM_OK;
  }

  /**
   * nf_nat_used_tuple_harder: whether a new TCP connection may have this reply tuple (source: the server's side), if need
   * be by deleting the connection that has it: one that is closed (TIME_WAIT or later), had its source translated, and
   * whose sequence numbers the new SYN is ahead of, so that the server takes no old segment for a new one.
   *
   * @param entry the new connection's unconfirmed entry
   */
  takeOver(zone: number, src: number, dst: number, sport: number, dport: number, entry: number): boolean {
    const meta = zone | (PROTO_TCP << META_PROTOCOL_SHIFT);
    const ports = (sport << 16) | dport;
    const found = this.find(this.bucket(meta, src, dst, ports), meta, src, dst, ports, NONE);
    if (found === NONE) return true;
    if ((found & 1) === DIR_ORIGINAL) return false;
    const old = found >> 1;
    const o = old << ENTRY_SHIFT;
    const words = this.words;
    const status = words[o + STATUS];
    if (this.tcpState(old) < TCP_TIME_WAIT || (status & IPS_SRC_NAT) === 0) return false;
    if ((status & (IPS_FIXED_TIMEOUT | IPS_DYING)) !== 0) return false;
    const end = TCP_SEEN + TD_END;
    if (((words[(entry << ENTRY_SHIFT) + end] - words[o + end]) | 0) <= 0) return false;
    this.remove(old);
    return true;
  }

  /** nf_ct_resolve_clash: settles an insertion that cannot be as it should. */
  #settle(entry: number, found: number, replyBucket: number): number {
    const counters = this.counters;
    let result = CONFIRM_CLASH;
    if (found === CHAIN_TOO_LONG) {
      counters[STAT_CHAIN_TOO_LONG]++;
      counters[STAT_INSERT_FAILED]++;
      result = CONFIRM_CHAIN;
    } else if (this.#allowsClash(entry)) {
      if (this.#isSame(entry, found)) result = CONFIRM_RESOLVED;
      else {
        const reply = this.#findReply(entry, replyBucket);
        if (reply === NONE) {
          this.#insertReply(entry, replyBucket);
          return CONFIRM_OK;
        }
        if (this.#isSame(entry, reply)) result = CONFIRM_RESOLVED;
      }
    }
    if (result === CONFIRM_RESOLVED) counters[STAT_CLASH_RESOLVE]++;
    else if (result === CONFIRM_CLASH) {
      counters[STAT_INSERT_FAILED]++;
      counters[STAT_DROP]++;
    }
    this.discard(entry);
    return result;
  }

  /** Whether a tuple's entry is the very same connection, translated alike: then it is the {@link winner}. */
  #isSame(entry: number, ref: number): boolean {
    const other = ref >> 1;
    if (!this.sameTuple(entry, other, DIR_ORIGINAL) || !this.sameTuple(entry, other, DIR_REPLY)) return false;
    this.winner = other;
    return true;
  }

  #findReply(entry: number, bucket: number): number {
    const words = this.words;
    const t = (entry << ENTRY_SHIFT) + TUPLE + DIR_REPLY * TUPLE_WORDS;
    const meta = words[(entry << ENTRY_SHIFT) + META] & META_KEY_MASK;
    return this.find(bucket, meta, words[t + TUPLE_SRC], words[t + TUPLE_DST], words[t + TUPLE_PORTS], NONE);
  }

  /**
   * nf_ct_resolve_clash_harder: two packets of one flow were both taken for the first and translated differently. The
   * second one's answer has to find its way back, so its reply tuple alone is inserted, for a second.
   */
  #insertReply(entry: number, replyBucket: number): void {
    this.counters[STAT_CLASH_RESOLVE]++;
    const words = this.words;
    const o = entry << ENTRY_SHIFT;
    words[o + DEADLINE] = (this.now + CLASH_TIMEOUT) | 0;
    words[o + STATUS] |= IPS_FIXED_TIMEOUT | IPS_NAT_CLASH;
    if (this.trial) {
      words[o + STATUS] |= IPS_CONFIRMED;
      return;
    }
    this.linkReply(entry, replyBucket);
    this.wheel.insert(entry, words[o + DEADLINE], this.now);
    words[o + STATUS] |= IPS_CONFIRMED;
    this.counters[STAT_INSERT]++;
  }

  /** nf_conntrack_l4proto.allow_clash: UDP, UDP-Lite, GRE and what nothing is known about. */
  #allowsClash(entry: number): boolean {
    if (!this.settings.resolveClashes) return false;
    const protocol = this.protocol(entry);
    return protocol !== PROTO_TCP && protocol !== PROTO_ICMP && protocol !== PROTO_SCTP;
  }
}
