import { hashWords } from "../conntrack/hash.ts";
import { Random } from "../random.ts";
import { Crandom } from "./crandom.ts";
import { DISTRIBUTION_NORMAL, type GeModel, type ImpairmentRow } from "./impairmentRow.ts";

const RANGE = 4294967296;
/** Apart from each other by more than any two of them: each random choice has a generator of its own. */
const SEED_STEP = 0x3c6ef372;
const US_PER_S = 1_000_000;
const BITS = 8;
/** Twelve even numbers of 16 bits add up to a nearly normal one, whose standard deviation is 2^16 (Irwin and Hall). */
const NORMAL_WORDS = 6;
const NORMAL_MEAN = 6 * 65535;
const NORMAL_DEVIATION = 65536;

const GE_GOOD = 0;
const GE_BAD = 1;

// Numbers that a lane keeps between packets.
/** When the last packet that waits is due, in microseconds. */
const S_LAST_DUE = 0;
/** Packets that were delayed since the last one that was not. */
const S_SINCE_REORDER = 1;
const S_GE_STATE = 2;
const S_SIZE = 3;

// Settings, as numbers of an array: none is boxed on a packet's way.
const N_DELAY = 0;
const N_JITTER = 1;
const N_RATE = 2;
const N_GE_P = 3;
const N_GE_R = 4;
const N_GE_BAD = 5;
const N_GE_GOOD = 6;
const N_SIZE = 7;

/** Times that are handed over in an array, in microseconds: now, and when a packet is due. */
export const T_NOW = 0;
export const T_DUE = 1;
export const T_SIZE = 2;

// What a lane counts.
export const L_PACKETS = 0;
export const L_LOST = 1;
export const L_DUPLICATED = 2;
export const L_CORRUPTED = 3;
export const L_REORDERED = 4;
export const L_DELAYED = 5;
/** Dropped because the queue was full. */
export const L_FULL = 6;
const L_SIZE = 7;

/** One direction of a point: its settings, its generators and what it counts. In netem's order and arithmetic. */
export class Lane {
  readonly point: number;
  /** Packets that wait. */
  held = 0;
  limit = 0;
  /** False: its row is gone, and only packets that wait are left of it. */
  isOn = true;
  readonly loss: Crandom;
  readonly duplicate: Crandom;
  readonly corrupt: Crandom;
  readonly counts = new Float64Array(L_SIZE);
  readonly #reorder: Crandom;
  readonly #delays: Random;
  readonly #ge: Random;
  readonly #bits: Random;
  readonly #state = new Float64Array(S_SIZE);
  readonly #kept = new Float64Array(S_SIZE);
  readonly #keptCounts = new Float64Array(L_SIZE);
  readonly #keptRandoms = [new Int32Array(4), new Int32Array(4), new Int32Array(4)];
  readonly #numbers = new Float64Array(N_SIZE);
  #hasModel = false;
  #isNormal = false;
  #gap = 1;

  constructor(row: ImpairmentRow, point: number) {
    this.point = point;
    const seed = (part: number): number => (row.seed + Math.imul(part, SEED_STEP)) | 0;
    this.loss = new Crandom(seed(0));
    this.duplicate = new Crandom(seed(1));
    this.corrupt = new Crandom(seed(2));
    this.#reorder = new Crandom(seed(3));
    this.#delays = new Random(seed(4));
    this.#ge = new Random(seed(5));
    this.#bits = new Random(seed(6));
    this.configure(row);
  }

  /** Takes other settings on. Generators, counters and what waits stay as they are. */
  configure(row: ImpairmentRow): void {
    this.isOn = true;
    this.loss.configure(row.loss);
    this.duplicate.configure(row.duplicate);
    this.corrupt.configure(row.corrupt);
    this.#reorder.configure(row.reorder);
    this.#setModel(row.gemodel);
    this.#gap = row.gap;
    this.#numbers[N_DELAY] = row.delay;
    this.#numbers[N_JITTER] = row.jitter;
    this.#numbers[N_RATE] = row.rate;
    this.#isNormal = row.distribution === DISTRIBUTION_NORMAL;
    this.limit = row.limit;
  }

  /** Whether packets may have to wait. */
  get holds(): boolean {
    const n = this.#numbers;
    return n[N_DELAY] > 0 || n[N_JITTER] > 0 || n[N_RATE] > 0;
  }

