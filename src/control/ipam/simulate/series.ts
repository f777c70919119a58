import { EC2_ACTIONS, type Ec2Action } from "../../vpc/ec2/types.ts";
import { type Percentiles, percentiles } from "./percentiles.ts";
import type { Series } from "./result.ts";

/** The cluster at a moment; fields as in {@link Series}. */
export interface Sample {
  readonly time: number;
  readonly assigned: number;
  readonly cooling: number;
  readonly warm: number;
  readonly subnetFree: number;
  readonly reserved: number;
  readonly enis: number;
  readonly prefixes: number;
  readonly waiting: number;
  readonly unscheduled: number;
  readonly calls: ReadonlyMap<Ec2Action, number>;
  readonly throttled: number;
  readonly failedAdds: number;
}

/** Takes samples into series, and the pods' start delays between them into percentiles. */
export class SeriesRecorder {
  readonly #callsByAction = new Map<Ec2Action, number[]>(EC2_ACTIONS.map((action) => [action, []]));
  readonly series: Series;
  readonly #delays: number[] = [];
  #window = 0;
  #waitingMost = 0;

  constructor() {
    this.series = {
      time: [],
      assigned: [],
      cooling: [],
      warm: [],
      subnetFree: [],
      reserved: [],
      enis: [],
      prefixes: [],
      waiting: [],
      waitingMost: [],
      unscheduled: [],
      calls: [],
      callsByAction: Object.fromEntries(this.#callsByAction),
      throttled: [],
      failedAdds: [],
      startDelay: [],
    };
  }

  /** Pods on a node without address, whenever that grows. */
  waiting(pods: number): void {
    if (pods > this.#waitingMost) this.#waitingMost = pods;
  }

  /** A pod has got its address. */
  started(milliseconds: number): void {
    this.#delays.push(milliseconds);
  }

  add(sample: Sample): void {
    const { series } = this;
    for (const field of PLAIN) series[field].push(sample[field]);
    series.waitingMost.push(Math.max(this.#waitingMost, sample.waiting));
    this.#waitingMost = sample.waiting;
    let calls = 0;
    for (const [action, list] of this.#callsByAction) {
      const count = sample.calls.get(action) ?? 0;
      list.push(count);
      calls += count;
    }
    series.calls.push(calls);
    series.startDelay.push(percentiles(this.#delays.slice(this.#window)));
    this.#window = this.#delays.length;
  }

  /** Of all pods. */
  startDelay(): Percentiles | null {
    return percentiles(this.#delays);
  }
}

const PLAIN = [
  "time",
  "assigned",
  "cooling",
  "warm",
  "subnetFree",
  "reserved",
  "enis",
  "prefixes",
  "waiting",
  "unscheduled",
  "throttled",
  "failedAdds",
] as const;
