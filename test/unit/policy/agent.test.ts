import { describe, expect, it } from "vitest";
import {
  C_DEVICES,
  D_POLICY_EGRESS_BYTES,
  D_POLICY_EGRESS_PACKETS,
  D_POLICY_INGRESS_PACKETS,
  DEVICE_COUNTERS,
} from "../../../src/plane/counters.ts";
import { RULE_POLICY, STAGE_POLICY } from "../../../src/plane/decision.ts";
import { BY_FLOW, BY_NODE, BY_REPLY, BY_RULE } from "../../../src/plane/policy/verdict.ts";
import * as R from "../../../src/plane/rows.ts";
import { parseCidr } from "../../../src/plane/wire/address.ts";
import { Bench, DEV, VIP } from "../plane/bench.ts";
import { echo, tcp, udp } from "../plane/packets.ts";

/** AWS's agent in the plane, on rows that are written out by hand: plane/bench.ts has the addresses. */

const CLIENT = "10.0.1.32";
const SECOND = "10.0.1.48";
const API = "10.0.2.32";
const NONE = -1;

/** `10.0.0.0/8 tcp 80`, `0.0.0.0/0 any`, `10.0.1.0/24 deny`, `10.0.0.0/8 tcp 80-90 order:11`. */
function prefix(table: number, ...texts: string[]): R.PolicyPrefixRow[] {
  const rows = new Map<string, R.PolicyPrefixRow>();
  texts.forEach((text, rule) => {
    const [block, protocol, range = "0", order = "order:0"] = text.split(" ");
    const cidr = parseCidr(block);
    if (cidr === null) throw new Error(text);
    const [from, to = 0] = range.split("-").map(Number);
    const numbers: Record<string, number> = { tcp: 6, udp: 17, any: 254, deny: 255 };
    const row = rows.get(block) ?? { t: "policyPrefix", table, prefix: cidr.prefix, length: cidr.length, entries: [] };
    const number = Number(order.slice("order:".length));
    row.entries.push({ protocol: numbers[protocol], fromPort: from, toPort: to, rule, order: number });
    rows.set(block, row);
  });
  return [...rows.values()];
}

function pod(device: number, o: Partial<R.PodPolicyRow> = {}): R.PodPolicyRow {
  return {
    t: "podPolicy",
    device,
    engine: R.POLICY_ENGINE_AWS,
    ingress: NONE,
    egress: NONE,
    clusterIngress: NONE,
    clusterEgress: NONE,
    state: R.POLICIES_APPLIED,
    clusterState: R.POLICY_DEFAULT_ALLOW,
    log: R.POLICY_LOG_NOTHING,
    ...o,
  };
}

const EVERYTHING = 8;
const ALLOW_ALL = prefix(EVERYTHING, "0.0.0.0/0 any");

function bench(...rows: R.Row[]): Bench {
  const b = new Bench();
  b.plane.apply({ put: [...ALLOW_ALL, ...rows], gone: [] });
  return b;
}

const syn = (from: string, to: string) => tcp(from, to, "S", { seq: 1 });
const answer = (from: string, to: string) => tcp(from, to, "S.", { seq: 1, ack: 2 });

/** Causes of the policy steps of the last packet, by direction. */
function steps(b: Bench): string[] {
  const d = b.decision;
  const found: string[] = [];
  for (let i = 0; i < d.count; i++)
    if (d.stage[i] === STAGE_POLICY && d.ruleKind[i] === RULE_POLICY)
      found.push(`${d.b[i] === 1 ? "egress" : "ingress"} ${d.a[i]}`);
  return found;
}

