import { describe, expect, it } from "vitest";
import { answerTo } from "../../../src/lab/questionPacket.ts";
import {
  AT_DEVICE,
  AT_ENI,
  DIRECTION_IN,
  DIRECTION_OUT,
  DISTRIBUTION_UNIFORM,
} from "../../../src/plane/impair/impairmentRow.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import * as R from "../../../src/plane/rows.ts";
import { randomTopology, rowsOf } from "../fabric/randomTopology.ts";
import { rows as benchRows } from "../plane/bench.ts";
import { Dice } from "../plane/dice.ts";
import { ip, udp } from "../plane/packets.ts";
import { build } from "../plane/slowPacket.ts";
import { arrivals, mutate } from "../plane/traffic.ts";
import { DESTINATIONS, DEVICES, World } from "../plane/world.ts";
import { Asker } from "./asker.ts";

/**
 * A question and the packet itself fare alike: every step of the decision, the verdict, the reason, what the receiver sees,
 * and by which device. And a question changes nothing: the hash of everything that packets change is the same before and after.
 */

const PACKETS = 100_000;
const HASH_EVERY = 100;
let total = 0;

/** Compares the state before and after a question, and one about its answer, now and then. */
function checkState(a: Asker, i: number, device: number, bytes: Uint8Array, where: string): void {
  if (i % HASH_EVERY !== 0) return;
  const before = a.plane.stateHash();
  a.askBoth(device, bytes);
  if (a.plane.stateHash() !== before) expect.fail(`${where}: asking changed something`);
}

function policies(d: Dice): R.Row[] {
  const blocks = ["10.0.0.0/16", "10.0.2.0/24", "10.0.1.32/32", "0.0.0.0/0"];
  const rows: R.Row[] = [];
  for (let table = 0; table < 3; table++)
    for (const block of blocks) {
      if (d.chance(0.4)) continue;
      const [prefix, length] = block.split("/");
      const entries = Array.from({ length: 1 + d.int(3) }, () => ({
        protocol: d.pick([6, 17, R.POLICY_ANY_PROTOCOL]),
        fromPort: d.pick([0, 53, 80]),
        toPort: d.pick([0, 8080]),
        rule: d.int(8),
        order: 0,
      }));
      rows.push({ t: "policyPrefix", table, prefix: ip(prefix), length: Number(length), entries });
    }
  for (const device of [2, 4]) {
    if (d.chance(0.3)) continue;
    rows.push({
      t: "podPolicy",
      device,
      engine: d.pick([R.POLICY_ENGINE_AWS, R.POLICY_ENGINE_UPSTREAM] as const),
      ingress: d.pick([-1, 0, 1]),
      egress: d.pick([-1, 2]),
      clusterIngress: -1,
      clusterEgress: -1,
      state: d.pick([R.POLICIES_APPLIED, R.POLICIES_APPLIED, R.POLICY_DEFAULT_DENY]),
      clusterState: R.POLICY_DEFAULT_ALLOW,
      log: R.POLICY_LOG_NOTHING,
    });
  }
  return rows;
}

/** Services that keep clients and choose in every way. */
function services(d: Dice, rows: R.Row[]): R.Row[] {
  const schedulers = [
    R.SCHEDULER_RANDOM,
    R.SCHEDULER_RR,
    R.SCHEDULER_WRR,
    R.SCHEDULER_LC,
    R.SCHEDULER_SH,
    R.SCHEDULER_MH,
  ];
  return rows.map((row) =>
    row.t === "service" ? { ...row, scheduler: d.pick(schedulers), affinity: d.pick([0, 0, 60]) } : row,
  );
}

function impairments(d: Dice): R.Row[] {
  const chance = (p: number) => ({ probability: d.chance(0.5) ? p : 0, correlation: d.pick([0, 0.25]) });
  return [0, 1].map((at) => ({
    t: "impairment",
    at: at === 0 ? AT_DEVICE : AT_ENI,
    index: at === 0 ? 2 : 0,
    direction: d.pick([DIRECTION_OUT, DIRECTION_IN] as const),
    seed: d.word(),
    loss: chance(0.1),
    gemodel: null,
    duplicate: chance(0.1),
    corrupt: chance(0.1),
    reorder: chance(0.2),
    gap: 1,
    // A question about what is delayed is answered at once: there is nothing to compare it with.
    delay: 0,
    jitter: 0,
    distribution: DISTRIBUTION_UNIFORM,
    rate: 0,
    limit: d.pick([3, 100]),
  }));
}

