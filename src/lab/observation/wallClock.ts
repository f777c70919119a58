const NS_PER_MS = 1_000_000n;

/**
 * What turns times of process.hrtime into times since 1970, nanoseconds. The same for all who ask, so that a packet has one
 * time wherever it is shown, until the system's clock has been set or has drifted by a millisecond.
 */
export class WallClock {
  #origin: bigint | null = null;

  /** When the clock of process.hrtime was 0, nanoseconds since 1970. */
  origin(): bigint {
    const now = origin();
    const known = this.#origin;
    const off = known === null ? NS_PER_MS : now > known ? now - known : known - now;
    if (known !== null && off < NS_PER_MS) return known;
    this.#origin = now;
    return now;
  }
}

/** Date.now() counts milliseconds, so this waits for one to begin: for a millisecond at most. */
function origin(): bigint {
  const before = Date.now();
  let now = before;
  while (now === before) now = Date.now();
  return BigInt(now) * NS_PER_MS - process.hrtime.bigint();
}
