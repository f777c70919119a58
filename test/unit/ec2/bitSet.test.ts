import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BitSet, bitCount, lowestBit } from "../../../src/control/vpc/bitSet.ts";

const CAPACITY = 4096;

describe("a set of bits", () => {
  it("counts and finds bits of a word, the sign bit too", () => {
    expect([0, 1, 0x80000000 | 0, -1, 0x0f0f0f0f].map(bitCount)).toEqual([0, 1, 1, 32, 16]);
    expect([1, 2, 0x80000000 | 0, -1, 96].map(lowestBit)).toEqual([0, 1, 31, 0, 5]);
  });

  it("is what a Set and a sorted list are", () => {
    // Members near each other and far apart, so that words and whole words of words are empty.
    const member = fc.oneof(fc.nat(CAPACITY - 1), fc.nat(70), fc.constantFrom(31, 32, 1023, 1024, 1055, 4095));
    const step = fc.record({ member, present: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.array(member, { maxLength: 10 }), (steps, probes) => {
        const set = new BitSet(CAPACITY);
        const twin = new Set<number>();
        for (const { member, present } of steps) {
          set.set(member, present);
          if (present) twin.add(member);
          else twin.delete(member);
        }
        const sorted = [...twin].sort((a, b) => a - b);
        expect(set.size).toBe(sorted.length);
        sorted.forEach((m, i) => {
          expect(set.at(i)).toBe(m);
        });
        for (const probe of [...probes, 0, CAPACITY - 1]) {
          expect(set.has(probe)).toBe(twin.has(probe));
          expect(set.next(probe)).toBe(sorted.find((m) => m >= probe) ?? -1);
          expect(set.countBelow(probe)).toBe(sorted.filter((m) => m < probe).length);
        }
        expect(set.next(CAPACITY)).toBe(-1);
        expect(set.countBelow(CAPACITY)).toBe(sorted.length);
      }),
      { seed: 11, numRuns: 500 },
    );
  });
});
