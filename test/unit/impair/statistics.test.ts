import { describe, expect, it } from "vitest";
import * as I from "../../../src/plane/impair/impairmentRow.ts";
import { Packet } from "../../../src/plane/packet.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import { layer4ChecksumOk } from "../../../src/plane/wire/verify.ts";
import { tcp, udp, VNET } from "../plane/packets.ts";
import { build } from "../plane/slowPacket.ts";
import { chance, ImpairBench, impairment } from "./impairBench.ts";

const PACKETS = 20_000;
/** Five standard deviations of a binomial: seeds are fixed, so that this never fails by chance. */
const bound = (n: number, p: number): number => 5 * Math.sqrt(n * p * (1 - p));

const packet = udp("10.0.1.32:1", "10.0.2.32:2", "sixteen bytes...");

/** Sends packets at one moment each; how many came out at once. */
function run(o: Partial<I.ImpairmentRow>, n = PACKETS, each: (out: Uint8Array[], i: number) => void = () => {}) {
  const bench = new ImpairBench();
  bench.impairments.lanes.put(impairment(o));
  let out = 0;
  for (let i = 0; i < n; i++) {
    const sent = bench.send(packet);
    out += sent.length;
    each(sent, i);
  }
  expect(bench.imbalance()).toBe(0);
  return { bench, out };
}

/** Milliseconds that each packet waits, in the order in which they were sent; the clock is read each 1/8 ms. */
function delays(o: Partial<I.ImpairmentRow>, n: number): number[] {
  const row = impairment({ limit: 65_536, ...o });
  const bench = new ImpairBench();
  bench.impairments.lanes.put(row);
  const found: number[] = [];
  for (let i = 0; i < n; i++) {
    bench.send(packet);
    const { nextDue } = bench.impairments.held;
    found.push(nextDue === Number.POSITIVE_INFINITY ? 0 : nextDue / 1000 - bench.now);
    bench.now += 2000;
    bench.release();
  }
  return found;
}

describe("chances are what they are said to be", () => {
  it("loss, duplication and corruption", () => {
    for (const p of [0.001, 0.01, 0.3]) {
      const { bench, out } = run({ loss: chance(p) });
      expect(Math.abs(PACKETS - out - PACKETS * p)).toBeLessThan(bound(PACKETS, p));
      expect(bench.drops("IMPAIRED_LOSS")).toBe(PACKETS - out);
      const twice = run({ duplicate: chance(p) });
      expect(Math.abs(twice.out - PACKETS - PACKETS * p)).toBeLessThan(bound(PACKETS, p));
      let changed = 0;
      run({ corrupt: chance(p) }, PACKETS, (sent) => {
        if (sent.length === 0 || sent[0].some((byte, i) => byte !== packet[i])) changed++;
      });
      expect(Math.abs(changed - PACKETS * p)).toBeLessThan(bound(PACKETS, p));
    }
  });

  it("nothing at 0 %, everything at 100 %", () => {
    expect(run({ loss: chance(0) }, 100).out).toBe(100);
    expect(run({ loss: chance(1) }, 100).out).toBe(0);
    expect(run({ duplicate: chance(1) }, 100).out).toBe(200);
    // As in netem: the copy makes up for the loss.
    expect(run({ duplicate: chance(1), loss: chance(1) }, 100).out).toBe(100);
  });

  it("correlated losses come in runs", () => {
    const runs = (correlation: number): number => {
      let began = 0;
      let lost = 0;
      let before = false;
      run({ loss: chance(0.3, correlation) }, PACKETS, (sent) => {
        const isLost = sent.length === 0;
        if (isLost) lost++;
        if (isLost && !before) began++;
        before = isLost;
      });
      return lost / began;
    };
    expect(runs(0)).toBeCloseTo(1 / 0.7, 1);
    // netem's arithmetic, which draws extreme numbers less often with a correlation.
    expect(runs(0.75)).toBeGreaterThan(1.6);
  });

  it("the Gilbert-Elliott model: p / (p + r) of the time bad, bursts of 1 / r", () => {
    let began = 0;
    let before = false;
    const gemodel = { p: 0.02, r: 0.2, lossInBad: 1, lossInGood: 0 };
    const { out } = run({ gemodel }, PACKETS, (sent) => {
      if (sent.length === 0 && !before) began++;
      before = sent.length === 0;
    });
    const lost = PACKETS - out;
    expect(lost / PACKETS).toBeCloseTo(0.02 / 0.22, 1.6);
    expect(lost / began).toBeGreaterThan(4.5);
    expect(lost / began).toBeLessThan(5.5);
  });

  it("each gap-th packet overtakes", () => {
    const { out } = run({ delay: 1e6, reorder: chance(1), gap: 5, limit: 65_536 }, 1000);
    expect(out).toBe(200);
    const half = run({ delay: 1e6, reorder: chance(0.5), limit: 65_536 }, 10_000).out;
    expect(Math.abs(half - 5000)).toBeLessThan(bound(10_000, 0.5));
  });
});

