import type { Registry } from "prom-client";
import {
  C_DEVICES,
  D_POLICY_EGRESS_BYTES,
  D_POLICY_EGRESS_PACKETS,
  D_POLICY_INGRESS_BYTES,
  D_POLICY_INGRESS_PACKETS,
  DEVICE_COUNTERS,
} from "../plane/counters.ts";
import { scrapedCounter } from "./instruments.ts";

export interface PolicyMetricsSource {
  readonly counters: Float64Array;
  /** Devices of the pods that there are, with their nodes' names. */
  pods(): { readonly device: number; readonly node: string }[];
  /** Verdicts that a full ring kept from the logs. */
  eventsDropped(): number;
}

const CELLS = {
  packets: { ingress: D_POLICY_INGRESS_PACKETS, egress: D_POLICY_EGRESS_PACKETS },
  bytes: { ingress: D_POLICY_INGRESS_BYTES, egress: D_POLICY_EGRESS_BYTES },
} as const;
const DIRECTIONS = ["ingress", "egress"] as const;

/** Sums of the pods' counters by node, which grow on when pods go. */
class NodeSums {
  readonly #source: PolicyMetricsSource;
  readonly #cell: number;
  readonly #nodes = new Map<number, string>();
  readonly #seen = new Map<number, number>();
  readonly sums = new Map<string, number>();

  constructor(source: PolicyMetricsSource, cell: number) {
    this.#source = source;
    this.#cell = cell;
  }

  update(): void {
    // Before the new names: what a device counted until now was its last pod's.
    this.#add();
    for (const { device, node } of this.#source.pods()) {
      this.#nodes.set(device, node);
      if (!this.sums.has(node)) this.sums.set(node, 0);
    }
    this.#add();
  }

  #add(): void {
    for (const [device, node] of this.#nodes) {
      const now = this.#source.counters[C_DEVICES + device * DEVICE_COUNTERS + this.#cell];
      this.sums.set(node, (this.sums.get(node) ?? 0) + now - (this.#seen.get(device) ?? 0));
      this.#seen.set(device, now);
    }
  }
}

/** The network policy agents' own metrics, by their names, with the node as a label. */
export function registerPolicyMetrics(registry: Registry, source: PolicyMetricsSource): void {
  const help = (what: string) => `Total number of ${what} dropped by network policy agent`;
  for (const [name, cells, what] of [
    ["network_policy_drop_count_total", CELLS.packets, "packets"],
    ["network_policy_drop_bytes_total", CELLS.bytes, "bytes"],
  ] as const) {
    const sums = DIRECTIONS.map((direction) => ({ direction, of: new NodeSums(source, cells[direction]) }));
    scrapedCounter(registry, { name, help: help(what), labelNames: ["node", "direction"] }, (set) => {
      for (const { direction, of } of sums) {
        of.update();
        for (const [node, sum] of of.sums) set({ node, direction }, sum);
      }
    });
  }
  scrapedCounter(
    registry,
    {
      name: "podplane_policy_events_dropped_total",
      help: "Policy verdicts that were not logged because too many came at once.",
      labelNames: [],
    },
    (set) => set({}, source.eventsDropped()),
  );
}
