import { hashBytes, hashWords } from "./conntrack/hash.ts";
import { FRAG_DF, FRAG_MF, FRAG_OFFSET_MASK, type Packet, VNET_BEFORE } from "./packet.ts";
import { type Reason, reason } from "./reasons.ts";
import { MAX_PACKET } from "./vector.ts";
import { getI32, getU16, setU16 } from "./wire/bytes.ts";
import { writeIpv4HeaderChecksum } from "./wire/checksum.ts";
import { IP_DST, IP_FRAG, IP_ID, IP_SRC, IP_TOTAL_LENGTH } from "./wire/ipv4.ts";

/** Linux: IPFRAG time, 30 s (include/net/ip.h, IP_FRAG_TIME). */
const TIMEOUT_MS = 30_000;
/** Datagrams in assembly at once. Our own limit: 64 of them take 4 MiB, the kernel's net.ipv4.ipfrag_high_thresh. */
const QUEUES = 64;
/** Largest number of fragments: 65,535 bytes in pieces of 8. Ranges are kept for fewer, which real stacks never reach. */
const MAX_RANGES = 256;
const HEADER_ROOM = 60;
const QUEUE_BYTES = HEADER_ROOM + MAX_PACKET + 1;

/** A queue as it was before a trial. */
interface SavedQueue {
  readonly words: Int32Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly bytes: Uint8Array;
}

/** Arena bytes that reassembly needs. */
export const REASSEMBLY_BYTES = QUEUES * QUEUE_BYTES;

export const FRAG_QUEUED = 0;
export const FRAG_COMPLETE = 1;
export const FRAG_DROPPED = 2;

/**
 * IPv4 reassembly in front of conntrack (nf_defrag_ipv4; RFC 791, and RFC 5722's rule that an overlap ends the
 * datagram, which Linux applies to IPv4 too). Each node has its own datagrams. Memory is fixed.
 *
 * While a datagram is incomplete its fragments count as queued; what becomes of them is in `lastReason` and
 * `lastCount`, so that the ledger of packets balances.
 */
export class Reassembly {
  /** The queues lie in the packets' own arena, so that bytes move by copyWithin, which allocates nothing. */
  readonly #base: number;
  readonly #node = new Int32Array(QUEUES).fill(-1);
  readonly #src = new Int32Array(QUEUES);
  readonly #dst = new Int32Array(QUEUES);
  /** id << 8 | protocol */
  readonly #key = new Int32Array(QUEUES);
  readonly #deadline = new Int32Array(QUEUES);
  readonly #headerLength = new Int32Array(QUEUES);
  /** Payload bytes that arrived, and the total once the last fragment is known (or -1). */
  readonly #have = new Int32Array(QUEUES);
  readonly #total = new Int32Array(QUEUES);
  readonly #ranges = new Int32Array(QUEUES);
  readonly #from = new Int32Array(QUEUES * MAX_RANGES);
  readonly #to = new Int32Array(QUEUES * MAX_RANGES);
  readonly #maxSize = new Int32Array(QUEUES);
  readonly #maxDfSize = new Int32Array(QUEUES);
  /** After FRAG_COMPLETE: where in the payload each of the `lastCount` fragments ends, in ascending order. */
  readonly lastEnds = new Int32Array(MAX_RANGES);
  #active = 0;
  /** Queues as they were before a question's fragment came to them; null: no question is asked. */
  #trial: Map<number, SavedQueue> | null = null;
  #trialActive = 0;
  #trialQueued = 0;
  /** Fragments that wait, in all datagrams. */
  queued = 0;
  /** After FRAG_DROPPED or an expiry: why, and how many fragments went (the arriving one included). */
  lastReason: Reason = reason("FRAGMENT_BAD");
  lastCount = 0;

  /** @param base arena offset of {@link REASSEMBLY_BYTES} bytes that belong to the reassembly */
  constructor(base: number) {
    this.#base = base;
  }

