import { describe, expect, it } from "vitest";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import { Conntrack } from "../../../src/plane/conntrack/table.ts";
import { C_NAT_EXHAUSTED } from "../../../src/plane/counters.ts";
import { BIND_EXHAUSTED, bindSource, setReplyTuple } from "../../../src/plane/nat/ports.ts";
import { PARSE_OK, Packet } from "../../../src/plane/packet.ts";
import { Random } from "../../../src/plane/random.ts";
import { SNAT_HASHRANDOM, SNAT_NONE, SNAT_PRNG } from "../../../src/plane/rows.ts";
import { parsePacket } from "../../../src/plane/wire/parse.ts";
import { Bench, type BenchOptions, DEV, service, VIP } from "./bench.ts";
import { echo, ip, tcp, udp } from "./packets.ts";
import { build, read16, type Spec, VNET } from "./slowPacket.ts";

const CLIENT = "10.0.1.32";
const SECOND = "10.0.1.48";
const WEB = "203.0.113.10";
const OFFICE = "192.168.7.7";
const SPORT = VNET + 20;
const ICMP_ID = VNET + 24;

/** Source port that a packet left with, or -1 when it did not. */
function sportOf(b: Bench, device: number, bytes: Uint8Array, at = SPORT): number {
  const [out] = b.send(device, bytes);
  if (out === undefined) return -1;
  expect(packetProblem(out.bytes)).toBeNull();
  return read16(out.bytes, at);
}

const RANDOM_MODES: [string, number][] = [
  ["hashrandom", SNAT_HASHRANDOM],
  ["prng", SNAT_PRNG],
];

describe("a source port", () => {
  for (const [name, snatMode] of RANDOM_MODES)
    it(`is drawn from the class of the original one with ${name}, which keeps it by chance alone`, () => {
      const b = new Bench({ snatMode });
      const classes: [number[], number, number][] = [
        [[0, 1, 300, 511], 1, 511],
        [[512, 599, 600, 1023], 600, 1023],
        [[1024, 40_000, 65_535], 1024, 65_535],
      ];
      for (const [sports, low, high] of classes)
        for (const sport of sports)
          for (let i = 0; i < 20; i++) {
            const port = sportOf(b, DEV.client, udp(`${CLIENT}:${sport}`, `${WEB}:${1000 + i}`));
            expect(port).toBeGreaterThanOrEqual(low);
            expect(port).toBeLessThanOrEqual(high);
          }
      let kept = 0;
      for (let sport = 2000; sport < 2300; sport++)
        if (sportOf(b, DEV.client, tcp(`${CLIENT}:${sport}`, `${WEB}:80`, "S")) === sport) kept++;
      expect(kept).toBe(0);
    });

  it("is kept with RANDOMIZESNAT=none, in every class", () => {
    const b = new Bench({ snatMode: SNAT_NONE });
    for (const sport of [1, 511, 512, 600, 1023, 1024, 65_535])
      expect(sportOf(b, DEV.client, udp(`${CLIENT}:${sport}`, `${WEB}:53`))).toBe(sport);
  });

  it("that is taken is replaced within its class", () => {
    for (const [sport, low, high] of [
      [300, 1, 511],
      [520, 600, 1023],
      [2000, 1024, 65_535],
    ]) {
      const b = new Bench({ snatMode: SNAT_NONE });
      expect(sportOf(b, DEV.client, udp(`${CLIENT}:${sport}`, `${WEB}:53`))).toBe(sport);
      const other = sportOf(b, DEV.second, udp(`${SECOND}:${sport}`, `${WEB}:53`));
      expect(other).not.toBe(sport);
      expect(other).toBeGreaterThanOrEqual(low);
      expect(other).toBeLessThanOrEqual(high);
    }
  });

  it("serves any number of destinations at once", () => {
    const b = new Bench({ snatMode: SNAT_NONE });
    for (const to of [`${WEB}:53`, `${WEB}:54`, `${OFFICE}:53`])
      expect(sportOf(b, DEV.client, udp(`${CLIENT}:1000`, to))).toBe(1000);
  });

  it("of a source that was mapped before is that mapping, although its own would be free (find_appropriate_src)", () => {
    const b = new Bench({ snatMode: SNAT_NONE });
    sportOf(b, DEV.client, udp(`${CLIENT}:1000`, `${WEB}:53`));
    const mapped = sportOf(b, DEV.second, udp(`${SECOND}:1000`, `${WEB}:53`));
    expect(mapped).not.toBe(1000);
    // Connections without a translation in between do not hide the mapping.
    sportOf(b, DEV.second, udp(`${SECOND}:1000`, "10.0.1.200:53"));
    expect(sportOf(b, DEV.second, udp(`${SECOND}:1000`, `${OFFICE}:53`))).toBe(mapped);
    expect(sportOf(b, DEV.second, udp(`${SECOND}:1000`, `${WEB}:54`))).toBe(mapped);
    // Another protocol has mappings of its own.
    expect(sportOf(b, DEV.second, tcp(`${SECOND}:1000`, `${OFFICE}:53`, "S"))).toBe(1000);
  });

  it("of a mapping that the destination already knows is not taken again", () => {
    const b = new Bench({ snatMode: SNAT_NONE });
    sportOf(b, DEV.client, udp(`${CLIENT}:1000`, `${WEB}:53`));
    const mapped = sportOf(b, DEV.second, udp(`${SECOND}:1000`, `${WEB}:53`));
    expect(sportOf(b, DEV.client, udp(`${CLIENT}:${mapped}`, `${OFFICE}:53`))).toBe(mapped);
    const next = sportOf(b, DEV.second, udp(`${SECOND}:1000`, `${OFFICE}:53`));
    expect(next).toBe(1000);
  });

  it("changes without any SNAT rule when two ways to one endpoint would look alike", () => {
    const b = new Bench();
    b.plane.apply({ put: [service(0, 80, ["10.0.2.32:8080"], 0)], gone: [] });
    expect(sportOf(b, DEV.client, tcp(`${CLIENT}:4000`, `${VIP}:80`, "S"))).toBe(4000);
    const direct = sportOf(b, DEV.client, tcp(`${CLIENT}:4000`, "10.0.2.32:8080", "S"));
    expect(direct).toBeGreaterThanOrEqual(1024);
    expect(direct).not.toBe(4000);
  });

  it("of a protocol without ports is none: the second connection to one destination fails", () => {
    const b = new Bench();
    const gre: Spec = { protocol: 47, src: ip(CLIENT), dst: ip(WEB), payload: new Uint8Array(8) };
    expect(b.send(DEV.client, build(gre))).toHaveLength(1);
    expect(b.send(DEV.second, build({ ...gre, src: ip(SECOND) }))).toEqual([]);
    expect(b.reason).toBe("NAT_PORTS_EXHAUSTED");
    expect(b.plane.context.ct.total).toBe(1);
  });
});

