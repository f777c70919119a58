import { expect } from "vitest";
import { until } from "./wait.ts";

/** One scrape: values by `name` or `name{label="value"}`, as they are written, without the prefix. */
export class Metrics {
  readonly text: string;
  readonly values = new Map<string, number>();

  constructor(text: string) {
    this.text = text;
    for (const line of text.split("\n")) {
      const match = /^podplane_(\S+?(?:\{.*\})?) (\S+)$/.exec(line);
      if (match !== null) this.values.set(match[1], Number(match[2]));
    }
  }

  /** @throws Error where no such series exists, so that a misspelt name is no zero. */
  get(series: string): number {
    const value = this.values.get(series);
    if (value === undefined) throw new Error(`the scrape has no podplane_${series}`);
    return value;
  }

  /** All series of a name, labels included. */
  all(name: string): [string, number][] {
    return [...this.values].filter(([series]) => series.startsWith(`${name}{`));
  }

  sum(name: string): number {
    return this.all(name).reduce((sum, [, value]) => sum + value, 0);
  }

  /** Drops by reason, those that happened. */
  get drops(): Record<string, number> {
    return Object.fromEntries(
      this.all("drops_total")
        .filter(([, count]) => count > 0)
        .map(([series, count]) => [/reason="(\w+)"/.exec(series)?.[1] ?? series, count]),
    );
  }
}

/** @param url as `podplane up` prints it. */
export async function scrape(url: string): Promise<Metrics> {
  const response = await fetch(url);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}: ${text}`);
  return new Metrics(text);
}

/** Series that move while no packet does. */
const CLOCKS = /^podplane_loop_(busy|idle)_seconds_total /;
const AGREEING = 3;

/** The metrics after the last packet: several scrapes in a row that say the same. */
export async function quiescent(url: string): Promise<Metrics> {
  const still = (m: Metrics) =>
    m.text
      .split("\n")
      .filter((line) => !CLOCKS.test(line))
      .join("\n");
  let last = "";
  let agreed = 0;
  return await until("the packets to come to rest", async () => {
    const metrics = await scrape(url);
    agreed = still(metrics) === last ? agreed + 1 : 0;
    last = still(metrics);
    return agreed >= AGREEING && metrics;
  });
}

/** Every packet that came in or was made is accounted for, exactly. */
export function expectBalance(m: Metrics): void {
  const came = {
    read: m.get("packets_read_total"),
    generated: m.get("packets_generated_total"),
    split: m.get("packets_split_total"),
  };
  const went = {
    written: m.get("packets_written_total"),
    merged: m.get("packets_merged_total"),
    dropped: m.sum("drops_total"),
    queued: m.get("fragments_queued"),
  };
  const sum = (parts: Record<string, number>) => Object.values(parts).reduce((a, b) => a + b, 0);
  expect(sum(went), `ledger: ${JSON.stringify({ came, went, drops: m.drops })}`).toBe(sum(came));
}
