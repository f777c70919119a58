import { describe, expect, it } from "vitest";
import { AddressOwners } from "../../../../src/control/ipam/simulate/addressOwners.ts";
import { HistoryHash } from "../../../../src/control/ipam/simulate/historyHash.ts";
import { occurrences } from "../../../../src/control/ipam/simulate/occurrences.ts";
import { Scheduler } from "../../../../src/control/ipam/simulate/scheduler.ts";
import { StallWatch } from "../../../../src/control/ipam/simulate/stalls.ts";
import { durationText, parseDuration } from "../../../../src/control/objects/duration.ts";
import { Timeline } from "../../../../src/control/time/timeline.ts";

const MINUTE = 60_000;

describe("durations", () => {
  it.each([
    ["7d", 7 * 24 * 60 * MINUTE],
    ["1h30m", 90 * MINUTE],
    ["2.5s", 2500],
    ["500ms", 500],
    ["1d30s", 24 * 60 * MINUTE + 30_000],
    ["0s", 0],
  ])("%s", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
    expect(durationText(milliseconds)).toBe(text);
  });

  it.each(["", "5", "s", "5x", "-1s", "1 h", "1h 30m", "1e3s"])("%j is none", (text) => {
    expect(parseDuration(text)).toBeNull();
  });
});

describe("occurrences", () => {
  const at = (time: number) => ({ at: time, scale: { name: "a", replicas: 1 } });
  const every = (period: number, from?: number, until?: number) => ({
    every: period,
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
    scale: { name: "a", replicas: 1 },
  });

  it("are in the order of time, then of the file; the end is one of them", () => {
    expect(occurrences([every(20), at(20), every(15, 5, 35), at(60), at(61)], 60)).toEqual([
      { time: 5, index: 2 },
      { time: 20, index: 0 },
      { time: 20, index: 1 },
      { time: 20, index: 2 },
      { time: 35, index: 2 },
      { time: 40, index: 0 },
      { time: 60, index: 0 },
      { time: 60, index: 3 },
    ]);
  });
});

describe("the scheduler", () => {
  const scheduler = () => {
    const s = new Scheduler();
    for (const [name, capacity] of [
      ["a", 3],
      ["b", 3],
      ["c", 1],
    ] as const)
      s.addNode(name, capacity);
    return s;
  };

  it("takes the node with the fewest pods that is open and has room, the first of several", () => {
    const s = scheduler();
    expect(s.place()).toBeNull();
    for (const name of ["a", "b", "c"]) s.setOpen(name, true);
    expect(Array.from({ length: 8 }, () => s.place())).toEqual(["a", "b", "c", "a", "b", "a", "b", null]);
    s.release("b");
    s.setOpen("b", false);
    expect(s.place()).toBeNull();
    s.setOpen("b", true);
    expect(s.place()).toBe("b");
  });

  it("says which nodes are the emptiest, of several the last", () => {
    const s = scheduler();
    for (const name of ["a", "b", "c"]) s.setOpen(name, true);
    s.place();
    expect(s.emptiest(2)).toEqual(["c", "b"]);
    s.removeNode("c");
    expect(s.emptiest(5)).toEqual(["b", "a"]);
  });
});

describe("the fingerprint of a history", () => {
  const digest = (...events: [number, string][]) => {
    const hash = new HistoryHash();
    for (const [time, text] of events) hash.add(time, text);
    return hash.digest();
  };

  it("differs where anything differs", () => {
    const all = [
      digest([1, "a"], [2, "b"]),
      digest([2, "b"], [1, "a"]),
      digest([1, "a"], [3, "b"]),
      digest([1, "ab"], [2, ""]),
      digest([1, "a\u0002\u0000b"]),
      digest([1, "a"]),
      digest([1 + 2 ** 32, "a"]),
      digest(),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((d) => /^[0-9a-f]{16}$/.test(d))).toBe(true);
    expect(digest([1, "a"], [2, "b"])).toBe(all[0]);
  });
});

describe("addresses that two pods have", () => {
  it("are seen until one of the two is gone", () => {
    const owners = new AddressOwners();
    owners.got("p1", 0x0a000005, "n", 1);
    owners.got("p1", 0x0a000005, "n", 2);
    owners.got("p2", 0x0a000005, "n", 3);
    expect(owners.duplicates).toEqual([{ address: "10.0.0.5", time: 3, node: "n", pods: ["p1", "p2"] }]);
    owners.gone("p1");
    owners.gone("p2");
    owners.got("p3", 0x0a000005, "n", 4);
    expect(owners.duplicates).toHaveLength(1);
  });
});

describe("stalls", () => {
  function watch() {
    const timeline = new Timeline();
    const node = { total: 5, assigned: 3, cooling: 2, next: 100, waiting: new Set(["p1", "p2"]) };
    const stats = () => ({ ...node, enis: 1, maxEnis: 3, prefixes: 0, branch: 0 });
    const watched = new StallWatch(timeline, {
      stats,
      nextAssignable: () => node.next,
      waits: (pod) => node.waiting.has(pod),
    });
    return { timeline, node, watched };
  }

  it("begin with a refusal and end when an address is assignable, without anything happening on the node", () => {
    const { timeline, node, watched } = watch();
    timeline.at(10, () => watched.refused("n", "p1"));
    timeline.at(20, () => watched.refused("n", "p2"));
    timeline.at(100, () => {
      node.cooling = 1;
    });
    timeline.advance(500);
    expect(watched.stalls).toEqual([{ node: "n", from: 10, to: 100, pods: 2, available: 2 }]);
    expect(watched.pods).toBe(2);
  });

  it("end with the last pod that waits, and with the node", () => {
    const { timeline, node, watched } = watch();
    timeline.at(10, () => watched.refused("n", "p1"));
    timeline.at(30, () => {
      node.waiting.clear();
      watched.changed("n");
    });
    timeline.advance(50);
    expect(watched.stalls).toEqual([{ node: "n", from: 10, to: 30, pods: 1, available: 2 }]);
    node.waiting.add("p2");
    watched.refused("n", "p2");
    timeline.advance(60);
    watched.removed("n");
    expect(watched.stalls[1]).toEqual({ node: "n", from: 50, to: 60, pods: 1, available: 2 });
  });

  it("are none where a node has nothing, or something that is assignable", () => {
    const { node, watched } = watch();
    node.assigned = 5;
    watched.refused("n", "p1");
    node.assigned = 2;
    watched.refused("n", "p1");
    watched.end();
    expect(watched.stalls).toEqual([]);
  });
});
