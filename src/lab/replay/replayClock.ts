const NS_PER_MS = 1_000_000n;
const DAY_MS = 24 * 60 * 60 * 1000;
/**
 * Longest time that the plane's clock moves between two packets, in milliseconds: its ticks are int32 and are compared over
 * less than 24.8 days. Conntrack's longest timeout is 5 days by default, so that nothing is left by then that a longer wait
 * could end.
 */
const LONGEST_WAIT_MS = 20 * DAY_MS;

/** When a packet is processed. */
export interface Moment {
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** The plane's clock: milliseconds since the first packet, wraps. */
  readonly tick: number;
  /** How far the packet's own time lies before that of an earlier one, in nanoseconds; 0: it does not. */
  readonly back: bigint;
}

/**
 * The virtual clock of a replay: the capture's timestamps, which only move forward. A packet with an earlier time than one
 * before it is processed at that one's time.
 */
export class ReplayClock {
  #first: bigint | null = null;
  #last = 0n;
  #tick = 0;
  /** Milliseconds of the last time since the first one, by the timestamps. */
  #elapsed = 0;

  /** Time of the packet before, or of the last {@link wait}; 0 before the first. */
  get time(): bigint {
    return this.#last;
  }

  get tick(): number {
    return this.#tick | 0;
  }

  /** Moves on to a packet's time. @param time nanoseconds since 1970 */
  take(time: bigint): Moment {
    if (this.#first === null) {
      this.#first = time;
      this.#last = time;
    }
    const back = time < this.#last ? this.#last - time : 0n;
    if (back === 0n) this.#move(time, this.#first);
    return { time: this.#last, tick: this.tick, back };
  }

  /** Moves on by a time in which no packet comes. @param ms 0 or more */
  wait(ms: number): Moment {
    this.#move(this.#last + BigInt(ms) * NS_PER_MS, this.#first ?? 0n);
    return { time: this.#last, tick: this.tick, back: 0n };
  }

  /** Time of a tick that lies before the present one, in nanoseconds since 1970. */
  timeOf(tick: number): bigint {
    return this.#last - BigInt(Math.max(0, (this.tick - tick) | 0)) * NS_PER_MS;
  }

  #move(time: bigint, first: bigint): void {
    const elapsed = Number((time - first) / NS_PER_MS);
    this.#tick += Math.min(elapsed - this.#elapsed, LONGEST_WAIT_MS);
    this.#elapsed = elapsed;
    this.#last = time;
  }
}