describe("a question and the packet", () => {
  it("fare alike on nodes: services, NAT, fragments, ICMP errors, malformed packets, policies", () => {
    const worlds = 16;
    const each = 3500;
    const met = new Map<string, number>();
    for (let seed = 1; seed <= worlds; seed++) {
      const d = new Dice(seed);
      const mode = d.pick([
        R.SERVICE_MODE_IPTABLES,
        R.SERVICE_MODE_NFTABLES,
        R.SERVICE_MODE_IPVS,
        R.SERVICE_MODE_CILIUM,
      ] as const);
      const rows = benchRows({
        serviceMode: mode,
        snatMode: d.int(4),
        masqueradeAll: d.chance(0.2),
        limit: d.pick([20, 200]),
        podMtu: d.pick([1500, 9001]),
        eniMtu: d.pick([1500, 9001]),
      });
      const more = [...(d.chance(0.5) ? policies(d) : []), ...(d.chance(0.3) ? impairments(d) : [])];
      const a = new Asker([...services(d, rows), ...more], { seed });
      for (let i = 0; a.packets < each; i++) {
        for (const { device, bytes } of arrivals(d)) {
          const packet = d.chance(0.05) ? mutate(d, bytes) : bytes;
          const where = () => `seed ${seed}, packet ${a.packets}`;
          checkState(a, a.packets, device, packet, where());
          a.send(device, packet, where);
        }
        a.plane.tick(i * 40);
      }
      total += a.packets;
      for (const [key, n] of a.met) met.set(key, (met.get(key) ?? 0) + n);
    }
    // Much is met, and nothing by accident alone.
    expect(met.size).toBeGreaterThan(25);
    expect(REASONS.length).toBeGreaterThan(met.size - 2);
  }, 60_000);

  it("fare alike in clusters that change: ENIs, routes, security groups, ACLs, session state", () => {
    const worlds = 12;
    const each = 1700;
    for (let seed = 1; seed <= worlds; seed++) {
      const d = new Dice(1000 + seed);
      const world = new World(d);
      const a = new Asker(world.rows(), { seed });
      const { deviceAddress, deviceKind } = a.plane.context.tables;
      let answer: { device: number; bytes: Uint8Array } | null = null;
      for (let i = 0; i < each; i++) {
        const device = d.int(DEVICES);
        const there = (deviceKind[device] ?? -1) > 0;
        const bytes = build({
          protocol: d.pick([6, 6, 17, 17, 1, 132]),
          src: there && d.chance(0.95) ? deviceAddress[device] : d.pick(DESTINATIONS),
          dst: d.pick(DESTINATIONS),
          sport: d.pick([80, 8080, 40_000, 40_001]),
          dport: d.pick([80, 443, 8080, 30_080, 30_443]),
          flags: d.pick([0x02, 0x02, 0x12, 0x10, 0x11, 0x04]),
          df: d.chance(0.5),
          type: 8,
          payload: new Uint8Array(d.pick([0, 0, 0, 1600])),
        });
        const packet: { device: number; bytes: Uint8Array } = answer ?? { device, bytes };
        const where = () => `seed ${seed}, packet ${i}`;
        checkState(a, i, packet.device, packet.bytes, where());
        const seen = a.send(packet.device, packet.bytes, where);
        // Every other packet that arrives is answered, so that connections go on.
        const back: Uint8Array | null = seen === null || d.chance(0.5) ? null : answerTo(seen);
        answer = back === null ? null : { device: a.done.receiver, bytes: back };
        if (i % 40 === 0) a.plane.apply(world.step());
        a.plane.tick(i * 100);
      }
      total += a.packets;
    }
  }, 60_000);

  it("fare alike through random VPCs: NAT gateways, peerings, transit gateways, appliances", () => {
    const worlds = 60;
    let seed = 0;
    while (total < PACKETS || seed < worlds) {
      const d = new Dice(++seed);
      const t = randomTopology(d);
      const { rows, devices } = rowsOf(t);
      const a = new Asker(rows, { seed, natCapacity: 256, trackedCapacity: 128 });
      const senders = [...t.enis.flatMap((e) => (e.nat === null ? [e] : [])), ...t.outside];
      const known = [...t.enis.flatMap((e) => [e.address, e.public ?? e.address]), ...t.outside.map((o) => o.address)];
      const every = Math.ceil((PACKETS - total) / Math.max(1, worlds - seed + 1));
      for (let i = 0; i < Math.max(100, every); i++) {
        const from = d.pick(senders);
        const size = d.pick([40, 40, 1400, 1501, 8501]);
        const ports = [1000 + d.int(3), 53 + d.int(2)];
        const bytes = udp(`${from.address}:${ports[0]}`, `${d.pick(known)}:${ports[1]}`, new Uint8Array(size - 28));
        const device = devices.indexOf(from.name);
        const where = () => `seed ${seed}, packet ${i}`;
        checkState(a, i, device, bytes, where());
        a.send(device, bytes, where);
      }
      total += a.packets;
    }
    expect(total).toBeGreaterThanOrEqual(PACKETS);
  }, 60_000);
});
