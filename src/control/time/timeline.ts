/** Something that will happen; {@link Timeline.cancel} takes it back. */
export interface Appointment {
  /** Milliseconds on the timeline. */
  readonly time: number;
}

class Entry implements Appointment {
  readonly time: number;
  readonly order: number;
  /** null: cancelled, or done. */
  run: (() => void) | null;

  constructor(time: number, order: number, run: () => void) {
    this.time = time;
    this.order = order;
    this.run = run;
  }
}

const before = (a: Entry, b: Entry): boolean => a.time < b.time || (a.time === b.time && a.order < b.order);

/**
 * A virtual clock and what is to happen by it. Time moves in {@link advance} alone: a simulation jumps from event to event,
 * a running lab moves it along with the wall clock. Events of one moment happen in the order in which they were made.
 */
export class Timeline {
  #now = 0;
  #order = 0;
  /** Binary heap, soonest first. */
  readonly #heap: Entry[] = [];

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** @param time milliseconds; one that has passed means now, after what is due already. */
  at(time: number, run: () => void): Appointment {
    const entry = new Entry(Math.max(time, this.#now), this.#order++, run);
    this.#push(entry);
    return entry;
  }

  after(milliseconds: number, run: () => void): Appointment {
    return this.at(this.#now + milliseconds, run);
  }

  /** Nothing happens where it has happened already. */
  cancel(appointment: Appointment): void {
    if (appointment instanceof Entry) appointment.run = null;
  }

  /** Time of the next event, or null: nothing is to happen. */
  next(): number | null {
    while (this.#heap.length > 0 && this.#heap[0].run === null) this.#pop();
    return this.#heap.length === 0 ? null : this.#heap[0].time;
  }

  /** Runs the next event, the clock at its time. False: there is none. */
  step(): boolean {
    if (this.next() === null) return false;
    const entry = this.#heap[0];
    this.#pop();
    this.#now = entry.time;
    const { run } = entry;
    entry.run = null;
    run?.();
    return true;
  }

  /** Runs all events up to `time`, that moment included, and leaves the clock there. Time never goes back. */
  advance(time: number): void {
    for (let next = this.next(); next !== null && next <= time; next = this.next()) this.step();
    this.#now = Math.max(this.#now, time);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
      if (!before(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}