describe("an ICMP identifier", () => {
  it("is drawn from 0 to 65535", () => {
    const b = new Bench({ snatMode: SNAT_PRNG });
    const seen: number[] = [];
    for (let id = 0; id < 600; id++) seen.push(sportOf(b, DEV.client, echo(CLIENT, WEB, id), ICMP_ID));
    expect(new Set(seen).size).toBe(600);
    expect(Math.min(...seen)).toBeLessThan(600);
    expect(Math.max(...seen)).toBeGreaterThan(64_900);
  });

  it("is kept with RANDOMIZESNAT=none, unless another pod has it for this destination", () => {
    const b = new Bench({ snatMode: SNAT_NONE });
    for (const id of [0, 1, 65_535]) expect(sportOf(b, DEV.client, echo(CLIENT, WEB, id), ICMP_ID)).toBe(id);
    const other = sportOf(b, DEV.second, echo(SECOND, WEB, 1), ICMP_ID);
    expect(other).not.toBe(1);
    expect(sportOf(b, DEV.second, echo(SECOND, OFFICE, 1), ICMP_ID)).toBe(other);
  });
});

/** Sends UDP flows to one destination, one for each source port, and returns the ports they left with. */
function fill(b: Bench, device: number, from: string, to: string, sports: { low: number; high: number }): number[] {
  const c = b.plane.context;
  const at = b.plane.slotOffset(0);
  const left: number[] = [];
  for (let sport = sports.low; sport <= sports.high; sport++) {
    c.arena.set(udp(`${from}:${sport}`, to), at - VNET);
    b.feed(device, at, 33);
    if (c.out.count === 1) left.push(read16(c.arena, c.out.offset[0] + 20));
    b.flush();
  }
  return left;
}

const LARGE: BenchOptions = { capacity: 140_000, limit: 140_000, snatMode: SNAT_PRNG };

