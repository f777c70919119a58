const WORD = 0x1_0000_0000;
const HALF = 0x1_0000;
const NANOSECONDS = 1_000_000_000;

/**
 * Nanoseconds since 1970 in two halves of 32 bits, without BigInt: a number has 53 bits, and these need 61. The product of
 * seconds is made once a second; within it, only the nanoseconds are added.
 */
export class TickCounter {
  high = 0;
  low = 0;
  #seconds = 0;
  #baseHigh = 0;
  #baseLow = 0;

  /** @param seconds 0..2^32-1; @param nanoseconds 0..999,999,999 */
  set(seconds: number, nanoseconds: number): void {
    if (seconds !== this.#seconds) this.#multiply(seconds);
    const low = this.#baseLow + nanoseconds;
    const carry = low >= WORD ? 1 : 0;
    this.low = low - carry * WORD;
    this.high = this.#baseHigh + carry;
  }

  /** seconds * 10^9 in 16-bit halves of the seconds: no product here has more than 47 bits. */
  #multiply(seconds: number): void {
    const upper = Math.floor(seconds / HALF) * NANOSECONDS;
    const low = (upper % HALF) * HALF + (seconds % HALF) * NANOSECONDS;
    this.#baseHigh = Math.floor(upper / HALF) + Math.floor(low / WORD);
    this.#baseLow = low % WORD;
    this.#seconds = seconds;
  }
}
