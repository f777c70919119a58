import { describe, expect, it } from "vitest";
import { readDecision } from "../../../src/lab/observation/decisionColumns.ts";
import {
  createSessionCounters,
  S_LOST,
  S_LOST_AT,
  S_LOST_OUT,
  S_MATCHED,
  S_SAMPLED_OUT,
  S_SEEN,
  type SessionSetup,
} from "../../../src/lab/observation/observationMessages.ts";
import type { ObservedPacket, Sighting } from "../../../src/lab/observation/observedPacket.ts";
import type { AskedDecision } from "../../../src/lab/observation/observerMessages.ts";
import { Recorder } from "../../../src/lab/observation/recorder.ts";
import { ENI_IN, ENI_OUT, IN, OUT } from "../../../src/lab/observation/records.ts";
import { createRing, RingReader } from "../../../src/lab/observation/ring.ts";
import { RingDrain } from "../../../src/lab/observation/ringDrain.ts";
import { ACT_NONE, type Decision, STAGE_ENI_IN, STAGE_ENI_OUT, STAGE_MTU } from "../../../src/plane/decision.ts";
import { PROTO_UDP } from "../../../src/plane/packet.ts";
import type { Plane } from "../../../src/plane/plane.ts";
import { Bench, DEV, VIP } from "../plane/bench.ts";
import { Dice } from "../plane/dice.ts";
import { tcp, udp, VNET } from "../plane/packets.ts";
import { arrivals } from "../plane/traffic.ts";
import { port, Wire } from "../plane/wire.ts";

/** A packet at a place, copied out of the ring. */
interface Seen {
  kind: number;
  id: number;
  time: number;
  place: number;
  length: number;
  bytes: string;
}

/** A bench whose packets are recorded, and everything that an observer of one session reads. */
class Observed {
  readonly bench: { readonly plane: Plane };
  readonly recorder: Recorder;
  readonly counters: Float64Array;
  readonly packets: { id: number; flow: number; dropped: boolean; seen: Seen[]; comment: string | null }[] = [];
  readonly outputs: (Seen & { comment: string | null })[] = [];
  readonly asked: AskedDecision[] = [];
  readonly drain: RingDrain;
  readonly setup: SessionSetup;
  #time = 0;

  constructor(
    o: Partial<Omit<SessionSetup, "counters" | "ring">> & {
      ringBytes?: number;
      bench?: { readonly plane: Plane };
    } = {},
  ) {
    this.bench = o.bench ?? new Bench({ seed: 3 });
    this.recorder = new Recorder(this.bench.plane);
    const ring = createRing(o.ringBytes ?? 1 << 20);
    const counters = createSessionCounters(16);
    this.counters = new Float64Array(counters);
    this.setup = {
      session: o.session ?? 0,
      ring,
      counters,
      snaplen: o.snaplen ?? 1 << 16,
      everywhere: o.everywhere ?? true,
      outline: false,
      filter: o.filter ?? { expression: null, addresses: new Map(), objects: null },
      sample: o.sample ?? 1,
    };
    this.recorder.begin(this.setup);
    this.drain = new RingDrain(
      new RingReader(ring),
      {
        packet: (p: ObservedPacket) =>
          this.packets.push({
            id: p.id,
            flow: p.flow,
            dropped: p.dropped,
            seen: p.sightings.slice(0, p.count).map(copy),
            comment: p.text?.comment ?? null,
          }),
        output: (s: Sighting, text) => this.outputs.push({ ...copy(s), comment: text?.comment ?? null }),
      },
      (decisions) => {
        const first = this.asked.length;
        this.asked.push(...decisions.map((d) => ({ ...d, words: d.words.slice() })));
        return decisions.map((_, i) => ({ comment: `decision ${first + i}`, at: "", event: "}" }));
      },
      [],
    );
  }

