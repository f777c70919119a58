import { type Process, Signal, until } from "../../time/process.ts";
import type { Appointment } from "../../time/timeline.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";
import type { NodeState } from "./nodeState.ts";
import { pinnedNeed } from "./pinnedNeed.ts";
import { decreasePool, freeableFrom, freeOneEni, hasExtraEnis } from "./poolDecrease.ts";
import { canIncrease, increaseForPinned, increasePool } from "./poolIncrease.ts";
import { poolTooHigh, poolTooLow } from "./poolTarget.ts";
import { reconcile } from "./reconcile.ts";
import { TICK, TickGrid } from "./tickGrid.ts";

/** decreaseIPPoolInterval: the pool shrinks at most so often, milliseconds. */
const DECREASE_INTERVAL = 30_000;
/** nodeIPPoolReconcileInterval: reconciliation waits so long after the pool changed, milliseconds. */
const RECONCILE_INTERVAL = 60_000;

/** The first whole millisecond after a time. */
const after = (time: number): number => Math.floor(time) + 1;

/**
 * ipamd's loop (StartNodeIPPoolManager): every 5 s it looks whether the pool is too low or too high, and every minute whether
 * the metadata says what the store does.
 *
 * It does not wake to find that there is nothing to do. What it does at a tick depends on the store, and on times that are
 * known beforehand: the end of a back-off, of a cooldown, of an ENI's first minute. So it sleeps until the first tick of
 * those that could matter, and reckons again when somebody {@link wake}s it. With `everyTick` it does look each time, as
 * ipamd does; the outcome is the same.
 */
export class PoolMonitor {
  readonly #state: NodeState;
  readonly #everyTick: boolean;
  readonly #grid: TickGrid;
  readonly #woken = new Signal();

  constructor(state: NodeState, everyTick: boolean) {
    this.#state = state;
    this.#everyTick = everyTick;
    this.#grid = new TickGrid(state.now);
  }

  /** Something changed that a tick may act upon. */
  wake(): void {
    this.#woken.fire();
  }

  *run(): Process<void> {
    const { timeline } = this.#state.input;
    for (;;) {
      let alarm: Appointment | null = null;
      const next = this.#everyTick ? this.#nextTick() : this.#nextThatMatters();
      if (next !== null) alarm = timeline.at(next, () => this.#woken.fire());
      try {
        // What happens at the moment of a tick comes before the tick, in whatever order it was planned.
        yield* until(this.#woken);
      } finally {
        if (alarm !== null) timeline.cancel(alarm);
      }
      yield* this.#tick();
    }
  }

  *#tick(): Process<void> {
    const state = this.#state;
    const start = state.now;
    const kind = this.#grid.at(start);
    if (kind === null) return;
    state.busy++;
    try {
      this.#catchUp();
      if (kind === "pool") {
        yield* this.#lookAtPool();
        if (state.now > start) this.#grid.poolDone(state.now);
      } else if (this.#reconcileFrom() <= start) {
        state.differed = yield* reconcile(state);
        if (state.now > start) this.#grid.reconcileDone(state.now);
      }
    } finally {
      state.busy--;
    }
  }

  /** One tick (updateIPPoolIfRequired): grow or shrink by one step, then free at most one ENI. */
  *#lookAtPool(): Process<void> {
    const state = this.#state;
    const counts = state.counts();
    let shrunk = false;
    const need = state.backoffUntil === null ? pinnedNeed(state) : null;
    try {
      if (need !== null) yield* increaseForPinned(state, need);
      else if (poolTooLow(state.targets, counts, state.limits)) {
        if (canIncrease(state)) yield* increasePool(state);
      } else if (poolTooHigh(state.targets, counts) && this.#decreaseFrom() <= state.now) {
        yield* decreasePool(state);
        shrunk = true;
      }
    } catch (error) {
      // Logged where it happened: the next tick tries again.
      if (!(error instanceof Ec2Error)) throw error;
    }
    if (hasExtraEnis(state, counts)) yield* freeOneEni(state);
    if (!shrunk) return;
    state.lastDecrease = state.now;
    state.lastAction = state.now;
  }

  #nextTick(): number {
    const { now } = this.#state;
    return Math.min(this.#grid.pool(now, now), this.#grid.reconcile(now, now));
  }

  /** The first tick that may have something to do if nothing changes until then, or null. */
  #nextThatMatters(): number | null {
    const state = this.#state;
    const { now } = state;
    this.#catchUp();
    const pool = this.#poolFrom();
    const next = pool === null ? null : this.#grid.pool(pool, now);
    const reconciliation = this.#grid.reconcile(this.#reconcileFrom(), now);
    if (!state.differed && reconciliation > state.watchUntil) return next;
    return next === null ? reconciliation : Math.min(next, reconciliation);
  }

  /** From when on {@link lookAtPool} would do something; null: never as things are. */
  #poolFrom(): number | null {
    const state = this.#state;
    const { now } = state;
    const counts = state.counts();
    const times: number[] = [];
    const afterBackoff = state.backoffUntil === null ? now : after(state.backoffUntil);
    if (pinnedNeed(state) !== null) times.push(afterBackoff);
    if (poolTooLow(state.targets, counts, state.limits)) {
      if (canIncrease(state)) times.push(afterBackoff);
    } else if (poolTooHigh(state.targets, counts)) times.push(this.#decreaseFrom());
    if (hasExtraEnis(state, counts)) times.push(freeableFrom(state) ?? Number.POSITIVE_INFINITY);
    const first = Math.min(...times);
    return Number.isFinite(first) ? first : null;
  }

  #decreaseFrom(): number {
    const { lastDecrease, now } = this.#state;
    return lastDecrease === null ? now : after(lastDecrease + DECREASE_INTERVAL);
  }

  /** From when on a tick reconciles. */
  #reconcileFrom(): number {
    const { lastAction } = this.#state;
    return lastAction === null ? 0 : after(lastAction + this.#reconcileInterval());
  }

  /** A node that waits for its trunk ENI looks at every tick. */
  #reconcileInterval(): number {
    return this.#state.needsTrunk ? 0 : RECONCILE_INTERVAL;
  }

  /** Notes the reconciliations that found nothing while this slept, since the next one depends on the last. */
  #catchUp(): void {
    if (this.#everyTick) return;
    const first = this.#grid.firstReconcile(this.#reconcileFrom());
    const before = Math.ceil(this.#state.now) - 1;
    if (first > before) return;
    const period = this.#reconcileInterval() + TICK;
    this.#state.lastAction = first + Math.floor((before - first) / period) * period;
  }
}
