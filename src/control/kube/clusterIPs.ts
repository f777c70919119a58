import { formatAddress, parseAddress } from "../../plane/wire/address.ts";
import { compareText } from "../near.ts";
import { objectKey } from "../objects/kinds.ts";
import type { ObjectProblem } from "../objects/objectError.ts";
import { hasDataPath, type Service } from "../objects/service.ts";
import { addressAt, type Cidr, cidrSize, cidrText, containsAddress, offsetOf } from "../vpc/cidr.ts";
import { clusterIPBand, freeNumbers } from "./bands.ts";

/** ClusterIPs by the service's key, int32. */
export type ClusterIPs = ReadonlyMap<string, number>;

const AT = ["spec", "clusterIP"];

/**
 * The ClusterIPs of all services: those that are written down, then those that a service has already, then the lowest free
 * ones in the order of namespace and name.
 *
 * @param before what this function returned last time, so that nothing moves.
 * @returns `before` itself where nothing changed.
 */
export function assignClusterIPs(
  services: readonly Service[],
  serviceCidr: Cidr,
  before: ClusterIPs,
  problems: ObjectProblem[],
): ClusterIPs {
  const routed = services.filter(hasDataPath);
  const settled = routed.filter((s) => before.has(objectKey(s)) && keeps(s, before));
  // Most changes are of something else.
  if (settled.length === routed.length && routed.length === before.size) return before;
  const owners = new Map<number, string>();
  const given = new Map<string, number>();
  const give = (service: Service, address: number): boolean => {
    const key = objectKey(service);
    const owner = owners.get(address);
    if (owner !== undefined) {
      const message = `expected an address that no service has, got ${formatAddress(address)}, which ${owner} has; change one of them`;
      problems.push({ object: service, path: AT, message });
      return false;
    }
    owners.set(address, key);
    given.set(key, address);
    return true;
  };

  // An address in use stays where it is; who asks for it later is told so.
  const written = routed.filter((s) => s.spec.clusterIP !== "");
  for (const service of settled) give(service, before.get(objectKey(service)) ?? 0);
  for (const service of written) {
    if (given.has(objectKey(service))) continue;
    const address = parseAddress(service.spec.clusterIP) ?? 0;
    if (containsAddress(serviceCidr, address) && !isEdge(serviceCidr, address)) give(service, address);
    else
      problems.push({
        object: service,
        path: AT,
        message: `expected an address of the service CIDR ${cidrText(serviceCidr)}, got ${service.spec.clusterIP}; change it, or leave it out`,
      });
  }

  const band = clusterIPBand(cidrSize(serviceCidr));
  const taken = { has: (offset: number) => owners.has(addressAt(serviceCidr, offset)) };
  const open = routed.filter((s) => s.spec.clusterIP === "" && !given.has(objectKey(s)));
  open.sort((a, b) => compareText(objectKey(a), objectKey(b)));
  const free = freeNumbers(band, taken);
  for (const service of open) {
    const offset = free.next().value;
    if (offset !== undefined) give(service, addressAt(serviceCidr, offset));
    else
      problems.push({
        object: service,
        path: AT,
        message: `expected a free address in the service CIDR ${cidrText(serviceCidr)}, got none; widen spec.cluster.serviceCidr`,
      });
  }
  return given;
}

function keeps(service: Service, before: ClusterIPs): boolean {
  const wanted = service.spec.clusterIP;
  return wanted === "" || parseAddress(wanted) === before.get(objectKey(service));
}

function isEdge(cidr: Cidr, address: number): boolean {
  const offset = offsetOf(cidr, address);
  return offset === 0 || offset === cidrSize(cidr) - 1;
}
