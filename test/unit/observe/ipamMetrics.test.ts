import { spawnSync } from "node:child_process";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import type { AddressStats, AgentEni, NodeCounters } from "../../../src/control/ipam/types.ts";
import type { CallCount } from "../../../src/control/vpc/ec2/api.ts";
import type { Ec2Action } from "../../../src/control/vpc/ec2/types.ts";
import {
  type IpamMetricsNode,
  type IpamMetricsSource,
  podStartDelay,
  registerIpamMetrics,
} from "../../../src/observe/ipamMetrics.ts";
import { parseAddress } from "../../../src/plane/wire/address.ts";

const address = (text: string): number => parseAddress(text) ?? 0;

function counters(fields: Partial<NodeCounters> = {}): NodeCounters {
  return {
    addRequests: 0,
    delRequests: new Map(),
    reconciles: new Map(),
    errors: new Map(),
    noAvailableAddress: 0,
    forceRemovedEnis: 0,
    forceRemovedIps: 0,
    podEniErrors: new Map(),
    ...fields,
  };
}

function eni(fields: Partial<AgentEni>): AgentEni {
  return {
    id: "eni-00000001",
    node: "node-1",
    kind: "primary",
    deviceNumber: 0,
    subnet: "nodes-a",
    address: address("10.0.1.4"),
    vlan: 0,
    slots: [],
    forPods: true,
    assigned: [],
    cooling: [],
    securityGroups: [],
    ...fields,
  };
}

interface FakeNode {
  readonly counters: NodeCounters;
  readonly stats: AddressStats;
  readonly enis: readonly AgentEni[];
  readonly node: IpamMetricsNode;
}

const limits = { enis: 3, addressesPerEni: 10, prefixes: true, branchEnis: 9 };
const standard = (prefixDelegation: boolean) => ({ mode: "standard", settings: { prefixDelegation } }) as const;
const stats = { enis: 1, maxEnis: 3, total: 0, assigned: 0, cooling: 0, prefixes: 0, branch: 0 };

const PODS = ["10.0.1.16", "10.0.1.17", "10.0.1.9"].map((text, i) => ({
  address: address(text),
  pod: `pod/default/${i}`,
}));

function fake(): { nodes: Map<string, FakeNode>; calls: Map<Ec2Action, CallCount>; source: IpamMetricsSource } {
  const nodes = new Map<string, FakeNode>([
    [
      "node-1",
      {
        counters: counters({
          addRequests: 5,
          delRequests: new Map([["PodDeleted", 2]]),
          reconciles: new Map([["eniReconcileAdd", 1]]),
          errors: new Map([["increaseIPPoolAllocIPAddressesFailed", 3]]),
          noAvailableAddress: 4,
          forceRemovedEnis: 1,
          forceRemovedIps: 6,
          podEniErrors: new Map([["nodeInit", 7]]),
        }),
        stats: { enis: 2, maxEnis: 3, total: 17, assigned: 3, cooling: 1, prefixes: 1, branch: 1 },
        enis: [
          eni({
            slots: [
              { prefix: address("10.0.1.16"), length: 28 },
              { prefix: address("10.0.1.9"), length: 32 },
            ],
            assigned: PODS,
          }),
          eni({ id: "eni-00000002", kind: "trunk", deviceNumber: 1, forPods: false }),
          eni({ id: "eni-00000003", kind: "branch", vlan: 1, assigned: [{ address: 1, pod: "pod/default/b" }] }),
        ],
        node: { limits, agent: standard(true) },
      },
    ],
    [
      "node-2",
      { counters: counters(), stats, enis: [eni({ id: "eni-00000004" })], node: { limits, agent: standard(false) } },
    ],
  ]);
  const calls = new Map<Ec2Action, CallCount>([
    [
      "AssignPrivateIpAddresses",
      {
        calls: 7,
        milliseconds: 3500,
        errors: new Map([
          ["InsufficientCidrBlocks", 2],
          ["RequestLimitExceeded", 1],
        ]),
      },
    ],
    ["DescribeSubnets", { calls: 1, milliseconds: 200, errors: new Map() }],
  ]);
  const of = (name: string): FakeNode => {
    const node = nodes.get(name);
    if (node === undefined) throw new RangeError(name);
    return node;
  };
  return {
    nodes,
    calls,
    source: {
      nodes: () => [...nodes.keys()],
      agent: (name) => ({ counters: of(name).counters, stats: () => of(name).stats }),
      enis: (name) => of(name).enis,
      node: (name) => of(name).node,
      ec2: { calls },
      waitingPods: 2,
    },
  };
}

