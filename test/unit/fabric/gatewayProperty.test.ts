import { describe, expect, it } from "vitest";
import { packetProblem } from "../../../src/device/packetProblem.ts";
import { ACT_SNAT, type Decision, RULE_NAT_GATEWAY } from "../../../src/plane/decision.ts";
import { formatAddress } from "../../../src/plane/wire/address.ts";
import { Dice } from "../plane/dice.ts";
import { udp } from "../plane/packets.ts";
import { randomTopology, rowsOf } from "./randomTopology.ts";
import { VpcBench } from "./vpcBench.ts";
import { type TwinEnd, type TwinPacket, type TwinTopology, VpcTwin } from "./vpcTwin.ts";

const TOPOLOGIES = 160;
const PACKETS = 120;
const HEADERS = 28;
const SIZES = [40, 40, 40, 1400, 1401, 1500, 1501, 8500, 8501, 9001];

interface Sending {
  from: string;
  packet: TwinPacket;
}

/** Ports that NAT gateways chose for new connections, in order. */
function chosenPorts(d: Decision): number[] {
  const ports: number[] = [];
  for (let i = 0; i < d.count; i++)
    if (d.ruleKind[i] === RULE_NAT_GATEWAY && d.action[i] === ACT_SNAT && d.e[i] === 1) ports.push(d.d[i]);
  return ports;
}

function randomPacket(d: Dice, t: TwinTopology): Sending {
  const senders = [...t.enis.flatMap((e) => (e.nat === null ? [e] : [])), ...t.outside];
  const from = d.pick(senders);
  const known = [...t.enis.flatMap((e) => [e.address, e.public ?? e.address]), ...t.outside.map((o) => o.address)];
  const odd = [
    "10.0.0.99",
    "10.1.200.1",
    "10.9.9.9",
    "203.0.113.77",
    "198.51.100.250",
    "169.254.169.254",
    "192.168.2.9",
  ];
  const dst = d.chance(0.9) ? d.pick(known) : d.pick(odd);
  const packet = { src: from.address, sport: 1000 + d.int(3), dst, dport: 53 + d.int(2), size: d.pick(SIZES) };
  return { from: from.name, packet };
}

describe("packets through random VPCs", () => {
  it("end where the twin says, seen as it says, and the same again when asked before", () => {
    const met = new Map<string, number>();
    let b: VpcBench | null = null;
    for (let seed = 1; seed <= TOPOLOGIES; seed++) {
      const d = new Dice(seed);
      const t = randomTopology(d);
      // Some topologies stand in a plane of their own, others come after others by a patch.
      if (b === null || seed % 8 === 0) b = new VpcBench(rowsOf(t), { natCapacity: 4096, trackedCapacity: 64, seed });
      else b.change(rowsOf(t));
      const twin = new VpcTwin(t);
      let next: Sending | null = null;
      for (let i = 0; i < PACKETS; i++) {
        const { from, packet }: Sending = next ?? randomPacket(d, t);
        next = null;
        const { src, sport, dst, dport, size } = packet;
        const bytes = udp(`${src}:${sport}`, `${dst}:${dport}`, new Uint8Array(size - HEADERS));
        const asked = b.ask(from, bytes);
        const before = ended(asked, b);
        const sent = b.send(from, bytes);
        const plane = ended(b.decision, b);
        const expected = twin.send(from, packet, chosenPorts(b.decision));
        const where: string = `seed ${seed}, packet ${i}: ${from} ${JSON.stringify(packet)}`;
        if (JSON.stringify(plane) !== JSON.stringify(expected)) expect(plane, where).toEqual(expected);
        if (JSON.stringify(before) !== JSON.stringify(plane)) expect(before, `${where}, asked`).toEqual(plane);
        if (twin.problem !== null) expect.fail(`${where}: ${twin.problem}`);
        for (const s of sent) if (packetProblem(s.bytes) !== null) expect.fail(`${where}: ${packetProblem(s.bytes)}`);
        const key = "reason" in expected ? expected.reason : "DELIVERED";
        met.set(key, (met.get(key) ?? 0) + 1);
        next = d.chance(0.6) ? answer(t, expected) : null;
      }
      expect(b.imbalance()).toBe(0);
    }
    // The topologies are wild, and yet everything is met often.
    for (const key of [
      "DELIVERED",
      "VPC_NO_ROUTE",
      "VPC_BLACKHOLE",
      "VPC_ADDRESS_UNASSIGNED",
      "SOURCE_DEST_CHECK",
      "IGW_NO_PUBLIC_ADDRESS",
      "OUTSIDE_UNREACHABLE",
      "FABRIC_LOOP",
      "NAT_GATEWAY_NO_CONNECTION",
      "PEERING_NOT_TRANSITIVE",
      "TRANSIT_GATEWAY_NO_ROUTE",
      "TRANSIT_GATEWAY_BLACKHOLE",
      "TRANSIT_GATEWAY_MTU",
      "LINK_LOCAL_UNREACHABLE",
      "GATEWAY_NOT_TRANSITIVE",
      "FRAGMENTATION_NEEDED",
    ])
      expect(met.get(key) ?? 0, key).toBeGreaterThan(20);
  }, 120_000);
});

function ended(d: Decision, b: VpcBench): TwinEnd {
  if (d.verdict !== 1) return { reason: b.reasonOf(d) };
  const by = b.v.devices[d.receiver];
  return { by, src: formatAddress(d.src), sport: d.sport, dst: formatAddress(d.dst), dport: d.dport };
}

/** The receiver answers, if the packet was for it. */
function answer(t: TwinTopology, end: TwinEnd): Sending | null {
  if ("reason" in end) return null;
  const receiver = [...t.enis, ...t.outside].find((e) => e.name === end.by);
  if (receiver?.address !== end.dst) return null;
  return { from: end.by, packet: { src: end.dst, sport: end.dport, dst: end.src, dport: end.sport, size: 40 } };
}
