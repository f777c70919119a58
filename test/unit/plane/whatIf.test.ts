import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";
import { Decision } from "../../../src/plane/decision.ts";
import { Bench, DEV } from "./bench.ts";
import { Dice } from "./dice.ts";
import { ip } from "./packets.ts";
import { build, VNET } from "./slowPacket.ts";
import { arrivals, randomSpec } from "./traffic.ts";

/** Asks what would become of a packet, in another slot than the live packets'. */
function ask(b: Bench, device: number, bytes: Uint8Array, decision = new Decision()): Decision {
  const at = b.plane.slotOffset(2);
  b.plane.context.arena.set(bytes, at - VNET);
  b.plane.whatIf(device, at, bytes.length - VNET, decision);
  return decision;
}

describe("what-ifs", () => {
  it("between live packets change nothing of them: not a byte, not a counter, not an entry", () => {
    for (let seed = 1; seed <= 8; seed++) {
      const dice = new Dice(seed);
      const questions = new Dice(-seed);
      const o = { limit: dice.pick([20, 500]), snatMode: dice.int(4), seed };
      const [asked, silent] = [new Bench(o), new Bench(o)];
      for (let i = 0; i < 600; i++) {
        for (const { device, bytes } of arrivals(dice)) {
          const spec = randomSpec(questions);
          ask(asked, spec.device, build(spec));
          const [one, two] = [asked.send(device, bytes), silent.send(device, bytes)];
          if (one.length !== two.length)
            expect.fail(`seed ${seed}, packet ${i}: ${one.length} outputs, not ${two.length}`);
          one.forEach((sent, k) => {
            if (Buffer.compare(sent.bytes, two[k].bytes) !== 0) expect(sent).toEqual(two[k]);
          });
        }
        const now = i * 50;
        asked.plane.tick(now);
        silent.plane.tick(now);
      }
      expect(asked.plane.context.counters).toEqual(silent.plane.context.counters);
      expect(asked.plane.context.ct.stateHash()).toBe(silent.plane.context.ct.stateHash());
    }
  });

  it("use up none of the ICMP errors that a node may send, and say when there are none left", () => {
    const b = new Bench();
    const dying = build({ protocol: 17, src: ip("10.0.1.32"), dst: ip("10.0.2.32"), sport: 1, dport: 2, ttl: 1 });
    const first = ask(b, DEV.client, dying).count;
    for (let i = 0; i < 20; i++) expect(ask(b, DEV.client, dying).count).toBe(first);
    for (let i = 0; i < 6; i++) expect(b.send(DEV.client, dying)).toHaveLength(1);
    expect(b.send(DEV.client, dying)).toHaveLength(0);
    expect(ask(b, DEV.client, dying).count).toBeLessThan(first);
  });
});
