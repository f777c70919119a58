import { describe, expect, it } from "vitest";
import { conntrackEvents } from "../../../src/lab/conntrackWatch.ts";
import { reasonCounts } from "../../../src/observe/tables.ts";
import { Accounting } from "../../../src/plane/conntrack/accounting.ts";
import { ConntrackEvents } from "../../../src/plane/conntrack/events.ts";
import { Decision } from "../../../src/plane/decision.ts";
import { LAST_DROPS_WORDS, LastDrops, readDrop } from "../../../src/plane/lastDrops.ts";
import { Packet } from "../../../src/plane/packet.ts";
import { Plane } from "../../../src/plane/plane.ts";
import { reason } from "../../../src/plane/reasons.ts";
import { Bench, DEV, rows } from "../plane/bench.ts";
import { Dice } from "../plane/dice.ts";
import { tcp, udp, VNET } from "../plane/packets.ts";
import { arrivals } from "../plane/traffic.ts";
import { NAMES } from "./names.ts";

const SYN = tcp("10.0.1.32:40000", "172.20.0.17:80", "S", { seq: 1 });

/** Asks what would become of a packet. */
function ask(b: Bench, device: number, bytes: Uint8Array): void {
  const at = b.plane.slotOffset(2);
  b.plane.context.arena.set(bytes, at - VNET);
  b.plane.whatIf(device, at, bytes.length - VNET, new Decision());
}

describe("conntrack events", () => {
  it("are told by what changed, once a packet, and by no what-if", () => {
    const b = new Bench();
    const { ct } = b.plane.context;
    ct.events = new ConntrackEvents();
    const told = () =>
      conntrackEvents(ct.events?.drain() ?? new Int32Array(0), NAMES).map(
        ({ event, entry }) => `${entry.zone} ${event} ${entry.state}`,
      );
    ask(b, DEV.client, SYN);
    expect(told()).toEqual([]);
    const [sent] = b.send(DEV.client, SYN);
    expect(told()).toEqual(["0 NEW SYN_SENT", "1 NEW SYN_SENT"]);
    b.send(DEV.client, SYN);
    expect(told()).toEqual([]);
    const [server, device] = sent.device === "api0" ? ["10.0.2.32:8080", DEV.api0] : ["10.0.2.33:8080", DEV.api1];
    b.send(device, tcp(server, "10.0.1.32:40000", "R.", { seq: 0, ack: 2 }));
    expect(told()).toEqual(["1 DESTROY CLOSE", "0 DESTROY CLOSE"]);
  });

  it("that find the ring full are counted, and the ring goes on behind its end", () => {
    const b = new Bench();
    const { ct } = b.plane.context;
    const ring = new ConntrackEvents();
    b.send(DEV.client, SYN);
    for (let i = 0; i < 10_000; i++) ring.push(1, ct, null, 0, i);
    expect(ring.drain()).toHaveLength(10_000 * 25);
    for (let i = 0; i < 16_400; i++) ring.push(2, ct, null, 0, i);
    expect(ring.lost).toBe(16);
    const words = ring.drain();
    // What is left of its time says which push it was: the first 16,384, in their order.
    const left = Array.from({ length: words.length / 25 }, (_, i) => words[i * 25 + 6]);
    expect(left).toEqual(Array.from({ length: 16_384 }, (_, i) => 120_000 - i));
  });
});

describe("accounting", () => {
  it("changes nothing of the entries, and counts nothing of what-ifs", () => {
    for (let seed = 1; seed <= 4; seed++) {
      const dice = new Dice(seed);
      const [asked, counted, plain] = [new Bench({ seed }), new Bench({ seed }), new Bench({ seed })];
      const entries = asked.plane.context.ct;
      for (const { ct } of [asked.plane.context, counted.plane.context]) ct.accounting = new Accounting(ct.capacity, 0);
      for (let i = 0; i < 300; i++)
        for (const { device, bytes } of arrivals(dice)) {
          ask(asked, device, bytes);
          for (const b of [asked, counted, plain]) b.send(device, bytes);
        }
      expect(entries.stateHash()).toBe(plain.plane.context.ct.stateHash());
      const { accounting } = entries;
      expect(accounting?.counts).toEqual(counted.plane.context.ct.accounting?.counts);
      // Every entry is there because of a packet.
      entries.forEach((e) => {
        expect(accounting?.counts[e * 4]).toBeGreaterThan(0);
      });
    }
  });

  it("starts at 0 for a new connection in an old entry's place, and names the busiest since the last look", () => {
    const b = new Bench();
    const { ct } = b.plane.context;
    const accounting = new Accounting(ct.capacity, 0);
    ct.accounting = accounting;
    const send = (port: number, size: number) =>
      b.send(DEV.client, udp(`10.0.1.32:${port}`, "10.0.1.48:9", "x".repeat(size)));
    for (const [port, size] of [
      [1, 10],
      [2, 500],
      [3, 100],
    ])
      send(port, size);
    const each = (visit: (e: number) => void) => ct.forEach(visit);
    const look = (limit: number, asker = 1) => {
      const { entries, recent } = accounting.busiest(asker, limit, each);
      return entries.map((e, i) => [ct.sport(e, 0), recent[2 * i], recent[2 * i + 1]]);
    };
    expect(look(2)).toEqual([
      [2, 1, 528],
      [3, 1, 128],
    ]);
    send(1, 10);
    expect(look(9)).toEqual([[1, 1, 38]]);
    // Somebody else has not looked yet, and takes nothing from the first.
    expect(look(1, 2)).toEqual([[2, 1, 528]]);
    send(3, 100);
    expect([look(9, 2), look(9)]).toEqual([[[3, 1, 128]], [[3, 1, 128]]]);
    b.plane.tick(31_000);
    send(4, 10);
    let counts: number[] = [];
    ct.forEach((e) => {
      counts = [...accounting.counts.subarray(e * 4, e * 4 + 4)];
    });
    expect(counts).toEqual([1, 38, 0, 0]);
  });
});

