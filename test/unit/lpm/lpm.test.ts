import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LPM_MISS, Lpm } from "../../../src/plane/lpm/lpm.ts";
import { Random } from "../../../src/plane/random.ts";
import { maskOf, parseAddress, parseCidr } from "../../../src/plane/wire/address.ts";
import { HashTwin } from "./hashTwin.ts";
import { LinearTwin } from "./linearTwin.ts";
import { eksTable, internetTable, scatteredHosts, type Table } from "./tables.ts";

const BOUNDARY_LENGTHS = [0, 1, 7, 8, 9, 15, 17, 18, 19, 24, 25, 26, 28, 31, 32];
const DIRECT_BITS = [8, 9, 10, 13, 18];

function ip(text: string): number {
  const a = parseAddress(text);
  if (a === null) throw new Error(`bad address ${text}`);
  return a;
}

function add(lpm: Lpm, cidr: string, value: number): void {
  const c = parseCidr(cidr);
  if (c === null) throw new Error(`bad prefix ${cidr}`);
  lpm.insert(c.prefix, c.length, value);
}

/** Addresses close together, so that random prefixes nest and collide; now and then anything. */
const address = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 0x3ff }).map((n) => ip("172.16.0.0") + n) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 0x3ffff }).map((n) => ip("172.16.0.0") + n * 64) },
  { weight: 1, arbitrary: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) },
);
const length = fc.oneof(fc.constantFrom(...BOUNDARY_LENGTHS), fc.integer({ min: 0, max: 32 }));
const change = fc.record({
  kind: fc.constantFrom("insert", "insert", "insert", "delete", "deleteOld"),
  address,
  length,
  value: fc.integer({ min: 0, max: 5 }),
});

/** The addresses where a prefix's answer changes: its first and last, and the ones beside it. */
function edges(prefix: number, bits: number): number[] {
  const last = prefix | ~maskOf(bits);
  return [prefix, last, (prefix - 1) | 0, (last + 1) | 0];
}

function expectAlike(lpm: Lpm, twin: LinearTwin, keys: number[]): void {
  for (const key of keys) expect(lpm.lookup(key)).toBe(twin.match(key)?.value ?? LPM_MISS);
  const out = new Int32Array(keys.length);
  lpm.lookupBatch(Int32Array.from(keys), out, keys.length);
  expect([...out]).toEqual(keys.map((key) => lpm.lookup(key)));
}

function rulesOf(lpm: Lpm) {
  const rules: { prefix: number; length: number; value: number }[] = [];
  lpm.forEach((prefix, bits, value) => {
    rules.push({ prefix, length: bits, value });
  });
  return rules;
}

