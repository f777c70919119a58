import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FROM_ENI, FROM_POD } from "../../../src/plane/from.ts";
import * as R from "../../../src/plane/rows.ts";
import { maglevTable } from "../../../src/plane/services/maglev.ts";
import { Bench, DEV, ENI } from "./bench.ts";
import { walk } from "./nodeWalk.ts";
import { ip } from "./packets.ts";
import { clusterIP, nodePort, serviceRow } from "./serviceRow.ts";

const VIP = "172.20.0.41";
const POD = "10.0.1.32";

class Lab {
  readonly b: Bench;
  #port = 1024;

  constructor(mode: R.NodeRow["serviceMode"], scheduler: number, endpoints: string[]) {
    this.b = new Bench({ serviceMode: mode, capacity: 65_536, limit: 65_536 });
    this.put(scheduler, endpoints);
  }

  put(scheduler: number, endpoints: string[], more: Partial<R.ServiceRow> = {}): void {
    const frontends = [clusterIP(VIP, 80), nodePort(30_001)];
    this.b.plane.apply({ put: [serviceRow({ id: 9, frontends, scheduler, ...more, endpoints })], gone: [] });
  }

  /** The numbers of the endpoints that `n` connections get. */
  choices(n: number, src = POD): number[] {
    return Array.from({ length: n }, () => this.choose(FROM_POD, DEV.client, ip(src), VIP, 80));
  }

  choose(from: number, via: number, src: number, dst: string, dport: number, sport = ++this.#port): number {
    return walk(this.b, from, via, { src, dst: ip(dst), sport, dport }).endpoint;
  }
}

const some = (n: number): string[] => Array.from({ length: n }, (_, i) => `10.0.2.${40 + i}:80`);
const counts = (choices: number[], n: number): number[] =>
  Array.from({ length: n }, (_, i) => choices.filter((c) => c === i).length);

/** 99 % quantiles of the chi-square distribution by degrees of freedom. */
const CHI_SQUARE_99: Record<number, number> = { 1: 6.635, 2: 9.21, 4: 13.277, 6: 16.812 };

describe("random choice", () => {
  it.each([
    [R.SERVICE_MODE_IPTABLES, 2],
    [R.SERVICE_MODE_IPTABLES, 7],
    [R.SERVICE_MODE_NFTABLES, 5],
    [R.SERVICE_MODE_CILIUM, 3],
  ] as const)("is even (chi-square at 1 %%), mode %i, %i endpoints", (mode, n) => {
    const flows = 6000;
    const seen = counts(new Lab(mode, R.SCHEDULER_RANDOM, some(n)).choices(flows), n);
    const expected = flows / n;
    expect(seen.reduce((sum, k) => sum + (k - expected) ** 2 / expected, 0)).toBeLessThan(CHI_SQUARE_99[n - 1]);
  });
});

describe("IPVS", () => {
  it("rr takes one after the other, and goes on where it was when others come and go", () => {
    const lab = new Lab(R.SERVICE_MODE_IPVS, R.SCHEDULER_RR, some(3));
    expect(lab.choices(7)).toEqual([0, 1, 2, 0, 1, 2, 0]);
    const [a, b, c] = some(3);
    // After a comes b, wherever it stands.
    lab.put(R.SCHEDULER_RR, ["10.0.2.99:80", a, b, c]);
    expect(lab.choices(3)).toEqual([2, 3, 0]);
    // 99 was the last and is gone: its successor is next.
    lab.put(R.SCHEDULER_RR, [a, b, c]);
    expect(lab.choices(3)).toEqual([0, 1, 2]);
  });

  it("rr counts for each address of the service and each node alone", () => {
    const lab = new Lab(R.SERVICE_MODE_IPVS, R.SCHEDULER_RR, some(3));
    expect(lab.choices(2)).toEqual([0, 1]);
    expect(lab.choose(FROM_ENI, ENI.n0e0, ip("203.0.113.2"), "10.0.1.10", 30_001)).toBe(0);
    expect(lab.choices(1)).toEqual([2]);
  });

  it("a what-if does not turn the wheel", () => {
    const lab = new Lab(R.SERVICE_MODE_IPVS, R.SCHEDULER_RR, some(3));
    const { ct } = lab.b.plane.context;
    ct.beginTrial();
    expect(lab.choices(2)).toEqual([0, 0]);
    ct.rollback();
    expect(lab.choices(2)).toEqual([0, 1]);
  });

  it("wrr gives weights 4, 3, 2 the sequence AABABCABC", () => {
    const lab = new Lab(R.SERVICE_MODE_IPVS, R.SCHEDULER_WRR, ["10.0.2.40:80*4", "10.0.2.41:80*3", "10.0.2.42:80*2"]);
    const name = (i: number): string => "ABC"[i];
    expect(lab.choices(18).map(name).join("")).toBe("AABABCABCAABABCABC");
  });

  it("lc takes the endpoint with the fewest live connections, as they come and go", () => {
    const lab = new Lab(R.SERVICE_MODE_IPVS, R.SCHEDULER_LC, some(3));
    expect(lab.choices(7)).toEqual([0, 1, 2, 0, 1, 2, 0]);
    const { ct } = lab.b.plane.context;
    // All connections of endpoint 1 end.
    ct.forEach((entry) => {
      if (ct.endpoint(entry) === 1) ct.remove(entry);
    });
    expect(lab.choices(3)).toEqual([1, 1, 1]);
    // SYNs that nobody answers are forgotten after two minutes.
    lab.b.plane.tick(121_000);
    expect(ct.total).toBe(0);
    expect(lab.choices(3)).toEqual([0, 1, 2]);
  });

  it("sh sends a source always to the same endpoint, and sources to all, by weight", () => {
    const lab = new Lab(R.SERVICE_MODE_IPVS, R.SCHEDULER_SH, ["10.0.2.40:80*3", "10.0.2.41:80*1"]);
    const from = (i: number): number =>
      lab.choose(FROM_ENI, ENI.n0e0, ip("198.18.0.0") + i * 7919, "10.0.1.10", 30_001);
    const first = Array.from({ length: 1000 }, (_, i) => from(i));
    expect(Array.from({ length: 1000 }, (_, i) => from(i))).toEqual(first);
    const [heavy] = counts(first, 2);
    expect(heavy).toBeGreaterThan(700);
    expect(heavy).toBeLessThan(800);
  });

  it("mh sends a source always to the same endpoint, and moves few when one goes", () => {
    const lab = new Lab(R.SERVICE_MODE_IPVS, R.SCHEDULER_MH, some(5));
    const all = (): number[] =>
      Array.from({ length: 1000 }, (_, i) => lab.choose(FROM_ENI, ENI.n0e0, ip("198.18.0.0") + i, "10.0.1.10", 30_001));
    const before = all();
    expect(all()).toEqual(before);
    for (const n of counts(before, 5)) expect(n).toBeGreaterThan(140);
    lab.put(R.SCHEDULER_MH, some(4));
    const moved = all().filter((endpoint, i) => before[i] !== 4 && endpoint !== before[i]).length;
    expect(moved).toBeLessThan(100);
  });
});