describe("egress", () => {
  it("is judged by the ClusterIP, before it is translated", () => {
    const toPods = prefix(0, `${API}/32 tcp 8080`, "10.0.2.33/32 tcp 8080");
    const b = bench(...toPods, pod(DEV.client, { egress: 0, ingress: EVERYTHING }));
    expect(b.send(DEV.client, syn(`${CLIENT}:1`, `${API}:8080`))).toHaveLength(1);
    expect(b.send(DEV.client, syn(`${CLIENT}:2`, `${VIP}:80`))).toEqual([]);
    expect(b.reason).toBe("POLICY_DENY_EGRESS");
    b.plane.apply({ put: prefix(0, `${VIP}/32 tcp 80`), gone: [] });
    expect(b.send(DEV.client, syn(`${CLIENT}:3`, `${VIP}:80`))).toHaveLength(1);
  });

  it("asks the longest prefix alone", () => {
    const rows = prefix(0, "10.0.0.0/8 tcp 80", "10.0.2.0/24 tcp 443");
    const b = bench(...rows, pod(DEV.client, { egress: 0, ingress: EVERYTHING }));
    expect(b.send(DEV.client, syn(`${CLIENT}:1`, `${API}:80`))).toEqual([]);
    expect(b.send(DEV.client, syn(`${CLIENT}:1`, `${API}:443`))).toHaveLength(1);
    expect(b.send(DEV.client, syn(`${CLIENT}:1`, "10.0.1.200:80"))).toHaveLength(1);
  });

  it("counts what it drops, with the Ethernet header, and keeps the ledger", () => {
    const b = bench(pod(DEV.client, { egress: 0, ingress: EVERYTHING }));
    b.send(DEV.client, syn(`${CLIENT}:1`, `${API}:80`));
    const at = C_DEVICES + DEV.client * DEVICE_COUNTERS;
    const { counters } = b.plane.context;
    expect(counters[at + D_POLICY_EGRESS_PACKETS]).toBe(1);
    expect(counters[at + D_POLICY_EGRESS_BYTES]).toBe(14 + 40);
    expect(counters[at + D_POLICY_INGRESS_PACKETS]).toBe(0);
    expect(b.imbalance()).toBe(0);
  });

  it("sees fragments: what stands where a port would is taken for one", () => {
    const rows = prefix(0, `${API}/32 udp 5353`);
    const b = bench(...rows, pod(DEV.client, { egress: 0, ingress: EVERYTHING }));
    const payload = new Uint8Array(64).fill(0xaa);
    const first = udp(`${CLIENT}:9`, `${API}:5353`, payload, { frag: 0x2000, id: 7 });
    b.send(DEV.client, first);
    expect(b.reason).toBe("NONE");
    b.send(DEV.client, udp("10.0.1.32:43690", `${API}:43690`, payload, { frag: 0x0009, id: 7 }));
    expect(b.reason).toBe("POLICY_DENY_EGRESS");
    expect(b.imbalance()).toBe(0);
  });

  it("lets pass what ends inside its layer 4 header", () => {
    const b = bench(pod(DEV.client, { egress: 0, ingress: EVERYTHING }));
    const short = udp(`${CLIENT}:1`, `${API}:80`, new Uint8Array(0), { frag: 0x0001 }).subarray(0, 10 + 24);
    short[10 + 2] = 0;
    short[10 + 3] = 24;
    b.send(DEV.client, short);
    expect(b.drops("POLICY_DENY_EGRESS")).toBe(0);
  });
});

describe("ingress", () => {
  it("is judged by the source, after everything; the sender's reply passes without a rule", () => {
    const b = bench(
      ...prefix(0, `${CLIENT}/32 tcp 8080`),
      pod(DEV.api0, { ingress: 0, egress: 1 }),
      pod(DEV.client, { ingress: 2, egress: EVERYTHING }),
    );
    expect(b.send(DEV.client, syn(`${CLIENT}:1`, `${API}:8080`))).toHaveLength(1);
    expect(b.send(DEV.api0, answer(`${API}:8080`, `${CLIENT}:1`))).toHaveLength(1);
    expect(steps(b)).toEqual([`egress ${BY_REPLY}`, `ingress ${BY_REPLY}`]);
    expect(b.send(DEV.second, syn(`${SECOND}:1`, `${API}:8080`))).toEqual([]);
    expect(b.reason).toBe("POLICY_DENY_INGRESS");
    expect(b.imbalance()).toBe(0);
  });

  it("is judged for the endpoint behind a service", () => {
    const b = bench(
      ...prefix(0, `${CLIENT}/32 tcp 8080`),
      pod(DEV.api0, { ingress: 0, egress: EVERYTHING }),
      pod(DEV.api1, { ingress: 0, egress: EVERYTHING }),
    );
    expect(b.send(DEV.client, syn(`${CLIENT}:5`, `${VIP}:80`))).toHaveLength(1);
  });

  it("always allows the pod's own node, and no other one", () => {
    const b = bench(pod(DEV.api0, { ingress: 0, egress: EVERYTHING }));
    expect(b.send(DEV.host1, syn("10.0.2.10:1", `${API}:8080`))).toHaveLength(1);
    expect(steps(b)).toEqual([`ingress ${BY_NODE}`]);
    expect(b.send(DEV.host0, syn("10.0.1.10:1", `${API}:8080`))).toEqual([]);
  });

  it("asks ICMP for port 0", () => {
    const rows = prefix(0, `${CLIENT}/32 tcp 80`, `${SECOND}/32 any`);
    const b = bench(...rows, pod(DEV.api0, { ingress: 0, egress: EVERYTHING }));
    expect(b.send(DEV.client, echo(CLIENT, API, 1))).toEqual([]);
    expect(b.send(DEV.second, echo(SECOND, API, 1))).toHaveLength(1);
  });

  it("judges each piece of a datagram that is cut for the pod", () => {
    const b = bench(...prefix(0, `${CLIENT}/32 udp 53`), pod(DEV.second, { ingress: 0, egress: EVERYTHING }));
    const row: R.Row = {
      t: "device",
      id: DEV.second,
      kind: R.DEVICE_POD,
      node: 0,
      eni: 1,
      address: parseCidr(`${SECOND}/32`)?.prefix ?? 0,
      mtu: 576,
    };
    b.plane.apply({ put: [row], gone: [] });
    const out = b.send(DEV.client, udp(`${CLIENT}:9`, `${SECOND}:53`, new Uint8Array(1000), { frag: 0 }));
    expect(out).toHaveLength(1);
    expect(b.drops("POLICY_DENY_INGRESS")).toBe(1);
    expect(b.imbalance()).toBe(0);
  });
});

