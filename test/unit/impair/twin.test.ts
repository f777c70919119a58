import { Buffer } from "node:buffer";
import { expect, it } from "vitest";
import type { ImpairmentRow } from "../../../src/plane/impair/impairmentRow.ts";
import { laneCounts } from "../../../src/plane/impair/laneCounts.ts";
import { Dice } from "../plane/dice.ts";
import { ip, tcp, udp } from "../plane/packets.ts";
import { build } from "../plane/slowPacket.ts";
import { chance, ImpairBench, impairment } from "./impairBench.ts";
import { ImpairTwin } from "./impairTwin.ts";

const maybe = (dice: Dice, value: number): number => (dice.chance(0.5) ? 0 : value);
const rollChance = (dice: Dice) => chance(maybe(dice, dice.pick([0.001, 0.1, 0.5, 1])), dice.pick([0, 0, 0.25, 0.9]));

function rollRow(dice: Dice, seed: number): ImpairmentRow {
  const part = () => dice.int(1001) / 1000;
  return impairment({
    seed,
    loss: rollChance(dice),
    gemodel: dice.chance(0.7) ? null : { p: part(), r: part(), lossInBad: part(), lossInGood: part() },
    duplicate: rollChance(dice),
    corrupt: rollChance(dice),
    reorder: rollChance(dice),
    gap: 1 + dice.int(5),
    delay: maybe(dice, dice.int(60_000)),
    jitter: maybe(dice, dice.int(30_000)),
    distribution: dice.pick([0, 1]),
    rate: maybe(dice, dice.pick([8000, 1_000_000, 123_456_789])),
    limit: dice.pick([1, 5, 1000]),
  });
}

function rollPacket(dice: Dice): Uint8Array {
  const payload = dice.bytes(dice.pick([0, 1, 30, 1400, 8000]));
  const partial = dice.chance(0.3);
  // GRE, mostly: nothing behind the IP header is read before conntrack.
  if (dice.chance(0.9)) return build({ protocol: 47, src: ip("10.0.1.32"), dst: ip("10.0.2.32"), payload });
  return dice.chance(0.5)
    ? udp("10.0.1.32:1", "10.0.2.32:2", payload, { partial })
    : tcp("10.0.1.32:1", "10.0.2.32:2", ".", { payload, partial });
}

it("what passes, waits and comes out is what the slow twin says, byte for byte, in order and in time", () => {
  let whole = 0;
  for (let seed = 1; seed <= 80; seed++) {
    const dice = new Dice(seed);
    const start = dice.pick([0, 1e6, 0x7fffffff - 50]);
    const bench = new ImpairBench(start);
    let row = rollRow(dice, seed);
    const twin = new ImpairTwin(row);
    bench.impairments.lanes.put(row);
    let refused = 0;
    for (let time = 0; time < 300; ) {
      const both = (is: Uint8Array[], wanted: Uint8Array[], what: string) => {
        expect(is.length, `seed ${seed}, ${time} ms, ${what}`).toBe(wanted.length);
        is.forEach((bytes, i) => {
          if (Buffer.compare(bytes, wanted[i]) !== 0)
            expect(bytes, `seed ${seed}, ${time} ms, ${what}`).toEqual(wanted[i]);
        });
      };
      const packet = rollPacket(dice);
      const before = bench.drops("L4_HEADER_SHORT");
      const is = bench.send(packet);
      const wanted = twin.send(time, packet);
      // A header that a bit has made unreadable goes no further: the twin does not read headers.
      const short = bench.drops("L4_HEADER_SHORT") - before;
      refused += short;
      if (short > 0) break;
      both(is, wanted, "at once");
      expect(bench.imbalance(), `seed ${seed}, ${time} ms`).toBe(0);
      expect(bench.impairments.held.count).toBe(twin.waiting.length);
      if (dice.chance(0.02)) {
        // Settings change while packets wait: nothing is lost, and the generators go on.
        row = rollRow(dice, seed);
        bench.impairments.lanes.put(row);
        twin.row = row;
      }
      if (dice.chance(0.3)) {
        time += dice.pick([1, 1, 3, 40]);
        bench.now = (start + time) | 0;
        const wait = bench.impairments.nextExpiry(bench.now);
        const first = twin.waiting.reduce((min, w) => Math.min(min, w.due), Number.POSITIVE_INFINITY);
        expect(wait).toBe(twin.waiting.length === 0 ? -1 : Math.max(0, Math.ceil(first / 1000 - time)));
        both(bench.release(), twin.release(time), "released");
        expect(bench.imbalance()).toBe(0);
      }
    }
    if (refused > 0) continue;
    whole++;
    const [{ point: _point, packets: _packets, held, ...counts }] = laneCounts(bench.impairments);
    expect(counts, `seed ${seed}`).toEqual(twin.counts);
    expect(held).toBe(twin.waiting.length);
  }
  expect(whole).toBeGreaterThan(40);
});