describe("Cilium", () => {
  it("chooses by Maglev for what comes from outside, by flow, and at random for pods", () => {
    const lab = new Lab(R.SERVICE_MODE_CILIUM, R.SCHEDULER_MAGLEV, some(4));
    const outside = (sport: number): number =>
      lab.choose(FROM_ENI, ENI.n0e0, ip("203.0.113.2"), "10.0.1.10", 30_001, sport);
    const first = Array.from({ length: 400 }, (_, i) => outside(2000 + i));
    // The same flow again, after conntrack forgot it.
    lab.b.plane.tick(200_000);
    expect(Array.from({ length: 400 }, (_, i) => outside(2000 + i))).toEqual(first);
    for (const n of counts(first, 4)) expect(n).toBeGreaterThan(60);
    expect(new Set(lab.choices(40)).size).toBe(4);
  });
});

describe("a Maglev table", () => {
  const keys = (n: number, from = 0) =>
    Array.from({ length: n }, (_, i) => [ip("10.0.0.0") + (from + i) * 613, 80 + ((from + i) % 3)] as const);
  const ones = (n: number): number[] => Array.from({ length: n }, () => 1);
  const share = (table: ArrayLike<number>, n: number): number[] => {
    const slots = new Array<number>(n).fill(0);
    for (let i = 0; i < table.length; i++) slots[table[i]]++;
    return slots;
  };

  it("is balanced: backends have equal numbers of slots but for one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 150 }),
        fc.constantFrom(4093, 16_381),
        fc.integer({ min: 0, max: 9999 }),
        (n, slots, from) => {
          const table = maglevTable(keys(n, from), ones(n), slots);
          expect(table.length).toBe(slots);
          const shares = share(table, n);
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
        },
      ),
      { seed: 5, numRuns: 40 },
    );
  });

  it("shares by weight", () => {
    const shares = share(maglevTable(keys(3), [6, 3, 3], 4093), 3);
    expect(Math.abs(shares[0] - 2 * shares[1])).toBeLessThanOrEqual(3);
    expect(Math.abs(shares[1] - shares[2])).toBeLessThanOrEqual(1);
  });

  it("disturbs little when a backend goes: 2 % of the slots besides its own, with 100 slots a backend", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 160 }), fc.nat(), fc.integer({ min: 0, max: 9999 }), (n, k, from) => {
        const all = keys(n, from);
        const gone = k % n;
        const before = maglevTable(all, ones(n), 16_381);
        const after = maglevTable(
          all.filter((_, i) => i !== gone),
          ones(n - 1),
          16_381,
        );
        let moved = 0;
        for (let slot = 0; slot < before.length; slot++) {
          const now = after[slot] + (after[slot] >= gone ? 1 : 0);
          if (before[slot] !== gone && before[slot] !== now) moved++;
        }
        expect(moved / before.length).toBeLessThan(0.02);
      }),
      { seed: 6, numRuns: 60 },
    );
  });
});
