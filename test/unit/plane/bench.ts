import type { ContextOptions } from "../../../src/plane/context.ts";
import * as C from "../../../src/plane/counters.ts";
import { Decision } from "../../../src/plane/decision.ts";
import { Plane } from "../../../src/plane/plane.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import * as R from "../../../src/plane/rows.ts";
import { parseCidr } from "../../../src/plane/wire/address.ts";
import { describe, ip, VNET } from "./packets.ts";
import { clusterIP, nodePort, serviceRow } from "./serviceRow.ts";

/**
 * A small lab of rows, written out by hand so that the plane is tested alone:
 *
 * node-0 (10.0.1.10, eth1 10.0.1.20): client 10.0.1.32 on eth0, second 10.0.1.48 on eth1
 * node-1 (10.0.2.10): api-0 10.0.2.32, api-1 10.0.2.33, both on eth0
 * rds 10.0.1.200 in the VPC, web 203.0.113.10 on the internet, office 192.168.7.7 behind a gateway
 */
export const DEV = { host0: 0, host1: 1, client: 2, second: 3, api0: 4, api1: 5, rds: 6, web: 7, office: 8 } as const;
export const DEVICE_NAMES = Object.keys(DEV);
export const ENI = { n0e0: 0, n0e1: 1, n1e0: 2, rds: 3 } as const;

function cidr(text: string): { prefix: number; length: number } {
  const c = parseCidr(text);
  if (c === null) throw new Error(text);
  return { prefix: c.prefix, length: c.length };
}

export interface BenchOptions {
  serviceMode?: R.NodeRow["serviceMode"];
  snatMode?: number;
  masqueradeAll?: boolean;
  /** kube-proxy's local detector. */
  clusterCidr?: string;
  settings?: ContextOptions["settings"];
  capacity?: number;
  limit?: number;
  podMtu?: number;
  eniMtu?: number;
  seed?: number;
}

export const VIP = "172.20.0.17";

export function rows(o: BenchOptions = {}): R.Row[] {
  const podMtu = o.podMtu ?? 9001;
  const eniMtu = o.eniMtu ?? 9001;
  const node = (id: number, hostDevice: number, primaryEni: number, address: string): R.NodeRow => ({
    t: "node",
    id,
    vpc: 0,
    hostDevice,
    primaryEni,
    primaryAddress: ip(address),
    serviceMode: o.serviceMode ?? R.SERVICE_MODE_IPTABLES,
    snatMode: o.snatMode ?? R.SNAT_PRNG,
    masqueradeAll: o.masqueradeAll ?? false,
    clusterCidr: o.clusterCidr === undefined ? null : cidr(o.clusterCidr),
    serviceCidr: cidr("172.20.0.0/16"),
    nodePortAddresses: null,
    conntrackLimit: o.limit ?? 1000,
  });
  const eni = (id: number, nodeId: number, deviceNumber: number, address: string, pub: string | null, dev: number) =>
    ({
      t: "eni",
      id,
      node: nodeId,
      deviceNumber,
      subnet: nodeId === 1 ? 1 : 0,
      vpc: 0,
      address: ip(address),
      mtu: eniMtu,
      publicAddress: pub === null ? 0 : ip(pub),
      sourceDestCheck: true,
      hostDevice: dev,
    }) satisfies R.EniRow;
  const device = (id: number, kind: R.DeviceRow["kind"], nodeId: number, eniId: number, address: string, mtu: number) =>
    ({ t: "device", id, kind, node: nodeId, eni: eniId, address: ip(address), mtu }) satisfies R.DeviceRow;
  return [
    node(0, DEV.host0, ENI.n0e0, "10.0.1.10"),
    node(1, DEV.host1, ENI.n1e0, "10.0.2.10"),
    eni(ENI.n0e0, 0, 0, "10.0.1.10", "198.51.100.10", -1),
    eni(ENI.n0e1, 0, 1, "10.0.1.20", null, -1),
    eni(ENI.n1e0, 1, 0, "10.0.2.10", null, -1),
    eni(ENI.rds, -1, 0, "10.0.1.200", null, DEV.rds),
    { t: "eniAddress", vpc: 0, ...cidr("10.0.1.32/28"), eni: ENI.n0e0 },
    { t: "eniAddress", vpc: 0, ...cidr("10.0.1.48/28"), eni: ENI.n0e1 },
    { t: "eniAddress", vpc: 0, ...cidr("10.0.2.32/28"), eni: ENI.n1e0 },
    device(DEV.host0, R.DEVICE_NODE, 0, ENI.n0e0, "10.0.1.10", eniMtu),
    device(DEV.host1, R.DEVICE_NODE, 1, ENI.n1e0, "10.0.2.10", eniMtu),
    device(DEV.client, R.DEVICE_POD, 0, ENI.n0e0, "10.0.1.32", podMtu),
    device(DEV.second, R.DEVICE_POD, 0, ENI.n0e1, "10.0.1.48", podMtu),
    device(DEV.api0, R.DEVICE_POD, 1, ENI.n1e0, "10.0.2.32", podMtu),
    device(DEV.api1, R.DEVICE_POD, 1, ENI.n1e0, "10.0.2.33", podMtu),
    device(DEV.rds, R.DEVICE_HOST, -1, ENI.rds, "10.0.1.200", 9001),
    device(DEV.web, R.DEVICE_HOST, -1, -1, "203.0.113.10", 1500),
    device(DEV.office, R.DEVICE_HOST, -1, -1, "192.168.7.7", 1500),
    { t: "subnet", id: 0, vpc: 0, ...cidr("10.0.1.0/24"), routeTable: 0 },
    { t: "subnet", id: 1, vpc: 0, ...cidr("10.0.2.0/24"), routeTable: 0 },
    { t: "vpcRoute", routeTable: 0, ...cidr("10.0.0.0/16"), target: R.TARGET_LOCAL, arg: 0 },
    { t: "vpcRoute", routeTable: 0, ...cidr("0.0.0.0/0"), target: R.TARGET_INTERNET_GATEWAY, arg: 0 },
    { t: "vpcRoute", routeTable: 0, ...cidr("192.168.0.0/16"), target: R.TARGET_NETWORK, arg: 1 },
    { t: "vpcRoute", routeTable: 0, ...cidr("198.18.0.0/15"), target: R.TARGET_BLACKHOLE, arg: 0 },
    { t: "snatExempt", vpc: 0, ...cidr("10.0.0.0/16"), excluded: false },
    { t: "outside", network: 0, address: ip("203.0.113.10"), device: DEV.web, vpc: 0 },
    { t: "outside", network: 1, address: ip("192.168.7.7"), device: DEV.office, vpc: 0 },
    service(0, 80, ["10.0.2.32:8080", "10.0.2.33:8080"], 30080),
    service(1, 81, [], 0),
    { ...service(2, 53, ["10.0.2.32:5353"], 0), protocol: 17 },
  ];
}

