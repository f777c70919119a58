import type { Failure } from "./result.ts";

/** CNI ADDs that failed, by their message. */
export class Failures {
  readonly #byMessage = new Map<string, Failure>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(message: string, pod: string, node: string, time: number): void {
    this.#count++;
    const known = this.#byMessage.get(message);
    this.#byMessage.set(
      message,
      known === undefined ? { message, count: 1, pod, node, time } : { ...known, count: known.count + 1 },
    );
  }

  /** The most frequent first. */
  list(): Failure[] {
    return [...this.#byMessage.values()].sort((a, b) => b.count - a.count || a.time - b.time);
  }
}