describe("times", () => {
  const N = 10_000;

  it("delay alone is exact", () => {
    expect(new Set(delays({ delay: 50_000 }, 50))).toEqual(new Set([50]));
  });

  it("uniform jitter is within its bounds, and even", () => {
    const all = delays({ delay: 50_000, jitter: 10_000 }, N);
    expect(Math.min(...all)).toBeGreaterThanOrEqual(40);
    expect(Math.max(...all)).toBeLessThan(60);
    for (let from = 40; from < 60; from += 5) {
      const inside = all.filter((d) => d >= from && d < from + 5).length;
      expect(Math.abs(inside - N / 4)).toBeLessThan(bound(N, 0.25));
    }
  });

  it("normal jitter has its mean and deviation, and 68 % within one", () => {
    const all = delays({ delay: 100_000, jitter: 10_000, distribution: I.DISTRIBUTION_NORMAL }, N);
    const mean = all.reduce((a, b) => a + b) / N;
    expect(Math.abs(mean - 100)).toBeLessThan((5 * 10) / Math.sqrt(N));
    const deviation = Math.sqrt(all.reduce((sum, d) => sum + (d - mean) ** 2, 0) / N);
    expect(Math.abs(deviation - 10)).toBeLessThan(0.4);
    const inside = all.filter((d) => Math.abs(d - 100) < 10).length / N;
    expect(Math.abs(inside - 0.6827)).toBeLessThan(0.025);
  });

  it("a rate lets so many bits a second pass, in order, and packets that it has no room for are dropped", () => {
    const bench = new ImpairBench();
    // 44 bytes of IP are 352 bits: 352 kbit/s are a packet a millisecond.
    bench.impairments.lanes.put(impairment({ rate: 352_000, limit: 100 }));
    for (let i = 0; i < 150; i++) bench.send(udp("10.0.1.32:1", "10.0.2.32:2", `${i}`.padStart(16)));
    expect(bench.drops("IMPAIRED_QUEUE_FULL")).toBe(50);
    for (let ms = 1; ms <= 100; ms++) {
      bench.now = ms;
      const out = bench.release();
      expect(out).toHaveLength(1);
      expect(new TextDecoder().decode(out[0].subarray(VNET + 28)).trim()).toBe(String(ms - 1));
    }
    expect(bench.impairments.held.count).toBe(0);
    expect(bench.imbalance()).toBe(0);
  });

  it("a rate counts a super-packet as its segments, and loses or delays it whole", () => {
    const bench = new ImpairBench();
    bench.impairments.lanes.put(impairment({ rate: 8_000_000 }));
    bench.send(tcp("10.0.1.32:1", "10.0.2.32:2", ".", { payload: new Uint8Array(10_000), gso: 1000 }));
    // A byte a microsecond: ten segments with 40 bytes of headers each.
    expect(bench.impairments.held.nextDue).toBe(10_400);
    bench.now = 11;
    expect(bench.release()[0]).toHaveLength(VNET + 10_040);
  });

  it("time that wraps is no trouble", () => {
    const bench = new ImpairBench(0x7ffffffe);
    bench.impairments.lanes.put(impairment({ delay: 5000 }));
    bench.send(packet);
    for (let ms = 1; ms < 5; ms++) {
      bench.now = (0x7ffffffe + ms) | 0;
      expect(bench.release()).toHaveLength(0);
      expect(bench.impairments.nextExpiry(bench.now)).toBe(5 - ms);
    }
    bench.now = (0x7ffffffe + 5) | 0;
    expect(bench.release()).toHaveLength(1);
  });
});

