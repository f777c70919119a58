import type { Decision } from "../../plane/decision.ts";

/** Decisions that are remembered. Our own choice: flows that live at once; a newer one takes an older one's place. */
export const DECISION_SLOTS = 1 << 14;
/** A decision may lie in either slot of a pair; the one that was used longer ago gives way. */
const PAIR = DECISION_SLOTS - 2;

// What words and rows are multiplied by: odd random numbers. Those of a step's columns stand where they are used.
const FIRST_WORD = 0x9e3779b1;
const SECOND_WORD = 0x85ebca77;
const FIRST_ROW = 0x1738f7d9;
const SECOND_ROW = 0x8d116ecf;

/** Brings the upper bits down: the lower ones of a product know nothing of them. */
function folded(word: number): number {
  return word ^ (word >>> 15);
}

/** The last mixing of a hash (the finalizer of MurmurHash3, with Chris Wellons' constants). */
function finished(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return h ^ (h >>> 15);
}

/**
 * Decisions by their content, so that one that many packets share crosses to another thread once. Two of them are told apart
 * by 64 bits of two multilinear hashes, a step's words in a row: two multiplications a word, and none waits for another.
 */
export class DecisionTable {
  readonly #first = new Int32Array(DECISION_SLOTS);
  readonly #second = new Int32Array(DECISION_SLOTS);
  /** Which of a pair was used last. */
  readonly #last = new Uint8Array(DECISION_SLOTS >> 1);
  readonly #decision: Decision;
  #a = 0;
  #b = 0;
  /** Flow's number of the decision in each slot; the caller's. */
  readonly flow = new Int32Array(DECISION_SLOTS);
  /** Who has the decision in each slot: a bit for each session; the caller's. */
  readonly known = new Uint8Array(DECISION_SLOTS);
  /** Whether the decision that {@link find} was asked for was not there. */
  isNew = false;

  /** @param decision that is looked up: the same object, filled again and again */
  constructor(decision: Decision) {
    this.#decision = decision;
  }

  /** Begins a lookup: with the words of what the decision is about, {@link add}ed first. */
  begin(): void {
    this.#a = this.#b = 0;
  }

  /** Adds a word. */
  add(word: number): void {
    const x = folded(word);
    this.#a = (Math.imul(this.#a, FIRST_ROW) + Math.imul(x, FIRST_WORD)) | 0;
    this.#b = (Math.imul(this.#b, SECOND_ROW) + Math.imul(x, SECOND_WORD)) | 0;
  }

  /** The slot of the decision as it is now; a new one has taken it. */
  find(): number {
    const d = this.#decision;
    this.add(d.count);
    this.add((d.verdict << 8) | d.outcomeReason);
    this.add(d.receiver);
    this.add(d.src);
    this.add(d.dst);
    this.add((d.sport << 16) | d.dport);
    this.#addSteps();
    const a = finished(this.#a);
    const b = finished(this.#b);
    const pair = a & PAIR;
    for (let way = 0; way < 2; way++) {
      const slot = pair + way;
      if (this.#first[slot] !== a || this.#second[slot] !== b) continue;
      this.#last[pair >> 1] = way;
      this.isNew = false;
      return slot;
    }
    const way = 1 - this.#last[pair >> 1];
    const slot = pair + way;
    this.#last[pair >> 1] = way;
    this.#first[slot] = a;
    this.#second[slot] = b;
    this.known[slot] = 0;
    this.isNew = true;
    return slot;
  }

  /** Forgets what a session has. */
  forget(bit: number): void {
    for (let slot = 0; slot < DECISION_SLOTS; slot++) this.known[slot] &= ~bit;
  }

  #addSteps(): void {
    const steps = this.#decision;
    let first = this.#a;
    let second = this.#b;
    for (let i = 0; i < steps.count; i++) {
      // Their numbers are small: no two rows of them make one word.
      const what = folded((steps.node[i] << 16) ^ (steps.stage[i] << 10) ^ (steps.action[i] << 5) ^ steps.ruleKind[i]);
      const rule = folded((steps.reason[i] << 24) ^ steps.rule[i]);
      const a = folded(steps.a[i]);
      const b = folded(steps.b[i]);
      const c = folded(steps.c[i]);
      const d = folded(steps.d[i]);
      const e = folded(steps.e[i]);
      const f = folded(steps.f[i]);
      const g = folded(steps.g[i]);
      const h = folded(steps.h[i]);
      const source = folded(steps.source[i]);
      first = Math.imul(first, FIRST_ROW);
      second = Math.imul(second, SECOND_ROW);
      first += Math.imul(what, 0x52e6b439);
      second += Math.imul(what, 0x9531985d);
      first += Math.imul(rule, 0xf2a74de5);
      second += Math.imul(rule, 0x0ed90475);
      first += Math.imul(a, 0x269e0d37);
      second += Math.imul(a, 0xe8e25d95);
      first += Math.imul(b, 0x6513270f);
      second += Math.imul(b, 0x81e74ef5);
      first += Math.imul(c, 0xa6a3a451);
      second += Math.imul(c, 0x36f675cd);
      first += Math.imul(d, 0x0c5c7fd1);
      second += Math.imul(d, 0x099950d9);
      first += Math.imul(e, 0x128b2f33);
      second += Math.imul(e, 0x1600a35b);
      first += Math.imul(f, 0xd23f0825);
      second += Math.imul(f, 0x6f03675b);
      first += Math.imul(g, 0x892f902b);
      second += Math.imul(g, 0x6b0d549b);
      first += Math.imul(h, 0x1818e811);
      second += Math.imul(h, 0x11e20b8f);
      first += Math.imul(source, 0x5d9dc9f9);
      second += Math.imul(source, 0x3d9c1725);
      first |= 0;
      second |= 0;
    }
    this.#a = first;
    this.#b = second;
  }
}
