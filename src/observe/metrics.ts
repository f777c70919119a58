import { Registry } from "prom-client";
import { CONNTRACK_STAT_NAMES } from "../plane/conntrack/info.ts";
import * as C from "../plane/counters.ts";
import { REASONS } from "../plane/reasons.ts";
import { type Collect, type Setter, scrapedCounter, scrapedGauge } from "./instruments.ts";
import { type NatField, natCounter } from "./natView.ts";

/** What the metrics are read from at scrape time. */
export interface MetricsSource {
  counters: Float64Array;
  devices(): { index: number; name: string }[];
  /** The kernel's own counters of the TUNs: packets that it lost before the plane could read them, or after. */
  kernel(): Promise<ReadonlyMap<string, { txDropped: number; rxDropped: number }>>;
}

const NS_PER_SECOND = 1e9;
const PREFIX = "podplane_";
const NODE_PREFIX = "node/";

/** Source NAT of each node. */
const NODE_NAT: readonly [name: string, help: string, field: NatField][] = [
  ["node_nat_snat_total", "Connections whose source the node translated.", "translated"],
  ["node_nat_port_collisions_total", "Connections of the node whose first choice of a port was taken.", "collisions"],
  ["node_nat_ports_taken_total", "Ports that the node tried for a connection and found taken.", "portsTaken"],
  ["node_nat_failures_total", "Connections of the node for which no source port was free.", "failures"],
];

/**
 * The Prometheus registry of a lab. Nothing is counted here: the plane counts in shared memory, and `collect` copies at
 * scrape time, so a packet costs no label hashing.
 */
