import { hashWords } from "./hash.ts";
import { ENTRY_SHIFT, WHEEL_ARMED, WHEEL_NEXT, WHEEL_PREV } from "./layout.ts";

/**
 * A hierarchical timer wheel whose lists are threaded through the entries (Varghese and Lauck, 1987).
 *
 * ```text
 *   level 0   64 slots of 128 ms      8 s
 *   level 1   64 slots of   8 s       9 min
 *   level 2   64 slots of   9 min     9 h
 *   level 3   64 slots of   9 h      24 days, half of what the wrapping clock can tell apart
 * ```
 * An entry lies in the finest level that reaches its deadline. When a slot's time has come its entries are handed out
 * one by one; who gets an entry that is not due yet (its deadline moved, or its level was coarse) puts it back, and it
 * lands in a nearer slot. So refreshing an entry is one write of its deadline, unless it becomes shorter.
 */
const LEVELS = 4;
const SLOT_BITS = 6;
const SLOTS = 1 << SLOT_BITS;
const SLOT_MASK = SLOTS - 1;
/** A tick is 128 ms; 25 bits of ticks are the whole clock. */
const TICK_BITS = 7;
const TICK_MS = 1 << TICK_BITS;
const EMPTY = -1;
/** Longest time that {@link Wheel.next} returns, in ms. */
const MAX_WAIT = 60_000;

export class Wheel {
  readonly #words: Int32Array;
  readonly #heads = new Int32Array(LEVELS * SLOTS).fill(EMPTY);
  /** Two words a level: which slots are not empty. */
  readonly #occupied = new Int32Array(LEVELS * 2);
  /** The tick up to which everything was handed out; sign-extended from 25 bits. */
  #tick = 0;
  #count = 0;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Arms an entry that is not in the wheel. */
  insert(entry: number, deadline: number, now: number): void {
    if (this.#count++ === 0) this.#tick = now >> TICK_BITS;
    // Rounded up: when the slot's time has come the entry is due.
    const due = (deadline + TICK_MS - 1) >> TICK_BITS;
    let ahead = distance(due, this.#tick);
    let at = due;
    if (ahead < 1) {
      ahead = 1;
      at = this.#tick + 1;
    }
    let level = 0;
    while (ahead >= SLOTS && level < LEVELS - 1) {
      level++;
      const shift = level * SLOT_BITS;
      ahead = (((due >> shift) - (this.#tick >> shift)) << (TICK_BITS + shift)) >> (TICK_BITS + shift);
    }
    const index = (at >> (level * SLOT_BITS)) & SLOT_MASK;
    const slot = level * SLOTS + index;
    const words = this.#words;
    const o = entry << ENTRY_SHIFT;
    const next = this.#heads[slot];
    words[o + WHEEL_ARMED] = level === 0 ? deadline : (due >> (level * SLOT_BITS)) << (level * SLOT_BITS + TICK_BITS);
    words[o + WHEEL_NEXT] = next;
    words[o + WHEEL_PREV] = ~slot;
    if (next !== EMPTY) words[(next << ENTRY_SHIFT) + WHEEL_PREV] = entry;
    this.#heads[slot] = entry;
    this.#occupied[level * 2 + (index >> 5)] |= 1 << (index & 31);
  }

  remove(entry: number): void {
    const words = this.#words;
    const o = entry << ENTRY_SHIFT;
    const next = words[o + WHEEL_NEXT];
    const prev = words[o + WHEEL_PREV];
    if (next !== EMPTY) words[(next << ENTRY_SHIFT) + WHEEL_PREV] = prev;
    if (prev >= 0) words[(prev << ENTRY_SHIFT) + WHEEL_NEXT] = next;
    else {
      const slot = ~prev;
      this.#heads[slot] = next;
      if (next === EMPTY) this.#occupied[slot >> 5] &= ~(1 << (slot & 31));
    }
    this.#count--;
  }

  /** Takes out and returns an entry whose slot's time has come, or -1. It may not be due yet: then insert it again. */
  pop(now: number): number {
    const target = now >> TICK_BITS;
    for (;;) {
      for (let level = 0; level < LEVELS; level++) {
        const head = this.#heads[this.#current(level)];
        if (head !== EMPTY) {
          this.remove(head);
          return head;
        }
      }
      const left = distance(target, this.#tick);
      if (left <= 0) return EMPTY;
      const ahead = this.#ahead();
      if (ahead > left) {
        this.#tick = target;
        return EMPTY;
      }
      this.#tick = ((this.#tick + ahead) << TICK_BITS) >> TICK_BITS;
    }
  }

  /** Milliseconds until {@link pop} may have something, 0 to 60000. */
  next(now: number): number {
    for (let level = 0; level < LEVELS; level++) {
      if (this.#heads[this.#current(level)] !== EMPTY) return 0;
    }
    const ahead = this.#ahead();
    if (ahead === NEVER) return MAX_WAIT;
    const wait = (((this.#tick + ahead) << TICK_BITS) - now) | 0;
    return Math.max(0, Math.min(wait, MAX_WAIT));
  }

  /** Continues a state hash with the wheel's own state. */
  fold(seed: number): number {
    const h = hashWords(this.#heads, 0, this.#heads.length, seed);
    return hashWords(Int32Array.of(this.#tick, this.#count), 0, 2, h);
  }

  #current(level: number): number {
    return level * SLOTS + ((this.#tick >> (level * SLOT_BITS)) & SLOT_MASK);
  }

  /** Ticks until the first slot that is not empty, or NEVER. */
  #ahead(): number {
    let best = NEVER;
    for (let level = 0; level < LEVELS; level++) {
      const low = this.#occupied[level * 2];
      const high = this.#occupied[level * 2 + 1];
      if ((low | high) === 0) continue;
      const shift = level * SLOT_BITS;
      const slots = firstSetAfter(low, high, (this.#tick >> shift) & SLOT_MASK);
      const ticks = slots * (1 << shift) - (this.#tick & ((1 << shift) - 1));
      if (ticks < best) best = ticks;
    }
    return best;
  }
}

/** More ticks than the clock has. */
const NEVER = 0x7fff_ffff;

/** Ticks from `b` to `a` on the 25-bit clock of ticks. */
function distance(a: number, b: number): number {
  return ((a - b) << TICK_BITS) >> TICK_BITS;
}

/** How far behind bit `from` of a 64-bit ring the next set bit lies, 0 when it is `from` itself. */
function firstSetAfter(low: number, high: number, from: number): number {
  const r = from & 31;
  const a = from < 32 ? low : high;
  const b = from < 32 ? high : low;
  const first = r === 0 ? a : (a >>> r) | (b << (32 - r));
  if (first !== 0) return 31 - Math.clz32(first & -first);
  const second = r === 0 ? b : (b >>> r) | (a << (32 - r));
  return 63 - Math.clz32(second & -second);
}
