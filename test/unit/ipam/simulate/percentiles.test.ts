import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { percentiles } from "../../../../src/control/ipam/simulate/percentiles.ts";

/** By the words of the definition: the smallest of the values that so many percent of them do not exceed. */
function slow(values: readonly number[], percent: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (const value of values) {
    const notAbove = values.filter((other) => other <= value).length;
    if (notAbove * 100 >= percent * values.length && value < best) best = value;
  }
  return best;
}

describe("percentiles", () => {
  it("agrees with counting", () => {
    const value = fc.oneof(fc.constant(0), fc.nat(50), fc.nat(600_000));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 120 }), (values) => {
        expect(percentiles(values)).toEqual({
          count: values.length,
          p50: slow(values, 50),
          p90: slow(values, 90),
          p99: slow(values, 99),
          max: Math.max(...values),
        });
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it("has nothing to say of nothing", () => {
    expect(percentiles([])).toBeNull();
  });

  it("sorts numbers as numbers", () => {
    expect(percentiles([100, 20, 3])).toEqual({ count: 3, p50: 20, p90: 100, p99: 100, max: 100 });
  });
});