describe("the last drop of each reason", () => {
  it("is remembered with its flow, as it was sent and as it was translated, and not for what-ifs", () => {
    const words = new Int32Array(LAST_DROPS_WORDS);
    const hashKey = Int32Array.of(1, 2, 3, 4);
    const sizes = { slots: 4, devices: 16, nodes: 2, conntrackCapacity: 64 };
    const plane = new Plane({ ...sizes, hashKey, seed: 7, settings: undefined, lastDrops: words });
    plane.apply({ put: rows(), gone: [] });
    plane.tick(5000);
    const at = plane.slotOffset(0);
    const walk = (bytes: Uint8Array, isTrial: boolean) => {
      plane.context.arena.set(bytes, at - VNET);
      if (isTrial) plane.whatIf(DEV.client, at, bytes.length - VNET, new Decision());
      else plane.process(DEV.client, at, bytes.length - VNET);
      plane.context.reset();
    };
    const found = () => {
      const all = reasonCounts(plane.context.counters, { lastDrops: words, tick: 7500 }, NAMES);
      return all.flatMap(({ code, count, last }) => (last === null ? [] : [{ code, count, last }]));
    };
    const refused = tcp("10.0.1.32:40000", "172.20.0.17:81", "S");
    walk(refused, true);
    expect(found()).toEqual([]);
    walk(refused, false);
    walk(tcp("10.0.1.32:40001", "172.20.0.17:80", "S", { ttl: 1 }), false);
    const [expired, refusal] = found();
    expect(refusal).toEqual({
      code: "SERVICE_NO_ENDPOINTS",
      count: 1,
      last: {
        ago: 2500,
        node: "node-0",
        stage: "filter",
        protocol: "tcp",
        source: { name: "pod/default/client", address: "10.0.1.32", port: 40_000 },
        destination: { name: "svc/default/api", address: "172.20.0.17", port: 81 },
        addressed: null,
        length: 40,
        flow: "tcp pod/client:40000 -> svc/api:81",
      },
    });
    expect(expired).toMatchObject({ code: "TTL_EXCEEDED", last: { stage: "ttl", addressed: { port: 80 } } });
    expect(expired.last.flow).toMatch(/^tcp pod\/client:40001 -> svc\/api:80 \(now pod\/api-[01]:8080\)$/);
  });

  it("says so where the packet had no header to read", () => {
    const words = new Int32Array(LAST_DROPS_WORDS);
    const p = new Packet(new Uint8Array(64));
    p.len = 7;
    new LastDrops(words).note(reason("PACKET_TOO_SHORT"), p, -1, 1, 0);
    const last = reasonCounts(new Float64Array(512), { lastDrops: words, tick: 0 }, NAMES)[0].last;
    expect(last).toMatchObject({ node: null, protocol: null, source: null, flow: "7 bytes that are no IPv4 packet" });
  });

  it("is whole or not there while it is being written", () => {
    const words = new Int32Array(LAST_DROPS_WORDS);
    const p = new Packet(new Uint8Array(64));
    new LastDrops(words).note(reason("NO_ROUTE"), p, 0, 6, 1);
    expect(readDrop(words, reason("NO_ROUTE"))).not.toBeNull();
    // Half written.
    words[reason("NO_ROUTE") * 12]++;
    expect(readDrop(words, reason("NO_ROUTE"))).toBeNull();
    expect(readDrop(words, reason("TTL_EXCEEDED"))).toBeNull();
  });
});
