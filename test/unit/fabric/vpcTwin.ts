import { maskOf } from "../../../src/plane/wire/address.ts";
import { ip } from "../plane/packets.ts";
import { cidr } from "./vpcBench.ts";

/** VPCs as objects, and a packet's way through them as one would tell it: slow and obvious. */

export interface TwinRoute {
  block: string;
  to: "local" | "igw" | "blackhole" | "network" | "nat" | "peering" | "tgw" | "eni";
  /** Index of a network, NAT gateway, peering or attachment; name of an ENI. */
  arg: number | string;
}

export interface TwinSubnet {
  vpc: number;
  block: string;
  routes: TwinRoute[];
}

export interface TwinEni {
  name: string;
  subnet: number;
  address: string;
  public: string | null;
  check: boolean;
  nat: number | null;
}

export interface TwinAttachment {
  subnet: number | null;
  network: number | null;
  table: number | null;
}

export interface TwinTopology {
  blocks: string[];
  subnets: TwinSubnet[];
  enis: TwinEni[];
  peerings: { vpcs: [number, number]; mtu: number }[];
  attachments: TwinAttachment[];
  transitTables: { block: string; attachment: number | null }[][];
  /** Index 0 is the internet. */
  networks: { attachment: number | null; vpc: number; mtu: number }[];
  outside: { name: string; network: number; address: string }[];
}

export interface TwinPacket {
  src: string;
  sport: number;
  dst: string;
  dport: number;
  /** Bytes; every packet has DF. */
  size: number;
}

export type TwinEnd = { by: string; src: string; sport: number; dst: string; dport: number } | { reason: string };

const OUTSIDE_MTU = 1500;
const HOPS = 8;

export class VpcTwin {
  readonly #t: TwinTopology;
  /** Connections of NAT gateways: `nat/inside:port>remote:port` to the gateway's port. */
  readonly #connections = new Map<string, number>();
  /** The ports that the gateways chose for a packet's new connections, in order. */
  #chosen: number[] = [];
  #hops = 0;
  /** What is wrong with the chosen ports. */
  problem: string | null = null;

  constructor(topology: TwinTopology) {
    this.#t = topology;
  }

  /** @param chosen ports that NAT gateways chose on the packet's way, for new connections */
  send(from: string, packet: TwinPacket, chosen: number[]): TwinEnd {
    this.#chosen = [...chosen];
    const end = this.#begin(from, { ...packet });
    if (this.#chosen.length > 0) this.problem ??= "more connections than the twin knows";
    return end;
  }

  #begin(from: string, p: TwinPacket): TwinEnd {
    const eni = this.#t.enis.find((e) => e.name === from);
    this.#hops = eni === undefined ? 0 : 1;
    if (eni !== undefined) return this.#route(eni.subnet, p);
    const host = this.#t.outside.find((o) => o.name === from);
    if (host === undefined) throw new Error(from);
    const neighbour = this.#t.outside.find((o) => o.network === host.network && o.address === p.dst);
    if (neighbour !== undefined) return this.#deliver(neighbour.name, p, OUTSIDE_MTU);
    if (host.network === 0) return this.#inByInternet(p);
    const network = this.#t.networks[host.network];
    if (network.attachment !== null) return this.#transit(network.attachment, p);
    const to = this.#find(network.vpc, p.dst);
    return to === undefined ? { reason: "OUTSIDE_UNREACHABLE" } : this.#arrive(to, p);
  }

  #route(subnet: number, p: TwinPacket): TwinEnd {
    const { vpc, routes } = this.#t.subnets[subnet];
    if (p.dst.startsWith("169.254.")) return { reason: "LINK_LOCAL_UNREACHABLE" };
    const route = longest(routes, p.dst);
    if (route === undefined) return { reason: "VPC_NO_ROUTE" };
    const arg = Number(route.arg);
    switch (route.to) {
      case "local": {
        const to = this.#find(vpc, p.dst);
        return to === undefined ? { reason: "VPC_ADDRESS_UNASSIGNED" } : this.#arrive(to, p);
      }
      case "eni": {
        const to = this.#t.enis.find((e) => e.name === route.arg);
        return to === undefined ? { reason: "VPC_BLACKHOLE" } : this.#arrive(to, p);
      }
      case "nat": {
        const to = this.#t.enis.find((e) => e.nat === arg);
        return to === undefined ? { reason: "VPC_BLACKHOLE" } : this.#arrive(to, p);
      }
      case "igw":
        return this.#outByInternet(vpc, p);
      case "peering":
        return this.#peering(arg, vpc, p);
      case "tgw":
        return this.#transit(arg, p);
      case "network":
        if (this.#find(vpc, p.src) === undefined) return { reason: "GATEWAY_NOT_TRANSITIVE" };
        return this.#toNetwork(arg, p);
      case "blackhole":
        return { reason: "VPC_BLACKHOLE" };
    }
  }

