import { hashWords } from "../conntrack/hash.ts";

// One record of what an agent's data path tells its userspace (struct data_t of tc.v4ingress.bpf.c).
export const EVENT_NODE = 0;
export const EVENT_DEVICE = 1;
export const EVENT_SRC = 2;
/** Source port << 16 | destination port. */
export const EVENT_PORTS = 3;
export const EVENT_DST = 4;
export const EVENT_PROTOCOL = 5;
/** 1: allowed. */
export const EVENT_VERDICT = 6;
/** Bytes, the Ethernet header included. */
export const EVENT_SIZE = 7;
/** 1: egress. */
export const EVENT_EGRESS = 8;
/** TIER_*. */
export const EVENT_TIER = 9;
export const EVENT_WORDS = 10;

/** Our own choice: what a second of refused connections may bring between two drains. */
const CAPACITY = 4096;

/** Policy decisions that somebody wants to log: a ring that drops what it has no room for, and counts that. */
export class PolicyEvents {
  readonly #words = new Int32Array(CAPACITY * EVENT_WORDS);
  #head = 0;
  #count = 0;
  /** Records that found the ring full since the lab began. */
  dropped = 0;

  get count(): number {
    return this.#count;
  }

  push(
    node: number,
    device: number,
    src: number,
    sport: number,
    dst: number,
    dport: number,
    protocol: number,
    verdict: number,
    size: number,
    egress: number,
    tier: number,
  ): void {
    if (this.#count === CAPACITY) {
      this.dropped++;
      return;
    }
    const o = ((this.#head + this.#count++) % CAPACITY) * EVENT_WORDS;
    const words = this.#words;
    words[o + EVENT_NODE] = node;
    words[o + EVENT_DEVICE] = device;
    words[o + EVENT_SRC] = src;
    words[o + EVENT_PORTS] = (sport << 16) | dport;
    words[o + EVENT_DST] = dst;
    words[o + EVENT_PROTOCOL] = protocol;
    words[o + EVENT_VERDICT] = verdict;
    words[o + EVENT_SIZE] = size;
    words[o + EVENT_EGRESS] = egress;
    words[o + EVENT_TIER] = tier;
  }

  /** Continues a state hash with the records. */
  fold(seed: number): number {
    const h = hashWords(Int32Array.of(this.#head, this.#count, this.dropped), 0, 3, seed);
    return hashWords(this.#words, 0, this.#words.length, h);
  }

  /** All records, oldest first; the ring is empty then. Not on a packet's way: it allocates. */
  drain(): Int32Array {
    const out = new Int32Array(this.#count * EVENT_WORDS);
    for (let i = 0; i < this.#count; i++) {
      const o = ((this.#head + i) % CAPACITY) * EVENT_WORDS;
      out.set(this.#words.subarray(o, o + EVENT_WORDS), i * EVENT_WORDS);
    }
    this.#head = this.#count = 0;
    return out;
  }
}
