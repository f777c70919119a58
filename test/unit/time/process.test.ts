import { describe, expect, it } from "vitest";
import { type Process, Signal, sleep, spawn, until } from "../../../src/control/time/process.ts";
import { Timeline } from "../../../src/control/time/timeline.ts";

/** A timeline and a place where processes write what they do and when. */
function setup() {
  const timeline = new Timeline();
  const seen: string[] = [];
  return { timeline, seen, note: (text: string) => seen.push(`${timeline.now}: ${text}`) };
}

describe("a process", () => {
  it("begins after the call that started it, and sleeps in virtual time", () => {
    const { timeline, seen, note } = setup();
    const run = function* (): Process<void> {
      note("begins");
      yield* sleep(10);
      note("wakes");
    };
    const running = spawn(timeline, run());
    expect(seen).toEqual([]);
    timeline.advance(9);
    expect(running.ended).toBe(false);
    timeline.advance(10);
    expect(seen).toEqual(["0: begins", "10: wakes"]);
    expect(running.ended).toBe(true);
  });

  it("gets what it calls returns, and catches what that throws", () => {
    const { timeline, seen, note } = setup();
    const half = function* (n: number): Process<number> {
      yield* sleep(5);
      if (n % 2 !== 0) throw new RangeError(`${n} is odd`);
      return n / 2;
    };
    const run = function* (): Process<void> {
      note(String(yield* half(8)));
      try {
        yield* half(7);
      } catch (error) {
        note((error as Error).message);
      }
    };
    spawn(timeline, run());
    timeline.advance(100);
    expect(seen).toEqual(["5: 4", "10: 7 is odd"]);
  });

  it("waits for a signal or for a time, whichever comes first", () => {
    const { timeline, seen, note } = setup();
    const signal = new Signal();
    const run = function* (): Process<void> {
      yield* until(signal, 10);
      note("timed out");
      yield* until(signal, 10);
      note("signalled");
      yield* until(signal);
      note("signalled again");
      yield* until(signal);
      note("never");
    };
    spawn(timeline, run());
    timeline.advance(12);
    signal.fire();
    expect(seen).toEqual(["10: timed out"]);
    timeline.advance(12);
    // Nobody waits between two firings of one moment: the second is lost.
    signal.fire();
    signal.fire();
    timeline.advance(1000);
    expect(seen).toEqual(["10: timed out", "12: signalled", "12: signalled again"]);
    expect(timeline.next()).toBeNull();
  });

  it("wakes all who wait, in the order they came", () => {
    const { timeline, seen, note } = setup();
    const signal = new Signal();
    const run = function* (name: string): Process<void> {
      yield* until(signal);
      note(name);
    };
    for (const name of ["a", "b", "c"]) spawn(timeline, run(name));
    timeline.advance(1);
    signal.fire();
    timeline.advance(1);
    expect(seen).toEqual(["1: a", "1: b", "1: c"]);
  });

  it("is stopped where it waits, and cleans up", () => {
    const { timeline, seen, note } = setup();
    const signal = new Signal();
    const run = function* (): Process<void> {
      try {
        yield* until(signal, 10);
        note("never");
      } finally {
        note("cleaned up");
      }
    };
    const running = spawn(timeline, run());
    timeline.advance(5);
    running.stop();
    running.stop();
    signal.fire();
    timeline.advance(100);
    expect(seen).toEqual(["5: cleaned up"]);
    expect(running.ended).toBe(true);
  });
});
