import { describe, expect, it } from "vitest";
import { C_CT_ENTRIES } from "../../../src/plane/counters.ts";
import { Decision, VERDICT_DROPPED } from "../../../src/plane/decision.ts";
import { PROTO_UDP } from "../../../src/plane/packet.ts";
import { ResolverMeter } from "../../../src/plane/resolverMeter.ts";
import type { LocalAddressRow, ServiceRow } from "../../../src/plane/rows.ts";
import { DEV, ENI, VIP } from "./bench.ts";
import { ip, tcp, udp, VNET } from "./packets.ts";
import { port, Wire } from "./wire.ts";

const CLIENT = "10.0.1.32";
const RESOLVER = "10.0.0.2";

const local = (address: string, more: Partial<LocalAddressRow> = {}): LocalAddressRow => ({
  t: "localAddress",
  node: 0,
  address: ip(address),
  eni: ENI.n0e0,
  ...more,
});

/** A user's own Service at the address at which the node answers DNS. */
const OWN: ServiceRow[] = [port(0, PROTO_UDP, 53, ["10.0.2.32:53"]), port(1, PROTO_UDP, 9153, ["10.0.2.32:9153"])];

describe("a node's own DNS", () => {
  const wire = (untracked: boolean, window = 0) => {
    const made = new Wire(OWN, { unconfirmedWindow: window });
    made.put(local(VIP, untracked ? { untracked } : {}));
    return made;
  };

  it("gets its queries whatever Service has its address, and conntrack sees neither query nor answer", () => {
    const w = wire(true);
    const query = w.send(DEV.client, udp(`${CLIENT}:40000`, `${VIP}:53`, "A"));
    expect(query.map(({ device, line }) => [device, line])).toEqual([
      ["host0", expect.stringContaining(`${CLIENT}.40000 > ${VIP}.53`)],
    ]);
    expect(w.plane.context.ct.count(0)).toBe(0);
    const answer = w.send(DEV.host0, udp(`${VIP}:53`, `${CLIENT}:40000`, "answer"));
    expect(answer.map(({ device, line }) => [device, line])).toEqual([
      ["client", expect.stringContaining(`${VIP}.53 > ${CLIENT}.40000`)],
    ]);
    expect(w.send(DEV.client, tcp(`${CLIENT}:40000`, `${VIP}:53`, "S", { seq: 1 }))[0].device).toBe("host0");
    expect([w.plane.context.ct.count(0), w.plane.context.counters[C_CT_ENTRIES], w.imbalance()]).toEqual([0, 0, 0]);
  });
  it("is the Service's where conntrack is not kept away", () => {
    expect(wire(false).send(DEV.client, udp(`${CLIENT}:40000`, `${VIP}:53`, "A"))[0].device).toBe("api0");
  });
  it("is port 53 alone: the Service's other ports are translated", () => {
    const w = wire(true);
    expect(w.send(DEV.client, udp(`${CLIENT}:40000`, `${VIP}:9153`, "A"))[0].device).toBe("api0");
    expect(w.plane.context.ct.count(0)).toBe(1);
  });
  it("has no unconfirmed window: two queries of one socket do not race", () => {
    const w = wire(true, 1);
    for (const type of ["A", "AAAA"])
      expect(w.send(DEV.client, udp(`${CLIENT}:40000`, `${VIP}:53`, type))[0].device).toBe("host0");
    expect(w.queued).toBe(0);
  });
  it("ends with its row", () => {
    const w = wire(true);
    w.gone(local(VIP, { untracked: true }));
    expect(w.send(DEV.client, udp(`${CLIENT}:40000`, `${VIP}:53`, "A"))[0].device).toBe("api0");
  });
});

describe("the VPC resolver's limit", () => {
  const ask = (w: Wire, device: number = DEV.client, from = CLIENT) =>
    w.send(device, udp(`${from}:40000`, `${RESOLVER}:53`, "A")).length;
  const limited = (limit: number) => {
    const w = new Wire([]);
    w.put(local(RESOLVER, { limit }));
    return w;
  };

  it("takes so many packets of each ENI a second, and drops the rest with a reason of its own", () => {
    const w = limited(3);
    expect([1, 2, 3, 4, 5].map(() => ask(w))).toEqual([1, 1, 1, 0, 0]);
    expect(w.drops("VPC_RESOLVER_LIMIT")).toBe(2);
    expect(ask(w, DEV.second, "10.0.1.48")).toBe(1);
    w.wait(999);
    expect(ask(w)).toBe(0);
    w.wait(1);
    expect([1, 2, 3, 4].map(() => ask(w))).toEqual([1, 1, 1, 0]);
    expect(w.imbalance()).toBe(0);
  });
  it("is AWS's 1024", () => {
    const w = limited(1024);
    let passed = 0;
    for (let i = 0; i < 2000; i++) passed += ask(w);
    expect([passed, w.drops("VPC_RESOLVER_LIMIT")]).toEqual([1024, 976]);
  });
  it("is no matter of other addresses, and off without a number", () => {
    const w = limited(1);
    w.put(local("169.254.169.253"));
    expect([ask(w), ask(w)]).toEqual([1, 0]);
    for (let i = 0; i < 5; i++)
      expect(w.send(DEV.client, udp(`${CLIENT}:40000`, "169.254.169.253:53", "A"))).toHaveLength(1);
    w.put(local(RESOLVER));
    expect(ask(w)).toBe(1);
  });
  it("is told by a question, which uses none of it up", () => {
    const w = limited(1);
    const why = () => {
      const { plane } = w;
      const bytes = udp(`${CLIENT}:40000`, `${RESOLVER}:53`, "A");
      plane.context.arena.set(bytes, plane.slotOffset(1) - VNET);
      const decision = new Decision();
      plane.whatIf(DEV.client, plane.slotOffset(1), bytes.length - VNET, decision);
      return decision.verdict === VERDICT_DROPPED;
    };
    expect([why(), why(), ask(w), why(), ask(w)]).toEqual([false, false, 1, true, 0]);
  });
  it("counts by the clock, which wraps around", () => {
    const meter = new ResolverMeter();
    const end = 0x7fffffff;
    const at = (now: number) => meter.admits(40, 1, now | 0, true);
    expect([at(end - 10), at(end), at(end + 900), at(end + 990)]).toEqual([true, false, false, true]);
  });
});
