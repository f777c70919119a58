import { describe, expect, it } from "vitest";
import type { Frontend, ServiceRow } from "../../../src/plane/rows.ts";
import { Services, serviceOf } from "../../../src/plane/services/services.ts";
import { Bench, DEV, service, VIP } from "./bench.ts";
import { Dice } from "./dice.ts";
import { ip, udp } from "./packets.ts";
import { clusterIP, nodePort, serviceRow } from "./serviceRow.ts";
import { read32, VNET } from "./slowPacket.ts";

/** The obvious twin: all rows in a Map, and every question answered by looking at each of them. */
class ServiceTwin {
  readonly rows = new Map<number, ServiceRow>();

  lookup(address: number, protocol: number, port: number): number {
    for (const row of this.rows.values())
      for (const f of row.frontends)
        if (f.address === address && row.protocol === protocol && f.port === port) return row.id * 4 + f.kind;
    return -1;
  }

  has(address: number, kinds: readonly number[]): boolean {
    return [...this.rows.values()].some((row) =>
      row.frontends.some((f) => f.address === address && kinds.includes(f.kind)),
    );
  }

  /** Whether a row would claim what another one has. */
  clashes(row: ServiceRow): boolean {
    return row.frontends.some((f) => {
      const other = this.lookup(f.address, row.protocol, f.port);
      return other >= 0 && other >> 2 !== row.id;
    });
  }
}

const ADDRESS = ip("172.20.0.0");

function roll(dice: Dice, ids: number, addresses: number): ServiceRow {
  const frontends: Frontend[] = Array.from({ length: 1 + dice.int(3) }, () => ({
    kind: dice.pick([0, 1, 2] as const),
    address: ADDRESS + 1 + dice.int(addresses),
    port: dice.pick([53, 80, 443, 65_535, 1]),
  }));
  if (dice.chance(0.3)) frontends.push(nodePort(30_000 + dice.int(200)));
  return serviceRow({
    id: dice.int(ids),
    protocol: dice.pick([6, 17, 132]),
    frontends,
    endpoints: Array.from({ length: dice.int(5) }, () => ({
      address: dice.word(),
      port: dice.int(65_536),
      weight: 1 + dice.int(5),
    })),
  });
}

function compare(table: Services, twin: ServiceTwin, row: ServiceRow): void {
  for (const f of row.frontends) {
    if (f.address === 0) {
      expect(table.lookupNodePort(row.protocol, f.port)).toBe(twin.lookup(0, row.protocol, f.port));
      continue;
    }
    expect(table.lookup(f.address, row.protocol, f.port)).toBe(twin.lookup(f.address, row.protocol, f.port));
    expect(table.isClusterIP(f.address)).toBe(twin.has(f.address, [0]));
    expect(table.hasAddress(f.address)).toBe(twin.has(f.address, [0, 1, 2]));
  }
}

function compareAll(table: Services, twin: ServiceTwin): void {
  const { sets } = table;
  for (const row of twin.rows.values()) {
    compare(table, twin, row);
    const endpoints = Array.from({ length: sets.endpointCount(row.id) }, (_, i) => ({
      address: sets.endpointAddress(row.id, i),
      port: sets.endpointPort(row.id, i),
      weight: sets.endpointWeight(row.id, i),
    }));
    expect(endpoints).toEqual(row.endpoints);
  }
}

