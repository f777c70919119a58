import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Appointment, Timeline } from "../../../src/control/time/timeline.ts";

describe("a timeline", () => {
  it("runs events by time, and events of one moment in the order they were made", () => {
    const timeline = new Timeline();
    const seen: string[] = [];
    const note = (name: string) => () => seen.push(`${name} at ${timeline.now}`);
    timeline.at(20, note("c"));
    timeline.at(10, note("a"));
    timeline.at(10, note("b"));
    timeline.after(30, note("d"));
    expect(timeline.next()).toBe(10);
    timeline.advance(20);
    expect(seen).toEqual(["a at 10", "b at 10", "c at 20"]);
    expect(timeline.now).toBe(20);
    timeline.advance(25);
    expect(timeline.now).toBe(25);
    expect(timeline.next()).toBe(30);
  });

  it("runs what an event makes for the same moment, after what is due already", () => {
    const timeline = new Timeline();
    const seen: string[] = [];
    timeline.at(5, () => {
      timeline.at(1, () => seen.push(`late at ${timeline.now}`));
      timeline.after(0, () => seen.push("after 0"));
    });
    timeline.at(5, () => seen.push("second"));
    timeline.advance(5);
    expect(seen).toEqual(["second", "late at 5", "after 0"]);
    expect(timeline.next()).toBeNull();
    expect(timeline.step()).toBe(false);
  });

  it("forgets what was cancelled, and does not mind what has happened", () => {
    const timeline = new Timeline();
    const seen: number[] = [];
    const first = timeline.at(1, () => seen.push(1));
    const second = timeline.at(2, () => seen.push(2));
    timeline.cancel(first);
    expect(timeline.next()).toBe(2);
    timeline.advance(3);
    timeline.cancel(second);
    expect(seen).toEqual([2]);
  });

  it("does what a sorted list would do", () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant("at" as const), time: fc.nat(50) }),
      fc.record({ kind: fc.constant("cancel" as const), which: fc.nat(40) }),
      fc.record({ kind: fc.constant("advance" as const), by: fc.nat(10) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
        const timeline = new Timeline();
        const got: number[] = [];
        const wanted: number[] = [];
        const appointments: Appointment[] = [];
        let twin: { id: number; time: number }[] = [];
        let now = 0;
        for (const c of commands) {
          if (c.kind === "at") {
            const id = appointments.length;
            appointments.push(timeline.at(c.time, () => got.push(id)));
            twin.push({ id, time: Math.max(c.time, now) });
          } else if (c.kind === "cancel") {
            if (c.which < appointments.length) timeline.cancel(appointments[c.which]);
            twin = twin.filter((e) => e.id !== c.which);
          } else {
            now += c.by;
            timeline.advance(now);
            const due = twin.filter((e) => e.time <= now).sort((a, b) => a.time - b.time || a.id - b.id);
            wanted.push(...due.map((e) => e.id));
            twin = twin.filter((e) => e.time > now);
          }
          const soonest = twin.length === 0 ? null : Math.min(...twin.map((e) => e.time));
          expect(timeline.next()).toBe(soonest);
        }
        expect(got).toEqual(wanted);
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
