import { parseAddress } from "../../plane/wire/address.ts";
import type { Lab } from "../objects/lab.ts";
import { addressAt, type Cidr, cidrSize } from "./cidr.ts";
import { labVpcs } from "./labVpcs.ts";

/**
 * Where public addresses come from that a lab does not write down: the documentation blocks TEST-NET-2 and then
 * TEST-NET-1 (RFC 5737). 203.0.113.0/24, the third one, is left to the hosts on a lab's internet.
 */
const POOLS: readonly Cidr[] = [
  { prefix: 0xc6336400 | 0, length: 24 },
  { prefix: 0xc0000200 | 0, length: 24 },
];

/** What a NAT gateway's elastic IP address is kept under in {@link publicAddresses}: no machine is called that. */
export function natGatewayKey(name: string): string {
  return `natGateway/${name}`;
}

/** A public address that somebody asks for: the one he writes, or (`wants`) any. */
interface Claim {
  readonly key: string;
  readonly written: string | undefined;
  readonly wants: boolean;
}

function claims(lab: Lab): Claim[] {
  const vpcs = labVpcs(lab);
  const mapped = new Set(vpcs.flatMap((v) => v.subnets.filter((s) => s.mapPublicIpOnLaunch).map((s) => s.name)));
  const machines = [...lab.spec.nodes, ...lab.spec.hosts].map(({ name, publicIp, subnet }) => ({
    key: name,
    written: publicIp,
    wants: subnet !== undefined && mapped.has(subnet),
  }));
  const gateways = vpcs.flatMap((v) =>
    v.natGateways.map(({ name, publicIp, connectivityType }) => ({
      key: natGatewayKey(name),
      written: publicIp,
      wants: connectivityType === "public",
    })),
  );
  return [...machines, ...gateways];
}

/**
 * Public addresses of nodes and hosts by machine name and of NAT gateways by {@link natGatewayKey}, int32: what they write
 * themselves, what they had before, and for machines in a subnet with mapPublicIpOnLaunch and public NAT gateways the lowest
 * free one, nodes first, then hosts, then gateways, in the order they stand. Who finds the pools empty (over 508 of them) has
 * none.
 *
 * @param before those that the lab had before it was changed: who has one keeps it.
 */
export function publicAddresses(lab: Lab, before: ReadonlyMap<string, number> = new Map()): Map<string, number> {
  const given = new Map<string, number>();
  const taken = new Set(lab.spec.hosts.map((h) => parseAddress(h.address)));
  const all = claims(lab);
  const give = (key: string, address: number) => {
    given.set(key, address);
    taken.add(address);
  };
  for (const { key, written } of all) {
    const address = written === undefined ? null : parseAddress(written);
    if (address !== null) give(key, address);
  }
  for (const { key, wants } of all) {
    const address = before.get(key);
    if (address !== undefined && wants && !given.has(key) && !taken.has(address)) give(key, address);
  }
  const free = freeAddresses(taken);
  for (const { key, wants } of all) {
    if (given.has(key) || !wants) continue;
    const next = free.next();
    if (next.done) break;
    given.set(key, next.value);
  }
  return given;
}

function* freeAddresses(taken: ReadonlySet<number | null>): Generator<number, undefined> {
  for (const pool of POOLS)
    for (let offset = 1; offset < cidrSize(pool) - 1; offset++) {
      const address = addressAt(pool, offset);
      if (!taken.has(address)) yield address;
    }
}