export function service(id: number, port: number, endpoints: string[], nodePortNumber: number): R.ServiceRow {
  const frontends = [clusterIP(VIP, port), ...(nodePortNumber === 0 ? [] : [nodePort(nodePortNumber)])];
  return serviceRow({ id, frontends, endpoints });
}

/** What came out for one packet that went in. */
export interface Sent {
  device: string;
  bytes: Uint8Array;
  line: string;
}

export class Bench {
  readonly plane: Plane;
  readonly decision = new Decision();

  constructor(o: BenchOptions = {}) {
    this.plane = new Plane({
      slots: 4,
      devices: 16,
      nodes: 2,
      conntrackCapacity: o.capacity ?? 4096,
      hashKey: Int32Array.of(1, 2, 3, 4),
      seed: o.seed ?? 7,
      settings: o.settings,
    });
    this.plane.apply({ put: rows(o), gone: [] });
    this.plane.tick(0);
  }

  /** Sends a packet from a device and returns what was written, in order. */
  send(device: number, bytes: Uint8Array): Sent[] {
    const c = this.plane.context;
    const at = this.plane.slotOffset(0);
    c.arena.set(bytes, at - VNET);
    this.decision.clear();
    c.decision = this.decision;
    this.plane.process(device, at, bytes.length - VNET);
    c.decision = null;
    const sent: Sent[] = [];
    const out = c.out;
    for (let i = 0; i < out.count; i++) {
      const from = out.offset[i] - VNET;
      const copy = out.arena.slice(from, from + VNET + out.length[i]);
      sent.push({ device: DEVICE_NAMES[out.device[i]], bytes: copy, line: describe(copy) });
      out.status[i] = out.length[i];
    }
    this.plane.written();
    return sent;
  }

  /** Walks the packet that lies at `at` in the arena, without a decision; what came out waits in `context.out`. */
  feed(device: number, at: number, length: number): void {
    this.plane.process(device, at, length);
  }

  /** Counts everything that came out as written, as a device that takes it all. */
  flush(): void {
    const { out } = this.plane.context;
    for (let i = 0; i < out.count; i++) out.status[i] = out.length[i];
    this.plane.written();
  }

  /** Packets dropped so far, for any reason. */
  dropped(): number {
    const c = this.plane.context.counters;
    let n = 0;
    for (let i = 0; i < REASONS.length; i++) n += c[C.C_DROPS + i];
    return n;
  }

  /** Reason code of the last packet's outcome: "NONE" when it was delivered (or waits). */
  get reason(): string {
    return REASONS[this.decision.outcomeReason].code;
  }

  drops(code: string): number {
    return this.plane.context.counters[C.C_DROPS + REASONS.findIndex((r) => r.code === code)];
  }

  /** read + generated + split - (written + merged + dropped + queued): 0 when no packet is lost or made up. */
  imbalance(): number {
    const c = this.plane.context.counters;
    const taken = c[C.C_WRITTEN] + c[C.C_MERGED] + this.dropped() + c[C.C_QUEUED];
    return c[C.C_READ] + c[C.C_GENERATED] + c[C.C_SPLIT] - taken;
  }
}