describe("tiers", () => {
  const deny = (order: number) => prefix(0, `${API}/32 tcp 80 order:${order}`);
  const both = (o: Partial<R.PodPolicyRow>) =>
    pod(DEV.client, { clusterEgress: 0, clusterState: R.POLICIES_APPLIED, ...o });

  it("put the admin tier before namespaced policies, the lowest priority first", () => {
    const b = bench(...deny(100), both({ egress: EVERYTHING, ingress: EVERYTHING }));
    b.send(DEV.client, syn(`${CLIENT}:1`, `${API}:80`));
    expect(b.reason).toBe("POLICY_ADMIN_DENY");
    const accepts = prefix(0, `${API}/32 tcp 80 order:100`, `${API}/32 tcp 80 order:91`);
    b.plane.apply({ put: accepts, gone: [] });
    expect(b.send(DEV.client, syn(`${CLIENT}:2`, `${API}:80`))).toHaveLength(1);
    const passes = prefix(0, `${API}/32 tcp 80 order:82`, `${API}/32 tcp 80 order:91`);
    b.plane.apply({ put: [...passes, both({ egress: 1, ingress: EVERYTHING })], gone: [] });
    b.send(DEV.client, syn(`${CLIENT}:3`, `${API}:80`));
    expect(b.reason).toBe("POLICY_DENY_EGRESS");
  });

  it("ask the baseline where no namespaced policy selects the pod, and its default behind that", () => {
    const open = both({ state: R.POLICY_DEFAULT_ALLOW });
    const b = bench(...deny(R.POLICY_BASELINE_ORDER + 100), open);
    b.send(DEV.client, syn(`${CLIENT}:1`, `${API}:80`));
    expect(b.reason).toBe("POLICY_ADMIN_DENY");
    expect(b.send(DEV.client, syn(`${CLIENT}:1`, `${API}:443`))).toHaveLength(1);
    b.plane.apply({ put: [both({ state: R.POLICY_DEFAULT_DENY })], gone: [] });
    b.send(DEV.client, syn(`${CLIENT}:2`, `${API}:443`));
    expect(b.reason).toBe("POLICY_DEFAULT_DENY");
  });
});

describe("known connections", () => {
  const rows = prefix(0, `${API}/32 tcp 8080`);
  const closed = prefix(0, `${API}/32 tcp 1`);
  const data = () => tcp(`${CLIENT}:1`, `${API}:8080`, ".", { seq: 2, ack: 2 });

  function established(): Bench {
    const b = bench(...rows, pod(DEV.client, { egress: 0, ingress: EVERYTHING }));
    b.send(DEV.client, syn(`${CLIENT}:1`, `${API}:8080`));
    expect(steps(b)).toEqual([`egress ${BY_RULE}`]);
    b.send(DEV.api0, answer(`${API}:8080`, `${CLIENT}:1`));
    b.send(DEV.client, data());
    return b;
  }

  it("live through a change of the rules, and are asked anew when the pod's state changes", () => {
    const b = established();
    b.plane.apply({ put: closed, gone: [] });
    expect(b.send(DEV.client, data())).toHaveLength(1);
    expect(steps(b)).toEqual([`egress ${BY_FLOW}`]);
    expect(b.send(DEV.client, syn(`${CLIENT}:2`, `${API}:8080`))).toEqual([]);
    const above = { clusterState: R.POLICIES_APPLIED, clusterEgress: 5 };
    b.plane.apply({ put: [pod(DEV.client, { egress: 0, ingress: EVERYTHING, ...above })], gone: [] });
    expect(b.send(DEV.client, data())).toEqual([]);
    expect(b.reason).toBe("POLICY_DENY_EGRESS");
  });

  it("are forgotten by the second sweep after the node's conntrack has, and judged anew then", () => {
    const b = established();
    b.plane.apply({ put: closed, gone: [] });
    const { context: c } = b.plane;
    b.plane.tick(149_000);
    b.plane.tick(300_000);
    expect(b.send(DEV.client, data())).toHaveLength(1);
    expect(c.policyFlows.table.count).toBe(1);
    c.ct.flushZone(0);
    b.plane.tick(451_000);
    expect(c.policyFlows.table.count).toBe(0);
    expect(b.send(DEV.client, data())).toEqual([]);
  });

  it("are not touched by a question, nor is anything else", () => {
    const b = established();
    const { context: c } = b.plane;
    const before = c.policyFlows.table.stateHash();
    const at = b.plane.slotOffset(1);
    const bytes = syn(`${CLIENT}:9`, `${API}:8080`);
    c.arena.set(bytes, at - 10);
    b.plane.whatIf(DEV.client, at, bytes.length - 10, b.decision);
    expect(steps(b)).toEqual([`egress ${BY_RULE}`]);
    expect(c.policyFlows.table.stateHash()).toBe(before);
    expect(c.policyEvents.count).toBe(0);
  });

  it("go with their pod", () => {
    const b = established();
    expect(b.plane.context.policyFlows.table.count).toBe(1);
    b.plane.apply({ put: [], gone: [pod(DEV.client)] });
    expect(b.plane.context.policyFlows.table.count).toBe(0);
    expect(b.plane.context.tables.policies.count).toBe(0);
  });
});