  /**
   * Takes a fragment in. On FRAG_COMPLETE the datagram lies at `out` in the packet's arena, with header and length, its
   * vnet header cleared; `p.fragMax` and `p.fragDf` say how large its largest fragment was and whether that had DF;
   * `lastCount` fragments were merged into it. The caller parses it anew.
   */
  add(p: Packet, node: number, now: number, out: number): number {
    const b = p.buf;
    const offset = (p.frag & FRAG_OFFSET_MASK) << 3;
    const more = (p.frag & FRAG_MF) !== 0;
    const size = p.l4len;
    this.lastCount = 1;
    if (size === 0 || (more && (size & 7) !== 0) || offset + size + p.ihl > MAX_PACKET) {
      this.lastReason = reasonBad;
      return FRAG_DROPPED;
    }
    let q = this.#find(p, node, now);
    if (q < 0) {
      q = this.#open(p, node, now);
      if (q < 0) {
        this.lastReason = reasonMemory;
        return FRAG_DROPPED;
      }
    } else if (this.#trial !== null) this.#save(q, b);
    const end = offset + size;
    const total = this.#total[q];
    // The last fragment fixes the length: it may be neither contradicted nor exceeded.
    if ((total >= 0 && (end > total || (!more && end !== total))) || (!more && this.#furthest(q) > end))
      return this.#dropQueue(q, reasonBad, 1);
    const base = q * MAX_RANGES;
    const count = this.#ranges[q];
    for (let i = 0; i < count; i++) {
      const from = this.#from[base + i];
      const to = this.#to[base + i];
      if (from <= offset && end <= to) {
        // What is all there already is dropped alone (net/ipv4/inet_fragment.c, IPFRAG_DUP).
        this.lastReason = reasonOverlap;
        return FRAG_DROPPED;
      }
      if (offset < to && from < end) return this.#dropQueue(q, reasonOverlap, 1);
    }
    if (count === MAX_RANGES) return this.#dropQueue(q, reasonMemory, 1);
    this.#from[base + count] = offset;
    this.#to[base + count] = end;
    this.#ranges[q] = count + 1;
    if (!more) this.#total[q] = end;
    this.#have[q] += size;
    const at = this.#base + q * QUEUE_BYTES;
    if (offset === 0) {
      this.#headerLength[q] = p.ihl;
      b.copyWithin(at, p.off, p.off + p.ihl);
    }
    b.copyWithin(at + HEADER_ROOM + offset, p.l4, p.l4 + size);
    if (p.len > this.#maxSize[q]) this.#maxSize[q] = p.len;
    if ((p.frag & FRAG_DF) !== 0 && p.len > this.#maxDfSize[q]) this.#maxDfSize[q] = p.len;
    this.queued++;
    if (this.#total[q] < 0 || this.#have[q] !== this.#total[q]) return FRAG_QUEUED;
    return this.#complete(p, q, out);
  }

  /** Starts a what-if: until {@link rollback} fragments are taken in as ever, and are taken back then. */
  beginTrial(): void {
    this.#trial = new Map();
    this.#trialActive = this.#active;
    this.#trialQueued = this.queued;
  }

  /** Ends a what-if: every datagram is what it was. @param arena that the packets lie in */
  rollback(arena: Uint8Array): void {
    for (const [q, saved] of this.#trial ?? []) {
      this.#columns().forEach((column, i) => {
        column[q] = saved.words[i];
      });
      this.#from.set(saved.from, q * MAX_RANGES);
      this.#to.set(saved.to, q * MAX_RANGES);
      arena.set(saved.bytes, this.#base + q * QUEUE_BYTES);
    }
    this.#active = this.#trialActive;
    this.queued = this.#trialQueued;
    this.#trial = null;
  }

  /** Continues a state hash with the datagrams that wait, their bytes too. */
  fold(seed: number, arena: Uint8Array): number {
    let h = hashWords(Int32Array.of(this.#active, this.queued), 0, 2, seed);
    for (let q = 0; q < QUEUES; q++) {
      if (this.#node[q] < 0) continue;
      for (const column of this.#columns()) h = hashWords(column, q, q + 1, h);
      const at = this.#base + q * QUEUE_BYTES;
      h = hashBytes(arena, at, at + this.#headerLength[q], h);
      for (let i = q * MAX_RANGES; i < q * MAX_RANGES + this.#ranges[q]; i++) {
        h = hashWords(Int32Array.of(this.#from[i], this.#to[i]), 0, 2, h);
        h = hashBytes(arena, at + HEADER_ROOM + this.#from[i], at + HEADER_ROOM + this.#to[i], h);
      }
    }
    return h;
  }

  /** During a trial: keeps a queue as it is before its first change. */
  #save(q: number, arena: Uint8Array): void {
    if (this.#trial === null || this.#trial.has(q)) return;
    const ranges = q * MAX_RANGES;
    const at = this.#base + q * QUEUE_BYTES;
    // Of a free one nothing counts but that it is free.
    const isFree = this.#node[q] < 0;
    this.#trial.set(q, {
      words: Int32Array.from(this.#columns(), (column) => column[q]),
      from: this.#from.slice(ranges, ranges + this.#ranges[q]),
      to: this.#to.slice(ranges, ranges + this.#ranges[q]),
      bytes: arena.slice(at, isFree ? at : at + QUEUE_BYTES),
    });
  }

  /** What there is of each queue but its ranges and bytes. */
  #columns(): Int32Array[] {
    const where = [this.#node, this.#src, this.#dst, this.#key, this.#deadline];
    return [...where, this.#headerLength, this.#have, this.#total, this.#ranges, this.#maxSize, this.#maxDfSize];
  }

  /** Drops datagrams that waited too long; returns how many fragments that were. */
  expire(now: number): number {
    if (this.#active === 0) return 0;
    let dropped = 0;
    for (let q = 0; q < QUEUES; q++) {
      if (this.#node[q] < 0 || ((now - this.#deadline[q]) | 0) < 0) continue;
      dropped += this.#ranges[q];
      this.#close(q);
    }
    return dropped;
  }

  /** Milliseconds until the first datagram expires, or -1 when none waits. */
  nextExpiry(now: number): number {
    if (this.#active === 0) return -1;
    let next = TIMEOUT_MS;
    for (let q = 0; q < QUEUES; q++)
      if (this.#node[q] >= 0) next = Math.min(next, Math.max(0, (this.#deadline[q] - now) | 0));
    return next;
  }

  #find(p: Packet, node: number, now: number): number {
    if (this.#active === 0) return -1;
    const key = (getU16(p.buf, p.off + IP_ID) << 8) | p.protocol;
    for (let q = 0; q < QUEUES; q++) {
      if (this.#node[q] !== node || this.#key[q] !== key || this.#src[q] !== p.src || this.#dst[q] !== p.dst) continue;
      return ((now - this.#deadline[q]) | 0) < 0 ? q : -1;
    }
    return -1;
  }

  #open(p: Packet, node: number, now: number): number {
    for (let q = 0; q < QUEUES; q++) {
      if (this.#node[q] >= 0) continue;
      if (this.#trial !== null) this.#save(q, p.buf);
      this.#node[q] = node;
      this.#src[q] = getI32(p.buf, p.off + IP_SRC);
      this.#dst[q] = getI32(p.buf, p.off + IP_DST);
      this.#key[q] = (getU16(p.buf, p.off + IP_ID) << 8) | p.protocol;
      this.#deadline[q] = (now + TIMEOUT_MS) | 0;
      this.#headerLength[q] = 0;
      this.#have[q] = 0;
      this.#total[q] = -1;
      this.#ranges[q] = 0;
      this.#maxSize[q] = 0;
      this.#maxDfSize[q] = 0;
      this.#active++;
      return q;
    }
    return -1;
  }

  #furthest(q: number): number {
    let furthest = 0;
    const base = q * MAX_RANGES;
    for (let i = 0; i < this.#ranges[q]; i++) furthest = Math.max(furthest, this.#to[base + i]);
    return furthest;
  }

  #close(q: number): void {
    this.queued -= this.#ranges[q];
    this.#node[q] = -1;
    this.#active--;
  }

  #dropQueue(q: number, why: Reason, arriving: number): number {
    this.lastReason = why;
    this.lastCount = this.#ranges[q] + arriving;
    this.#close(q);
    return FRAG_DROPPED;
  }

  /** By insertion: fragments mostly come in order. */
  #sortEnds(q: number): void {
    const ends = this.lastEnds;
    const base = q * MAX_RANGES;
    for (let i = 0; i < this.#ranges[q]; i++) {
      const end = this.#to[base + i];
      let j = i;
      for (; j > 0 && ends[j - 1] > end; j--) ends[j] = ends[j - 1];
      ends[j] = end;
    }
  }

  #complete(p: Packet, q: number, out: number): number {
    const b = p.buf;
    const at = this.#base + q * QUEUE_BYTES;
    const ihl = this.#headerLength[q];
    const total = this.#total[q];
    if (ihl + total > MAX_PACKET) return this.#dropQueue(q, reasonBad, 0);
    b.fill(0, out - VNET_BEFORE, out);
    b.copyWithin(out, at, at + ihl);
    b.copyWithin(out + ihl, at + HEADER_ROOM, at + HEADER_ROOM + total);
    setU16(b, out + IP_TOTAL_LENGTH, ihl + total);
    // As the kernel: DF comes back if the largest fragment had it (ip_frag_reasm, IPSKB_FRAG_PMTU).
    const df = this.#maxDfSize[q] === this.#maxSize[q];
    setU16(b, out + IP_FRAG, df ? FRAG_DF : 0);
    writeIpv4HeaderChecksum(b, out, ihl);
    p.fragMax = this.#maxSize[q];
    p.fragDf = df ? 1 : 0;
    p.off = out;
    p.len = ihl + total;
    this.lastCount = this.#ranges[q];
    this.#sortEnds(q);
    this.#close(q);
    return FRAG_COMPLETE;
  }
}

const reasonBad = reason("FRAGMENT_BAD");
const reasonOverlap = reason("FRAGMENT_OVERLAP");
const reasonMemory = reason("REASSEMBLY_MEMORY");
