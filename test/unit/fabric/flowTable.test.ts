import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FlowTable } from "../../../src/plane/fabric/flowTable.ts";
import { FlowTableTwin } from "./flowTableTwin.ts";

const HASH_KEY = Int32Array.of(1, 2, 3, 4);
const CAPACITY = 24;
/** The wheel looks at a flow up to a tick late. */
const TICK = 128;
const ALL = 1 << 20;

const key = fc.record({
  owner: fc.constantFrom(0, 1, 7, 300),
  protocol: fc.constantFrom(0, 1, 6, 17, 255),
  a: fc.constantFrom(0, 0x0a000001, -1),
  aPort: fc.constantFrom(0, 1, 65_535),
  b: fc.constantFrom(0x0a000001, 0x0a000002),
  bPort: fc.constantFrom(0, 65_535),
});
type Key = typeof key extends fc.Arbitrary<infer T> ? T : never;

/** The clock moves in whole seconds and flows end at half seconds: further from now than the wheel is coarse. */
const seconds = fc.oneof(fc.nat(3), fc.nat(1000), fc.constant(432_000)).map((s) => s * 1000);
const change = fc.record({
  kind: fc.constantFrom("insert", "insert", "insert", "touch", "value", "delete"),
  key,
  time: seconds.map((t) => t + 500),
  value: fc.integer(),
  account: fc.constantFrom(undefined, 3, 500),
});
const operation = fc.oneof(
  { weight: 6, arbitrary: change },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("advance"), time: seconds }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("trial"), changes: fc.array(change, { maxLength: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("flush"), owner: fc.constantFrom(0, 1, 7, 300) }) },
);

/** Both tables, taken through the same steps. */
class Pair {
  readonly table = new FlowTable({ capacity: CAPACITY, hashKey: HASH_KEY });
  twin = new FlowTableTwin(CAPACITY);
  now = 0;
  readonly #base: number;

  constructor(base: number) {
    this.#base = base;
    this.table.expire(base, 0);
  }