describe("Lpm", () => {
  it("prefers the longest prefix", () => {
    const lpm = new Lpm();
    add(lpm, "0.0.0.0/0", 1);
    add(lpm, "192.168.0.0/16", 2);
    add(lpm, "192.168.64.0/18", 3);
    add(lpm, "192.168.64.0/28", 4);
    add(lpm, "192.168.64.3/32", 5);
    expect(lpm.lookup(ip("8.8.8.8"))).toBe(1);
    expect(lpm.lookup(ip("192.168.1.1"))).toBe(2);
    expect(lpm.lookup(ip("192.168.64.16"))).toBe(3);
    expect(lpm.lookup(ip("192.168.64.15"))).toBe(4);
    expect(lpm.lookup(ip("192.168.64.3"))).toBe(5);
    expect(lpm.matchLength(ip("192.168.64.3"))).toBe(32);
    expect(lpm.matchLength(ip("192.168.64.3"), 32)).toBe(28);
    expect(lpm.matchLength(ip("192.168.64.3"), 18)).toBe(16);
    expect(lpm.matchLength(ip("192.168.64.3"), 0)).toBe(-1);
    expect(lpm.get(ip("192.168.64.0"), 28)).toBe(4);
    expect(lpm.get(ip("192.168.64.0"), 27)).toBe(LPM_MISS);
  });

  it("holds the largest value and misses everywhere when empty", () => {
    const lpm = new Lpm({ directBits: 8 });
    expect(lpm.lookup(ip("255.255.255.255"))).toBe(LPM_MISS);
    lpm.insert(0, 0, 2 ** 31 - 1);
    expect(lpm.lookup(ip("255.255.255.255"))).toBe(2 ** 31 - 1);
    expect(lpm.delete(0, 0)).toBe(true);
    expect(lpm.delete(0, 0)).toBe(false);
    expect(lpm.lookup(0)).toBe(LPM_MISS);
  });

  it("refuses what is no prefix, value or size", () => {
    const lpm = new Lpm({ directBits: 8 });
    expect(() => lpm.insert(ip("10.0.0.1"), 31, 0)).toThrow(/10\.0\.0\.1\/31 has host bits/);
    expect(() => lpm.insert(1, 0, 0)).toThrow(RangeError);
    expect(() => lpm.insert(0, 33, 0)).toThrow(RangeError);
    expect(() => lpm.insert(0, 1.5, 0)).toThrow(RangeError);
    expect(() => lpm.insert(0, 0, -1)).toThrow(RangeError);
    expect(() => lpm.insert(0, 0, 2 ** 31)).toThrow(RangeError);
    expect(() => lpm.delete(1, 31)).toThrow(RangeError);
    expect(() => new Lpm({ directBits: 7 })).toThrow(RangeError);
    expect(() => new Lpm({ directBits: 19 })).toThrow(RangeError);
    add(lpm, "10.0.0.0/8", 3);
    const bad = { prefixes: Int32Array.of(0, 1), lengths: Uint8Array.of(0, 31), values: Int32Array.of(1, 2) };
    expect(() => lpm.load(bad.prefixes, bad.lengths, bad.values)).toThrow(RangeError);
    expect(() => lpm.load(bad.prefixes, bad.lengths, new Int32Array(1))).toThrow(RangeError);
    expect(lpm.size).toBe(1);
    expect(lpm.lookup(ip("10.1.1.1"))).toBe(3);
  });

  it.each(DIRECT_BITS)(
    "answers at every edge of nested prefixes of all boundary lengths, direct bits %i",
    (directBits) => {
      for (const base of [ip("10.53.77.201"), ip("223.255.255.255"), 0]) {
        const lpm = new Lpm({ directBits });
        const twin = new LinearTwin();
        const keys: number[] = [];
        for (const bits of BOUNDARY_LENGTHS) {
          const prefix = base & maskOf(bits);
          lpm.insert(prefix, bits, bits);
          twin.insert(prefix, bits, bits);
          keys.push(...edges(prefix, bits));
        }
        expectAlike(lpm, twin, keys);
        // Take them out in an order that leaves holes.
        for (const bits of [24, 0, 32, 18, 8, 25, 1, 31, 19, 7, 28, 17, 9, 15, 26]) {
          expect(lpm.delete(base & maskOf(bits), bits)).toBe(twin.delete(base & maskOf(bits), bits));
          expectAlike(lpm, twin, keys);
        }
        expect(lpm.size).toBe(0);
      }
    },
  );

  it.each(DIRECT_BITS)("does as a list does through random changes, direct bits %i", (directBits) => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 120 }), fc.array(address, { maxLength: 20 }), (changes, extra) => {
        const lpm = new Lpm({ directBits });
        const twin = new LinearTwin();
        const keys = [...extra];
        for (const c of changes) {
          const old = twin.rules[c.value * 7];
          const gone = c.kind === "deleteOld" && old !== undefined;
          const bits = gone ? old.length : c.length;
          const prefix = gone ? old.prefix : c.address & maskOf(bits);
          if (c.kind === "insert") {
            lpm.insert(prefix, bits, c.value);
            twin.insert(prefix, bits, c.value);
          } else {
            expect(lpm.delete(prefix, bits)).toBe(twin.delete(prefix, bits));
          }
          keys.push(...edges(prefix, bits));
        }
        expectAlike(lpm, twin, keys);
        expect(lpm.size).toBe(twin.rules.length);
        expect(rulesOf(lpm)).toEqual(twin.sorted());
        for (const key of keys) {
          for (const below of [33, 32, 25, 18, 1]) {
            expect(lpm.matchLength(key, below)).toBe(twin.match(key, below)?.length ?? -1);
          }
        }
        for (const r of twin.rules) expect(lpm.get(r.prefix, r.length)).toBe(r.value);
      }),
      { seed: 20, numRuns: 150 },
    );
  });

  it.each(DIRECT_BITS)("keeps up with blocks that grow wide and shrink again, direct bits %i", (directBits) => {
    // Fills a /18 with /28 and /32 until its block covers more levels at once, then empties it.
    const lpm = new Lpm({ directBits });
    const twin = new HashTwin();
    const random = new Random(directBits);
    const rules: [number, number][] = [];
    const base = ip("172.31.64.0");
    for (let i = 0; i < 1500; i++) {
      const bits = random.below(4) === 0 ? 32 : 28;
      rules.push([(base + random.below(0x4000)) & maskOf(bits), bits]);
    }
    lpm.insert(ip("172.16.0.0"), 12, 7);
    twin.insert(ip("172.16.0.0"), 12, 7);
    const check = () => {
      for (let a = base - 64; a < base + 0x4000 + 64; a += 5) expect(lpm.lookup(a)).toBe(twin.lookup(a));
    };
    const empty = lpm.bytes;
    rules.forEach(([prefix, bits], i) => {
      lpm.insert(prefix, bits, i);
      twin.insert(prefix, bits, i);
    });
    check();
    expect(lpm.size).toBe(twin.size);
    rules.forEach(([prefix, bits], i) => {
      lpm.delete(prefix, bits);
      twin.delete(prefix, bits);
      if (i % 300 === 0) check();
    });
    check();
    expect(lpm.size).toBe(1);
    // What was freed is used again: the same load once more needs no more room.
    const once = lpm.bytes;
    expect(once).toBeGreaterThan(empty);
    for (let round = 0; round < 3; round++) {
      rules.forEach(([prefix, bits], i) => {
        lpm.insert(prefix, bits, i);
      });
      for (const [prefix, bits] of rules) lpm.delete(prefix, bits);
    }
    expect(lpm.bytes).toBe(once);
  });

  it("load() gives what inserts give, in any order, and replaces what was there", () => {
    const row = fc.record({ address, length, value: fc.integer({ min: 0, max: 9 }) });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), fc.constantFrom(...DIRECT_BITS), (rows, directBits) => {
        const inserted = new Lpm({ directBits });
        const loaded = new Lpm({ directBits });
        loaded.insert(ip("9.0.0.0"), 8, 1);
        const prefixes = Int32Array.from(rows, (r) => r.address & maskOf(r.length));
        const values = Int32Array.from(rows, (r) => r.value);
        rows.forEach((r) => {
          inserted.insert(r.address & maskOf(r.length), r.length, r.value);
        });
        loaded.load(
          prefixes,
          Uint8Array.from(rows, (r) => r.length),
          values,
        );
        expect(rulesOf(loaded)).toEqual(rulesOf(inserted));
        for (const r of rows) {
          for (const key of edges(r.address & maskOf(r.length), r.length)) {
            expect(loaded.lookup(key)).toBe(inserted.lookup(key));
          }
        }
      }),
      { seed: 21, numRuns: 200 },
    );
  });

  it("matches an Internet-like table of 200,000 prefixes, loaded and then changed", () => {
    const table = internetTable(200_000, 3);
    const lpm = new Lpm();
    lpm.load(table.prefixes, table.lengths, table.values);
    const twin = twinOf(table);
    expect(lpm.size).toBe(twin.size);
    expect(lpm.bytes / lpm.size).toBeLessThan(40);
    expectSameOnSample(lpm, twin, table, 4);
    // A peer goes away and another comes: a tenth of the table goes and comes back with other next hops.
    for (let i = 0; i < 20_000; i++) {
      const [prefix, bits] = [table.prefixes[i * 10], table.lengths[i * 10]];
      expect(lpm.delete(prefix, bits)).toBe(twin.delete(prefix, bits));
    }
    expectSameOnSample(lpm, twin, table, 5);
    for (let i = 0; i < 20_000; i++) {
      const [prefix, bits] = [table.prefixes[i * 10], table.lengths[i * 10]];
      lpm.insert(prefix, bits, i);
      twin.insert(prefix, bits, i);
    }
    expect(lpm.size).toBe(twin.size);
    expectSameOnSample(lpm, twin, table, 6);
  });

  it("stays under 150 MB with 100,000 single addresses anywhere, inserted one by one", () => {
    const table = scatteredHosts(100_000, 7);
    const lpm = new Lpm();
    table.prefixes.forEach((prefix, i) => {
      lpm.insert(prefix, 32, i);
    });
    expect(lpm.bytes).toBeLessThan(150e6);
    expectSameOnSample(lpm, twinOf(table), table, 8);
  });

  it("takes few bytes for the /28 prefixes of a VPC", () => {
    const table = eksTable(5000);
    const lpm = new Lpm();
    lpm.load(table.prefixes, table.lengths, table.values);
    const direct = 2 ** 20;
    expect((lpm.bytes - direct) / lpm.size).toBeLessThan(40);
    expectSameOnSample(lpm, twinOf(table), table, 9);
  });
});

function twinOf(table: Table): HashTwin {
  const twin = new HashTwin();
  table.prefixes.forEach((prefix, i) => {
    twin.insert(prefix, table.lengths[i], table.values[i]);
  });
  return twin;
}

/** 100,000 keys, half of them inside or beside a prefix of the table. */
function expectSameOnSample(lpm: Lpm, twin: HashTwin, table: Table, seed: number): void {
  const n = 100_000;
  const random = new Random(seed);
  const keys = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    const near = table.prefixes[random.below(table.prefixes.length)] + random.below(512) - 128;
    keys[i] = i % 2 === 0 ? random.nextInt() : near;
  }
  const out = new Int32Array(n);
  lpm.lookupBatch(keys, out, n);
  const expected = keys.map((key) => twin.lookup(key));
  expect(out).toEqual(expected);
  expect(expected.some((value) => value >= 0)).toBe(true);
}
