import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import { C_MERGED, C_QUEUED, C_READ, C_SPLIT, C_WRITTEN } from "../../../src/plane/counters.ts";
import { Packet } from "../../../src/plane/packet.ts";
import {
  FRAG_COMPLETE,
  FRAG_DROPPED,
  FRAG_QUEUED,
  REASSEMBLY_BYTES,
  Reassembly,
} from "../../../src/plane/reassembly.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import { Bench, DEV } from "./bench.ts";
import { Dice } from "./dice.ts";
import { ip } from "./packets.ts";
import { big16, build, cutOut, cutUp, read16, type Spec, sumHeader, VNET } from "./slowPacket.ts";

const CLIENT = ip("10.0.1.32");
const NODE = ip("10.0.1.10");
const API = ip("10.0.2.32");
const TIMEOUT = 30_000;

/** A datagram from the client to its own node, which changes nothing of it. */
function datagram(o: Partial<Spec> = {}): Spec {
  const payload = new Dice(o.id ?? 5).bytes(992);
  return { protocol: 17, src: CLIENT, dst: NODE, sport: 4000, dport: 53, id: 77, payload, ...o };
}

/** What a receiver makes of the pieces, which come in order here: the slow twin of a reassembly. */
function joined(pieces: Uint8Array[]): Uint8Array | null {
  if (pieces.length === 0) return null;
  const header = pieces[0].slice(0, VNET + (pieces[0][VNET] & 15) * 4);
  const bodies = pieces.map((p) => p.subarray(VNET + (p[VNET] & 15) * 4));
  let at = 0;
  pieces.forEach((p, i) => {
    expect(packetProblem(p)).toBeNull();
    const frag = read16(p, VNET + 6);
    expect([(frag & 0x1fff) * 8, (frag & 0x2000) !== 0]).toEqual([at, i < pieces.length - 1]);
    at += bodies[i].length;
  });
  const whole = new Uint8Array(header.length + at);
  whole.set(header);
  at = header.length;
  for (const body of bodies) {
    whole.set(body, at);
    at += body.length;
  }
  big16(whole, VNET + 2, whole.length - VNET);
  big16(whole, VNET + 6, 0);
  sumHeader(whole);
  return whole;
}

function sendAll(b: Bench, pieces: Uint8Array[]): Uint8Array[] {
  return pieces.flatMap((p) => b.send(DEV.client, p)).map((s) => s.bytes);
}

function counts(b: Bench): { read: number; merged: number; queued: number; written: number; dropped: number } {
  const c = b.plane.context.counters;
  expect(b.imbalance()).toBe(0);
  return { read: c[C_READ], merged: c[C_MERGED], queued: c[C_QUEUED], written: c[C_WRITTEN], dropped: b.dropped() };
}

