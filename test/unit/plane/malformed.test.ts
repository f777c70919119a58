import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import { C_MERGED, C_QUEUED, C_READ } from "../../../src/plane/counters.ts";
import { VERDICT_DELIVERED } from "../../../src/plane/decision.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import { MAX_PACKET, SLOT_SIZE } from "../../../src/plane/vector.ts";
import { Bench, DEV } from "./bench.ts";
import { Dice } from "./dice.ts";
import { build, VNET } from "./slowPacket.ts";
import { arrivals, mutate, randomSpec } from "./traffic.ts";

const SLOTS = 4;
const USED_SLOT = 1;
const CANARY = 0xa5;
/** One after the last device of the bench: a device that is gone. */
const DEVICES = Object.keys(DEV).length + 1;

/** Sends packets of any kind through one slot and checks after each that nothing was lost, made up or overwritten. */
class Fuzz {
  readonly bench = new Bench({ limit: 300 });
  readonly dice: Dice;
  readonly reasons = new Set<string>();
  delivered = 0;
  #slots: Buffer;
  #expected: Buffer;

  constructor(seed: number) {
    this.dice = new Dice(seed);
    const arena = this.bench.plane.context.arena;
    this.#slots = Buffer.from(arena.buffer, 0, SLOTS * SLOT_SIZE).fill(CANARY);
    this.#expected = Buffer.from(this.#slots);
  }

  send(device: number, bytes: Uint8Array): void {
    const { plane } = this.bench;
    const c = plane.context;
    const at = plane.slotOffset(USED_SLOT);
    const from = at - VNET;
    const to = from + bytes.length;
    this.#slots.set(bytes, from);
    const read = c.counters[C_READ];
    const queued = c.counters[C_QUEUED];
    const merged = c.counters[C_MERGED];
    const drops = this.bench.dropped();
    const d = this.dice.chance(0.5) ? this.bench.decision : null;
    d?.clear();
    c.decision = d;
    this.bench.feed(device, at, bytes.length - VNET);
    c.decision = null;
    expect(c.counters[C_READ]).toBe(read + 1);
    const { out } = c;
    // What was good goes out good: offloads fit the packet, checksums are right.
    const good = device < DEVICES - 1 && c.counters[C_MERGED] === merged && packetProblem(bytes) === null;
    for (let i = 0; i < out.count; i++) {
      const sent = c.arena.subarray(out.offset[i] - VNET, out.offset[i] + out.length[i]);
      const problem = good ? packetProblem(sent) : null;
      if (problem !== null) expect.fail(`${problem}: ${Buffer.from(bytes).toString("hex")}`);
      if (sent[1] !== 0 && sent[4] === 0 && sent[5] === 0) expect.fail("a super-packet of segments without a size");
      if (out.length[i] < 20 || out.length[i] > MAX_PACKET || out.offset[i] < 0 || out.device[i] < 0)
        expect.fail(`output ${i}: device ${out.device[i]}, ${out.length[i]} bytes at ${out.offset[i]}`);
    }
    const waits = c.counters[C_QUEUED] > queued;
    if (out.count === 0 && !waits && this.bench.dropped() === drops)
      expect.fail(`vanished: ${Buffer.from(bytes).toString("hex")}`);
    if (d !== null && !waits && (d.verdict === VERDICT_DELIVERED) !== (d.outcomeReason === 0))
      expect.fail(`verdict ${d.verdict} with reason ${d.outcomeReason}: ${Buffer.from(bytes).toString("hex")}`);
    this.delivered += out.count;
    this.bench.flush();
    if (this.bench.imbalance() !== 0) expect.fail(`the ledger is off: ${Buffer.from(bytes).toString("hex")}`);
    if (this.#slots.compare(this.#expected, 0, from, 0, from) !== 0)
      expect.fail("bytes in front of the packet changed");
    if (this.#slots.compare(this.#expected, to, undefined, to) !== 0) expect.fail("bytes behind the packet changed");
    this.#slots.fill(CANARY, from, to);
    for (let i = 1; i < REASONS.length; i++)
      if (this.bench.drops(REASONS[i].code) > 0) this.reasons.add(REASONS[i].code);
  }
}

describe("whatever a device delivers", () => {
  it("random bytes are dropped with a reason", () => {
    const f = new Fuzz(1);
    for (let i = 0; i < 30_000; i++) {
      const bytes = f.dice.bytes(VNET + (f.dice.chance(0.1) ? 0 : f.dice.int(120)));
      if (f.dice.chance(0.8)) bytes[VNET] = 0x40 | (f.dice.chance(0.7) ? 5 : f.dice.int(16));
      f.send(f.dice.int(DEVICES), bytes);
    }
    for (const code of [
      "PACKET_TOO_SHORT",
      "IP_VERSION_BAD",
      "IPV6_NOT_SUPPORTED",
      "IP_HEADER_LENGTH_BAD",
      "IP_CHECKSUM_BAD",
    ])
      expect(f.reasons).toContain(code);
    expect(f.delivered).toBe(0);
  });

  it("broken versions of good packets go through or are dropped, never lost", () => {
    const f = new Fuzz(2);
    for (let i = 0; i < 60_000; i++) {
      const spec = randomSpec(f.dice);
      const bytes = mutate(f.dice, build(spec));
      f.send(f.dice.chance(0.8) ? spec.device : f.dice.int(DEVICES), bytes);
      if (i % 100 === 0) f.bench.plane.tick(i * 10);
    }
    expect(f.delivered).toBeGreaterThan(1000);
    for (const code of [
      "VNET_HEADER_BAD",
      "IP_OPTIONS_BAD",
      "L4_HEADER_SHORT",
      "FRAGMENT_BAD",
      "SOURCE_NOT_OWN",
      "DEVICE_GONE",
    ])
      expect(f.reasons).toContain(code);
  });

  it("good packets with a random virtio_net_hdr too", () => {
    const f = new Fuzz(3);
    for (let i = 0; i < 20_000; i++) {
      const spec = randomSpec(f.dice);
      const bytes = build(spec);
      bytes.set(f.dice.bytes(VNET), 0);
      if (f.dice.chance(0.7)) bytes[0] &= 1;
      if (f.dice.chance(0.7)) bytes[1] = f.dice.pick([0, 1, 3, 4, 5, 0x80, 0x81]);
      if (f.dice.chance(0.2)) [bytes[4], bytes[5]] = [0, 0];
      if (f.dice.chance(0.7)) [bytes[6], bytes[7]] = [20, 0];
      if (f.dice.chance(0.7)) [bytes[8], bytes[9]] = [f.dice.pick([6, 16]), 0];
      f.send(spec.device, bytes);
    }
    expect(f.reasons).toContain("VNET_HEADER_BAD");
    expect(f.delivered).toBeGreaterThan(500);
  });

  it("fragments in any state of disorder too", () => {
    const f = new Fuzz(4);
    for (let i = 0; i < 6000; i++) {
      for (const a of arrivals(f.dice)) f.send(a.device, f.dice.chance(0.1) ? mutate(f.dice, a.bytes) : a.bytes);
      if (i % 50 === 0) f.bench.plane.tick(i * 20);
    }
    expect(f.reasons).toContain("REASSEMBLY_TIMEOUT");
    expect(f.delivered).toBeGreaterThan(1000);
  });
});
