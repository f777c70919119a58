import { expect, it } from "vitest";
import type { AclRule, Row, SecurityGroupRule } from "../../../src/plane/rows.ts";
import { parseCidr } from "../../../src/plane/wire/address.ts";
import { Dice } from "../plane/dice.ts";
import { bytesOf, eniRow, type Flow, IN, icmpError, OUT, SecurityBench } from "./securityBench.ts";
import {
  aclDecides,
  SecurityTwin,
  type TwinAclRule,
  type TwinGroup,
  type TwinPacket,
  type TwinRule,
} from "./securityTwin.ts";

const ENIS = ["10.0.0.10", "10.0.0.11", "10.0.0.12"];
const SECONDARY = "10.0.1.20";
const REMOTES = [...ENIS, SECONDARY, "10.0.1.200", "203.0.113.5", "198.51.100.7"];
const BLOCKS = ["0.0.0.0/0", "0.0.0.0/0", "10.0.0.0/16", "10.0.1.0/24", "203.0.113.5/32", "128.0.0.0/1"];
const GROUPS = 4;
const PORTS = [0, 22, 80, 443, 40_000, 65_535];
const RANGES: [number, number][] = [
  [0, 65_535],
  [80, 80],
  [0, 1023],
  [1024, 65_535],
];
const TYPES = [0, 3, 8, 11, 13, 14, 30, 136];

function rollRule(d: Dice): TwinRule {
  const protocol = d.pick(["all", 1, 6, 6, 17, 132, 50] as const);
  const [from, to] =
    protocol === 1 ? [d.pick([null, ...TYPES]), d.pick([null, null, 0, 4])] : d.pick<[number, number]>(RANGES);
  return {
    protocol,
    from,
    to: protocol === 1 && from === null ? null : to,
    other: d.chance(0.35) ? { group: d.int(GROUPS) } : d.pick(BLOCKS),
  };
}

const rollRules = (d: Dice): TwinRule[] => Array.from({ length: d.int(6) }, () => rollRule(d));
const rollGroup = (d: Dice): TwinGroup => ({
  ingress: rollRules(d),
  egress: d.chance(0.3) ? [rollRule(d)] : rollRules(d),
});

function ruleRow(rule: Omit<TwinRule, "other">, block: string, group: number): SecurityGroupRule {
  const { prefix, length } = parseCidr(block) ?? { prefix: 0, length: 0 };
  const protocol = rule.protocol === "all" ? -1 : rule.protocol;
  return { protocol, fromPort: rule.from ?? -1, toPort: rule.to ?? -1, prefix, length, group };
}

const rowOf = (rule: TwinRule): SecurityGroupRule =>
  typeof rule.other === "string" ? ruleRow(rule, rule.other, -1) : ruleRow(rule, "0.0.0.0/0", rule.other.group);

const groupRow = (id: number, { ingress, egress }: TwinGroup): Row => ({
  t: "securityGroup",
  id,
  vpc: 0,
  ingress: ingress.map(rowOf),
  egress: egress.map(rowOf),
});

function rollPacket(d: Dice, local: string, out: boolean, depth = 0): TwinPacket {
  const remote = d.pick(REMOTES.filter((r) => r !== local));
  const protocol = d.pick([1, 6, 6, 17, 17, 132, 50]);
  const error = protocol === 1 && depth === 0 && d.chance(0.5);
  const flags = d.pick(["s", "s", "sa", "a", "a", "fa", "r", "sf"]);
  const ports = protocol === 6 || protocol === 17 || protocol === 132;
  const packet: TwinPacket = {
    protocol,
    src: out ? local : remote,
    dst: out ? remote : local,
    sport: protocol === 1 ? d.int(2) : ports ? d.pick(PORTS) : 0,
    dport: ports ? d.pick(PORTS) : 0,
    type: protocol === 1 ? d.pick(TYPES) : 0,
    code: protocol === 1 ? d.pick([0, 0, 4]) : 0,
    syn: flags.includes("s"),
    ack: flags.includes("a"),
    fin: flags.includes("f"),
    rst: flags.includes("r"),
    about: null,
  };
  // An error quotes what went the other way between any two ends, whoever sends it.
  if (error) Object.assign(packet, { type: d.pick([3, 11]), sport: 0, about: rollPacket(d, local, !out, 1) });
  if (!packet.about && (packet.type === 3 || packet.type === 11 || packet.type === 30 || packet.type === 136))
    packet.sport = 0;
  return packet;
}

function flowOf(p: TwinPacket): Flow {
  const flags = (p.fin ? 1 : 0) | (p.syn ? 2 : 0) | (p.rst ? 4 : 0) | (p.ack ? 16 : 0);
  const { protocol, src, dst, sport, dport, type, code } = p;
  return { protocol, src, dst, sport, dport, type, code, flags, payload: new Uint8Array(protocol === 50 ? 8 : 0) };
}

const packetBytes = (p: TwinPacket): Uint8Array =>
  p.about === null ? bytesOf(flowOf(p)) : bytesOf(icmpError(p.src, p.dst, p.type, p.code, flowOf(p.about)));