describe("what is changed", () => {
  const ok = (bytes: Uint8Array): boolean => {
    const p = new Packet(new Uint8Array(bytes));
    parsePacket(p, VNET, bytes.length - VNET);
    return layer4ChecksumOk(p);
  };

  it("has a wrong checksum, also where the checksum was left to a device", () => {
    for (const partial of [false, true]) {
      const bytes = udp("10.0.1.32:1", "10.0.2.32:2", new Uint8Array(500), { partial });
      expect(ok(bytes)).toBe(true);
      const bench = new ImpairBench();
      bench.impairments.lanes.put(impairment({ corrupt: chance(1) }));
      const [out] = bench.send(bytes);
      expect(out.subarray(0, VNET + 20).every((byte, i) => i < VNET || byte === bytes[i])).toBe(true);
      expect(ok(out)).toBe(false);
    }
  });

  it("of a super-packet is the first segment alone", () => {
    const bench = new ImpairBench();
    bench.impairments.lanes.put(impairment({ corrupt: chance(1) }));
    const out = bench.send(tcp("10.0.1.32:1", "10.0.2.32:2", ".", { payload: new Uint8Array(5000), gso: 1000 }));
    expect(out.map(ok)).toEqual([false, true, true, true, true]);
    expect(bench.imbalance()).toBe(0);
  });

  it("is not the copy that was made of it", () => {
    const bench = new ImpairBench();
    bench.impairments.lanes.put(impairment({ corrupt: chance(0.5), duplicate: chance(1), seed: 5 }));
    const kinds = new Set<string>();
    for (let i = 0; i < 40; i++) kinds.add(bench.send(packet).map(ok).join());
    expect([...kinds].sort()).toEqual(expect.arrayContaining(["false,true", "true,false", "true,true"]));
  });
});

describe("generators", () => {
  // GRE: whatever bit of it is changed, it goes on.
  const gre = build({ protocol: 47, src: 1, dst: 2, payload: new Uint8Array(20) });
  const outcome = (rows: I.ImpairmentRow[], n = 500): string => {
    const bench = new ImpairBench();
    for (const row of rows) bench.impairments.lanes.put(row);
    let text = "";
    for (let i = 0; i < n; i++) text += bench.send(gre).length;
    return text;
  };

  it("give the same run for a seed, and another one for another", () => {
    const row = impairment({ loss: chance(0.3) });
    expect(outcome([row])).toBe(outcome([row]));
    expect(outcome([row])).not.toBe(outcome([{ ...row, seed: 12 }]));
  });

  it("do not care for other points, nor for other settings of their own", () => {
    const row = impairment({ loss: chance(0.3) });
    const other = impairment({ index: 4, loss: chance(0.9), duplicate: chance(0.9) });
    expect(outcome([other, row])).toBe(outcome([row]));
    expect(outcome([{ ...row, corrupt: chance(0.5) }])).toBe(outcome([row]));
  });

  it("go on when settings change", () => {
    const bench = new ImpairBench();
    const row = impairment({ loss: chance(0.3) });
    bench.impairments.lanes.put(row);
    let text = "";
    for (let i = 0; i < 500; i++) {
      if (i === 250) bench.impairments.lanes.put({ ...row, limit: 7 });
      text += bench.send(gre).length;
    }
    expect(text).toBe(outcome([row]));
  });
});
