import { describe, expect, it } from "vitest";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import { STAT_CLASH_RESOLVE, STAT_INSERT_FAILED } from "../../../src/plane/conntrack/info.ts";
import { Decision, VERDICT_DELIVERED } from "../../../src/plane/decision.ts";
import { PROTO_TCP, PROTO_UDP } from "../../../src/plane/packet.ts";
import { SERVICE_MODE_IPTABLES, SERVICE_MODE_NFTABLES } from "../../../src/plane/rows.ts";
import { DEV, VIP } from "./bench.ts";
import { Dice } from "./dice.ts";
import { echo, tcp, udp } from "./packets.ts";
import { cutUp, read16, VNET } from "./slowPacket.ts";
import { arrivals } from "./traffic.ts";
import { type Arrived, port, Wire } from "./wire.ts";

const CLIENT = "10.0.1.32";
const DNS = ["10.0.2.32:53", "10.0.2.33:53"];
const SERVERS = { api0: "10.0.2.32", api1: "10.0.2.33" } as const;

function dns(o: ConstructorParameters<typeof Wire>[1] = {}): Wire {
  return new Wire([port(0, PROTO_UDP, 53, DNS), port(1, PROTO_TCP, 80, DNS)], o);
}

/** A and AAAA, as a resolver sends them from one socket without a wait between. */
function query(wire: Wire, sport: number): Arrived[] {
  const got = wire.send(DEV.client, udp(`${CLIENT}:${sport}`, `${VIP}:53`, "A"));
  got.push(...wire.send(DEV.client, udp(`${CLIENT}:${sport}`, `${VIP}:53`, "AAAA")));
  got.push(...wire.wait(5));
  return got;
}

/** What the servers that got a query answer; what of it the client sees. */
function answers(wire: Wire, queries: Arrived[]): Arrived[] {
  return queries.flatMap(({ device, bytes }) => {
    const server = device === "api0" ? SERVERS.api0 : SERVERS.api1;
    const sport = read16(bytes, VNET + 20);
    const got = wire.send(device === "api0" ? DEV.api0 : DEV.api1, udp(`${server}:53`, `${CLIENT}:${sport}`, "answer"));
    return [...got, ...wire.wait(5)];
  });
}

describe("without an unconfirmed window", () => {
  it("two packets of one socket go to one server: the first is confirmed before the second comes", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const wire = dns({ seed });
      const got = query(wire, 40_000);
      expect(got).toHaveLength(2);
      expect(got[0].device).toBe(got[1].device);
      expect([wire.stat(STAT_CLASH_RESOLVE), wire.stat(STAT_INSERT_FAILED)]).toEqual([0, 0]);
    }
  });
});

