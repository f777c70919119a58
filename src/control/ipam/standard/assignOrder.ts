import type { Random } from "../../../plane/random.ts";

/**
 * Which of several things that would do is taken. ipamd iterates over Go maps, whose order is not specified: `lowest` keeps
 * the order it is given (ENIs by device number, slots by age, addresses from below), `random` draws a new one each time.
 * Lists of fewer than two draw nothing, so a daemon that looks and finds nothing to do leaves the generator as it was.
 */
export class AssignOrder {
  readonly #random: Random | null;

  constructor(order: "lowest" | "random", random: Random) {
    this.#random = order === "random" ? random : null;
  }

  /** The list in the order in which to try its members. */
  of<T>(list: readonly T[]): readonly T[] {
    if (this.#random === null || list.length < 2) return list;
    const shuffled = [...list];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.#random.below(last + 1);
      const moved = shuffled[last];
      shuffled[last] = shuffled[other];
      shuffled[other] = moved;
    }
    return shuffled;
  }

  /** One of them, or null where there is none. */
  pick<T>(list: readonly T[]): T | null {
    if (list.length === 0) return null;
    if (this.#random === null || list.length === 1) return list[0];
    return list[this.#random.below(list.length)];
  }
}
