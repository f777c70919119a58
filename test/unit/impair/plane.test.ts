import { describe, expect, it } from "vitest";
import { C_DROPS, C_QUEUED } from "../../../src/plane/counters.ts";
import * as D from "../../../src/plane/decision.ts";
import * as I from "../../../src/plane/impair/impairmentRow.ts";
import { reason } from "../../../src/plane/reasons.ts";
import type { Row } from "../../../src/plane/rows.ts";
import { Bench, DEV, ENI } from "../plane/bench.ts";
import { Dice } from "../plane/dice.ts";
import { tcp, udp, VNET } from "../plane/packets.ts";
import { build } from "../plane/slowPacket.ts";
import { arrivals, randomSpec } from "../plane/traffic.ts";
import { chance, impairment } from "./impairBench.ts";

const CLIENT = "10.0.1.32";
const API = "10.0.2.32";
const hello = udp(`${CLIENT}:1000`, `${API}:7`);
/** Where the client's packet to the API passes, in order. */
const WAY = [
  { at: I.AT_DEVICE, index: DEV.client, direction: I.DIRECTION_OUT },
  { at: I.AT_ENI, index: ENI.n0e0, direction: I.DIRECTION_OUT },
  { at: I.AT_ENI, index: ENI.n1e0, direction: I.DIRECTION_IN },
  { at: I.AT_DEVICE, index: DEV.api0, direction: I.DIRECTION_IN },
] as const;

/** Takes what waited and is due; devices it came to. */
function later(b: Bench, now: number): string[] {
  b.plane.tick(now);
  const { out } = b.plane.context;
  const lines = Array.from({ length: out.count }, (_, i) => `${out.device[i]}`);
  b.flush();
  return lines;
}

const steps = (d: D.Decision): string[] =>
  Array.from({ length: d.count }, (_, i) => `${d.stage[i]}/${d.action[i]}/${d.a[i]}`);

