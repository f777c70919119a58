import { type Process, sleep } from "../../../../src/control/time/process.ts";
import type { Timeline } from "../../../../src/control/time/timeline.ts";
import type { Ec2Api } from "../../../../src/control/vpc/ec2/api.ts";

/** The delete queue as the VPC resource controller has it: it looks every 30 s, whether there is anything or not. */
export class DeleteQueueTwin {
  readonly #timeline: Timeline;
  readonly #ec2: Ec2Api;
  readonly #cooldown: number;
  #queue: { eni: string; since: number | null }[] = [];

  constructor(timeline: Timeline, ec2: Ec2Api, cooldown: number) {
    this.#timeline = timeline;
    this.#ec2 = ec2;
    this.#cooldown = cooldown;
  }

  add(eni: string): void {
    this.#queue.push({ eni, since: this.#timeline.now });
  }

  addAtOnce(eni: string): void {
    this.#queue = [{ eni, since: null }, ...this.#queue];
  }

  *run(): Process<void> {
    for (;;) {
      yield* sleep(30_000);
      for (;;) {
        const head = this.#queue[0];
        if (head === undefined) break;
        if (head.since !== null && !(this.#timeline.now > head.since + this.#cooldown)) break;
        this.#queue = this.#queue.slice(1);
        yield* this.#ec2.deleteNetworkInterface(head.eni);
      }
    }
  }
}