export function metricsRegistry(source: MetricsSource): Registry {
  const registry = new Registry();
  const c = source.counters;
  const simple: [string, string, () => number][] = [
    ["packets_read_total", "Packets read from devices.", () => c[C.C_READ]],
    ["packets_written_total", "Packets written to devices.", () => c[C.C_WRITTEN]],
    ["packets_generated_total", "Packets that the plane made itself: ICMP errors.", () => c[C.C_GENERATED]],
    ["packets_split_total", "Additional packets made by fragmentation and segmentation.", () => c[C.C_SPLIT]],
    ["packets_merged_total", "Fragments that reassembly merged into others.", () => c[C.C_MERGED]],
    ["icmp_errors_suppressed_total", "ICMP errors not sent because of the rate limit.", () => c[C.C_ICMP_SUPPRESSED]],
    ["nat_dnat_total", "Connections whose destination was translated.", () => c[C.C_NAT_DNAT]],
    ["nat_snat_total", "Connections whose source was translated.", () => c[C.C_NAT_SNAT]],
    ["nat_null_bindings_total", "Connections that kept source address and port.", () => c[C.C_NAT_NULL]],
    ["nat_port_collisions_total", "Connections whose first choice of a port was taken.", () => c[C.C_NAT_COLLISION]],
    ["nat_failures_total", "Connections for which no source port was free.", () => c[C.C_NAT_EXHAUSTED]],
    ["batches_total", "Read batches.", () => c[C.C_BATCHES]],
    ["batch_packets_total", "Packets in read batches; divided by batches, the mean batch.", () => c[C.C_BATCH_PACKETS]],
    ["loop_busy_seconds_total", "Time the plane's loop worked.", () => c[C.C_BUSY_NS] / NS_PER_SECOND],
    ["loop_idle_seconds_total", "Time the plane's loop waited for packets.", () => c[C.C_IDLE_NS] / NS_PER_SECOND],
    ["verified_packets_total", "Written packets whose checksums were verified (--verify).", () => c[C.C_VERIFIED]],
    ["verify_failures_total", "Written packets with a wrong checksum (--verify).", () => c[C.C_VERIFY_BAD]],
  ];
  for (const [name, help, read] of simple) counter(registry, name, help, [], (set) => set({}, read()));
  gauge(
    registry,
    "fragments_queued",
    "Fragments that wait for the rest of their datagram, and packets that wait for their conntrack entry.",
    () => c[C.C_QUEUED],
  );
  gauge(registry, "conntrack_entries", "Conntrack entries of all nodes.", () => c[C.C_CT_ENTRIES]);
  gauge(registry, "lpm_routes", "Routes in all longest-prefix-match tables.", () => c[C.C_ROUTES]);
  gauge(registry, "snapshot_generation", "Changes of the tables that the plane has applied.", () => c[C.C_GENERATION]);
  counter(registry, "drops_total", "Packets that went no further, by reason.", ["reason"], (set) => {
    for (let i = 1; i < REASONS.length; i++) set({ reason: REASONS[i].code }, c[C.C_DROPS + i]);
  });
  counter(
    registry,
    "conntrack_events_total",
    "Conntrack statistics, by the names of conntrack -S.",
    ["event"],
    (set) => {
      CONNTRACK_STAT_NAMES.forEach((event, i) => {
        set({ event }, c[C.C_CONNTRACK + i]);
      });
    },
  );
  const device = (field: number) => (set: Setter) => {
    for (const { index, name } of source.devices()) {
      const at = C.C_DEVICES + index * C.DEVICE_COUNTERS;
      set({ device: name, direction: "in" }, c[at + field]);
      set({ device: name, direction: "out" }, c[at + field + C.D_TX_PACKETS]);
    }
  };
  for (const [name, help, field] of NODE_NAT)
    counter(registry, name, help, ["node"], (set) => {
      for (const { index, name: device } of source.devices())
        if (device.startsWith(NODE_PREFIX))
          set({ node: device.slice(NODE_PREFIX.length) }, natCounter(c, index, field));
    });
  const labels = ["device", "direction"];
  const packets = "Packets by device; in: read from it, out: written to it.";
  counter(registry, "device_packets_total", packets, labels, device(C.D_RX_PACKETS));
  counter(
    registry,
    "device_bytes_total",
    "IP bytes by device; in: read from it, out: written to it.",
    labels,
    device(C.D_RX_BYTES),
  );
  const instances = (field: number, isKnown: (at: number) => boolean) => (set: Setter) => {
    for (const { index, name } of source.devices()) {
      const at = C.C_DEVICES + index * C.DEVICE_COUNTERS;
      if (!name.startsWith("pod/") && isKnown(at)) set({ instance: name }, c[at + field]);
    }
  };
  const always = () => true;
  const hasLimit = (at: number) =>
    c[at + C.D_TRACKED] + c[at + C.D_TRACKED_EXCEEDED] > 0 && c[at + C.D_TRACKED_AVAILABLE] !== C.TRACKED_UNLIMITED;
  const tracked = "Connections that the security groups of an instance's ENIs track.";
  const available =
    "Connections that it may track besides (ENA's conntrack_allowance_available), where it has a limit.";
  const exceeded = "Connections dropped because it tracks as many as it may (ENA's conntrack_allowance_exceeded).";
  const instance = ["instance"];
  scrapedGauge(
    registry,
    { name: `${PREFIX}tracked_connections`, help: tracked, labelNames: instance },
    instances(C.D_TRACKED, always),
  );
  scrapedGauge(
    registry,
    { name: `${PREFIX}conntrack_allowance_available`, help: available, labelNames: instance },
    instances(C.D_TRACKED_AVAILABLE, hasLimit),
  );
  counter(registry, "conntrack_allowance_exceeded_total", exceeded, instance, instances(C.D_TRACKED_EXCEEDED, always));
  counter(
    registry,
    "device_kernel_drops_total",
    "Packets that the kernel lost at a TUN; in: its queue towards the plane was full.",
    labels,
    async (set) => {
      for (const [name, s] of await source.kernel()) {
        set({ device: name, direction: "in" }, s.txDropped);
        set({ device: name, direction: "out" }, s.rxDropped);
      }
    },
  );
  return registry;
}

function counter(registry: Registry, name: string, help: string, labelNames: string[], collect: Collect): void {
  scrapedCounter(registry, { name: PREFIX + name, help, labelNames }, collect);
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  scrapedGauge(registry, { name: PREFIX + name, help, labelNames: [] }, (set) => set({}, read()));
}