describe("a packet in the unconfirmed window", () => {
  it("is queued, and goes on after the next packet, or when the clock moves on", () => {
    const wire = dns({ unconfirmedWindow: 1 });
    expect(wire.send(DEV.client, udp(`${CLIENT}:40000`, `${VIP}:53`, "A"))).toEqual([]);
    expect([wire.queued, wire.imbalance()]).toEqual([1, 0]);
    expect(wire.plane.nextTick(0)).toBe(1);
    // The node of the server has a window of its own.
    expect(wire.wait(1)).toEqual([]);
    expect(wire.queued).toBe(1);
    const [got] = wire.wait(1);
    expect(got.line).toContain("10.0.1.32.40000 > 10.0.2.3");
    expect(packetProblem(got.bytes)).toBeNull();
    expect([wire.queued, wire.imbalance()]).toEqual([0, 0]);
    expect(wire.plane.nextTick(2)).toBeGreaterThan(1);
    // Once confirmed, the socket's packets wait no more.
    expect(wire.send(DEV.client, udp(`${CLIENT}:40000`, `${VIP}:53`, "B"))).toHaveLength(1);
  });

  it("goes on as it would have without: the same bytes for everyone, a little later", () => {
    const [with_, without] = [dns({ unconfirmedWindow: 8 }), dns()];
    for (let sport = 1000; sport < 1200; sport++) {
      const to = sport % 3 === 0 ? "203.0.113.10:53" : `${VIP}:53`;
      const bytes = udp(`${CLIENT}:${sport}`, to, "x".repeat(sport % 90));
      const expected = without.send(DEV.client, bytes);
      const got = [...with_.send(DEV.client, bytes), ...with_.wait(3)];
      without.wait(3);
      expect(got).toEqual(expected);
    }
  });

  it("of TCP that is sent again too soon is lost the second time: insert_failed", () => {
    const wire = dns({ unconfirmedWindow: 1 });
    const syn = tcp(`${CLIENT}:40000`, `${VIP}:80`, "S", { seq: 1 });
    expect(wire.send(DEV.client, syn)).toEqual([]);
    wire.send(DEV.client, syn);
    expect(wire.wait(5)).toHaveLength(1);
    expect([wire.stat(STAT_INSERT_FAILED), wire.stat(STAT_CLASH_RESOLVE)]).toEqual([1, 0]);
    expect(wire.drops("CONNTRACK_INSERT_FAILED")).toBe(1);
    expect(wire.imbalance()).toBe(0);
    expect(wire.plane.context.ct.count(0)).toBe(1);
  });

  it("goes on before the tables change", () => {
    const wire = dns({ unconfirmedWindow: 32 });
    wire.send(DEV.client, udp(`${CLIENT}:40000`, `${VIP}:53`, "A"));
    wire.put(port(0, PROTO_UDP, 53, []));
    // It was delivered; its entry on the client's node is stale by now and gone.
    expect(wire.take().map(({ line }) => line)).toEqual([expect.stringContaining("10.0.1.32.40000 > 10.0.2.3")]);
    expect([wire.queued, wire.plane.context.ct.count(0), wire.plane.context.ct.count(1)]).toEqual([0, 0, 1]);
  });

  it("costs a question nothing: why answers at once, and nothing waits", () => {
    const wire = dns({ unconfirmedWindow: 4 });
    const { plane } = wire;
    const bytes = echo(CLIENT, SERVERS.api0, 7);
    plane.context.arena.set(bytes, plane.slotOffset(1) - VNET);
    const decision = new Decision();
    plane.whatIf(DEV.client, plane.slotOffset(1), bytes.length - VNET, decision);
    expect([decision.verdict, decision.receiver, wire.queued]).toEqual([VERDICT_DELIVERED, DEV.api0, 0]);
    expect(wire.wait(5)).toEqual([]);
  });

  it("does not wait when it was reassembled: its fragments leave as they came", () => {
    const wire = dns({ unconfirmedWindow: 32 });
    const whole = udp(`${CLIENT}:40000`, `${SERVERS.api0}:9`, "x".repeat(900), { frag: 0 });
    const got = cutUp(whole, 400).flatMap((piece) => wire.send(DEV.client, piece));
    expect(got.map(({ bytes }) => read16(bytes, VNET + 2))).toEqual([420, 420, 128]);
    expect([wire.queued, wire.imbalance()]).toEqual([0, 0]);
  });

  it("does not wait when 32 others do", () => {
    const wire = dns({ unconfirmedWindow: 32 });
    let got = 0;
    for (let sport = 1; sport <= 400; sport++) {
      got += wire.send(DEV.client, udp(`${CLIENT}:${sport}`, `${SERVERS.api0}:9`)).length;
      expect(wire.queued).toBeLessThanOrEqual(32);
      expect(wire.imbalance()).toBe(0);
    }
    expect(got + wire.wait(5).length).toBe(400);
  });
});

