import type { NearMiss } from "./refusal.ts";

/** Keeps the candidate that has the fewest conditions that do not hold; of those that have as few the first. */
export class Nearest {
  #best: NearMiss | null = null;

  offer(rule: string, differs: string[]): void {
    if (differs.length > 0 && (this.#best === null || differs.length < this.#best.differs.length))
      this.#best = { rule, differs };
  }

  get best(): NearMiss | null {
    return this.#best;
  }
}

/** Of a list the element with the lowest score; the first of those that have it. null: the list is empty. */
export function lowest<T>(list: Iterable<T>, score: (element: T) => number): T | null {
  let best: T | null = null;
  let least = Infinity;
  for (const element of list) {
    const s = score(element);
    if (s >= least) continue;
    best = element;
    least = s;
  }
  return best;
}
