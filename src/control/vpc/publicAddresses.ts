import { parseAddress } from "../../plane/wire/address.ts";
import type { Lab } from "../objects/lab.ts";
import { addressAt, type Cidr, cidrSize } from "./cidr.ts";

/**
 * Where public addresses come from that a lab does not write down: the documentation blocks TEST-NET-2 and then
 * TEST-NET-1 (RFC 5737). 203.0.113.0/24, the third one, is left to the hosts on a lab's internet.
 */
const POOLS: readonly Cidr[] = [
  { prefix: 0xc6336400 | 0, length: 24 },
  { prefix: 0xc0000200 | 0, length: 24 },
];

/**
 * Public addresses of nodes and hosts by machine name, int32: what they write themselves, and for machines in a subnet
 * with mapPublicIpOnLaunch the lowest free one, nodes first, in the order they stand. Machines that find the pools empty
 * (over 508 of them) have none.
 */
export function publicAddresses(lab: Lab): Map<string, number> {
  const given = new Map<string, number>();
  const machines = [...lab.spec.nodes, ...lab.spec.hosts];
  const taken = new Set(lab.spec.hosts.map((h) => parseAddress(h.address)));
  for (const machine of machines) {
    const address = machine.publicIp === undefined ? null : parseAddress(machine.publicIp);
    if (address === null) continue;
    given.set(machine.name, address);
    taken.add(address);
  }
  const mapped = new Set(lab.spec.vpc.subnets.filter((s) => s.mapPublicIpOnLaunch).map((s) => s.name));
  const free = freeAddresses(taken);
  for (const machine of machines) {
    if (given.has(machine.name) || machine.subnet === undefined || !mapped.has(machine.subnet)) continue;
    const next = free.next();
    if (next.done) break;
    given.set(machine.name, next.value);
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