describe("the race of two DNS queries", () => {
  it("that go to two servers ends with both answered: the second one's reply tuple is there for a second", () => {
    let split = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const wire = dns({ seed, unconfirmedWindow: 1 });
      const queries = query(wire, 40_000);
      expect(queries).toHaveLength(2);
      if (queries[0].device === queries[1].device) {
        // Both nodes resolved the clash: one connection.
        expect(wire.stat(STAT_CLASH_RESOLVE)).toBe(2);
        expect(wire.plane.context.ct.count(0)).toBe(1);
        continue;
      }
      split++;
      expect(wire.stat(STAT_CLASH_RESOLVE)).toBe(1);
      const seen = answers(wire, queries);
      expect(seen.map(({ line }) => line.includes(`${VIP}.53 > ${CLIENT}.40000`))).toEqual([true, true]);
    }
    expect(split).toBeGreaterThan(8);
    expect(split).toBeLessThan(32);
  });

  it("before Linux 5.0 loses the second one; sent again after the resolver's 5 s it arrives", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const wire = dns({ seed, unconfirmedWindow: 1, settings: { resolveClashes: false } });
      expect(query(wire, 40_000)).toHaveLength(1);
      // One is lost at the client's node; the other one has no rival at the server's.
      expect([wire.stat(STAT_INSERT_FAILED), wire.drops("CONNTRACK_INSERT_FAILED")]).toEqual([1, 1]);
      wire.wait(5000);
      expect(wire.send(DEV.client, udp(`${CLIENT}:40000`, `${VIP}:53`, "AAAA"))).toHaveLength(1);
      expect([wire.imbalance(), wire.queued]).toEqual([0, 0]);
    }
  });

  it("loses an answer that takes longer than a second: the client sees the server's own address", () => {
    for (let seed = 1; seed <= 40; seed++) {
      const wire = dns({ seed, unconfirmedWindow: 1 });
      const queries = query(wire, 40_000);
      if (queries[0].device === queries[1].device) continue;
      wire.wait(1100);
      const late = answers(wire, [queries[1]]);
      const line = late.map((a) => a.line).join();
      expect(line).not.toContain(`${VIP}.53 >`);
      return;
    }
    expect.fail("no seed sent the queries to two servers");
  });

  it("loses one when another connection has the tuple that its answer would come by", () => {
    // Straight to either server from the same port: the second query's reply tuple is taken, and it is dropped.
    let lost = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const wire = dns({ seed, unconfirmedWindow: 3 });
      const got: Arrived[] = [];
      for (const to of [`${SERVERS.api0}:53`, `${SERVERS.api1}:53`, `${VIP}:53`, `${VIP}:53`])
        got.push(...wire.send(DEV.client, udp(`${CLIENT}:40000`, to)));
      got.push(...wire.wait(5));
      const failed = wire.stat(STAT_INSERT_FAILED);
      expect(got).toHaveLength(4 - failed);
      expect(wire.drops("CONNTRACK_INSERT_FAILED")).toBe(failed);
      expect(wire.imbalance()).toBe(0);
      lost += failed;
    }
    expect(lost).toBeGreaterThan(0);
  });

  it("is the same for the same seed", () => {
    const run = (): string[] => {
      const wire = dns({ seed: 9, unconfirmedWindow: 6 });
      const lines: string[] = [];
      for (let sport = 1000; sport < 1100; sport++)
        for (let i = 0; i < 2; i++)
          lines.push(...wire.send(DEV.client, udp(`${CLIENT}:${sport}`, `${VIP}:53`)).map((a) => a.device + a.line));
      return [...lines, ...wire.wait(5).map((a) => a.device + a.line)];
    };
    const lines = run();
    expect(lines).toHaveLength(200);
    expect(run()).toEqual(lines);
    // Packets overtake each other, as on several CPUs.
    const ports = lines.map((line) => Number(/\.(\d+) > /.exec(line)?.[1]));
    expect(ports.some((p, i) => i > 0 && p < ports[i - 1])).toBe(true);
  });
});

describe("the ledger with a window", () => {
  it("balances after every packet and tick, whatever comes", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const dice = new Dice(seed);
      const wire = dns({
        seed,
        unconfirmedWindow: dice.pick([1, 3, 32]),
        limit: dice.pick([20, 1000]),
        eniMtu: dice.pick([1500, 9001]),
        podMtu: dice.pick([1500, 9001]),
        serviceMode: dice.pick([SERVICE_MODE_IPTABLES, SERVICE_MODE_NFTABLES]),
      });
      let most = 0;
      for (let i = 0; i < 800; i++) {
        for (const { device, bytes } of arrivals(dice)) {
          wire.send(device, bytes);
          most = Math.max(most, wire.queued);
          if (wire.imbalance() !== 0) expect.fail(`seed ${seed}, packet ${i}: off by ${wire.imbalance()}`);
        }
        if (dice.chance(0.1)) wire.wait(dice.pick([1, 100, 9000]));
        if (dice.chance(0.02)) wire.put(port(0, PROTO_UDP, 53, dice.chance(0.5) ? DNS : []));
        if (wire.imbalance() !== 0) expect.fail(`seed ${seed}, after packet ${i}: off by ${wire.imbalance()}`);
      }
      expect(most).toBeGreaterThan(1);
      wire.wait(60_000);
      expect([wire.queued, wire.imbalance()]).toEqual([0, 0]);
    }
  });
});