describe("a point on a packet's way", () => {
  for (const [i, point] of WAY.entries()) {
    it(`loses it: point ${i + 1}`, () => {
      const b = new Bench();
      b.plane.apply({ put: [impairment({ ...point, loss: chance(1) })], gone: [] });
      expect(b.send(DEV.client, hello)).toHaveLength(0);
      expect(b.reason).toBe("IMPAIRED_LOSS");
      const last = b.decision.count - 1;
      expect(b.decision.stage[last]).toBe(D.STAGE_IMPAIR);
      expect(b.decision.action[last]).toBe(D.ACT_DROP);
      expect(I.pointOf(b.decision.rule[last])).toEqual(point);
      expect(b.imbalance()).toBe(0);
    });

    it(`holds it, and lets it go on as if nothing had been: point ${i + 1}`, () => {
      const [b, plain] = [new Bench(), new Bench()];
      b.plane.apply({ put: [impairment({ ...point, delay: 5000 })], gone: [] });
      const [wanted] = plain.send(DEV.client, hello);
      const way = steps(plain.decision);
      expect(b.send(DEV.client, hello)).toHaveLength(0);
      expect(b.decision.verdict).toBe(D.VERDICT_NONE);
      const before = steps(b.decision);
      expect(before.at(-1)).toBe(`${D.STAGE_IMPAIR}/${D.ACT_IMPAIR}/${I.IMPAIR_DELAYED}`);
      expect(b.plane.context.counters[C_QUEUED]).toBe(1);
      expect(b.imbalance()).toBe(0);
      expect(b.plane.nextTick(1)).toBe(4);
      expect(later(b, 4)).toEqual([]);

      // The rest of its way, for whoever observes, with the packet's own number.
      const rest = new D.Decision();
      const seen: number[] = [];
      const c = b.plane.context;
      c.releases = {
        begin: (id, at) => {
          seen.push(id, at);
          rest.clear();
          c.decision = rest;
        },
        end: () => seen.push(-1),
      };
      b.plane.tick(5);
      expect(c.decision).toBeNull();
      expect(seen).toEqual([0, I.pointNumber(point.at, point.index, point.direction), -1]);
      const { out } = c;
      expect(out.count).toBe(1);
      const bytes = out.arena.slice(out.offset[0] - VNET, out.offset[0] + out.length[0]);
      expect(bytes).toEqual(wanted.bytes);
      expect([...before.slice(0, -1), ...steps(rest)]).toEqual(way);
      expect(rest.verdict).toBe(D.VERDICT_DELIVERED);
      b.flush();
      expect(b.imbalance()).toBe(0);
    });

    it(`sends it twice: point ${i + 1}`, () => {
      const b = new Bench();
      b.plane.apply({ put: [impairment({ ...point, duplicate: chance(1) })], gone: [] });
      const sent = b.send(DEV.client, hello);
      expect(sent.map((s) => s.device)).toEqual(["api0", "api0"]);
      expect(sent[0].bytes).toEqual(sent[1].bytes);
      expect(b.imbalance()).toBe(0);
    });
  }

  it("keeps a packet's number while it waits", () => {
    const b = new Bench();
    const c = b.plane.context;
    b.plane.apply({ put: [impairment({ ...WAY[0], delay: 1000 })], gone: [] });
    const ids: number[] = [];
    c.releases = { begin: (id) => ids.push(id), end: () => {} };
    for (const id of [2 ** 40, 7]) {
      c.packetId = id;
      b.send(DEV.client, hello);
    }
    c.packetId = 0;
    b.plane.tick(1);
    expect(ids).toEqual([2 ** 40, 7]);
    expect([...c.outIds.subarray(0, 2)]).toEqual([2 ** 40, 7]);
    expect(c.packetId).toBe(0);
  });

  it("a piece is impaired, where a packet is cut for a device", () => {
    const b = new Bench({ podMtu: 1500 });
    b.plane.apply({ put: [impairment({ ...WAY[3], delay: 1000 })], gone: [] });
    const big = udp(`${CLIENT}:1`, `${API}:7`, new Uint8Array(4000), { frag: 0 });
    expect(b.send(DEV.client, big)).toHaveLength(0);
    expect(b.plane.context.counters[C_QUEUED]).toBe(3);
    expect(later(b, 1)).toHaveLength(3);
    expect(b.imbalance()).toBe(0);
  });

  it("a corrupted packet is INVALID where conntrack looks at checksums, and passes where it does not", () => {
    for (const checksum of [true, false]) {
      const b = new Bench({ settings: { checksum } });
      b.plane.apply({ put: [impairment({ ...WAY[1], corrupt: chance(1), seed: 3 })], gone: [] });
      const sent = b.send(DEV.client, udp(`${CLIENT}:1`, `${API}:7`, new Uint8Array(1000), { partial: true }));
      expect(sent).toHaveLength(checksum ? 0 : 1);
      expect(b.reason).toBe(checksum ? "CHECKSUM_INVALID" : "NONE");
    }
  });
});

describe("rows", () => {
  const held = (): Bench => {
    const b = new Bench();
    b.plane.apply({ put: [impairment({ ...WAY[1], delay: 5000 })], gone: [] });
    b.send(DEV.client, hello);
    return b;
  };

  it("that change or go leave what waits alone; it goes on when it is due", () => {
    const b = held();
    b.plane.apply({ put: [impairment({ ...WAY[1], loss: chance(1) })], gone: [] });
    expect(b.plane.context.counters[C_QUEUED]).toBe(1);
    b.plane.apply({ put: [], gone: [impairment({ ...WAY[1] })] });
    expect(b.send(DEV.client, hello)).toHaveLength(1);
    expect(b.plane.context.impairments).not.toBeNull();
    expect(later(b, 5)).toEqual([`${DEV.api0}`]);
    expect(b.plane.context.impairments).toBeNull();
    expect(b.imbalance()).toBe(0);
  });

  it("a device or ENI that goes takes what waits with it", () => {
    const b = held();
    const eni: Row = {
      t: "eni",
      id: ENI.n0e0,
      node: 0,
      deviceNumber: 0,
      subnet: 0,
      vpc: 0,
      address: 0,
      mtu: 9001,
      publicAddress: 0,
      sourceDestCheck: true,
      hostDevice: -1,
    };
    b.plane.apply({ put: [], gone: [impairment({ ...WAY[1] }), eni] });
    expect(b.plane.context.counters[C_DROPS + reason("DEVICE_GONE")]).toBe(1);
    expect(b.plane.context.counters[C_QUEUED]).toBe(0);
    expect(b.plane.context.impairments).toBeNull();
    expect(b.imbalance()).toBe(0);
  });

  it("without any there is nothing", () => {
    expect(new Bench().plane.context.impairments).toBeNull();
  });

  it("more than has room at once is let go in rounds", () => {
    const b = new Bench();
    b.plane.apply({ put: [impairment({ ...WAY[0], delay: 1000 })], gone: [] });
    const big = tcp(`${CLIENT}:1`, `${API}:7`, ".", { payload: new Uint8Array(60_000), gso: 1400 });
    for (let i = 0; i < 100; i++) b.send(DEV.client, big);
    b.plane.tick(1);
    let rounds = 0;
    do {
      b.flush();
      rounds++;
    } while (b.plane.releaseHeld());
    expect(rounds).toBeGreaterThan(1);
    expect(b.plane.context.counters[C_QUEUED]).toBe(0);
    expect(b.imbalance()).toBe(0);
  });
});

