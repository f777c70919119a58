const NANOSECONDS = 1_000_000_000;

/** Recorded times as seconds and nanoseconds since 1970, without an object for each. */
export class CaptureClock {
  readonly #seconds: number;
  readonly #nanoseconds: number;
  seconds = 0;
  nanoseconds = 0;

  /** @param origin nanoseconds since 1970 when the recorded times were 0 */
  constructor(origin: bigint) {
    this.#seconds = Number(origin / BigInt(NANOSECONDS));
    this.#nanoseconds = Number(origin % BigInt(NANOSECONDS));
  }

  /** @param time nanoseconds since the origin */
  set(time: number): void {
    const total = this.#nanoseconds + Math.round(time);
    const seconds = Math.floor(total / NANOSECONDS);
    this.seconds = this.#seconds + seconds;
    this.nanoseconds = total - seconds * NANOSECONDS;
  }
}
