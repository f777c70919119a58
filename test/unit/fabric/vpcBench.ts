import { rowKey } from "../../../src/control/rowKey.ts";
import type { ContextOptions } from "../../../src/plane/context.ts";
import * as C from "../../../src/plane/counters.ts";
import { Decision } from "../../../src/plane/decision.ts";
import { Plane } from "../../../src/plane/plane.ts";
import { REASONS } from "../../../src/plane/reasons.ts";
import * as R from "../../../src/plane/rows.ts";
import { parseCidr } from "../../../src/plane/wire/address.ts";
import { describe, ip, VNET } from "../plane/packets.ts";

/** VPCs written by hand as rows: subnets, hosts, gateways, networks beyond. */

export function cidr(text: string): { prefix: number; length: number } {
  const c = parseCidr(text);
  if (c === null) throw new Error(text);
  return { prefix: c.prefix, length: c.length };
}

export interface HostOptions {
  public?: string;
  check?: boolean;
  mtu?: number;
}

/** What came out for one packet that went in. */
export interface Sent {
  device: string;
  bytes: Uint8Array;
  line: string;
}

export class VpcRows {
  readonly rows: R.Row[] = [];
  readonly devices: string[] = [];
  readonly enis: string[] = [];
  readonly #subnets: { vpc: number }[] = [];
  #nats = 0;
  #peerings = 0;
  #attachments = 0;

  subnet(vpc: number, block: string, routeTable: number): number {
    const id = this.#subnets.push({ vpc }) - 1;
    this.rows.push({ t: "subnet", id, vpc, ...cidr(block), routeTable });
    return id;
  }

  route(routeTable: number, block: string, target: number, arg = 0): void {
    this.rows.push({ t: "vpcRoute", routeTable, ...cidr(block), target, arg });
  }

  /** A host with an ENI in a subnet. @returns the ENI */
  host(name: string, subnet: number, address: string, o: HostOptions = {}): number {
    const device = this.devices.push(name) - 1;
    const mtu = o.mtu ?? 9001;
    const eni = this.eni(name, subnet, address, { ...o, mtu }, device);
    this.rows.push({ t: "device", id: device, kind: R.DEVICE_HOST, node: -1, eni, address: ip(address), mtu });
    return eni;
  }

  eni(name: string, subnet: number, address: string, o: HostOptions, hostDevice: number): number {
    const id = this.enis.push(name) - 1;
    this.rows.push({
      t: "eni",
      id,
      node: -1,
      deviceNumber: 0,
      subnet,
      vpc: this.#subnets[subnet].vpc,
      address: ip(address),
      mtu: o.mtu ?? 9001,
      publicAddress: o.public === undefined ? 0 : ip(o.public),
      sourceDestCheck: o.check ?? true,
      hostDevice,
    });
    return id;
  }

  /** A host of a network beyond the VPCs; 0 is the internet. */
  outside(name: string, network: number, address: string, vpc = 0, mtu = 1500): void {
    const id = this.devices.push(name) - 1;
    this.rows.push({ t: "device", id, kind: R.DEVICE_HOST, node: -1, eni: -1, address: ip(address), mtu });
    this.rows.push({ t: "outside", network, address: ip(address), device: id, vpc });
  }

  natGateway(name: string, subnet: number, address: string, publicAddress?: string): number {
    const id = this.#nats++;
    const o = { check: false, ...(publicAddress === undefined ? {} : { public: publicAddress }) };
    const eni = this.eni(name, subnet, address, o, -1);
    this.rows.push({ t: "natGateway", id, eni, isPrivate: publicAddress === undefined });
    return id;
  }

  peering(a: number, b: number, mtu = 9001): number {
    const id = this.#peerings++;
    this.rows.push({ t: "peering", id, a, b, mtu });
    return id;
  }

  attachVpc(vpc: number, subnet: number, routeTable: number): number {
    const id = this.#attachments++;
    this.rows.push({ t: "transitAttachment", id, vpc, network: -1, subnet, routeTable });
    return id;
  }

