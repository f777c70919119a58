const NANOSECONDS = 1_000_000_000;

/** Raises times so that each is later than the one before: equal or earlier becomes the last plus 1 ns. */
export class RisingClock {
  seconds = 0;
  nanoseconds = -1;
  /** Times that had to be raised. */
  raised = 0;

  /** Takes a time; `seconds` and `nanoseconds` then hold the one to write. */
  take(seconds: number, nanoseconds: number): void {
    if (seconds > this.seconds || (seconds === this.seconds && nanoseconds > this.nanoseconds)) {
      this.seconds = seconds;
      this.nanoseconds = nanoseconds;
      return;
    }
    this.raised++;
    if (++this.nanoseconds < NANOSECONDS) return;
    this.nanoseconds = 0;
    this.seconds++;
  }
}
