import { Counter, Gauge, type Registry, Summary } from "prom-client";

export type Labels = Record<string, string>;
export type Setter = (labels: Labels, value: number) => void;
export type Collect = (set: Setter) => void | Promise<void>;

interface Description {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
}

/** A counter that is set from outside at scrape time: reset, then raised to the value. */
export function scrapedCounter(registry: Registry, description: Description, collect: Collect): void {
  new Counter({
    ...description,
    registers: [registry],
    async collect() {
      this.reset();
      await collect((labels, value) => this.inc(labels, value));
    },
  });
}

/** A gauge that is set from outside at scrape time; series that are not set are gone. */
export function scrapedGauge(registry: Registry, description: Description, collect: Collect): void {
  new Gauge({
    ...description,
    registers: [registry],
    async collect() {
      this.reset();
      await collect((labels, value) => this.set(labels, value));
    },
  });
}

export interface Total {
  readonly labels: Labels;
  readonly count: number;
  readonly sum: number;
}

/** A summary without quantiles whose sums and counts are read at scrape time. */
export function scrapedSummary(registry: Registry, description: Description, read: () => readonly Total[]): void {
  const { name } = description;
  new (class extends Summary {
    override async get() {
      const values = read().flatMap(({ labels, count, sum }) => [
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ]);
      return { ...(await super.get()), values };
    }
  })({ ...description, percentiles: [], registers: [registry] });
}