  /** One batch. @returns what was written, as hex */
  send(...batch: { device: number; bytes: Uint8Array }[]): string[] {
    const { plane } = this.bench;
    const c = plane.context;
    this.recorder.beginBatch(++this.#time);
    batch.forEach(({ device, bytes }, i) => {
      const at = plane.slotOffset(i);
      c.arena.set(bytes, at - VNET);
      this.recorder.process(device, at, bytes.length - VNET);
    });
    const { out } = c;
    const written: string[] = [];
    for (let i = 0; i < out.count; i++) {
      out.status[i] = out.length[i];
      written.push(hex(out.arena, out.offset[i], out.length[i]));
    }
    this.recorder.flushed(++this.#time);
    this.recorder.publish();
    plane.written();
    return written;
  }

  read(): void {
    while (this.drain.round() > 0);
  }

  /** The decision that a packet's text was asked for. */
  decisionOf(comment: string | null): Decision {
    return readDecision(this.asked[Number(comment?.replace("decision ", ""))].words);
  }
}

function hex(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.slice(offset, offset + length)).toString("hex");
}

function copy(s: Sighting): Seen {
  const { kind, id, time, place, length } = s;
  return { kind, id, time, place, length, bytes: hex(s.bytes, s.offset, s.kept) };
}

/** Rows of a decision; a live one says nothing of the size that was measured against an MTU. */
function steps(d: Decision): number[][] {
  const isSize = (i: number) => d.stage[i] === STAGE_MTU && d.action[i] === ACT_NONE;
  return Array.from({ length: d.count }, (_, i) => [
    ...[d.node[i], d.stage[i], d.action[i], d.rule[i], d.ruleKind[i], d.reason[i], isSize(i) ? 0 : d.a[i]],
    ...[d.b[i], d.c[i], d.d[i], d.e[i], d.f[i], d.g[i], d.h[i], d.source[i]],
  ]);
}

describe("the recorder", () => {
  it("shows of every packet what was read, what stood at each ENI, what was decided and what was written", () => {
    for (let seed = 1; seed <= 3; seed++) {
      const dice = new Dice(seed);
      const o = { limit: 500, seed };
      const [observed, plain] = [new Observed({ bench: new Bench(o) }), new Bench(o)];
      for (let i = 0; i < 120; i++) {
        for (const arrival of arrivals(dice)) {
          const written = observed.send(arrival);
          const expected = plain.send(arrival.device, arrival.bytes);
          expect(written).toEqual(expected.map((s) => hex(s.bytes, VNET, s.bytes.length - VNET)));
          observed.read();
          const packet = observed.packets.pop();
          const outputs = observed.outputs.splice(0);
          if (packet === undefined) throw new Error("a packet that nobody saw");
          const d = observed.decisionOf(packet.comment);
          expect(steps(d)).toEqual(steps(plain.decision));
          expect([d.verdict, d.outcomeReason, d.receiver]).toEqual([
            plain.decision.verdict,
            plain.decision.outcomeReason,
            plain.decision.receiver,
          ]);
          const [read, ...enis] = packet.seen;
          expect(read).toMatchObject({ kind: IN, place: arrival.device, length: arrival.bytes.length - VNET });
          expect(read.bytes).toBe(hex(arrival.bytes, VNET, arrival.bytes.length - VNET));
          const atEnis = steps(d).filter(([, stage]) => stage === STAGE_ENI_OUT || stage === STAGE_ENI_IN);
          const accepted = atEnis.filter(([, , action]) => action === 1);
          expect(enis.map((e) => [e.kind, e.place])).toEqual(
            accepted.map(([, stage, , rule]) => [stage === STAGE_ENI_OUT ? ENI_OUT : ENI_IN, rule]),
          );
          expect(enis.every((e) => e.time === read.time)).toBe(true);
          expect(outputs.map((s) => s.bytes)).toEqual(written);
          for (const out of outputs)
            expect(out).toMatchObject({ kind: OUT, id: packet.id, time: read.time + 1, comment: packet.comment });
        }
      }
      const { context } = observed.bench.plane;
      expect(context.counters).toEqual(plain.plane.context.counters);
      expect(context.ct.stateHash()).toBe(plain.plane.context.ct.stateHash());
      expect(observed.counters[S_SEEN]).toBe(observed.counters[S_MATCHED]);
    }
  });

  it("sends a decision once as long as packets are decided alike, and again when names may have changed", () => {
    const o = new Observed();
    const send = (sport: number) => o.send({ device: DEV.client, bytes: udp(`10.0.1.32:${sport}`, `${VIP}:53`, "q") });
    // NEW with the choice, then NEW with an entry: two decisions for each flow.
    for (let i = 0; i < 20; i++) send(1000);
    o.read();
    expect(o.asked).toHaveLength(2);
    for (let i = 0; i < 20; i++) send(1001);
    o.read();
    expect(o.asked).toHaveLength(4);
    o.recorder.renamed();
    send(1000);
    send(1001);
    send(1001);
    o.read();
    expect(o.asked).toHaveLength(6);
    expect(o.packets.at(-1)?.comment).toBe("decision 5");
    expect(new Set(o.packets.map((p) => p.flow)).size).toBe(2);
  });

  it("keeps as many bytes as are asked for, and says how many there were", () => {
    const o = new Observed({ snaplen: 30 });
    const bytes = udp("10.0.1.32:1000", "10.0.2.32:5353", "x".repeat(100));
    o.send({ device: DEV.client, bytes });
    o.read();
    const all = [...o.packets[0].seen, ...o.outputs];
    expect(all).toHaveLength(4);
    for (const s of all) expect([s.length, s.bytes.length / 2]).toEqual([128, 30]);
  });

  it("matches an expression wherever the packet is seen, and shows it everywhere then", () => {
    const expression = "dst host 10.0.2.32 and dst port 5353";
    const o = new Observed({ filter: { expression, addresses: new Map(), objects: null } });
    o.send({ device: DEV.client, bytes: udp("10.0.1.32:1000", `${VIP}:53`, "q") });
    o.send({ device: DEV.client, bytes: udp("10.0.1.32:1000", "10.0.2.33:5353", "q") });
    o.read();
    expect(o.packets.map((p) => [p.id, p.seen.length])).toEqual([[1, 3]]);
    expect(o.outputs.map((s) => s.id)).toEqual([1]);
    expect([o.counters[S_SEEN], o.counters[S_MATCHED]]).toEqual([2, 1]);
  });

  it("without places shows where packets were read alone, and still tests them everywhere", () => {
    const filter = { expression: "dst port 5353", addresses: new Map(), objects: null };
    const o = new Observed({ filter, everywhere: false });
    o.send({ device: DEV.client, bytes: udp("10.0.1.32:1000", `${VIP}:53`, "q") });
    o.read();
    expect(o.packets.map((p) => p.seen.length)).toEqual([1]);
    expect(o.outputs).toEqual([]);
  });

  it("samples one of so many that match, and counts the others", () => {
    const o = new Observed({ sample: 10 });
    for (let i = 0; i < 95; i++) o.send({ device: DEV.client, bytes: udp(`10.0.1.32:${i + 1}`, `${VIP}:53`, "q") });
    o.read();
    expect(o.packets.map((p) => p.id)).toEqual([1, 11, 21, 31, 41, 51, 61, 71, 81, 91]);
    expect(o.outputs).toHaveLength(10);
    expect([o.counters[S_MATCHED], o.counters[S_SAMPLED_OUT]]).toEqual([95, 85]);
  });

  it("of a full ring loses whole packets and counts them, by the device that sent them", () => {
    const dice = new Dice(5);
    const o = new Observed({ ringBytes: 1 << 13 });
    let sent = 0;
    for (let round = 0; round < 300; round++) {
      const batch = Array.from({ length: 1 + dice.int(4) }, () => ({
        device: DEV.client,
        bytes: udp(`10.0.1.32:${1 + dice.int(50)}`, `${VIP}:53`, "x".repeat(dice.int(600))),
      }));
      o.send(...batch);
      sent += batch.length;
      if (dice.chance(0.2)) o.read();
    }
    o.read();
    const lost = o.counters[S_LOST];
    expect(lost).toBeGreaterThan(50);
    expect(o.packets.length).toBeGreaterThan(50);
    expect(o.packets.length + lost).toBe(sent);
    expect([o.counters[S_LOST_OUT], o.counters[S_LOST_AT + DEV.client]]).toEqual([0, lost]);
    expect(o.outputs.map((s) => s.id)).toEqual(o.packets.map((p) => p.id));
    for (const p of o.packets) {
      expect(p.seen).toHaveLength(3);
      expect(p.comment).not.toBeNull();
    }
  });

  it("gives an answer its question's flow, also where it sees the answer alone", () => {
    const o = new Observed({ filter: { expression: "src port 8080", addresses: new Map(), objects: null } });
    o.send({ device: DEV.client, bytes: tcp("10.0.1.32:1000", `${VIP}:80`, "S") });
    const { out } = o.bench.plane.context;
    const api =
      out.device[0] === DEV.api0 ? { device: DEV.api0, at: "10.0.2.32" } : { device: DEV.api1, at: "10.0.2.33" };
    o.send({ device: api.device, bytes: tcp(`${api.at}:8080`, "10.0.1.32:1000", "SA") });
    o.send({ device: DEV.client, bytes: tcp("10.0.1.32:1000", `${VIP}:80`, "A") });
    o.read();
    expect(o.packets.map((p) => p.id)).toEqual([2]);
    const all = new Observed();
    all.send({ device: DEV.client, bytes: tcp("10.0.1.32:1000", `${VIP}:80`, "S") });
    all.read();
    expect(o.packets[0].flow).toBe(all.packets[0].flow);
  });

  it("knows the packet that waited for the confirmation of its entry when it is written", () => {
    const wire = new Wire([port(0, PROTO_UDP, 53, ["10.0.2.32:53"])], { unconfirmedWindow: 4 });
    const o = new Observed({ bench: wire });
    expect(o.send({ device: DEV.client, bytes: udp("10.0.1.32:1000", `${VIP}:53`, "q") })).toEqual([]);
    // On either node it waits to be confirmed.
    wire.plane.tick(5);
    wire.plane.tick(10);
    expect(o.send()).toHaveLength(1);
    o.read();
    expect(o.packets).toMatchObject([{ id: 1, dropped: false }]);
    expect(o.outputs).toMatchObject([{ id: 1, place: DEV.api0, comment: "decision 0" }]);
  });
});
