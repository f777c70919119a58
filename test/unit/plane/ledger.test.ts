import { describe, expect, it } from "vitest";
import { REASONS } from "../../../src/plane/reasons.ts";
import type { Row } from "../../../src/plane/rows.ts";
import { Bench, DEV, rows, service } from "./bench.ts";
import { Dice } from "./dice.ts";
import { build, read16, read32, VNET } from "./slowPacket.ts";
import { arrivals, mutate } from "./traffic.ts";

const EIO = 5;
const MAX_STEP_MS = 8000;

/** The answer to a packet as its receiver saw it: ends swapped. */
function answer(dice: Dice, bytes: Uint8Array): Uint8Array {
  const l4 = VNET + (bytes[VNET] & 15) * 4;
  const protocol = bytes[VNET + 9];
  const ports = protocol === 6 || protocol === 17 || protocol === 132;
  return build({
    protocol,
    src: read32(bytes, VNET + 16) | 0,
    dst: read32(bytes, VNET + 12) | 0,
    sport: ports ? read16(bytes, l4 + 2) : read16(bytes, l4 + 4),
    dport: ports ? read16(bytes, l4) : 0,
    type: 0,
    flags: dice.pick([0x12, 0x10, 0x11, 0x04]),
    seq: dice.int(1000),
    ack: 1 + dice.int(1000),
    payload: new Uint8Array(dice.int(100)),
  });
}

/** A small change of the lab: endpoints, a service, a pod or a whole route that comes or goes. */
function change(b: Bench, dice: Dice): void {
  const all = rows();
  const pod = (id: number): Row[] => all.filter((row) => row.t === "device" && row.id === id);
  switch (dice.int(6)) {
    case 0:
      b.plane.apply({ put: [service(0, 80, dice.chance(0.5) ? ["10.0.2.32:8080"] : [], 30_080)], gone: [] });
      break;
    case 1:
      b.plane.apply({ put: [], gone: [service(0, 80, [], 30_080)] });
      break;
    case 2:
      b.plane.apply({ put: [], gone: pod(dice.pick([DEV.client, DEV.api0])) });
      break;
    case 3:
      b.plane.apply({
        put: [],
        gone: [dice.pick(all.filter((row) => row.t === "vpcRoute" || row.t === "eniAddress"))],
      });
      break;
    default:
      b.plane.apply({ put: all, gone: [] });
  }
}

describe("the ledger of packets", () => {
  it("balances after every packet, whatever comes and whatever changes meanwhile", () => {
    const reasons = new Set<string>();
    for (let seed = 1; seed <= 12; seed++) {
      const dice = new Dice(seed);
      const o = { limit: dice.pick([20, 1000]), podMtu: dice.pick([1500, 9001]), eniMtu: dice.pick([1500, 9001]) };
      const b = new Bench({ ...o, serviceMode: dice.pick([0, 1] as const), snatMode: dice.int(4), seed });
      const { out, arena } = b.plane.context;
      let now = 0;
      let todo = arrivals(dice);
      for (let i = 0; i < 2500; i++) {
        const next = todo.shift();
        if (next === undefined) {
          todo = arrivals(dice);
          continue;
        }
        const bytes = dice.chance(0.02) ? mutate(dice, next.bytes) : next.bytes;
        const at = b.plane.slotOffset(dice.int(4));
        arena.set(bytes, at - VNET);
        b.feed(next.device, at, bytes.length - VNET);
        if (b.imbalance() !== out.count)
          expect.fail(`seed ${seed}, packet ${i}: ${b.imbalance()} for ${out.count} outputs`);
        if (out.count > 0 && dice.chance(0.5)) {
          const k = dice.int(out.count);
          if (dice.chance(0.7)) {
            const from = out.offset[k];
            todo.push({ device: out.device[k], bytes: answer(dice, arena.slice(from - VNET, from + out.length[k])) });
          }
        }
        if (b.plane.context.mustFlush || dice.chance(0.7)) {
          for (let k = 0; k < out.count; k++) out.status[k] = dice.chance(0.98) ? out.length[k] : -EIO;
          b.plane.written();
          if (b.imbalance() !== 0) expect.fail(`seed ${seed}, packet ${i}: off by ${b.imbalance()} after writing`);
        }
        if (dice.chance(0.02)) change(b, dice);
        if (dice.chance(0.1)) {
          now = (now + dice.int(MAX_STEP_MS)) | 0;
          b.plane.tick(now);
          if (b.imbalance() !== out.count) expect.fail(`seed ${seed}, packet ${i}: off after a tick`);
        }
      }
      for (const { code } of REASONS) if (b.drops(code) > 0) reasons.add(code);
    }
    // The mix is worth something: it meets most reasons.
    expect(reasons.size, [...reasons].join(" ")).toBeGreaterThan(22);
  });

  it("counts what was made but not written yet as neither", () => {
    const b = new Bench();
    const at = b.plane.slotOffset(0);
    const bytes = build({ protocol: 17, src: 0x0a000120, dst: 0x0a000220, sport: 1, dport: 2 });
    b.plane.context.arena.set(bytes, at - VNET);
    b.feed(DEV.client, at, bytes.length - VNET);
    expect(b.imbalance()).toBe(1);
    b.flush();
    expect(b.imbalance()).toBe(0);
  });
});