describe("events", () => {
  it("are noted where the pod's agent logs them, as far as there is room", () => {
    const log = { egress: 0, ingress: EVERYTHING, log: R.POLICY_LOG_DENIED };
    const b = bench(...prefix(0, `${API}/32 tcp 80`), pod(DEV.client, log));
    b.send(DEV.client, syn(`${CLIENT}:1`, `${API}:80`));
    expect(b.plane.context.policyEvents.count).toBe(0);
    for (let i = 0; i < 4100; i++) {
      b.plane.context.arena.set(syn(`${CLIENT}:1`, `${API}:81`), b.plane.slotOffset(1) - 10);
      b.feed(DEV.client, b.plane.slotOffset(1), 40);
    }
    const { policyEvents } = b.plane.context;
    expect(policyEvents.count).toBe(4096);
    expect(policyEvents.dropped).toBe(4);
    expect(policyEvents.drain()).toHaveLength(4096 * 10);
    expect(policyEvents.count).toBe(0);
  });
});

describe("upstream's engine", () => {
  const upstream = { engine: R.POLICY_ENGINE_UPSTREAM } as const;

  it("judges egress by the endpoint behind a service, and leaves no conntrack entry of what it refuses", () => {
    const toPods = prefix(0, `${API}/32 tcp 8080`, "10.0.2.33/32 tcp 8080");
    const b = bench(...toPods, pod(DEV.client, { egress: 0, ...upstream }));
    expect(b.send(DEV.client, syn(`${CLIENT}:1`, `${VIP}:80`))).toHaveLength(1);
    const { ct } = b.plane.context;
    const before = ct.total;
    expect(b.send(DEV.client, syn(`${CLIENT}:2`, "10.0.1.200:8080"))).toEqual([]);
    expect(b.reason).toBe("POLICY_DENY_EGRESS");
    expect(ct.total).toBe(before);
  });

  it("lets known connections pass whatever becomes of the rules", () => {
    const b = bench(...prefix(0, `${CLIENT}/32 tcp 8080`), pod(DEV.api0, { ingress: 0, ...upstream }));
    b.send(DEV.client, syn(`${CLIENT}:1`, `${API}:8080`));
    b.send(DEV.api0, answer(`${API}:8080`, `${CLIENT}:1`));
    b.plane.apply({ put: [], gone: prefix(0, `${CLIENT}/32 tcp 8080`) });
    expect(b.send(DEV.client, tcp(`${CLIENT}:1`, `${API}:8080`, ".", { seq: 2, ack: 2 }))).toHaveLength(1);
    expect(b.send(DEV.client, syn(`${CLIENT}:2`, `${API}:8080`))).toEqual([]);
    expect(b.reason).toBe("POLICY_DENY_INGRESS");
  });

  it("keeps node and pod together, and a pod with itself", () => {
    const b = bench(pod(DEV.api0, { ingress: 0, egress: 0, ...upstream }));
    expect(b.send(DEV.host1, syn("10.0.2.10:1", `${API}:8080`))).toHaveLength(1);
    expect(b.send(DEV.api0, syn(`${API}:1`, "10.0.2.10:10250"))).toHaveLength(1);
    expect(b.send(DEV.api0, syn(`${API}:2`, "10.0.1.10:10250"))).toEqual([]);
  });
});
