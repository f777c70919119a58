import type { AutoSettings } from "./settings.ts";

/** What a daemon has learned of its subnets from EC2's refusals, for as long as it believes it. */
export class SubnetStates {
  readonly #settings: AutoSettings;
  /** Milliseconds on the timeline. */
  readonly #now: () => number;
  readonly #fragmentedUntil = new Map<string, number>();
  readonly #exhaustedUntil = new Map<string, number>();

  constructor(settings: AutoSettings, now: () => number) {
    this.#settings = settings;
    this.#now = now;
  }

  /** Whether it has no free /28, so that it is asked for /32s. */
  isFragmented(subnet: string): boolean {
    return this.#now() < (this.#fragmentedUntil.get(subnet) ?? 0);
  }

  /** Whether it has no free address, so that it is asked for nothing. */
  isExhausted(subnet: string): boolean {
    return this.#now() < (this.#exhaustedUntil.get(subnet) ?? 0);
  }

  fragmented(subnet: string): void {
    this.#fragmentedUntil.set(subnet, this.#now() + this.#settings.fragmentationPeriod);
  }

  exhausted(subnet: string): void {
    this.#exhaustedUntil.set(subnet, this.#now() + this.#settings.exhaustionPeriod);
  }

  /** When the next exhausted subnet is asked again, milliseconds on the timeline; null: none is exhausted. */
  nextRetry(): number | null {
    const ends = [...this.#exhaustedUntil.values()].filter((end) => end > this.#now());
    return ends.length === 0 ? null : Math.min(...ends);
  }
}
