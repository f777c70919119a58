import fc from "fast-check";
import { expect, test } from "vitest";
import { ENTRY_WORDS } from "../../../src/plane/conntrack/layout.ts";
import { Wheel } from "../../../src/plane/conntrack/wheel.ts";

const ENTRIES = 40;
const TICK = 128;
/** Times that end levels of the wheel, and their neighbours. */
const EDGES = [0, 64, 128, 63 * 128, 64 * 128, 64 * 64 * 128, 64 * 64 * 64 * 128, 432_000_000];

const time = fc.oneof(
  fc.tuple(fc.constantFrom(...EDGES), fc.integer({ min: -130, max: 130 })).map(([a, b]) => Math.max(0, a + b)),
  fc.nat(100_000),
  fc.nat(500_000_000),
);
const operation = fc.oneof(
  fc.record({ kind: fc.constant("insert"), entry: fc.nat(ENTRIES - 1), time }),
  fc.record({ kind: fc.constant("remove"), entry: fc.nat(ENTRIES - 1), time: fc.constant(0) }),
  fc.record({ kind: fc.constant("advance"), entry: fc.constant(0), time }),
);

test.each([0, 0x7fffffff - 1000, -2_000_000_000])("hands out what is due, and little else, from %i", (base) => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const wheel = new Wheel(new Int32Array(ENTRIES * ENTRY_WORDS));
      const twin = new Map<number, number>();
      const tick = (ms: number): number => (base + ms) | 0;
      let now = 0;
      for (const { kind, entry, time } of operations) {
        if (kind === "insert" && !twin.has(entry)) {
          wheel.insert(entry, tick(now + time), tick(now));
          twin.set(entry, now + time);
        } else if (kind === "remove" && twin.delete(entry)) wheel.remove(entry);
        else if (kind === "advance") {
          const quiet = wheel.next(tick(now));
          const first = Math.min(...twin.values());
          // It never says to wait beyond the first deadline, but for its own granularity.
          expect(quiet).toBeLessThanOrEqual(Math.max(0, Math.min(60_000, first - now + TICK)) + TICK);
          if (quiet > 1) {
            now += quiet - 1;
            expect(wheel.pop(tick(now))).toBe(-1);
          }
          now += time;
          const looks = new Map<number, number>();
          for (let e = wheel.pop(tick(now)); e >= 0; e = wheel.pop(tick(now))) {
            const deadline = twin.get(e) ?? Number.NaN;
            looks.set(e, (looks.get(e) ?? 0) + 1);
            // One look a level at most.
            expect(looks.get(e)).toBeLessThanOrEqual(4);
            if (deadline <= now) twin.delete(e);
            else wheel.insert(e, tick(deadline), tick(now));
          }
          for (const deadline of twin.values()) expect(deadline).toBeGreaterThan(now - TICK);
        }
      }
    }),
    { seed: 5, numRuns: 400 },
  );
});
