import { compareText } from "../near.ts";
import type { ObjectPath } from "../objects/finding.ts";
import { objectKey } from "../objects/kinds.ts";
import type { ObjectProblem } from "../objects/objectError.ts";
import {
  allocatesNodePorts,
  hasNodePorts,
  needsHealthCheck,
  type Service,
  type ServicePort,
} from "../objects/service.ts";
import { freeNumbers, NODE_PORTS } from "./bands.ts";

/** Node ports by {@link servicePortKey}. */
export type NodePorts = ReadonlyMap<string, number>;

/** `svc/default/api:80/TCP`: the identity of a service's port. */
export function servicePortKey(service: Service, port: ServicePort): string {
  return `${objectKey(service)}:${port.port}/${port.protocol}`;
}

/** `svc/default/api:healthCheck`: under this name a service's healthCheckNodePort is among the node ports. */
export function healthCheckKey(service: Service): string {
  return `${objectKey(service)}:healthCheck`;
}

/** A number of the node ports' range that somebody needs. */
interface Need {
  readonly service: Service;
  readonly key: string;
  /** undefined: any. */
  readonly wanted: number | undefined;
  /** Whether it gets one without asking. */
  readonly allocate: boolean;
  readonly path: ObjectPath;
  /** A health check has its port alone, a service's ports may share a number if their protocols differ. */
  readonly alone: boolean;
}

function needsOf(service: Service): Need[] {
  const allocate = allocatesNodePorts(service);
  const needs = service.spec.ports.map((port, index): Need => {
    const path = ["spec", "ports", index, ...(port.nodePort === undefined ? [] : ["nodePort"])];
    return { service, key: servicePortKey(service, port), wanted: port.nodePort, allocate, path, alone: false };
  });
  if (!needsHealthCheck(service)) return needs;
  const wanted = service.spec.healthCheckNodePort || undefined;
  const path = ["spec", "healthCheckNodePort"];
  return [...needs, { service, key: healthCheckKey(service), wanted, allocate: true, path, alone: true }];
}

/**
 * The node ports of all services, healthCheckNodePorts among them, by the same rules as the ClusterIPs. A number is one
 * service's alone; that service may use it for each protocol.
 *
 * @returns `before` itself where nothing changed.
 */
export function assignNodePorts(services: readonly Service[], before: NodePorts, problems: ObjectProblem[]): NodePorts {
  const owners = new Map<number, string>();
  const given = new Map<string, number>();
  const open: Need[] = [];
  const all = services.filter(hasNodePorts).flatMap(needsOf);
  const ownerOf = (need: Need) => (need.alone ? need.key : objectKey(need.service));
  const give = (need: Need, nodePort: number): boolean => {
    const owner = owners.get(nodePort);
    if (owner !== undefined && owner !== ownerOf(need)) return false;
    owners.set(nodePort, ownerOf(need));
    given.set(need.key, nodePort);
    return true;
  };

  for (const need of all) {
    const held = before.get(need.key);
    if (held !== undefined && (need.wanted === undefined ? need.allocate : need.wanted === held)) give(need, held);
  }
  for (const need of all) {
    if (given.has(need.key)) continue;
    const { wanted } = need;
    if (wanted === undefined) {
      if (need.allocate) open.push(need);
    } else if (!give(need, wanted))
      problems.push({
        object: need.service,
        path: need.path,
        message: `expected a node port that no other service has, got ${wanted}, which ${owners.get(wanted)} has; change one of them`,
      });
  }
  open.sort((a, b) => compareText(a.key, b.key));
  const free = freeNumbers(NODE_PORTS, owners);
  for (const need of open) {
    const nodePort = free.next().value;
    if (nodePort === undefined)
      problems.push({
        object: need.service,
        path: need.path,
        message: `expected a free node port from ${NODE_PORTS.first} to ${NODE_PORTS.last}, got none; remove a service`,
      });
    else give(need, nodePort);
  }
  const same = given.size === before.size && [...given].every(([key, port]) => before.get(key) === port);
  return same ? before : given;
}
