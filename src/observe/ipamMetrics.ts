import { Histogram, type Registry } from "prom-client";
import type { AddressStats, AgentEni, NodeCounters } from "../control/ipam/types.ts";
import { cidrSize, cidrText, containsAddress } from "../control/vpc/cidr.ts";
import type { CallCount } from "../control/vpc/ec2/api.ts";
import type { Ec2Action, InstanceLimits } from "../control/vpc/ec2/types.ts";
import { PREFIX_LENGTH } from "../control/vpc/instanceTypes.ts";
import { type Setter, scrapedCounter, scrapedGauge, scrapedSummary } from "./instruments.ts";

/** What the metrics are read from at scrape time; control's Ipam is one. */
export interface IpamMetricsSource {
  /** Names of the nodes. */
  nodes(): readonly string[];
  agent(node: string): { readonly counters: NodeCounters; stats(): AddressStats };
  enis(node: string): readonly AgentEni[];
  node(name: string): IpamMetricsNode;
  readonly ec2: { readonly calls: ReadonlyMap<Ec2Action, CallCount> };
  /** Pods that have a node and no address. */
  readonly waitingPods: number;
}

/** What awscni_ip_max follows from. */
export interface IpamMetricsNode {
  readonly limits: InstanceLimits;
  readonly agent:
    | { readonly mode: "standard"; readonly settings: { readonly prefixDelegation: boolean } }
    | { readonly mode: "auto"; readonly settings: { readonly prefixSize: "auto" | "32" } };
}

const NODE = "node";
const MILLISECONDS = 1000;
const SINGLE_LENGTH = 32;
/** Seconds: an address at once, within one back-off of kubelet's (10 to 15 s), within several, after minutes. */
const DELAY_BUCKETS = [0.1, 1, 5, 10, 15, 30, 60, 120, 300, 600, 1800];

/**
 * Registers ipamd's own metrics, with its names, types, help texts and labels (amazon-vpc-cni-k8s
 * utils/prometheusmetrics/prometheusmetrics.go), and a label `node` more, because one process stands for all nodes. Nothing
 * is counted here: the daemons and EC2 count, and a scrape copies.
 *
 * The metrics of EC2 calls have no label `node`: EC2 counts calls of the whole VPC. awscni_aws_api_latency_ms has the label
 * `api` alone, because latencies of answers and of errors are one sum, and has no quantiles, as ipamd's has none.
 */
export function registerIpamMetrics(registry: Registry, source: IpamMetricsSource): void {
  nodeGauges(registry, source);
  addressGauges(registry, source);
  nodeCounters(registry, source);
  ec2Metrics(registry, source);
  const help = "Pods that have a node and no address yet.";
  scrapedGauge(registry, { name: "podplane_pods_waiting", help, labelNames: [] }, (set) => set({}, source.waitingPods));
}

/**
 * Registers podplane_pod_start_delay_seconds.
 *
 * @returns what to call once for each pod that gets its address, with the milliseconds since kubelet first asked for it;
 * Ipam's `onStarted`.
 */
export function podStartDelay(registry: Registry): (pod: string, node: string, milliseconds: number) => void {
  const histogram = new Histogram({
    name: "podplane_pod_start_delay_seconds",
    help: "Time from kubelet's first ADD for a pod until it had an address, by the lab's clock.",
    labelNames: [NODE],
    buckets: DELAY_BUCKETS,
    registers: [registry],
  });
  return (_pod, node, milliseconds) => histogram.observe({ node }, milliseconds / MILLISECONDS);
}

/** Most addresses that pods of a node can have: maxIPsPerENI times the most ENIs, as ipamd's updateIPStats has it. */
function ipMax({ limits, agent }: IpamMetricsNode, maxEnis: number): number {
  const wanted = agent.mode === "standard" ? agent.settings.prefixDelegation : agent.settings.prefixSize === "auto";
  const length = wanted && limits.prefixes ? PREFIX_LENGTH : SINGLE_LENGTH;
  return maxEnis * (limits.addressesPerEni - 1) * cidrSize({ prefix: 0, length });
}

function nodeGauges(registry: Registry, source: IpamMetricsSource): void {
  const gauges: [string, string, (stats: AddressStats, node: string) => number][] = [
    [
      "awscni_eni_max",
      "The maximum number of ENIs that can be attached to the instance, accounting for unmanaged ENIs",
      (stats) => stats.maxEnis,
    ],
    [
      "awscni_ip_max",
      "The maximum number of IP addresses that can be allocated to the instance",
      (stats, node) => ipMax(source.node(node), stats.maxEnis),
    ],
    ["awscni_eni_allocated", "The number of ENIs allocated", (stats) => stats.enis],
    ["awscni_total_ip_addresses", "The total number of IP addresses", (stats) => stats.total],
    ["awscni_assigned_ip_addresses", "The number of IP addresses assigned to pods", (stats) => stats.assigned],
    ["awscni_total_ipv4_prefixes", "The total number of IPv4 prefixes", (stats) => stats.prefixes],
  ];
  for (const [name, help, read] of gauges)
    scrapedGauge(registry, { name, help, labelNames: [NODE] }, (set) => {
      for (const node of source.nodes()) set({ node }, read(source.agent(node).stats(), node));
    });
}