it("security groups judge random packets as the twin does, while rules, members and time change", () => {
  let passed = 0;
  let tracked = 0;
  let kept = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const d = new Dice(seed);
    const twin = new SecurityTwin();
    for (const [eni, address] of ENIS.entries()) twin.addresses.set(eni, eni === 0 ? [address, SECONDARY] : [address]);
    const prefix = parseCidr(`${SECONDARY}/32`)?.prefix ?? 0;
    const b = new SecurityBench([
      { t: "subnet", id: 0, vpc: 0, prefix: 0x0a000000, length: 24, routeTable: 0 },
      ...ENIS.map((address, eni) => eniRow(eni, address)),
      { t: "eniAddress", vpc: 0, prefix, length: 32, eni: 0 },
    ]);
    const rollMembers = (eni: number): void => {
      const groups = d.shuffle([0, 1, 2, 3]).slice(0, 1 + d.int(3));
      twin.members.set(eni, groups);
      b.put({ t: "eniGroups", eni, groups });
    };
    const rollGroupAt = (id: number): void => {
      const rolled = rollGroup(d);
      twin.groups.set(id, rolled);
      b.put(groupRow(id, rolled));
    };
    for (let id = 0; id < GROUPS; id++) rollGroupAt(id);
    for (const eni of ENIS.keys()) rollMembers(eni);
    const recent: { eni: number; out: boolean; packet: TwinPacket }[] = [];
    for (let i = 0; i < 500; i++) {
      const dice = d.int(100);
      if (dice < 3) rollGroupAt(d.int(GROUPS));
      else if (dice < 4) {
        const id = d.int(GROUPS);
        twin.groups.delete(id);
        b.gone(groupRow(id, { ingress: [], egress: [] }));
      } else if (dice < 6) rollMembers(d.int(ENIS.length));
      else if (dice < 8) b.wait(d.pick([1000, 9500, 29_500, 119_500, 179_500, 599_500, 431_999_500]));
      b.wait(7);
      let eni = d.int(ENIS.length);
      let out = d.chance(0.5);
      let packet: TwinPacket;
      if (recent.length > 0 && d.chance(0.6)) {
        // An earlier one again, or its answer.
        const again = d.pick(recent);
        ({ eni, out, packet } = again);
        const answer: Record<number, number> = { 8: 0, 13: 14, 0: 8, 14: 13 };
        if (packet.about === null && d.chance(0.6)) {
          out = !out;
          const { src, dst, sport, dport, protocol } = packet;
          packet = { ...packet, src: dst, dst: src, type: answer[packet.type] ?? packet.type };
          if (protocol !== 1) packet = { ...packet, sport: dport, dport: sport };
        }
        if (packet.protocol === 6 && d.chance(0.5))
          packet = { ...packet, syn: false, ack: true, fin: d.chance(0.2), rst: d.chance(0.1) };
      } else {
        const local = eni === 0 ? d.pick([ENIS[0], SECONDARY]) : ENIS[eni];
        packet = rollPacket(d, local, out);
        recent.push({ eni, out, packet });
        if (recent.length > 30) recent.shift();
      }
      const before = twin.connections.length;
      const expected = twin.allows(eni, out ? "egress" : "ingress", packet, b.now);
      const got = b.eni(eni, out ? OUT : IN, packetBytes(packet));
      if (got !== expected)
        expect.fail(`seed ${seed}, packet ${i}: ${got}, not ${expected}: ${JSON.stringify({ eni, out, packet })}`);
      if (got) passed++;
      if (twin.connections.length > before) tracked++;
      if (got && twin.connections.length === before) kept++;
    }
    const live = [...countLive(b)].length;
    expect(live).toBe(twin.connections.filter((c) => c.deadline > b.now).length);
  }
  // The run says something: many pass, many are tracked, many belong to what was.
  expect(passed).toBeGreaterThan(6000);
  expect(tracked).toBeGreaterThan(1000);
  expect(kept).toBeGreaterThan(3000);
});

function* countLive(b: SecurityBench): Generator<number> {
  const { table } = b.plane.context.tracked;
  for (let e = table.next(0); e >= 0; e = table.next(e + 1)) yield e;
}

it("network ACLs judge random packets as the twin does", () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 150; seed++) {
    const d = new Dice(seed);
    const rollAcl = (): TwinAclRule[] =>
      d
        .shuffle([1, 50, 100, 101, 200, 32_766])
        .slice(0, d.int(7))
        .map((number) => {
          const { other, ...rule } = rollRule(d);
          return { ...rule, number, allow: d.chance(0.5), block: typeof other === "string" ? other : d.pick(BLOCKS) };
        });
    const row = (rules: TwinAclRule[]): AclRule[] =>
      rules.map((rule) => {
        const { group: _, ...fields } = ruleRow(rule, rule.block, -1);
        return { ...fields, number: rule.number, allow: rule.allow };
      });
    const [ingress, egress] = [rollAcl(), rollAcl()];
    const b = new SecurityBench([
      { t: "networkAcl", id: 0, ingress: row(ingress), egress: row(egress) },
      { t: "subnetAcl", subnet: 3, acl: 0 },
    ]);
    for (let i = 0; i < 60; i++) {
      const out = d.chance(0.5);
      const packet = rollPacket(d, ENIS[0], out);
      const expected = aclDecides(out ? egress : ingress, out ? "egress" : "ingress", packet);
      const got = b.subnet(3, out ? OUT : IN, packetBytes(packet));
      const { rule } = b.plane.context.tables.networkAcls;
      if (got !== expected.allow || rule !== expected.number)
        expect.fail(`seed ${seed}, packet ${i}: ${got} by ${rule}, not ${JSON.stringify(expected)}`);
      seen.add(`${got}/${rule}`);
      expect(b.subnet(2, out ? OUT : IN, packetBytes(packet))).toBe(true);
    }
  }
  expect(seen.size).toBe(13);
});
