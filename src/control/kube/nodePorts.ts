import { compareText } from "../near.ts";
import { objectKey } from "../objects/kinds.ts";
import type { ObjectProblem } from "../objects/objectError.ts";
import { hasNodePorts, type Service, type ServicePort } from "../objects/service.ts";
import { freeNumbers, NODE_PORTS } from "./bands.ts";

/** Node ports by {@link servicePortKey}. */
export type NodePorts = ReadonlyMap<string, number>;

/** `svc/default/api:80/TCP`: the identity of a service's port. */
export function servicePortKey(service: Service, port: ServicePort): string {
  return `${objectKey(service)}:${port.port}/${port.protocol}`;
}

/**
 * The node ports of all services, by the same rules as the ClusterIPs. A number is one service's alone; that service may
 * use it for each protocol.
 */
export function assignNodePorts(services: readonly Service[], before: NodePorts, problems: ObjectProblem[]): NodePorts {
  const owners = new Map<number, string>();
  const given = new Map<string, number>();
  const open: { service: Service; port: ServicePort; index: number }[] = [];
  const all = services
    .filter(hasNodePorts)
    .flatMap((service) =>
      service.spec.ports.map((port, index) => ({ service, port, index, key: servicePortKey(service, port) })),
    );
  const give = (entry: (typeof all)[number], nodePort: number): boolean => {
    const owner = owners.get(nodePort);
    if (owner !== undefined && owner !== objectKey(entry.service)) return false;
    owners.set(nodePort, objectKey(entry.service));
    given.set(entry.key, nodePort);
    return true;
  };

  for (const entry of all) {
    const held = before.get(entry.key);
    if (held !== undefined && (entry.port.nodePort ?? held) === held) give(entry, held);
  }
  for (const entry of all) {
    if (given.has(entry.key)) continue;
    const wanted = entry.port.nodePort;
    if (wanted === undefined) open.push(entry);
    else if (!give(entry, wanted))
      problems.push({
        object: entry.service,
        path: ["spec", "ports", entry.index, "nodePort"],
        message: `expected a node port that no other service has, got ${wanted}, which ${owners.get(wanted)} has; change one of them`,
      });
  }
  open.sort((a, b) => compareText(servicePortKey(a.service, a.port), servicePortKey(b.service, b.port)));
  const free = freeNumbers(NODE_PORTS, owners);
  for (const { service, port, index } of open) {
    const nodePort = free.next().value;
    if (nodePort === undefined) {
      problems.push({
        object: service,
        path: ["spec", "ports", index],
        message: `expected a free node port from ${NODE_PORTS.first} to ${NODE_PORTS.last}, got none; remove a service`,
      });
      continue;
    }
    owners.set(nodePort, objectKey(service));
    given.set(servicePortKey(service, port), nodePort);
  }
  return given;
}