  #arrive(eni: TwinEni, p: TwinPacket): TwinEnd {
    if (eni.check && eni.address !== p.dst) return { reason: "SOURCE_DEST_CHECK" };
    if (eni.nat === null) return this.#deliver(eni.name, p, 9001);
    if (++this.#hops > HOPS) return { reason: "FABRIC_LOOP" };
    if (p.size > 8500) return { reason: "FRAGMENTATION_NEEDED" };
    const translated = p.dst === eni.address ? this.#natBack(eni.nat, p) : this.#natOut(eni, eni.nat, p);
    if (!translated) return { reason: "NAT_GATEWAY_NO_CONNECTION" };
    return this.#route(eni.subnet, p);
  }

  #natOut(eni: TwinEni, nat: number, p: TwinPacket): boolean {
    const remote = `${p.dst}:${p.dport}`;
    const key = `${nat}/${p.src}:${p.sport}>${remote}`;
    let port = this.#connections.get(key);
    if (port === undefined) {
      port = this.#chosen.shift();
      if (port === undefined || port < 1024 || port > 65_535) this.problem ??= `no port for ${key}`;
      for (const [other, taken] of this.#connections)
        if (taken === port && other.startsWith(`${nat}/`) && other.endsWith(`>${remote}`))
          this.problem ??= `${port} twice for ${remote}`;
      this.#connections.set(key, port ?? 0);
    }
    p.src = eni.address;
    p.sport = port ?? 0;
    return true;
  }

  #natBack(nat: number, p: TwinPacket): boolean {
    for (const [key, port] of this.#connections) {
      const m = /^(\d+)\/(.*):(\d+)>(.*)$/.exec(key);
      if (m === null || Number(m[1]) !== nat || port !== p.dport || m[4] !== `${p.src}:${p.sport}`) continue;
      p.dst = m[2];
      p.dport = Number(m[3]);
      return true;
    }
    return false;
  }

  #outByInternet(vpc: number, p: TwinPacket): TwinEnd {
    const sender = this.#find(vpc, p.src);
    if (sender === undefined || sender.public === null) return { reason: "IGW_NO_PUBLIC_ADDRESS" };
    if (p.size > 1500) return { reason: "FRAGMENTATION_NEEDED" };
    p.src = sender.public;
    const host = this.#t.outside.find((o) => o.network === 0 && o.address === p.dst);
    return host === undefined ? this.#inByInternet(p) : this.#deliver(host.name, p, OUTSIDE_MTU);
  }

  #inByInternet(p: TwinPacket): TwinEnd {
    const to = this.#t.enis.find((e) => e.public === p.dst);
    if (to === undefined) return { reason: "OUTSIDE_UNREACHABLE" };
    p.dst = to.address;
    return this.#arrive(to, p);
  }

  #peering(index: number, vpc: number, p: TwinPacket): TwinEnd {
    const { vpcs, mtu } = this.#t.peerings[index];
    const other = vpcs[0] === vpc ? vpcs[1] : vpcs[0];
    if (!holds(this.#t.blocks[other], p.dst)) return { reason: "PEERING_NOT_TRANSITIVE" };
    if (p.size > mtu) return { reason: "FRAGMENTATION_NEEDED" };
    const to = this.#find(other, p.dst);
    return to === undefined ? { reason: "VPC_ADDRESS_UNASSIGNED" } : this.#arrive(to, p);
  }

  #transit(attachment: number, p: TwinPacket): TwinEnd {
    if (p.size > 8500) return { reason: "TRANSIT_GATEWAY_MTU" };
    const { table } = this.#t.attachments[attachment];
    const route = table === null ? undefined : longest(this.#t.transitTables[table], p.dst);
    if (route === undefined) return { reason: "TRANSIT_GATEWAY_NO_ROUTE" };
    if (route.attachment === null) return { reason: "TRANSIT_GATEWAY_BLACKHOLE" };
    const { subnet, network } = this.#t.attachments[route.attachment];
    if (network !== null) return this.#toNetwork(network, p);
    if (++this.#hops > HOPS) return { reason: "FABRIC_LOOP" };
    return this.#route(subnet ?? 0, p);
  }

  #toNetwork(network: number, p: TwinPacket): TwinEnd {
    const host = this.#t.outside.find((o) => o.network === network && o.address === p.dst);
    if (host === undefined) return { reason: "OUTSIDE_UNREACHABLE" };
    return this.#deliver(host.name, p, this.#t.networks[network].mtu);
  }

  #deliver(by: string, p: TwinPacket, mtu: number): TwinEnd {
    if (p.size > mtu) return { reason: "FRAGMENTATION_NEEDED" };
    return { by, src: p.src, sport: p.sport, dst: p.dst, dport: p.dport };
  }

  #find(vpc: number, address: string): TwinEni | undefined {
    return this.#t.enis.find((e) => this.#t.subnets[e.subnet].vpc === vpc && e.address === address);
  }
}

export function holds(block: string, address: string): boolean {
  const { prefix, length } = cidr(block);
  return (ip(address) & maskOf(length)) === prefix;
}

function longest<T extends { block: string }>(routes: T[], address: string): T | undefined {
  const matching = routes.filter((r) => holds(r.block, address));
  return matching.sort((a, b) => cidr(b.block).length - cidr(a.block).length)[0];
}