describe("fragments of a datagram", () => {
  it("in any order, cut anywhere, some of them twice, give the datagram's own bytes", () => {
    const options = fc.constantFrom(
      new Uint8Array(0),
      Uint8Array.of(0x94, 4, 0, 0),
      Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0),
    );
    const cuts = fc.array(fc.integer({ min: 2, max: 180 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(
        fc.constantFrom(6, 17, 1, 132, 47),
        fc.integer({ min: 100, max: 9000 }),
        options,
        cuts,
        fc.integer(),
        (protocol, length, opts, steps, seed) => {
          const dice = new Dice(seed);
          const spec = datagram({
            protocol,
            options: opts,
            id: dice.int(65536),
            payload: dice.bytes(length),
            flags: 2,
          });
          const whole = build(spec);
          const end = whole.length - VNET - 20 - opts.length;
          const pieces: Uint8Array[] = [];
          let at = 0;
          for (const step of steps) {
            if (at + step * 8 >= end) break;
            pieces.push(cutOut(whole, at, at + step * 8));
            at += step * 8;
          }
          if (at === 0) return;
          pieces.push(cutOut(whole, at, end));
          const order = dice.shuffle(pieces);
          const twice = dice.int(order.length - 1);
          const b = new Bench();
          const out = sendAll(b, [...order.slice(0, twice + 1), order[twice], ...order.slice(twice + 1)]);
          expect(joined(out)).toEqual(whole);
          expect(b.drops("FRAGMENT_OVERLAP")).toBe(1);
          const n = pieces.length;
          expect(counts(b)).toEqual({ read: n + 1, merged: n - 1, queued: 0, written: out.length, dropped: 1 });
        },
      ),
      { seed: 41, numRuns: 150 },
    );
  });

  it("wait, and are counted as queued", () => {
    const b = new Bench();
    sendAll(b, cutUp(build(datagram()), 200).slice(1));
    expect(counts(b)).toEqual({ read: 4, merged: 0, queued: 4, written: 0, dropped: 0 });
  });

  it("of one datagram that overlap end it whole; what comes later starts another one", () => {
    const whole = build(datagram());
    const b = new Bench();
    const out = sendAll(b, [cutOut(whole, 0, 400), cutOut(whole, 600, 1000), cutOut(whole, 392, 600)]);
    expect(out).toEqual([]);
    expect(b.drops("FRAGMENT_OVERLAP")).toBe(3);
    expect(counts(b)).toMatchObject({ queued: 0, dropped: 3 });
    expect(joined(sendAll(b, [cutOut(whole, 0, 400), cutOut(whole, 400, 1000)]))).toEqual(whole);
  });

  it("that overlap by as little as eight bytes, in front or behind, end it", () => {
    const whole = build(datagram());
    for (const [from, to] of [
      [392, 600],
      [400, 608],
      [392, 608],
      [200, 808],
    ]) {
      const b = new Bench();
      sendAll(b, [cutOut(whole, 0, 400), cutOut(whole, 600, 1000), cutOut(whole, from, to)]);
      expect(b.drops("FRAGMENT_OVERLAP"), `${from} to ${to}`).toBe(3);
      expect(counts(b)).toMatchObject({ queued: 0, dropped: 3 });
    }
  });

  it("that hold nothing new are dropped alone, as the kernel drops what lies within a fragment (IPFRAG_DUP)", () => {
    const whole = build(datagram());
    for (const [from, to] of [
      [0, 400],
      [0, 8],
      [392, 400],
      [600, 608],
      [992, 1000],
    ]) {
      const b = new Bench();
      sendAll(b, [cutOut(whole, 0, 400), cutOut(whole, 600, 1000), cutOut(whole, from, to)]);
      expect(b.drops("FRAGMENT_OVERLAP"), `${from} to ${to}`).toBe(1);
      expect(counts(b)).toMatchObject({ queued: 2, dropped: 1 });
      expect(joined(sendAll(b, [cutOut(whole, 400, 600)]))).toEqual(whole);
    }
  });

  it("that begin as another one but reach further are an overlap, no duplicate", () => {
    const whole = build(datagram());
    const b = new Bench();
    sendAll(b, [cutOut(whole, 0, 400), cutOut(whole, 0, 408)]);
    expect(counts(b)).toMatchObject({ queued: 0, dropped: 2 });
  });

  it("may come with the last one first", () => {
    const whole = build(datagram());
    expect(joined(sendAll(new Bench(), cutUp(whole, 104).reverse()))).toEqual(whole);
  });

  it("that contradict the length of the datagram end it", () => {
    const whole = build(datagram());
    const short = build(datagram({ payload: new Uint8Array(592) }));
    const cases = [
      // Two last ones at different ends, either way round, and one that goes on behind the last.
      [cutOut(whole, 800, 1000), cutOut(short, 400, 600)],
      [cutOut(short, 400, 600), cutOut(whole, 800, 1000)],
      [cutOut(short, 400, 600), cutOut(whole, 600, 800)],
      [cutOut(whole, 600, 800), cutOut(short, 400, 600)],
    ];
    for (const pieces of cases) {
      const b = new Bench();
      sendAll(b, [cutOut(whole, 0, 200), ...pieces]);
      expect(b.drops("FRAGMENT_BAD")).toBe(3);
      expect(counts(b)).toMatchObject({ queued: 0, dropped: 3 });
    }
  });

  it("that are none are dropped alone, and the datagram is still made whole", () => {
    const whole = build(datagram());
    const empty = cutOut(whole, 400, 400);
    big16(empty, VNET + 6, 0x2000 | 50);
    sumHeader(empty);
    const unaligned = cutOut(whole, 400, 405);
    const beyond = cutOut(whole, 984, 1000);
    big16(beyond, VNET + 6, 8190);
    sumHeader(beyond);
    for (const bad of [empty, unaligned, beyond]) {
      const b = new Bench();
      expect(joined(sendAll(b, [cutOut(whole, 0, 400), bad, cutOut(whole, 400, 1000)]))).toEqual(whole);
      expect(b.reason).toBe("NONE");
      expect(b.drops("FRAGMENT_BAD")).toBe(1);
      expect(counts(b)).toMatchObject({ queued: 0, written: 2, dropped: 1 });
    }
  });

  it("give a datagram of the largest size, and none beyond it", () => {
    const largest = build(datagram({ payload: new Uint8Array(65_535 - 28).fill(3) }));
    const b = new Bench();
    expect(joined(sendAll(b, cutUp(largest, 8000)))).toEqual(largest);
    // The same with options in the first fragment only: together they are 40 bytes too long.
    const options = new Uint8Array(40).fill(1);
    const first = cutOut(build(datagram({ payload: new Uint8Array(2000), options })), 0, 800);
    const rest = cutUp(largest, 8000).slice(1);
    const c = new Bench();
    expect(sendAll(c, [first, cutOut(largest, 800, 8000), ...rest])).toEqual([]);
    expect(c.drops("FRAGMENT_BAD")).toBe(10);
    expect(counts(c)).toMatchObject({ queued: 0, dropped: 10 });
  });

  it("of more datagrams than there is room for are dropped, the others stay", () => {
    const b = new Bench();
    for (let id = 0; id < 70; id++) sendAll(b, [cutOut(build(datagram({ id })), 0, 400)]);
    expect(b.drops("REASSEMBLY_MEMORY")).toBe(6);
    expect(counts(b)).toMatchObject({ queued: 64, dropped: 6 });
    const last = build(datagram({ id: 63 }));
    expect(joined(sendAll(b, [cutOut(last, 400, 1000)]))).toEqual(last);
  });

  it("in more pieces than are kept are dropped with all that waits", () => {
    const b = new Bench();
    const whole = build(datagram({ payload: new Uint8Array(4000) }));
    sendAll(b, cutUp(whole, 8).slice(1, 257));
    expect(counts(b)).toMatchObject({ queued: 256, dropped: 0 });
    sendAll(b, [cutOut(whole, 8 * 300, 8 * 301)]);
    expect(b.drops("REASSEMBLY_MEMORY")).toBe(257);
    expect(counts(b)).toMatchObject({ queued: 0, dropped: 257 });
  });

  it("wait for 30 seconds from the first one on, also across the clock's wrap", () => {
    for (const start of [0, 0x7fffffff - 10_000, -5000]) {
      const b = new Bench();
      const whole = build(datagram());
      b.plane.tick(start | 0);
      sendAll(b, [cutOut(whole, 0, 400)]);
      b.plane.tick((start + 20_000) | 0);
      sendAll(b, [cutOut(whole, 600, 800)]);
      expect(b.plane.nextTick((start + 20_000) | 0)).toBe(10_000);
      b.plane.tick((start + TIMEOUT - 1) | 0);
      expect(counts(b)).toMatchObject({ queued: 2, dropped: 0 });
      b.plane.tick((start + TIMEOUT) | 0);
      expect(b.drops("REASSEMBLY_TIMEOUT")).toBe(2);
      expect(counts(b)).toMatchObject({ queued: 0, dropped: 2 });
    }
  });

  it("that come when the others' time is up do not join them, even before the timer ran", () => {
    const b = new Bench();
    const whole = build(datagram());
    sendAll(b, [cutOut(whole, 0, 400)]);
    b.plane.context.now = TIMEOUT;
    expect(sendAll(b, [cutOut(whole, 400, 1000)])).toEqual([]);
    b.plane.tick(TIMEOUT);
    expect(counts(b)).toMatchObject({ queued: 1, dropped: 1 });
  });

  it("belong together by source, destination, protocol and identifier", () => {
    const b = new Bench();
    const first = cutOut(build(datagram()), 0, 400);
    for (const other of [{ id: 78 }, { dst: ip("10.0.1.20") }, { protocol: 132 }]) {
      const rest = cutOut(build(datagram({ payload: new Uint8Array(992), ...other })), 400, 800);
      expect(sendAll(b, [first, rest])).toEqual([]);
      // The first one is a duplicate from the second round on.
    }
    expect(counts(b)).toMatchObject({ queued: 4, dropped: 2 });
  });
});

describe("what a node reassembled", () => {
  const far = (o: Partial<Spec> = {}): Spec => datagram({ dst: API, ...o });
  /** Total length, offset, MF, DF of each piece. */
  const shape = (pieces: Uint8Array[]): (number | boolean)[][] =>
    pieces.map((p) => {
      const frag = read16(p, VNET + 6);
      return [p.length - VNET, (frag & 0x1fff) * 8, (frag & 0x2000) !== 0, (frag & 0x4000) !== 0];
    });

  it("leaves it in pieces no larger than the largest that came", () => {
    const whole = build(far());
    const b = new Bench();
    const out = sendAll(b, [cutOut(whole, 800, 1000), cutOut(whole, 0, 400), cutOut(whole, 400, 800)]);
    expect(shape(out)).toEqual([
      [420, 0, true, false],
      [420, 400, true, false],
      [220, 800, false, false],
    ]);
    for (const piece of out) expect(packetProblem(piece)).toBeNull();
    // Each of the two nodes joined three and cut again.
    expect(b.plane.context.counters[C_SPLIT]).toBe(4);
    expect(counts(b)).toEqual({ read: 3, merged: 4, queued: 0, written: 3, dropped: 0 });
  });

  it("has its bytes, its options where they belong, and one hop less for each node", () => {
    const options = Uint8Array.of(0x94, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0);
    const copied = Uint8Array.of(0x94, 4, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0);
    const spec = far({ options });
    const whole = build(spec);
    const out = sendAll(new Bench(), [cutOut(whole, 504, 1000, copied), cutOut(whole, 0, 504)]);
    const passed = build({ ...spec, ttl: 62 });
    expect(out).toEqual([cutOut(passed, 0, 504), cutOut(passed, 504, 1000, copied)]);
  });

  it("leaves it in the pieces that came, however uneven, and without DF (ip_do_fragment's fast path)", () => {
    const whole = build(far());
    const out = sendAll(new Bench(), [
      cutOut(whole, 608, 1000, undefined, true),
      cutOut(whole, 0, 400, undefined, true),
      cutOut(whole, 400, 608, undefined, true),
    ]);
    expect(shape(out)).toEqual([
      [420, 0, true, false],
      [228, 400, true, false],
      [412, 608, false, false],
    ]);
  });

  it("is answered with the MTU when pieces with DF do not fit, and cut smaller when they had none", () => {
    const whole = build(far());
    const b = new Bench({ eniMtu: 576 });
    const [first, second] = [cutOut(whole, 0, 600, undefined, true), cutOut(whole, 600, 1000, undefined, true)];
    expect(b.send(DEV.client, first)).toEqual([]);
    const [error] = b.send(DEV.client, second);
    expect(error.device).toBe("client");
    expect(error.line).toMatch(/frag|576/i);
    expect(read16(error.bytes, VNET + 26)).toBe(576);
    expect(b.reason).toBe("FRAGMENTATION_NEEDED");
    expect(b.imbalance()).toBe(0);
    const c = new Bench({ podMtu: 576 });
    const out = sendAll(c, [cutOut(whole, 0, 600), cutOut(whole, 600, 1000)]);
    expect(shape(out)).toEqual([
      [572, 0, true, false],
      [468, 552, false, false],
    ]);
  });

  it("with DF goes on in pieces that fit, although the whole does not", () => {
    const whole = build(far({ payload: new Uint8Array(11_992).fill(9) }));
    const b = new Bench({ eniMtu: 1500, podMtu: 1500 });
    const out = sendAll(
      b,
      cutUp(whole, 1480).map((_, i) => cutOut(whole, i * 1480, Math.min(12_000, (i + 1) * 1480), undefined, true)),
    );
    expect(out).toHaveLength(9);
    expect(b.imbalance()).toBe(0);
  });
});

describe("two nodes", () => {
  it("join their own fragments only", () => {
    const arena = new Uint8Array(REASSEMBLY_BYTES + 3 * 65_536 + 256);
    const [at, out] = [REASSEMBLY_BYTES + 128, REASSEMBLY_BYTES + 2 * 65_536];
    const r = new Reassembly(0);
    const p = new Packet(arena);
    const add = (bytes: Uint8Array, node: number, now = 0): number => {
      arena.set(bytes, at - VNET);
      parsePacket(p, at, bytes.length - VNET);
      return r.add(p, node, now, out);
    };
    const whole = build(datagram());
    const [first, second] = [cutOut(whole, 0, 400), cutOut(whole, 400, 1000)];
    expect(add(first, 0)).toBe(FRAG_QUEUED);
    expect(add(second, 1)).toBe(FRAG_QUEUED);
    expect(r.queued).toBe(2);
    expect(add(first, 0)).toBe(FRAG_DROPPED);
    expect(add(second, 0)).toBe(FRAG_COMPLETE);
    expect(arena.slice(p.off - VNET, p.off + p.len)).toEqual(whole);
    expect([p.fragMax, p.fragDf, r.lastCount, r.queued]).toEqual([620, 0, 2, 1]);
    expect(r.nextExpiry(1000)).toBe(TIMEOUT - 1000);
    expect(r.expire(TIMEOUT)).toBe(1);
    expect(r.nextExpiry(TIMEOUT)).toBe(-1);
  });
});