describe("what-ifs", () => {
  const ask = (b: Bench, device: number, bytes: Uint8Array): D.Decision => {
    const d = new D.Decision();
    const at = b.plane.slotOffset(2);
    b.plane.context.arena.set(bytes, at - VNET);
    b.plane.whatIf(device, at, bytes.length - VNET, d);
    return d;
  };
  const everywhere = (dice: Dice): Row[] =>
    [...WAY, { at: I.AT_DEVICE, index: DEV.web, direction: I.DIRECTION_IN } as const].map((point, i) =>
      impairment({
        ...point,
        seed: i,
        loss: chance(dice.int(300) / 1000, 0.2),
        gemodel: { p: 0.1, r: 0.3, lossInBad: 0.9, lossInGood: 0.01 },
        duplicate: chance(0.2),
        corrupt: chance(0.1),
        reorder: chance(0.2),
        gap: 2,
        delay: dice.int(20_000),
        jitter: 3000,
        rate: dice.pick([0, 1_000_000]),
        limit: 20,
      }),
    );

  it("see the next packet's draws, and use none of them up", () => {
    const b = new Bench();
    b.plane.apply({ put: [impairment({ ...WAY[0], loss: chance(0.5, 0.3) })], gone: [] });
    for (let i = 0; i < 200; i++) {
      const asked = ask(b, DEV.client, hello);
      expect(ask(b, DEV.client, hello).outcomeReason).toBe(asked.outcomeReason);
      b.send(DEV.client, hello);
      expect(b.decision.outcomeReason).toBe(asked.outcomeReason);
    }
    expect(b.drops("IMPAIRED_LOSS")).toBeGreaterThan(50);
  });

  it("go on past a delay, to the end", () => {
    const b = new Bench();
    b.plane.apply({ put: WAY.map((point) => impairment({ ...point, delay: 50_000 })), gone: [] });
    const asked = ask(b, DEV.client, hello);
    expect(asked.verdict).toBe(D.VERDICT_DELIVERED);
    expect(steps(asked).filter((s) => s.startsWith(`${D.STAGE_IMPAIR}/`))).toHaveLength(WAY.length);
    expect(b.plane.context.counters[C_QUEUED]).toBe(0);
  });

  it("between live packets change nothing of them; the ledger balances at every moment", () => {
    for (let seed = 1; seed <= 4; seed++) {
      const dice = new Dice(seed);
      const questions = new Dice(-seed);
      const [asked, silent] = [new Bench({ seed }), new Bench({ seed })];
      const rows = everywhere(dice);
      for (const b of [asked, silent]) b.plane.apply({ put: rows, gone: [] });
      for (let i = 0; i < 400; i++) {
        for (const { device, bytes } of arrivals(dice)) {
          const spec = randomSpec(questions);
          const before = i % 20 === 0 ? asked.plane.stateHash() : 0;
          ask(asked, spec.device, build(spec));
          ask(asked, DEV.client, hello);
          if (i % 20 === 0) expect(asked.plane.stateHash()).toBe(before);
          const [one, two] = [asked.send(device, bytes), silent.send(device, bytes)];
          expect(one).toEqual(two);
        }
        for (const b of [asked, silent]) b.send(DEV.client, hello);
        expect(later(asked, i * 3)).toEqual(later(silent, i * 3));
        expect(asked.imbalance()).toBe(0);
      }
      expect(asked.plane.context.counters).toEqual(silent.plane.context.counters);
      expect(asked.plane.context.ct.stateHash()).toBe(silent.plane.context.ct.stateHash());
      expect(silent.drops("IMPAIRED_LOSS")).toBeGreaterThan(0);
    }
  });
});