  attachNetwork(network: number, routeTable: number, mtu = 1500): number {
    const id = this.#attachments++;
    this.rows.push({ t: "transitAttachment", id, vpc: -1, network, subnet: -1, routeTable });
    this.rows.push({ t: "network", id: network, attachment: id, mtu });
    return id;
  }

  transitRoute(routeTable: number, block: string, attachment: number): void {
    this.rows.push({ t: "transitRoute", routeTable, ...cidr(block), attachment });
  }
}

export class VpcBench {
  readonly plane: Plane;
  readonly decision = new Decision();
  v: VpcRows;

  constructor(v: VpcRows, o: Partial<ContextOptions> = {}) {
    this.v = v;
    this.plane = new Plane({
      slots: 2,
      devices: 64,
      nodes: 2,
      conntrackCapacity: 1024,
      hashKey: Int32Array.of(1, 2, 3, 4),
      seed: 7,
      settings: undefined,
      ...o,
    });
    this.plane.apply({ put: v.rows, gone: [] });
    this.plane.tick(0);
  }

  /** Other VPCs in place of these, by a patch; NAT gateways forget their connections. */
  change(v: VpcRows): void {
    const keys = new Set(v.rows.map(rowKey));
    this.plane.apply({ put: v.rows, gone: this.v.rows.filter((row) => !keys.has(rowKey(row))) });
    for (const row of this.v.rows) if (row.t === "natGateway") this.plane.context.nat.flush(row.id);
    this.v = v;
  }

  /** Sends a packet from a device and returns what was written, in order. */
  send(device: string, bytes: Uint8Array): Sent[] {
    this.walk(device, bytes);
    const c = this.plane.context;
    const sent: Sent[] = [];
    const { out } = c;
    for (let i = 0; i < out.count; i++) {
      const from = out.offset[i] - VNET;
      const copy = out.arena.slice(from, from + VNET + out.length[i]);
      sent.push({ device: this.v.devices[out.device[i]], bytes: copy, line: describe(copy) });
      out.status[i] = out.length[i];
    }
    this.plane.written();
    return sent;
  }

  /** The same, without looking at what came out. */
  walk(device: string, bytes: Uint8Array): void {
    const c = this.plane.context;
    const at = this.plane.slotOffset(0);
    c.arena.set(bytes, at - VNET);
    this.decision.clear();
    c.decision = this.decision;
    this.plane.process(this.v.devices.indexOf(device), at, bytes.length - VNET);
    c.decision = null;
  }

  ask(device: string, bytes: Uint8Array): Decision {
    const decision = new Decision();
    const at = this.plane.slotOffset(1);
    this.plane.context.arena.set(bytes, at - VNET);
    this.plane.whatIf(this.v.devices.indexOf(device), at, bytes.length - VNET, decision);
    return decision;
  }

  /** Reason code of the last packet's outcome: "NONE" when it was delivered (or waits). */
  get reason(): string {
    return this.reasonOf(this.decision);
  }

  reasonOf(d: Decision): string {
    return REASONS[d.outcomeReason].code;
  }

  /** Packets dropped so far for a reason. */
  drops(code: string): number {
    return this.plane.context.counters[C.C_DROPS + REASONS.findIndex((r) => r.code === code)];
  }

  /** ENIs that the last packet passed, in order. */
  get enis(): string[] {
    const d = this.decision;
    const names: string[] = [];
    for (let i = 0; i < d.count; i++) if (d.ruleKind[i] === 3) names.push(this.v.enis[d.rule[i]]);
    return names;
  }

  /** read + generated + split - (written + merged + dropped + queued): 0 when no packet is lost or made up. */
  imbalance(): number {
    const c = this.plane.context.counters;
    let dropped = 0;
    for (let i = 0; i < REASONS.length; i++) dropped += c[C.C_DROPS + i];
    const taken = c[C.C_WRITTEN] + c[C.C_MERGED] + dropped + c[C.C_QUEUED];
    return c[C.C_READ] + c[C.C_GENERATED] + c[C.C_SPLIT] - taken;
  }
}