/** Branch ENIs are not in ipamd's datastore. */
function datastoreEnis(source: IpamMetricsSource, node: string): AgentEni[] {
  return source.enis(node).filter((eni) => eni.kind !== "branch");
}

function addressGauges(registry: Registry, source: IpamMetricsSource): void {
  scrapedGauge(
    registry,
    {
      name: "awscni_assigned_ip_per_cidr",
      help: "The total number of IP addresses assigned per cidr",
      labelNames: [NODE, "cidr"],
    },
    (set) => {
      for (const node of source.nodes())
        for (const { slots, assigned } of datastoreEnis(source, node))
          for (const slot of slots)
            set(
              { node, cidr: cidrText(slot) },
              assigned.filter(({ address }) => containsAddress(slot, address)).length,
            );
    },
  );
  scrapedGauge(
    registry,
    {
      name: "awscni_assigned_ip_per_eni",
      help: "The number of allocated ips partitioned by eni",
      labelNames: [NODE, "eni"],
    },
    (set) => {
      for (const node of source.nodes())
        for (const { id, assigned } of datastoreEnis(source, node)) set({ node, eni: id }, assigned.length);
    },
  );
}

function nodeCounters(registry: Registry, source: IpamMetricsSource): void {
  const single: [string, string, (counters: NodeCounters) => number][] = [
    ["awscni_add_ip_req_count", "The number of add IP address requests", (c) => c.addRequests],
    [
      "awscni_no_available_ip_addresses",
      "The number of pod IP assignments that fail due to no available IP addresses",
      (c) => c.noAvailableAddress,
    ],
    [
      "awscni_force_removed_enis",
      "The number of ENIs force removed while they had assigned pods",
      (c) => c.forceRemovedEnis,
    ],
    [
      "awscni_force_removed_ips",
      "The number of IPs force removed while they had assigned pods",
      (c) => c.forceRemovedIps,
    ],
  ];
  for (const [name, help, read] of single)
    scrapedCounter(registry, { name, help, labelNames: [NODE] }, (set) => {
      for (const node of source.nodes()) set({ node }, read(source.agent(node).counters));
    });
  const labelled: [string, string, string, (counters: NodeCounters) => ReadonlyMap<string, number>][] = [
    ["awscni_del_ip_req_count", "The number of delete IP address requests", "reason", (c) => c.delRequests],
    [
      "awscni_reconcile_count",
      "The number of times ipamd reconciles on ENIs and IP/Prefix addresses",
      "fn",
      (c) => c.reconciles,
    ],
    ["awscni_ipamd_error_count", "The number of errors encountered in ipamd", "fn", (c) => c.errors],
    ["awscni_pod_eni_error_count", "The number of errors encountered for pod ENIs", "fn", (c) => c.podEniErrors],
  ];
  for (const [name, help, label, read] of labelled)
    scrapedCounter(registry, { name, help, labelNames: [NODE, label] }, (set) => {
      for (const node of source.nodes())
        for (const [value, count] of read(source.agent(node).counters)) set({ node, [label]: value }, count);
    });
}

function ec2Metrics(registry: Registry, source: IpamMetricsSource): void {
  const counter = (name: string, help: string, labelNames: string[], each: EachCall): void =>
    scrapedCounter(registry, { name, help, labelNames }, (set) => {
      for (const [action, count] of source.ec2.calls) each(set, action, count);
    });
  counter("awscni_ec2api_req_count", "The number of requests made to EC2 APIs by CNI", ["fn"], (set, fn, { calls }) =>
    set({ fn }, calls),
  );
  counter("awscni_ec2api_error_count", "The number of failed EC2 APIs requests", ["fn"], (set, fn, { errors }) => {
    const failed = [...errors.values()].reduce((sum, n) => sum + n, 0);
    if (failed > 0) set({ fn }, failed);
  });
  counter(
    "awscni_aws_api_error_count",
    "The number of times AWS API returns an error",
    ["api", "error"],
    (set, api, { errors }) => {
      for (const [error, n] of errors) set({ api, error }, n);
    },
  );
  const latency = { name: "awscni_aws_api_latency_ms", help: "AWS API call latency in ms", labelNames: ["api"] };
  scrapedSummary(registry, latency, () =>
    [...source.ec2.calls].map(([api, { calls, milliseconds }]) => ({
      labels: { api },
      count: calls,
      sum: milliseconds,
    })),
  );
}

type EachCall = (set: Setter, action: Ec2Action, count: CallCount) => void;
