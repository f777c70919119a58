import { describe, expect, it } from "vitest";
import type { ServiceRow } from "../../../src/plane/rows.ts";
import { ServiceTable } from "../../../src/plane/services.ts";
import { Bench, DEV, service, VIP } from "./bench.ts";
import { Dice } from "./dice.ts";
import { ip, udp } from "./packets.ts";
import { read32, VNET } from "./slowPacket.ts";

/** The obvious twin: all rows in a Map, and every question answered by looking at each of them. */
class ServiceTwin {
  readonly rows = new Map<number, ServiceRow>();

  lookup(address: number, protocol: number, port: number): number {
    return this.#find((r) => r.address === address && r.protocol === protocol && r.port === port);
  }

  lookupNodePort(protocol: number, port: number): number {
    return this.#find((r) => r.protocol === protocol && r.nodePort === port);
  }

  hasAddress(address: number): boolean {
    return this.#find((r) => r.address === address) >= 0;
  }

  /** Whether a row would claim what another one has. */
  clashes(row: ServiceRow): boolean {
    const other = (id: number): boolean => id >= 0 && id !== row.id;
    if (other(this.lookup(row.address, row.protocol, row.port))) return true;
    return row.nodePort !== 0 && other(this.lookupNodePort(row.protocol, row.nodePort));
  }

  #find(test: (row: ServiceRow) => boolean): number {
    for (const row of this.rows.values()) if (test(row)) return row.id;
    return -1;
  }
}

function roll(dice: Dice, ids: number, addresses: number): ServiceRow {
  return {
    t: "service",
    id: dice.int(ids),
    address: ip("172.20.0.0") + 1 + dice.int(addresses),
    protocol: dice.pick([6, 17, 132]),
    port: dice.pick([53, 80, 443, 65_535, 1]),
    nodePort: dice.chance(0.3) ? 30_000 + dice.int(200) : 0,
    endpoints: Array.from({ length: dice.int(5) }, () => ({ address: dice.word(), port: dice.int(65_536) })),
  };
}

function compare(table: ServiceTable, twin: ServiceTwin, row: ServiceRow): void {
  expect(table.lookup(row.address, row.protocol, row.port)).toBe(twin.lookup(row.address, row.protocol, row.port));
  expect(table.hasAddress(row.address)).toBe(twin.hasAddress(row.address));
  if (row.nodePort !== 0)
    expect(table.lookupNodePort(row.protocol, row.nodePort)).toBe(twin.lookupNodePort(row.protocol, row.nodePort));
}

function compareAll(table: ServiceTable, twin: ServiceTwin): void {
  for (const row of twin.rows.values()) {
    compare(table, twin, row);
    const endpoints = Array.from({ length: table.endpointCount(row.id) }, (_, i) => ({
      address: table.endpointAddress(row.id, i),
      port: table.endpointPort(row.id, i),
    }));
    expect(endpoints).toEqual(row.endpoints);
  }
}

describe("the service table", () => {
  it("answers as its twin after any puts and removals, with shared ClusterIPs and NodePorts that move", () => {
    for (let seed = 1; seed <= 6; seed++) {
      const dice = new Dice(seed);
      const [table, twin] = [new ServiceTable(), new ServiceTwin()];
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

  it("grows, and finds everything after it grew and after most of it went again", () => {
    const dice = new Dice(9);
    const [table, twin] = [new ServiceTable(), new ServiceTwin()];
    for (let id = 0; id < 4000; id++) {
      const row = {
        ...roll(dice, 1, 1),
        id,
        address: ip("10.100.0.0") + Math.floor(id / 2),
        port: id % 2,
        nodePort: id + 1,
      };
      table.put(row);
      twin.rows.set(id, row);
    }
    for (let id = 0; id < 4000; id += 97)
      compare(table, twin, { ...roll(dice, 1, 1), ...twin.rows.get(id), nodePort: id + 1 });
    for (let id = 0; id < 4000; id++) {
      if (id % 40 === 0) continue;
      const row = twin.rows.get(id);
      table.remove(id);
      twin.rows.delete(id);
      if (row !== undefined && id % 200 === 1) compare(table, twin, row);
    }
    compareAll(table, twin);
  });

  it("stays as it is when one service comes and goes for ever: gone entries fill no room", () => {
    const table = new ServiceTable();
    const fixed = service(0, 80, ["10.0.0.1:1"], 30_080);
    table.put(fixed);
    for (let i = 0; i < 20_000; i++) {
      table.put({ ...service(1, 81 + (i % 5000), ["10.0.0.2:2"], 0), address: ip("172.21.0.0") + i });
      if (i % 3 === 0) table.remove(1);
    }
    expect(table.lookup(ip(VIP), 6, 80)).toBe(0);
    expect(table.lookup(ip(VIP), 6, 81)).toBe(-1);
    expect(table.hasAddress(ip("172.21.0.0"))).toBe(false);
  });

  it("leaves an address and a NodePort to a service that took them over before the old one went", () => {
    const table = new ServiceTable();
    table.put(service(0, 80, ["10.0.0.1:1"], 30_080));
    table.put(service(1, 80, ["10.0.0.2:2"], 30_080));
    table.remove(0);
    expect(table.lookup(ip(VIP), 6, 80)).toBe(1);
    expect(table.lookupNodePort(6, 30_080)).toBe(1);
    expect(table.hasAddress(ip(VIP))).toBe(true);
    table.remove(1);
    expect(table.hasAddress(ip(VIP))).toBe(false);
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
