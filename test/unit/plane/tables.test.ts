import { describe, expect, it } from "vitest";
import { Decision } from "../../../src/plane/decision.ts";
import { Plane } from "../../../src/plane/plane.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import type { DeviceRow, Patch, Row } from "../../../src/plane/rows.ts";
import { Dice } from "./dice.ts";
import { build, VNET } from "./slowPacket.ts";
import { DESTINATIONS, DEVICES, World } from "./world.ts";

function plane(rows: Row[]): Plane {
  const p = new Plane({
    slots: 1,
    devices: 32,
    nodes: 4,
    conntrackCapacity: 64,
    hashKey: Int32Array.of(1, 2, 3, 4),
    seed: 5,
    settings: undefined,
  });
  p.apply({ put: rows, gone: [] });
  p.tick(0);
  return p;
}

/** Everything that a decision says, as text. */
function told(p: Plane, device: number, bytes: Uint8Array): string {
  const at = p.slotOffset(0);
  p.context.arena.set(bytes, at - VNET);
  const d = new Decision();
  p.whatIf(device, at, bytes.length - VNET, d);
  const steps: string[] = [];
  for (let i = 0; i < d.count; i++)
    steps.push(
      [d.node, d.stage, d.action, d.ruleKind, d.rule, d.reason, d.a, d.b, d.c, d.d, d.e, d.f]
        .map((x) => x[i])
        .join(" "),
    );
  const seen = d.receiver < 0 ? "" : [d.protocol, d.src, d.sport, d.dst, d.dport].join(" ");
  return [d.verdict, REASONS[d.outcomeReason].code, d.receiver, seen, ...steps].join("\n");
}

const SAMPLE = 30;

describe("patched tables", () => {
  it("forward as tables that were built from the final rows", () => {
    const outcomes = new Map<string, number>();
    for (let seed = 1; seed <= 15; seed++) {
      const dice = new Dice(seed);
      const world = new World(dice);
      const patched = plane(world.rows());
      for (let step = 0; step < 25; step++) {
        const patch: Patch = world.step();
        patched.apply(patch);
        const rows = world.rows();
        const rebuilt = plane(rows);
        expect(patched.context.tables.routeCount(), `routes, seed ${seed} step ${step}`).toBe(
          rebuilt.context.tables.routeCount(),
        );
        const senders = rows.filter((row): row is DeviceRow => row.t === "device");
        for (let i = 0; i < SAMPLE; i++) {
          const from = dice.pick(senders);
          const bytes = build({
            protocol: dice.pick([6, 17]),
            src: from.address,
            dst: dice.pick(DESTINATIONS),
            sport: 4000,
            dport: dice.pick([80, 443, 30_080, 30_443]),
            ttl: dice.pick([64, 64, 1, 2]),
            df: dice.chance(0.5),
            flags: 2,
            payload: new Uint8Array(dice.pick([10, 10, 2000])),
          });
          const said = told(patched, from.id, bytes);
          expect(said, `seed ${seed}, step ${step}, device ${from.id}`).toBe(told(rebuilt, from.id, bytes));
          const outcome = said.split("\n", 2)[1];
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
        for (let id = 0; id < DEVICES; id++)
          if (!senders.some((row) => row.id === id))
            expect(told(patched, id, build({ protocol: 17, src: 1 << 24, dst: 1 << 25 }))).toMatch(/^2\nDEVICE_GONE/);
      }
    }
    // The sample is worth something: packets are delivered, and fail for many reasons.
    expect(outcomes.get("NONE")).toBeGreaterThan(800);
    for (const code of ["SECURITY_GROUP_EGRESS", "SECURITY_GROUP_INGRESS", "NETWORK_ACL_EGRESS", "NETWORK_ACL_INGRESS"])
      expect(outcomes.get(code), code).toBeGreaterThan(20);
    expect(outcomes.size).toBeGreaterThan(8);
  });

  it("that lack routes, subnets, hosts or devices never fail: a packet is delivered or dropped with a reason", () => {
    const stays = (row: Row): boolean => row.t === "eni" || row.t === "node";
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 150; seed++) {
      const dice = new Dice(1000 + seed);
      const world = new World(dice);
      const lacking = (): Row[] => world.rows().filter((row) => stays(row) || dice.chance(0.8));
      let rows = lacking();
      const p = plane(rows);
      for (let i = 0; i < 60; i++) {
        if (i === 30) {
          const before = rows;
          rows = lacking();
          p.apply({ put: rows, gone: before.filter((row) => !stays(row) && dice.chance(0.5)) });
        }
        const from = dice.pick(rows.filter((row): row is DeviceRow => row.t === "device"));
        const bytes = build({ protocol: 17, src: from.address, dst: dice.pick(DESTINATIONS), sport: 4000, dport: 80 });
        const outcome = told(p, from.id, bytes).split("\n", 2);
        expect(outcome[0], outcome[1]).toBe(outcome[1] === "NONE" ? "1" : "2");
        outcomes.add(outcome[1]);
      }
    }
    expect(outcomes.size).toBeGreaterThan(6);
  });

  it("know a host beyond the gateway no more once it is gone from its network, its device or not", () => {
    const rows = new World(new Dice(1)).rows();
    const outside = rows.find((row) => row.t === "outside");
    const host = rows.find((row): row is DeviceRow => row.t === "device" && row.id === outside?.device);
    if (outside === undefined || host === undefined) throw new Error("the world has no host outside");
    const p = plane(rows);
    p.apply({ put: [], gone: [outside] });
    const rebuilt = plane(rows.filter((row) => row !== outside));
    for (const dst of DESTINATIONS) {
      const bytes = build({ protocol: 17, src: host.address, dst, sport: 1, dport: 2 });
      expect(told(p, host.id, bytes)).toBe(told(rebuilt, host.id, bytes));
      expect(told(p, host.id, bytes)).toMatch(/^2\nOUTSIDE_UNREACHABLE/);
    }
  });

  it("keep the newest owner of an address when the old one goes later", () => {
    const world = new World(new Dice(3));
    const rows = world.rows();
    const pod = rows.find((row): row is DeviceRow => row.t === "device" && row.kind === 1);
    if (pod === undefined) throw new Error("the world has no pod");
    const p = plane(rows);
    const heir = { ...pod, id: DEVICES };
    p.apply({ put: [heir], gone: [] });
    p.apply({ put: [], gone: [pod] });
    const next = plane([...rows.filter((row) => row !== pod), heir]);
    const host = rows.find((row): row is DeviceRow => row.t === "device" && row.kind === 2 && row.node === pod.node);
    if (host === undefined) throw new Error("the pod's node has no host namespace");
    const bytes = build({ protocol: 17, src: host.address, dst: pod.address, sport: 1, dport: 2 });
    expect(told(p, host.id, bytes)).toBe(told(next, host.id, bytes));
    expect(told(p, host.id, bytes)).toContain(`1\nNONE\n${DEVICES}\n`);
  });
});
