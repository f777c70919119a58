import type { Slot } from "../../vpc/eni.ts";
import { slotKey } from "./dataStoreEni.ts";

/** ipReconcileCooldown: so long a freed slot is not taken back from metadata, which may lag. Milliseconds. */
const FREED_FOR = 60_000;

/** Slots that the daemon gave back to EC2 not long ago (ipamd's ReconcileCooldownCache). */
export class FreedCache {
  readonly #until = new Map<number, number>();

  add(slot: Slot, now: number): void {
    this.#until.set(slotKey(slot), now + FREED_FOR);
  }

  remove(slot: Slot): void {
    this.#until.delete(slotKey(slot));
  }

  /** `no`: never freed, or {@link remove}d since. `past`: freed longer ago than {@link FREED_FOR}. */
  freed(slot: Slot, now: number): "no" | "recently" | "past" {
    const until = this.#until.get(slotKey(slot));
    if (until === undefined) return "no";
    return now < until ? "recently" : "past";
  }
}
