import { type Process, Signal, until } from "../../time/process.ts";
import type { Timeline } from "../../time/timeline.ts";
import type { Ec2Api } from "../../vpc/ec2/api.ts";
import { Ec2Error } from "../../vpc/ec2/ec2Error.ts";

/** The queue is looked at so long after the last time, milliseconds (deleteQueueRequeueRequest). */
const INTERVAL = 30_000;
/** Tries of a deletion before the ENI is left to the cleaner (MaxDeleteRetries). */
const TRIES = 3;

interface Doomed {
  readonly eni: string;
  readonly vlan: number;
  /** When its pod went, milliseconds; null: it is deleted without cooldown. */
  readonly since: number | null;
  tries: number;
}

export interface DeleteQueueInput {
  readonly timeline: Timeline;
  readonly ec2: Ec2Api;
  /** Milliseconds. */
  readonly cooldown: number;
  readonly onDeleted: (vlan: number) => void;
  readonly onError: (message: string) => void;
  /** Takes an ENI that could not be deleted. Its VLAN is not used again. */
  readonly leak: (eni: string) => void;
}

/** Branch ENIs of a node that wait for their deletion. */
export class DeleteQueue {
  readonly #input: DeleteQueueInput;
  /** Those to be deleted at once in front, then those that cool down, as they came. */
  readonly #queue: Doomed[] = [];
  /** The queue has a new head, or is closed. */
  readonly #queued = new Signal();
  #deleting = 0;
  #closed = false;

  constructor(input: DeleteQueueInput) {
    this.#input = input;
  }

  /** ENIs that are not deleted yet. */
  get size(): number {
    return this.#queue.length + this.#deleting;
  }

  /** An ENI whose pod has gone just now. */
  add(eni: string, vlan: number): void {
    this.#queue.push({ eni, vlan, since: this.#input.timeline.now, tries: 0 });
    if (this.#queue.length === 1) this.#queued.fire();
  }

  /** An ENI that no pod ever had. */
  addAtOnce(eni: string, vlan: number): void {
    if (this.#closed) {
      this.#input.leak(eni);
      return;
    }
    this.#queue.unshift({ eni, vlan, since: null, tries: 0 });
    this.#queued.fire();
  }

  /**
   * Deletes what has cooled down, at every INTERVAL after the end of the round before. Rounds in which nothing would happen
   * are left out.
   */
  *run(): Process<void> {
    const { timeline } = this.#input;
    let last = timeline.now;
    while (!this.#closed) {
      if (this.#queue.length === 0) {
        yield* until(this.#queued);
        continue;
      }
      // A round at the very moment at which the cooldown ends passes the ENI by.
      const after = Math.max(timeline.now, this.#cooledAt(this.#queue[0]));
      const round = last + (Math.floor((after - last) / INTERVAL) + 1) * INTERVAL;
      yield* until(this.#queued, round - timeline.now);
      if (timeline.now < round) continue;
      yield* this.#deleteCooled();
      last = timeline.now;
    }
  }

  /** Deletes everything, cooled down or not; what fails is left to the cleaner. */
  *close(): Process<void> {
    this.#closed = true;
    this.#queued.fire();
    for (let doomed = this.#queue.shift(); doomed !== undefined; doomed = this.#queue.shift())
      yield* this.#delete(doomed);
  }

  #cooledAt({ since }: Doomed): number {
    return since === null ? -1 : since + this.#input.cooldown;
  }

  *#deleteCooled(): Process<void> {
    while (!this.#closed && this.#queue.length > 0) {
      const [head] = this.#queue;
      if (this.#input.timeline.now <= this.#cooledAt(head)) return;
      this.#queue.shift();
      yield* this.#delete(head);
    }
  }

  *#delete(doomed: Doomed): Process<void> {
    const { ec2, onDeleted, onError, leak } = this.#input;
    const { eni, vlan } = doomed;
    let failure: Ec2Error | null = null;
    this.#deleting++;
    try {
      yield* deleteInterface(ec2, eni);
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      failure = error;
    } finally {
      this.#deleting--;
    }
    if (failure === null) {
      onDeleted(vlan);
      return;
    }
    doomed.tries++;
    onError(`branch ENI ${eni} was not deleted: ${failure.message}`);
    if (doomed.tries >= TRIES || this.#closed) leak(eni);
    else this.#queue.unshift(doomed);
  }
}

/** Deletes an ENI; one that is gone already is no error. */
export function* deleteInterface(ec2: Ec2Api, eni: string): Process<void> {
  try {
    yield* ec2.deleteNetworkInterface(eni);
  } catch (error) {
    if (!(error instanceof Ec2Error) || error.code !== "InvalidNetworkInterfaceID.NotFound") throw error;
  }
}