describe("the services", () => {
  it("answer as their twin after any puts and removals, with shared addresses and NodePorts that move", () => {
    for (let seed = 1; seed <= 6; seed++) {
      const dice = new Dice(seed);
      const [table, twin] = [new Services(), new ServiceTwin()];
      for (let i = 0; i < 3000; i++) {
        const row = roll(dice, 60, 20);
        if (dice.chance(0.4)) {
          table.remove(row.id);
          twin.rows.delete(row.id);
        } else if (!twin.clashes(row)) {
          table.put(row);
          twin.rows.set(row.id, row);
        }
        compare(table, twin, row);
        compare(table, twin, roll(dice, 60, 25));
      }
      compareAll(table, twin);
    }
  });

  it("grow, and find everything after they grew and after most of it went again", () => {
    const dice = new Dice(9);
    const [table, twin] = [new Services(), new ServiceTwin()];
    for (let id = 0; id < 4000; id++) {
      const frontends = [clusterIP(ip("10.100.0.0") + Math.floor(id / 2), id % 2), nodePort(id + 1)];
      const row = { ...roll(dice, 1, 1), id, protocol: 6, frontends };
      table.put(row);
      twin.rows.set(id, row);
    }
    compareAll(table, twin);
    for (let id = 0; id < 4000; id++) {
      if (id % 40 === 0) continue;
      const row = twin.rows.get(id);
      table.remove(id);
      twin.rows.delete(id);
      if (row !== undefined && id % 200 === 1) compare(table, twin, row);
    }
    compareAll(table, twin);
  });

  it("stay as they are when one comes and goes for ever: gone entries fill no room", () => {
    const table = new Services();
    table.put(service(0, 80, ["10.0.0.1:1"], 30_080));
    for (let i = 0; i < 20_000; i++) {
      const frontends = [clusterIP(ip("172.21.0.0") + i, 81 + (i % 5000))];
      table.put(serviceRow({ id: 1, frontends, endpoints: ["10.0.0.2:2"] }));
      if (i % 3 === 0) table.remove(1);
    }
    expect(table.lookup(ip(VIP), 6, 80)).toBe(0);
    expect(table.lookup(ip(VIP), 6, 81)).toBe(-1);
    expect(table.hasAddress(ip("172.21.0.0"))).toBe(false);
  });

  it("leave an address and a NodePort to a service that took them over before the old one went", () => {
    const table = new Services();
    table.put(service(0, 80, ["10.0.0.1:1"], 30_080));
    table.put(service(1, 80, ["10.0.0.2:2"], 30_080));
    table.remove(0);
    expect(serviceOf(table.lookup(ip(VIP), 6, 80))).toBe(1);
    expect(serviceOf(table.lookupNodePort(6, 30_080))).toBe(1);
    expect(table.hasAddress(ip(VIP))).toBe(true);
    table.remove(1);
    expect(table.hasAddress(ip(VIP))).toBe(false);
  });

  it("give each node the sets that its row says, and all others the common one and nothing local", () => {
    const dice = new Dice(11);
    const table = new Services();
    const rows = new Map<number, ServiceRow>();
    for (let i = 0; i < 2000; i++) {
      const id = dice.int(40);
      const endpoints = Array.from({ length: dice.int(9) }, () => ({ address: dice.word(), port: 80, weight: 1 }));
      const some = (): number[] => endpoints.map((_, k) => k).filter(() => dice.chance(0.5));
      const nodes = dice
        .shuffle([0, 3, 4, 7, 9, 200])
        .slice(dice.int(7))
        .map((node) => ({ node, cluster: some(), local: some() }));
      const row = { ...roll(dice, 1, 5), id, frontends: [], endpoints, cluster: some(), nodes };
      table.put(row);
      rows.set(id, row);
    }
    const { sets } = table;
    const members = (set: number): number[] =>
      Array.from({ length: sets.setSize(set) }, (_, k) => sets.setMember(set, k));
    for (const [id, row] of rows)
      for (let node = 0; node < 12; node++) {
        const own = row.nodes.find((n) => n.node === node);
        expect(members(sets.clusterSet(id, node))).toEqual(own?.cluster ?? row.cluster);
        expect(members(sets.localSet(id, node))).toEqual(own?.local ?? []);
      }
  });

  it("load 20,000 services with 100,000 endpoints in a second, and change one in no time", () => {
    const rows = Array.from({ length: 20_000 }, (_, id) =>
      serviceRow({
        id,
        frontends: [clusterIP(ip("172.16.0.0") + id, 80), nodePort(id % 60_000)],
        endpoints: Array.from({ length: 5 }, (_, i) => ({ address: ip("10.0.0.0") + id * 5 + i, port: 80, weight: 1 })),
        nodes: Array.from({ length: 5 }, (_, i) => ({ node: (id + i) % 100, cluster: [0, 1, 2, 3, 4], local: [i] })),
      }),
    );
    const table = new Services();
    const began = performance.now();
    for (const row of rows) table.put(row);
    const loaded = performance.now();
    for (let i = 0; i < 1000; i++) table.put(rows[i * 17]);
    const changed = performance.now();
    expect(serviceOf(table.lookup(ip("172.16.0.0") + 19_999, 6, 80))).toBe(19_999);
    expect(loaded - began).toBeLessThan(1000);
    // A thousand changes at a twentieth of the services: far from a thousand times all of them.
    expect(changed - loaded).toBeLessThan(500);
  });
});

describe("new connections", () => {
  it("are spread over the endpoints evenly, each by a draw of its own (chi-square, 1 %)", () => {
    const endpoints = ["10.0.2.32:1", "10.0.2.33:1", "10.0.1.48:1", "10.0.1.200:1", "10.0.1.10:1"];
    const b = new Bench({ capacity: 32_768, limit: 32_768, seed: 4 });
    b.plane.apply({ put: [{ ...service(0, 80, endpoints, 0), protocol: 17 }], gone: [] });
    const at = b.plane.slotOffset(0);
    const { arena, out } = b.plane.context;
    const seen = new Map<number, number>();
    const flows = 10_000;
    for (let i = 0; i < flows; i++) {
      arena.set(udp(`10.0.1.32:${1024 + i}`, `${VIP}:80`), at - VNET);
      b.feed(DEV.client, at, 33);
      const to = read32(arena, out.offset[0] + 16) | 0;
      seen.set(to, (seen.get(to) ?? 0) + 1);
      b.flush();
    }
    expect([...seen.keys()].sort()).toEqual(endpoints.map((e) => ip(e.split(":")[0])).sort());
    const expected = flows / endpoints.length;
    const chiSquare = [...seen.values()].reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    // 4 degrees of freedom.
    expect(chiSquare).toBeLessThan(13.277);
  });
});
