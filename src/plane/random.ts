import { hashWords } from "./conntrack/hash.ts";

/**
 * xoshiro128** (Blackman and Vigna, 2018): a small, fast generator with 128 bits of state. Every random choice of the
 * plane draws from one of these, owned by the component that draws, so that a seed makes a run repeatable.
 * Not for keys: hash keys come from node:crypto when live.
 */
export class Random {
  readonly #s = new Int32Array(4);

  /** @param seed any integer; expanded by splitmix32 so that nearby seeds give unrelated streams. */
  constructor(seed: number) {
    let z = seed | 0;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) | 0;
      let t = z ^ (z >>> 16);
      t = Math.imul(t, 0x21f0aaad);
      t ^= t >>> 15;
      t = Math.imul(t, 0x735a2d97);
      this.#s[i] = t ^ (t >>> 15);
    }
  }

  /** The next 32 random bits, as an int32. */
  nextInt(): number {
    const s = this.#s;
    const s1 = s[1] | 0;
    let r = Math.imul(s1, 5);
    r = (r << 7) | (r >>> 25);
    r = Math.imul(r, 9);
    const t = s1 << 9;
    s[2] ^= s[0];
    s[3] ^= s1;
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    const s3 = s[3];
    s[3] = (s3 << 11) | (s3 >>> 21);
    return r;
  }

  /** A number in [0, n), `1 <= n <= 2^20`, as the kernel's reciprocal_scale() draws it (include/linux/kernel.h). */
  below(n: number): number {
    // Top 12 and low 20 bits apart, so that no intermediate value leaves the integers a double holds exactly.
    const x = this.nextInt();
    return Math.floor(((x >>> 12) * n + Math.floor(((x & 0xfff) * n) / 4096)) / 1048576) | 0;
  }

  /** Copies the generator's state out, so that a what-if can put it back: its draw is then the next packet's draw. */
  save(into: Int32Array): void {
    into.set(this.#s);
  }

  restore(from: Int32Array): void {
    this.#s.set(from);
  }

  /** Continues a state hash with the generator's state. */
  fold(seed: number): number {
    return hashWords(this.#s, 0, this.#s.length, seed);
  }
}