describe("one destination under pressure", () => {
  it("gets 60,000 flows, no two from one port; a flow that finds none is dropped and counted", () => {
    const b = new Bench(LARGE);
    const first = fill(b, DEV.client, CLIENT, `${WEB}:53`, { low: 1024, high: 61_023 });
    // The search looks at 128 + 64 + 32 + 16 + 8 ports, as the kernel's does: it may miss the last free ones.
    expect(first.length).toBeGreaterThan(59_900);
    expect(new Set(first).size).toBe(first.length);
    expect(b.drops("NAT_PORTS_EXHAUSTED")).toBe(60_000 - first.length);
    const second = fill(b, DEV.second, SECOND, `${WEB}:53`, { low: 1024, high: 9023 });
    const all = [...first, ...second];
    expect(new Set(all).size).toBe(all.length);
    expect(all.every((port) => port >= 1024)).toBe(true);
    const lost = 68_000 - all.length;
    expect(all.length).toBeLessThanOrEqual(64_512);
    expect(all.length).toBeGreaterThan(64_000);
    expect(b.drops("NAT_PORTS_EXHAUSTED")).toBe(lost);
    expect(b.plane.context.counters[C_NAT_EXHAUSTED]).toBe(lost);
    expect(b.dropped()).toBe(lost);
    expect(b.imbalance()).toBe(0);
    expect(b.plane.context.ct.total).toBe(all.length);
    // Another destination still has all of them.
    expect(fill(b, DEV.client, CLIENT, `${WEB}:54`, { low: 1024, high: 1123 })).toHaveLength(100);
  });

  it("of privileged flows has 511 ports", () => {
    const b = new Bench(LARGE);
    const ports: number[] = [];
    for (const [device, from] of [
      [DEV.client, CLIENT],
      [DEV.second, SECOND],
    ] as const)
      ports.push(...fill(b, device, from, `${WEB}:53`, { low: 1, high: 511 }));
    expect(new Set(ports).size).toBe(ports.length);
    expect(Math.max(...ports)).toBeLessThanOrEqual(511);
    expect(ports.length).toBeGreaterThan(480);
    expect(b.drops("NAT_PORTS_EXHAUSTED")).toBe(1022 - ports.length);
    expect(b.imbalance()).toBe(0);
  });

  it("keeps ports that another node's flows have, too", () => {
    const b = new Bench({ ...LARGE, snatMode: SNAT_NONE });
    const one = fill(b, DEV.client, CLIENT, `${OFFICE}:53`, { low: 2000, high: 2999 });
    const two = fill(b, DEV.api0, "10.0.2.32", `${OFFICE}:53`, { low: 2000, high: 2999 });
    expect(two).toEqual(one);
    expect(one[0]).toBe(2000);
  });
});

describe("zones", () => {
  it("bind the same tuple each on their own", () => {
    const ct = new Conntrack({ capacity: 64, zones: 2, hashKey: Int32Array.of(1, 2, 3, 4) });
    const random = new Random(1);
    const arena = new Uint8Array(256);
    const p = new Packet(arena);
    const bind = (zone: number, from: string): number => {
      const bytes = udp(`${from}:1000`, `${WEB}:53`);
      arena.set(bytes, 128 - VNET);
      expect(parsePacket(p, 128, bytes.length - VNET)).toBe(PARSE_OK);
      ct.track(p, zone, 0);
      const port = bindSource(ct, random, p, zone, ip("10.0.1.10"), SNAT_NONE);
      expect(port).not.toBe(BIND_EXHAUSTED);
      setReplyTuple(ct, p, ip("10.0.1.10"), port);
      ct.confirm(p.ct, 0);
      return port;
    };
    expect(bind(0, CLIENT)).toBe(1000);
    expect(bind(1, SECOND)).toBe(1000);
    expect(bind(0, SECOND)).not.toBe(1000);
  });
});

describe("random ports", () => {
  it("are spread as the kernel's: min + random u16 % size, so that the first 1024 are drawn twice as often", () => {
    const b = new Bench({ ...LARGE, seed: 99 });
    const counts = new Array<number>(16).fill(0);
    let n = 0;
    for (let to = 1; to <= 20; to++)
      for (const port of fill(b, DEV.client, CLIENT, `${WEB}:${to}`, { low: 1024, high: 1823 })) {
        counts[Math.floor((port - 1024) / 4032)]++;
        n++;
      }
    expect(n).toBe(16_000);
    const chiSquare = counts.reduce((sum, seen, i) => {
      const expected = (n * (i === 0 ? 4032 + 1024 : 4032)) / 65_536;
      return sum + (seen - expected) ** 2 / expected;
    }, 0);
    // 15 degrees of freedom, 1 %.
    expect(chiSquare).toBeLessThan(30.578);
  });
});
