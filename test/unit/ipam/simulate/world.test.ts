import { describe, expect, it } from "vitest";
import { randomHistory } from "./worldHistory.ts";

describe("random histories of a cluster's addresses", () => {
  it("keep what must always hold, over 100,000 events, with Standard and Auto nodes, restarts and throttling", () => {
    const seen = new Map<string, number>();
    let events = 0;
    for (const seed of [1, 2, 3, 4, 5]) {
      const history = randomHistory(seed, 20_000);
      expect(history.violations, `seed ${seed}`).toEqual([]);
      for (const [kind, count] of history.seen) seen.set(kind, (seen.get(kind) ?? 0) + count);
      events += history.events;
    }
    expect(events).toBe(100_000);
    // That it was not quiet.
    for (const kind of ["started", "addFailed", "standard", "auto", "branch", "throttled", "full", "fragmented"])
      expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(20);
    for (const kind of ["addNode", "removeNode", "restart", "wipe", "take", "giveBack"])
      expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(20);
    // What ipamd loses by itself is rare.
    expect(seen.get("lost") ?? 0).toBeLessThan(50);
  });

  it("are the same for the same seed, byte for byte, and others for another", () => {
    const first = randomHistory(21, 5000);
    expect(randomHistory(21, 5000)).toEqual(first);
    expect(randomHistory(22, 5000).digest).not.toBe(first.digest);
  });
});
