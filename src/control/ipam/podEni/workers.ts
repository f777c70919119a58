import { type Process, Signal, until } from "../../time/process.ts";

/** So many at a time; who comes first is served first. */
export class Workers {
  #free: number;
  readonly #waiting: Signal[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  *enter(): Process<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const turn = new Signal();
    this.#waiting.push(turn);
    yield* until(turn);
  }

  /** The next one's turn, whose the place is now. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next.fire();
  }
}