/** Series of a scrape, without comments. */
async function scrape(registry: Registry): Promise<string[]> {
  const text = await registry.metrics();
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

describe("ipamd's metrics", () => {
  it("have its names, and a label for the node", async () => {
    const registry = new Registry();
    registerIpamMetrics(registry, fake().source);
    expect((await scrape(registry)).join("\n")).toMatchInlineSnapshot(`
      "awscni_eni_max{node="node-1"} 3
      awscni_eni_max{node="node-2"} 3
      awscni_ip_max{node="node-1"} 432
      awscni_ip_max{node="node-2"} 27
      awscni_eni_allocated{node="node-1"} 2
      awscni_eni_allocated{node="node-2"} 1
      awscni_total_ip_addresses{node="node-1"} 17
      awscni_total_ip_addresses{node="node-2"} 0
      awscni_assigned_ip_addresses{node="node-1"} 3
      awscni_assigned_ip_addresses{node="node-2"} 0
      awscni_total_ipv4_prefixes{node="node-1"} 1
      awscni_total_ipv4_prefixes{node="node-2"} 0
      awscni_assigned_ip_per_cidr{node="node-1",cidr="10.0.1.16/28"} 2
      awscni_assigned_ip_per_cidr{node="node-1",cidr="10.0.1.9/32"} 1
      awscni_assigned_ip_per_eni{node="node-1",eni="eni-00000001"} 3
      awscni_assigned_ip_per_eni{node="node-1",eni="eni-00000002"} 0
      awscni_assigned_ip_per_eni{node="node-2",eni="eni-00000004"} 0
      awscni_add_ip_req_count{node="node-1"} 5
      awscni_add_ip_req_count{node="node-2"} 0
      awscni_no_available_ip_addresses{node="node-1"} 4
      awscni_no_available_ip_addresses{node="node-2"} 0
      awscni_force_removed_enis{node="node-1"} 1
      awscni_force_removed_enis{node="node-2"} 0
      awscni_force_removed_ips{node="node-1"} 6
      awscni_force_removed_ips{node="node-2"} 0
      awscni_del_ip_req_count{node="node-1",reason="PodDeleted"} 2
      awscni_reconcile_count{node="node-1",fn="eniReconcileAdd"} 1
      awscni_ipamd_error_count{node="node-1",fn="increaseIPPoolAllocIPAddressesFailed"} 3
      awscni_pod_eni_error_count{node="node-1",fn="nodeInit"} 7
      awscni_ec2api_req_count{fn="AssignPrivateIpAddresses"} 7
      awscni_ec2api_req_count{fn="DescribeSubnets"} 1
      awscni_ec2api_error_count{fn="AssignPrivateIpAddresses"} 3
      awscni_aws_api_error_count{api="AssignPrivateIpAddresses",error="InsufficientCidrBlocks"} 2
      awscni_aws_api_error_count{api="AssignPrivateIpAddresses",error="RequestLimitExceeded"} 1
      awscni_aws_api_latency_ms_sum{api="AssignPrivateIpAddresses"} 3500
      awscni_aws_api_latency_ms_count{api="AssignPrivateIpAddresses"} 7
      awscni_aws_api_latency_ms_sum{api="DescribeSubnets"} 200
      awscni_aws_api_latency_ms_count{api="DescribeSubnets"} 1
      podplane_pods_waiting 2"
    `);
  });

  it("have its types", async () => {
    const registry = new Registry();
    registerIpamMetrics(registry, fake().source);
    const types = [...(await registry.metrics()).matchAll(/^# TYPE (awscni_\S+) (\S+)$/gm)];
    const of = (type: string) => types.filter((t) => t[2] === type).map((t) => t[1]);
    expect(of("gauge")).toEqual([
      "awscni_eni_max",
      "awscni_ip_max",
      "awscni_eni_allocated",
      "awscni_total_ip_addresses",
      "awscni_assigned_ip_addresses",
      "awscni_total_ipv4_prefixes",
      "awscni_assigned_ip_per_cidr",
      "awscni_assigned_ip_per_eni",
    ]);
    expect(of("summary")).toEqual(["awscni_aws_api_latency_ms"]);
    expect(of("counter")).toHaveLength(11);
    expect(types).toHaveLength(20);
  });

  it("are read anew at each scrape: a restarted daemon begins again, a node that went is gone", async () => {
    const { nodes, calls, source } = fake();
    const registry = new Registry();
    registerIpamMetrics(registry, source);
    const before = await scrape(registry);
    expect(await scrape(registry)).toEqual(before);
    const [first] = nodes.values();
    nodes.set("node-1", { ...first, counters: counters({ addRequests: 1 }), enis: [] });
    nodes.delete("node-2");
    calls.set("DescribeSubnets", { calls: 2, milliseconds: 450, errors: new Map() });
    const after = await scrape(registry);
    expect(after).toContain('awscni_add_ip_req_count{node="node-1"} 1');
    expect(after.filter((line) => line.includes("node-2") || /_(cidr|eni)\{|del_ip|reconcile/.test(line))).toEqual([]);
    expect(after).toContain('awscni_aws_api_latency_ms_sum{api="DescribeSubnets"} 450');
    expect(after).toContain('awscni_aws_api_latency_ms_count{api="DescribeSubnets"} 2');
  });

  it("count addresses of a node at most: slots without the primary address's, 16 to a prefix", async () => {
    const most = async (node: IpamMetricsNode, maxEnis: number): Promise<string | undefined> => {
      const { nodes, source } = fake();
      for (const [name, entry] of nodes) nodes.set(name, { ...entry, node, stats: { ...stats, maxEnis } });
      const registry = new Registry();
      registerIpamMetrics(registry, source);
      return (await scrape(registry)).find((line) => line.startsWith('awscni_ip_max{node="node-1"}'))?.split(" ")[1];
    };
    expect(await most({ limits, agent: standard(false) }, 3)).toBe("27");
    expect(await most({ limits, agent: standard(true) }, 3)).toBe("432");
    expect(await most({ limits, agent: standard(true) }, 2)).toBe("288");
    // Xen: ipamd falls back to secondary addresses.
    expect(await most({ limits: { ...limits, prefixes: false }, agent: standard(true) }, 3)).toBe("27");
    expect(await most({ limits, agent: { mode: "auto", settings: { prefixSize: "auto" } } }, 3)).toBe("432");
    expect(await most({ limits, agent: { mode: "auto", settings: { prefixSize: "32" } } }, 3)).toBe("27");
  });

  it("pass promtool, but for names and units that ipamd has", async () => {
    const registry = new Registry();
    registerIpamMetrics(registry, fake().source);
    podStartDelay(registry)("pod/default/a", "node-1", 12_500);
    const run = spawnSync("promtool", ["check", "metrics"], { input: await registry.metrics(), encoding: "utf8" });
    expect(run.error).toBeUndefined();
    const complaints = `${run.stdout}${run.stderr}`.trim().split("\n");
    expect(complaints.filter((line) => !line.startsWith("awscni_"))).toEqual([]);
    const kinds = new Set(complaints.map((line) => line.slice(line.indexOf(" ") + 1)));
    expect([...kinds].sort()).toEqual([
      'counter metrics should have "_total" suffix',
      "metric names should not contain abbreviated units",
      'non-histogram and non-summary metrics should not have "_count" suffix',
    ]);
  });
});

describe("podplane's metrics of pods that start", () => {
  it("count delays by node in seconds", async () => {
    const registry = new Registry();
    const started = podStartDelay(registry);
    for (const ms of [0, 12_500, 90_000]) started("pod/default/a", "node-1", ms);
    started("pod/default/b", "node-2", 10_000);
    const series = await scrape(registry);
    const bucket = (le: string, node: string) => `podplane_pod_start_delay_seconds_bucket{le="${le}",node="${node}"}`;
    expect(series).toContain(`${bucket("0.1", "node-1")} 1`);
    expect(series).toContain(`${bucket("10", "node-1")} 1`);
    expect(series).toContain(`${bucket("15", "node-1")} 2`);
    expect(series).toContain(`${bucket("+Inf", "node-1")} 3`);
    expect(series).toContain('podplane_pod_start_delay_seconds_sum{node="node-1"} 102.5');
    expect(series).toContain(`${bucket("5", "node-2")} 0`);
    expect(series).toContain(`${bucket("10", "node-2")} 1`);
  });
});
