import type { PlaneClient } from "./planeClient.ts";

/** Counts packets and bytes of connections for as long as somebody asks, because it costs memory and time. */
export class AccountingLease {
  readonly #plane: Pick<PlaneClient, "accounting">;
  readonly #always: boolean;
  #timer: NodeJS.Timeout | null = null;

  /** @param always the lab counts anyway (cluster.conntrack.accounting) */
  constructor(plane: Pick<PlaneClient, "accounting">, always: boolean) {
    this.#plane = plane;
    this.#always = always;
  }

  /** Whether packets are counted now. */
  get isOn(): boolean {
    return this.#always || this.#timer !== null;
  }

  /** Counts for so many milliseconds more, at least. */
  async hold(milliseconds: number): Promise<void> {
    if (this.#always) return;
    const wasOn = this.isOn;
    this.close();
    this.#timer = setTimeout(() => {
      this.#timer = null;
      // The plane has ended: so will the lab.
      this.#plane.accounting(false).catch(() => {});
    }, milliseconds);
    this.#timer.unref();
    if (!wasOn) await this.#plane.accounting(true);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
