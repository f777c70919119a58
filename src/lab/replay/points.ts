import type { Cluster } from "../../control/cluster.ts";
import { NameError } from "../../control/resolve.ts";
import type { CapturedPacket } from "../../observe/capture/capturedPacket.ts";
import type { PacketFacts } from "../../observe/trace/packetFacts.ts";
import { NEXT_LOCAL, type Tables } from "../../plane/tables.ts";
import { formatAddress } from "../../plane/wire/address.ts";

/** Where a packet of a capture was seen. */
export type Place =
  /** At an end of a wire: a pod, a node, a host. */
  | { readonly kind: "device"; readonly device: number; readonly out: boolean }
  /** At an ENI, on its way. */
  | { readonly kind: "eni"; readonly eni: number; readonly out: boolean | null }
  /** At another point than the one that is replayed. */
  | { readonly kind: "elsewhere" }
  /** Nobody in the lab: why, in words. */
  | { readonly kind: "nowhere"; readonly why: string };

/** Devices that a lab's names stand for, the other way round. */
interface Index {
  readonly devices: ReadonlyMap<string, number>;
  readonly enis: ReadonlyMap<string, number>;
}

function indexOf(cluster: Cluster): Index {
  const { names, machines } = cluster.snapshot();
  const devices = new Map<string, number>();
  const enis = new Map<string, number>();
  for (const row of machines.values()) {
    if (row.t === "device") devices.set(names.device(row.id), row.id);
    else if (row.t === "eni") enis.set(names.eni(row.id), row.id);
  }
  return { devices, enis };
}

/** How an object of a lab is named: `pod/default/web-1`, `node/node-1`, `host/rds`; an interface of a machine is not. */
const DEVICE_NAME = /^(pod|node|host)\//;

/** Says of a capture's packets where they were seen, and of addresses whose they are. */
export class Points {
  readonly #cluster: Cluster;
  readonly #tables: Tables;
  readonly #index: Index;
  /** The one point that is replayed, or -1: as the packets say. */
  readonly #at: number;

  /**
   * @param at the point of capture as a person names it; null: the interfaces' names, or the packets' addresses, tell
   * @throws NameError for a name that nothing has, or that has no device
   */
  constructor(cluster: Cluster, tables: Tables, at: string | null) {
    this.#cluster = cluster;
    this.#tables = tables;
    this.#index = indexOf(cluster);
    if (at === null) {
      this.#at = -1;
      return;
    }
    const end = cluster.snapshot().names.resolve(at);
    if (end.device < 0)
      throw new NameError(`${at} has no interface of its own: a capture is taken at a pod, a node or a host`);
    this.#at = end.device;
  }

  /** Where a packet was seen. */
  place(packet: CapturedPacket, facts: PacketFacts): Place {
    const name = packet.interface ?? "";
    const device = this.#index.devices.get(name);
    if (this.#at >= 0) {
      const isOther = device !== undefined ? device !== this.#at : this.#index.enis.has(name);
      return isOther ? { kind: "elsewhere" } : this.#atDevice(this.#at, packet, facts);
    }
    if (device !== undefined) return this.#atDevice(device, packet, facts);
    const eni = this.#index.enis.get(name);
    if (eni !== undefined)
      return { kind: "eni", eni, out: packet.direction === null ? null : packet.direction === "out" };
    if (DEVICE_NAME.test(name)) return { kind: "nowhere", why: `there is no ${name} in this lab` };
    return this.#byAddress(packet, facts);
  }

  /** The device whose own address it is, or -1. */
  ownerOf(address: number): number {
    const found = this.#cluster.snapshot().names.resolve(formatAddress(address)).device;
    if (found >= 0) return found;
    const t = this.#tables;
    for (const node of t.nodes) if (node !== null && this.#isLocal(node.id, address)) return node.hostDevice;
    return -1;
  }

  /** Whether a device may send from an address. */
  owns(device: number, address: number): boolean {
    const t = this.#tables;
    if (t.deviceAddress[device] === address) return true;
    const node = t.deviceNode[device];
    return node >= 0 && t.nodes[node]?.hostDevice === device && this.#isLocal(node, address);
  }

  #isLocal(node: number, address: number): boolean {
    const route = this.#tables.nodeRoutes[node]?.lookup(address) ?? -1;
    return route >= 0 && (route & 3) === NEXT_LOCAL;
  }

  /** At a device: what has its address was sent by it; what cannot be read, too, because nobody else would have sent it. */
  #atDevice(device: number, packet: CapturedPacket, facts: PacketFacts): Place {
    if (packet.direction !== null) return { kind: "device", device, out: packet.direction === "out" };
    const isUnreadable = facts.version !== 4 || facts.protocol < 0;
    return { kind: "device", device, out: isUnreadable || this.owns(device, facts.src) };
  }

  #byAddress(packet: CapturedPacket, facts: PacketFacts): Place {
    if (facts.version !== 4 || facts.protocol < 0)
      return { kind: "nowhere", why: "its addresses cannot be read; name the point of capture with --at" };
    const sender = this.ownerOf(facts.src);
    if (sender >= 0 && packet.direction !== "in") return { kind: "device", device: sender, out: true };
    const receiver = this.ownerOf(facts.dst);
    if (receiver >= 0) return { kind: "device", device: receiver, out: false };
    if (sender >= 0) return { kind: "device", device: sender, out: true };
    const [source, destination] = [formatAddress(facts.src), formatAddress(facts.dst)];
    return {
      kind: "nowhere",
      why: `nobody in the lab has ${source} or ${destination}; name the point of capture with --at`,
    };
  }
}
