import type { Cluster } from "../control/cluster.ts";

/** setTimeout takes no more than 31 bits. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export interface TurnsOptions {
  readonly cluster: Cluster;
  /** Tells the cluster what became of pods. @returns whether that is news to it. */
  readonly hear: () => boolean;
  /** Makes the world match the cluster, once. */
  readonly match: () => Promise<void>;
  /** A turn that nobody waits for failed. */
  readonly onFatal: (error: Error) => void;
}

/** The changes of a running lab, one after the other, and the clock by which its cluster lives. */
export class Turns {
  readonly #options: TurnsOptions;
  #last: Promise<unknown> = Promise.resolve();
  #ending = false;
  /** A turn is to come that hears what became of pods. */
  #hearing = false;
  /** When the cluster's clock began, by performance.now(). */
  #began = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Nothing more is begun: the lab goes down. */
  get isOver(): boolean {
    return this.#ending;
  }

  /** The cluster's clock begins. */
  begin(): void {
    this.#began = performance.now();
  }

  /** The turn under way is the last one, and ends as soon as it can. */
  end(): void {
    this.#ending = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Resolves when no turn is under way. */
  async ended(): Promise<void> {
    await this.#last.catch(() => {});
  }

  /**
   * Lets time pass, runs a change of the cluster, then makes the world match both. Where the change throws nothing of it
   * happened.
   */
  change(edit: () => void): Promise<void> {
    return this.#turn(async () => {
      const news = this.#news();
      try {
        edit();
      } catch (error) {
        if (news) await this.#match();
        throw error;
      } finally {
        this.#awaitNext();
      }
      await this.#match();
    });
  }

  /** Lets time pass, hears what became of pods, and makes the world match what both brought. */
  timePassed(): Promise<void> {
    return this.#turn(async () => {
      const news = this.#news();
      this.#awaitNext();
      if (news && !this.#ending) await this.#match();
    });
  }

  /** Something became of a pod. One turn hears of all that was said until it comes. */
  reported(): void {
    if (this.#ending || this.#hearing) return;
    this.#hearing = true;
    this.#byItself();
  }

  #turn(work: () => Promise<void>): Promise<void> {
    const run = this.#last.catch(() => {}).then(work);
    this.#last = run;
    return run;
  }

  /** A turn that nobody asked for. What it began when the lab goes down is given up, which is no error. */
  #byItself(): void {
    this.timePassed().catch((error: Error) => {
      if (!this.#ending) this.#options.onFatal(error);
    });
  }

  /** The nodes' daemons work with time: whatever they are to do next happens then. */
  #awaitNext(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const next = this.#options.cluster.next();
    if (next === null || this.#ending) return;
    const delay = Math.max(0, this.#began + next - performance.now());
    this.#timer = setTimeout(() => this.#byItself(), Math.min(Math.ceil(delay), LONGEST_DELAY_MS));
  }

  /** @returns whether the cluster is another one for what happened since it was last looked at. */
  #news(): boolean {
    this.#hearing = false;
    const passed = this.#options.cluster.advance(performance.now() - this.#began);
    return this.#options.hear() || passed;
  }

  /** Makes the world match the cluster; what starts or ends by that may change the cluster again. */
  async #match(): Promise<void> {
    do await this.#options.match();
    while (!this.#ending && this.#news());
    this.#awaitNext();
  }
}
