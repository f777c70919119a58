import { hashWords } from "../conntrack/hash.ts";
import { Random } from "../random.ts";
import { type Chance, PER_ONE } from "./impairmentRow.ts";

const RANGE = 4294967296;

// What a generator keeps, as numbers of an array: no number is boxed on the way.
const DRAW = 0;
const THRESHOLD = 1;
const CORRELATION = 2;
const SIZE = 3;

/**
 * A random event with a generator of its own, by netem's get_crandom() (net/sched/sch_netem.c): each draw is a mixture of a
 * new number and the draw before. In doubles, whose sums and products are the same on every machine.
 */
export class Crandom {
  readonly #random: Random;
  /** The last draw is also the one that the next is mixed with. */
  readonly #numbers = new Float64Array(SIZE);
  readonly #kept = new Int32Array(4);
  readonly #keptNumbers = new Float64Array(SIZE);

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Whether it ever happens. */
  get isOn(): boolean {
    return this.#numbers[THRESHOLD] > 0;
  }

  /** The last draw, and how likely it happens: whole numbers of PER_ONE, for a decision. */
  get drawn(): number {
    return Math.floor((this.#numbers[DRAW] / RANGE) * PER_ONE);
  }

  get chance(): number {
    return Math.round((this.#numbers[THRESHOLD] / RANGE) * PER_ONE);
  }

  /** Takes other settings on; what was drawn so far stays. */
  configure(chance: Chance): void {
    this.#numbers[THRESHOLD] = Math.round(chance.probability * RANGE);
    this.#numbers[CORRELATION] = chance.correlation;
  }

  /** Whether it happens to the next packet. Draws nothing where it never does. */
  happens(): boolean {
    const n = this.#numbers;
    if (n[THRESHOLD] === 0) return false;
    const value = this.#random.nextInt() >>> 0;
    const rho = n[CORRELATION];
    // Without correlation the value stays whole; at 100 % every draw is the first one again.
    n[DRAW] = rho === 0 ? value : Math.floor(value * (1 - rho) + n[DRAW] * rho);
    return n[DRAW] < n[THRESHOLD];
  }

  /** Continues a state hash with what it has drawn. */
  fold(seed: number): number {
    return hashWords(Int32Array.of(this.#numbers[DRAW] | 0), 0, 1, this.#random.fold(seed));
  }

  /** Remembers its state, for {@link restore}. */
  save(): void {
    this.#random.save(this.#kept);
    this.#keptNumbers.set(this.#numbers);
  }

  restore(): void {
    this.#random.restore(this.#kept);
    this.#numbers.set(this.#keptNumbers);
  }
}
