import type { Appointment, Timeline } from "./timeline.ts";

/** What a process may wait for: so many milliseconds, a signal, or whichever of the two comes first. */
export interface Wait {
  readonly signal: Signal | null;
  /** null: for ever. */
  readonly milliseconds: number | null;
}

/**
 * A thing that goes on over virtual time, such as a daemon's loop: a generator that yields what it waits for. It calls
 * others by `yield*`, gets what they return and catches what they throw, as blocking code does.
 */
export type Process<T> = Generator<Wait, T, undefined>;

/** What processes wait for until somebody fires it. One that nobody waits for is lost. */
export class Signal {
  #waiting: (() => void)[] = [];

  /** Wakes all who wait, in the order they came, at this moment of the timeline but not within this call. */
  fire(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** For {@link spawn} alone. */
  wait(wake: () => void): void {
    this.#waiting.push(wake);
  }

  /** For {@link spawn} alone. */
  leave(wake: () => void): void {
    const at = this.#waiting.indexOf(wake);
    if (at >= 0) this.#waiting.splice(at, 1);
  }
}

export function* sleep(milliseconds: number): Process<void> {
  yield { signal: null, milliseconds };
}

/** Waits until the signal fires, or for so many milliseconds if that is sooner. */
export function* until(signal: Signal, milliseconds: number | null = null): Process<void> {
  yield { signal, milliseconds };
}

export interface Running {
  readonly ended: boolean;
  /** Ends the process where it waits; its `finally` blocks run. Not from within itself. */
  stop(): void;
}

class Spawned implements Running {
  readonly #timeline: Timeline;
  readonly #process: Process<void>;
  #appointment: Appointment | null = null;
  #signal: Signal | null = null;
  ended = false;

  constructor(timeline: Timeline, process: Process<void>) {
    this.#timeline = timeline;
    this.#process = process;
    this.#appointment = timeline.after(0, this.#resume);
  }

  stop(): void {
    if (this.ended) return;
    this.#forget();
    this.ended = true;
    this.#process.return(undefined);
  }

  readonly #wake = (): void => {
    this.#forget();
    this.#appointment = this.#timeline.after(0, this.#resume);
  };

  readonly #resume = (): void => {
    this.#forget();
    const step = this.#process.next();
    if (step.done === true) {
      this.ended = true;
      return;
    }
    const { signal, milliseconds } = step.value;
    this.#signal = signal;
    signal?.wait(this.#wake);
    if (milliseconds !== null) this.#appointment = this.#timeline.after(milliseconds, this.#resume);
  };

  #forget(): void {
    if (this.#appointment !== null) this.#timeline.cancel(this.#appointment);
    this.#appointment = null;
    this.#signal?.leave(this.#wake);
    this.#signal = null;
  }
}

/** Starts a process: its first step runs at this moment of the timeline, but not within this call. */
export function spawn(timeline: Timeline, process: Process<void>): Running {
  return new Spawned(timeline, process);
}