  /** Whether the Gilbert-Elliott model loses the next packet (loss_gilb_ell() of sch_netem.c). */
  losesByModel(): boolean {
    if (!this.#hasModel) return false;
    const n = this.#numbers;
    const state = this.#state;
    const change = this.#ge.nextInt() >>> 0;
    const loss = this.#ge.nextInt() >>> 0;
    if (state[S_GE_STATE] === GE_GOOD) {
      if (change < n[N_GE_P]) state[S_GE_STATE] = GE_BAD;
      return loss < n[N_GE_GOOD];
    }
    if (change < n[N_GE_R]) state[S_GE_STATE] = GE_GOOD;
    return loss < n[N_GE_BAD];
  }

  countCorrupted(): void {
    this.counts[L_CORRUPTED]++;
  }

  /** A number in [0, n), for the place of a change. */
  place(n: number): number {
    return this.#bits.below(n);
  }

  /** Whether the next packet goes at once, in front of those that wait. */
  overtakes(): boolean {
    if (!this.#reorder.isOn) return false;
    const state = this.#state;
    if (state[S_SINCE_REORDER] < this.#gap - 1 || !this.#reorder.happens()) {
      state[S_SINCE_REORDER]++;
      return false;
    }
    state[S_SINCE_REORDER] = 0;
    return true;
  }

  /**
   * Says when the next packet is due. With a rate it comes behind those that wait; without one jitter may bring it in front
   * of them, as in netem.
   *
   * @param times T_NOW is read, T_DUE is written
   * @param bytes of IP, of all segments of a super-packet
   */
  schedule(times: Float64Array, bytes: number): void {
    const n = this.#numbers;
    const state = this.#state;
    const now = times[T_NOW];
    const last = state[S_LAST_DUE];
    times[T_DUE] = n[N_DELAY];
    if (n[N_JITTER] > 0) this.#spread(times);
    let from = now;
    if (n[N_RATE] > 0) {
      if (last > now) {
        // The last one's time in the queue counts as this one's delay.
        times[T_DUE] = Math.max(0, times[T_DUE] - (last - now));
        from = last;
      }
      times[T_DUE] += (bytes * BITS * US_PER_S) / n[N_RATE];
    }
    times[T_DUE] += from;
    if (times[T_DUE] > last) state[S_LAST_DUE] = times[T_DUE];
  }

  /** Continues a state hash with all that packets change. */
  fold(seed: number): number {
    let h = seed;
    for (const chance of [this.loss, this.duplicate, this.corrupt, this.#reorder]) h = chance.fold(h);
    for (const random of [this.#delays, this.#ge, this.#bits]) h = random.fold(h);
    const numbers = new Int32Array(Float64Array.of(...this.#state, ...this.counts, this.held).buffer);
    return hashWords(numbers, 0, numbers.length, h);
  }

  /** Remembers its state for {@link restore}: a question changes nothing. */
  save(): void {
    this.loss.save();
    this.duplicate.save();
    this.corrupt.save();
    this.#reorder.save();
    const [delays, ge, bits] = this.#keptRandoms;
    this.#delays.save(delays);
    this.#ge.save(ge);
    this.#bits.save(bits);
    this.#kept.set(this.#state);
    this.#keptCounts.set(this.counts);
  }

  restore(): void {
    this.loss.restore();
    this.duplicate.restore();
    this.corrupt.restore();
    this.#reorder.restore();
    const [delays, ge, bits] = this.#keptRandoms;
    this.#delays.restore(delays);
    this.#ge.restore(ge);
    this.#bits.restore(bits);
    this.#state.set(this.#kept);
    this.counts.set(this.#keptCounts);
  }

  #setModel(model: GeModel | null): void {
    this.#hasModel = model !== null;
    if (model === null) return;
    const n = this.#numbers;
    n[N_GE_P] = Math.round(model.p * RANGE);
    n[N_GE_R] = Math.round(model.r * RANGE);
    n[N_GE_BAD] = Math.round(model.lossInBad * RANGE);
    n[N_GE_GOOD] = Math.round(model.lossInGood * RANGE);
  }

  /** Adds what a packet's delay differs from the others'. */
  #spread(times: Float64Array): void {
    const jitter = this.#numbers[N_JITTER];
    if (!this.#isNormal) {
      times[T_DUE] += ((this.#delays.nextInt() >>> 0) / RANGE) * 2 * jitter - jitter;
      return;
    }
    let sum = 0;
    for (let i = 0; i < NORMAL_WORDS; i++) {
      const word = this.#delays.nextInt();
      sum += (word & 0xffff) + (word >>> 16);
    }
    times[T_DUE] += ((sum - NORMAL_MEAN) / NORMAL_DEVIATION) * jitter;
  }
}
