import { hashBytes, hashWords } from "./conntrack/hash.ts";
import { type Packet, VNET_BEFORE } from "./packet.ts";
import { Random } from "./random.ts";
import { SLOT_SIZE, slotOffset } from "./vector.ts";

/** Packets that wait at once. Our own choice: more than any race needs, in 2 MiB. */
const SLOTS = 32;
/** Arena bytes that parking needs. */
export const PARKING_BYTES = SLOTS * SLOT_SIZE;
/** Longest wait when no other packet comes, in ms: the clock's step. */
const WAIT_MS = 1;
const FREE = -1;

/**
 * Packets between their translation and the confirmation of their conntrack entry. A kernel with several CPUs has such a
 * window by itself: another packet of the same socket finds no entry meanwhile and is translated anew. One plane handles
 * packets one after the other, so that the window is made here, of packets:
 *
 * ```text
 *   packet 1   lookup, DNAT, SNAT ──parked──────────────────confirm, out
 *   packet 2                        lookup, DNAT, SNAT ──parked─────────confirm: clash
 * ```
 * A packet waits for 1 to `window` others that the plane takes in, as drawn, or until the clock moves on.
 */
export class Parking {
  readonly #base: number;
  readonly #window: number;
  readonly #random: Random;
  readonly #entry = new Int32Array(SLOTS).fill(FREE);
  /** The packet after which it goes on, and its place among those that go on then. */
  readonly #due = new Int32Array(SLOTS);
  readonly #order = new Int32Array(SLOTS);
  readonly #deadline = new Int32Array(SLOTS);
  readonly #length = new Int32Array(SLOTS);
  readonly #node = new Int32Array(SLOTS);
  readonly #kind = new Int32Array(SLOTS);
  readonly #target = new Int32Array(SLOTS);
  readonly #fit = new Int32Array(SLOTS);
  readonly #mtu = new Int32Array(SLOTS);
  readonly #id = new Float64Array(SLOTS);
  #packets = 0;
  #taken = 0;
  /** Packets that wait. */
  count = 0;

  // What load() found: where the packet was to go.
  entry = FREE;
  node = 0;
  kind = 0;
  target = 0;
  fit = 0;
  mtu = 0;
  /** Its number (Context.packetId). */
  id = 0;

  /**
   * @param base arena offset of {@link PARKING_BYTES} bytes that belong to the parking
   * @param window packets, 1 or more
   */
  constructor(base: number, window: number, seed: number) {
    this.#base = base;
    this.#window = window;
    this.#random = new Random(seed);
  }

  get full(): boolean {
    return this.count === SLOTS;
  }

  /**
   * Takes a packet in whose bytes are written; there is room ({@link full}).
   *
   * @param kind NEXT_* of the routing decision, and its target
   * @param fit what Context.fits() says for `mtu`
   * @param id its number (Context.packetId)
   */
  take(p: Packet, node: number, kind: number, target: number, fit: number, mtu: number, now: number, id: number): void {
    const slot = this.#entry.indexOf(FREE);
    this.count++;
    this.#entry[slot] = p.ct;
    this.#due[slot] = (this.#packets + 1 + this.#random.below(this.#window)) | 0;
    this.#order[slot] = this.#taken = (this.#taken + 1) | 0;
    this.#deadline[slot] = (now + WAIT_MS) | 0;
    this.#length[slot] = p.len;
    this.#node[slot] = node;
    this.#kind[slot] = kind;
    this.#target[slot] = target;
    this.#fit[slot] = fit;
    this.#mtu[slot] = mtu;
    this.#id[slot] = id;
    const at = this.#base + slotOffset(slot) - VNET_BEFORE;
    p.buf.copyWithin(at, p.off - VNET_BEFORE, p.off + p.len);
  }

  /** Counts a packet that the plane takes in, before anything becomes of it. */
  step(): void {
    this.#packets = (this.#packets + 1) | 0;
  }

  /** The slot whose packet goes on next because others came, or -1. */
  due(): number {
    let first = FREE;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.#entry[slot] === FREE || ((this.#due[slot] - this.#packets) | 0) > 0) continue;
      if (first === FREE || this.#isBefore(slot, first)) first = slot;
    }
    return first;
  }

  /** The slot whose packet goes on next because it waited long enough, or -1. */
  expired(now: number): number {
    let first = FREE;
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.#entry[slot] === FREE || ((this.#deadline[slot] - now) | 0) > 0) continue;
      if (first === FREE || this.#isBefore(slot, first)) first = slot;
    }
    return first;
  }

  /** The slot of the packet that goes on first of all that wait, or -1. */
  first(): number {
    let first = FREE;
    for (let slot = 0; slot < SLOTS; slot++)
      if (this.#entry[slot] !== FREE && (first === FREE || this.#isBefore(slot, first))) first = slot;
    return first;
  }

  /** Ms until a packet has waited long enough, or -1 when none waits. */
  nextExpiry(now: number): number {
    if (this.count === 0) return -1;
    let next = WAIT_MS;
    for (let slot = 0; slot < SLOTS; slot++)
      if (this.#entry[slot] !== FREE) next = Math.min(next, Math.max(0, (this.#deadline[slot] - now) | 0));
    return next;
  }

  /** Bytes of a slot's packet. */
  length(slot: number): number {
    return this.#length[slot];
  }

  /** Moves a slot's packet to `at` in the arena and frees the slot; the fields above say where it was to go. */
  load(slot: number, arena: Uint8Array<ArrayBuffer>, at: number): void {
    const from = this.#base + slotOffset(slot);
    arena.copyWithin(at - VNET_BEFORE, from - VNET_BEFORE, from + this.#length[slot]);
    this.leave(slot);
  }

  /** Frees a slot without its packet. */
  leave(slot: number): void {
    this.entry = this.#entry[slot];
    this.node = this.#node[slot];
    this.kind = this.#kind[slot];
    this.target = this.#target[slot];
    this.fit = this.#fit[slot];
    this.mtu = this.#mtu[slot];
    this.id = this.#id[slot];
    this.#entry[slot] = FREE;
    this.count--;
  }

  /** Continues a state hash with the packets that wait, their bytes and the generator. */
  fold(seed: number, arena: Uint8Array): number {
    let h = this.#random.fold(seed);
    h = hashWords(Int32Array.of(this.#packets, this.#taken, this.count), 0, 3, h);
    for (const list of [this.#entry, this.#due, this.#order, this.#deadline, this.#length, this.#node, this.#kind])
      h = hashWords(list, 0, SLOTS, h);
    for (const list of [this.#target, this.#fit, this.#mtu]) h = hashWords(list, 0, SLOTS, h);
    for (let slot = 0; slot < SLOTS; slot++) {
      if (this.#entry[slot] === FREE) continue;
      const at = this.#base + slotOffset(slot);
      h = hashBytes(arena, at, at + this.#length[slot], h);
    }
    return h;
  }

  #isBefore(a: number, b: number): boolean {
    const due = (this.#due[a] - this.#due[b]) | 0;
    return due !== 0 ? due < 0 : ((this.#order[a] - this.#order[b]) | 0) < 0;
  }
}