  get tick(): number {
    return (this.#base + this.now) | 0;
  }

  find(k: Key): number {
    return this.table.find(k.owner, k.protocol, k.a, k.aPort, k.b, k.bPort);
  }

  change(c: typeof change extends fc.Arbitrary<infer T> ? T : never): void {
    const { table, twin, now } = this;
    const k = c.key;
    const text = JSON.stringify(k);
    const entry = this.find(k);
    const flow = twin.find(text, now);
    expect(entry >= 0).toBe(flow !== undefined);
    if (flow !== undefined) {
      if (c.kind === "touch") {
        table.touch(entry, this.tick, c.time);
        flow.deadline = now + c.time;
      } else if (c.kind === "value") {
        table.setValue(entry, c.value);
        table.setValue2(entry, ~c.value);
        flow.value = c.value;
        flow.value2 = ~c.value;
      } else if (c.kind === "delete") {
        table.delete(entry);
        twin.flows.delete(text);
      }
    } else if (c.kind === "insert") {
      const got = table.insert(k.owner, k.protocol, k.a, k.aPort, k.b, k.bPort, this.tick, c.time, c.account);
      const added = twin.insert(text, k.owner, c.account ?? k.owner, now + c.time);
      expect(got >= 0).toBe(added !== undefined);
    }
  }

  compare(): void {
    for (const [text, flow] of this.twin.flows) {
      const k: Key = JSON.parse(text);
      const e = this.find(k);
      expect(e >= 0).toBe(flow.deadline > this.now);
      if (e < 0) continue;
      const { table } = this;
      expect([table.owner(e), table.protocol(e), table.a(e), table.aPort(e), table.b(e), table.bPort(e)]).toEqual([
        k.owner,
        k.protocol,
        k.a,
        k.aPort,
        k.b,
        k.bPort,
      ]);
      expect([table.value(e), table.value2(e)]).toEqual([flow.value, flow.value2]);
      expect(table.left(e, this.tick)).toBe(flow.deadline - this.now);
    }
    let live = 0;
    for (let e = this.table.next(0); e >= 0; e = this.table.next(e + 1)) live++;
    expect(live).toBe([...this.twin.flows.values()].filter((f) => f.deadline > this.now).length);
  }

  counts(): void {
    expect(this.table.count).toBe(this.twin.flows.size);
    for (const account of [0, 1, 3, 7, 300, 500, 9999])
      expect(this.table.countOf(account)).toBe(this.twin.countOf(account));
  }
}

describe("the flow table", () => {
  it.each([0, 0x7fff_ffff - 5000, -2_000_000_000])("does what its twin does, clock from %i", (base) => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
        const pair = new Pair(base);
        for (const o of operations) {
          if ("key" in o) pair.change(o);
          else if ("time" in o) {
            pair.now += o.time;
            pair.table.expire(pair.tick, 0);
            pair.compare();
            pair.table.expire(pair.tick, ALL);
            pair.twin.expire(pair.now);
          } else if ("owner" in o) {
            pair.table.flush(o.owner);
            for (const [text, flow] of pair.twin.flows) if (flow.owner === o.owner) pair.twin.flows.delete(text);
          } else {
            const before = pair.table.stateHash();
            const twin = pair.twin.copy();
            pair.table.beginTrial();
            for (const c of o.changes) if (c.kind !== "delete" || pair.find(c.key) >= 0) pair.change(c);
            pair.table.rollback();
            pair.twin = twin;
            expect(pair.table.stateHash()).toBe(before);
          }
        }
        pair.compare();
        pair.counts();
      }),
      { seed: 7, numRuns: 200 },
    );
  });

  it("lets a due flow make way for a new one when it is full", () => {
    const table = new FlowTable({ capacity: 2, hashKey: HASH_KEY });
    for (let i = 0; i < 2; i++) expect(table.insert(0, 6, i, 0, 0, 0, 0, 1000)).toBe(i);
    expect(table.insert(0, 6, 9, 0, 0, 0, 500, 1000)).toBe(-1);
    expect(table.insert(0, 6, 9, 0, 0, 0, 1000 + TICK, 1000)).toBeGreaterThanOrEqual(0);
    expect(table.count).toBe(1);
  });

  it("says when it has something to do", () => {
    const table = new FlowTable({ capacity: 4, hashKey: HASH_KEY });
    expect(table.nextExpiry(0)).toBe(60_000);
    table.insert(0, 17, 1, 2, 3, 4, 0, 30_000);
    const wait = table.nextExpiry(0);
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(30_000 + TICK);
    expect(table.expire(30_000 + TICK, 100)).toBe(1);
    expect(table.find(0, 17, 1, 2, 3, 4)).toBe(-1);
  });

  it("tells flows apart that fall into one chain", () => {
    const table = new FlowTable({ capacity: 64, hashKey: HASH_KEY });
    // Sixty-five keys a round: some share a bucket.
    for (let i = 0; i < 64; i++) expect(table.find(1, 6, 1, i, 2, 1)).toBe(-1);
    for (let i = 0; i < 64; i++) table.insert(1, 6, 1, i, 2, 1, 0, 1000);
    for (let i = 0; i < 64; i++) expect(table.find(1, 6, 1, i, 2, 1)).toBe(i);
    for (let i = 0; i < 64; i++) expect(table.find(1, 6, 1, i, 2, 2)).toBe(-1);
    for (let i = 0; i < 64; i += 2) table.delete(i);
    for (let i = 0; i < 64; i++) expect(table.find(1, 6, 1, i, 2, 1)).toBe(i % 2 === 0 ? -1 : i);
  });

  it("lets go of a flow early whose time was made shorter", () => {
    const table = new FlowTable({ capacity: 4, hashKey: HASH_KEY });
    for (let i = 0; i < 3; i++) table.insert(0, 6, i, 0, 0, 0, 0, 432_000_000);
    table.touch(1, 0, 1000);
    expect(table.expire(1000 + TICK, 100)).toBe(1);
    expect([0, 1, 2].map((a) => table.find(0, 6, a, 0, 0, 0))).toEqual([0, -1, 2]);
    expect(table.expire(432_000_000 + 2 * TICK, 1000)).toBe(2);
    expect(table.count).toBe(0);
  });

  it("has its time back after a what-if", () => {
    const table = new FlowTable({ capacity: 4, hashKey: HASH_KEY });
    const entry = table.insert(0, 17, 1, 2, 3, 4, 0, 1000);
    table.beginTrial();
    table.insert(0, 17, 9, 2, 3, 4, 5000, 1000);
    expect(table.find(0, 17, 1, 2, 3, 4)).toBe(-1);
    table.rollback();
    expect(table.find(0, 17, 1, 2, 3, 4)).toBe(entry);
  });

  it("deletes in a what-if only until it ends", () => {
    const table = new FlowTable({ capacity: 4, hashKey: HASH_KEY });
    const entry = table.insert(0, 17, 1, 2, 3, 4, 0, 30_000);
    table.beginTrial();
    table.delete(entry);
    expect(table.find(0, 17, 1, 2, 3, 4)).toBe(-1);
    table.rollback();
    expect(table.find(0, 17, 1, 2, 3, 4)).toBe(entry);
  });

  it("refuses sizes and keys that it cannot work with", () => {
    for (const capacity of [0, -1, 1.5, Number.NaN, 2 ** 25])
      expect(() => new FlowTable({ capacity, hashKey: HASH_KEY })).toThrow(RangeError);
    expect(() => new FlowTable({ capacity: 1, hashKey: new Int32Array(3) })).toThrow(RangeError);
  });
});
