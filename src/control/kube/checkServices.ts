import { parseAddress } from "../../plane/wire/address.ts";
import type { EndpointSlice } from "../objects/endpointSlice.ts";
import type { ObjectPath } from "../objects/finding.ts";
import type { ObjectProblem } from "../objects/objectError.ts";
import { hasDataPath, hasNodePorts, type Service } from "../objects/service.ts";
import { NODE_PORTS } from "./bands.ts";
import { sliceIndex, slicesOf } from "./endpoints.ts";
import { checkServiceFields } from "./serviceFields.ts";

function checkPorts(service: Service, problem: (path: ObjectPath, message: string) => void): void {
  const { ports } = service.spec;
  const names = new Set<string>();
  const numbers = new Set<string>();
  if (ports.length === 0) problem(["spec", "ports"], "expected at least one port, got none; add one");
  ports.forEach((port, i) => {
    const path = ["spec", "ports", i];
    if (port.name === undefined) {
      if (ports.length > 1) problem(path, "expected a name for each of several ports, got none; add name");
    } else if (names.has(port.name))
      problem([...path, "name"], `expected a name of its own, got "${port.name}" twice; rename one of them`);
    else names.add(port.name);
    const number = `${port.port}/${port.protocol}`;
    if (numbers.has(number))
      problem([...path, "port"], `expected each port once, got ${number} twice; remove one of them`);
    numbers.add(number);
    if (port.nodePort === undefined) return;
    if (!hasNodePorts(service))
      problem(
        [...path, "nodePort"],
        `expected no node port in a ${service.spec.type} service, got ${port.nodePort}; write type: NodePort`,
      );
    else if (port.nodePort < NODE_PORTS.first || port.nodePort > NODE_PORTS.last)
      problem(
        [...path, "nodePort"],
        `expected a node port from ${NODE_PORTS.first} to ${NODE_PORTS.last}, got ${port.nodePort}; change it, or leave it out`,
      );
  });
}

/** What was found of an object by itself: it never changes, so once is enough. */
const FOUND = new WeakMap<Service | EndpointSlice, readonly ObjectProblem[]>();

function once<T extends Service | EndpointSlice>(object: T, check: (object: T) => ObjectProblem[]) {
  const known = FOUND.get(object);
  if (known !== undefined) return known;
  const found = check(object);
  FOUND.set(object, found);
  return found;
}

function serviceProblems(service: Service): ObjectProblem[] {
  const problems: ObjectProblem[] = [];
  const problem = (path: ObjectPath, message: string) => problems.push({ object: service, path, message });
  checkServiceFields(service, problem);
  if (hasDataPath(service)) checkPorts(service, problem);
  return problems;
}

function sliceProblems(slice: EndpointSlice): ObjectProblem[] {
  if (slice.addressType !== "IPv4") return [];
  return slice.endpoints.flatMap(({ addresses: [address] }, i) =>
    parseAddress(address) === null
      ? [
          {
            object: slice,
            path: ["endpoints", i, "addresses", 0],
            message: `expected an IPv4 address, got "${address}"; change it, or addressType`,
          },
        ]
      : [],
  );
}

/** The rules that a slice has to meet by itself. */
export function checkSlice(slice: EndpointSlice): readonly ObjectProblem[] {
  return once(slice, sliceProblems);
}

/** The rules that a Service and the slices beside it have to meet besides their schemas. */
export function checkServices(services: readonly Service[], slices: readonly EndpointSlice[]): ObjectProblem[] {
  const problems: ObjectProblem[] = [];
  const index = sliceIndex(slices);
  for (const service of services) {
    problems.push(...once(service, serviceProblems));
    const selects = Object.keys(service.spec.selector ?? {}).length > 0;
    if (hasDataPath(service) && !selects && slicesOf(service, index).length === 0)
      problems.push({
        object: service,
        path: ["spec"],
        message: "expected a selector, or an EndpointSlice for this service, got neither; add spec.selector",
      });
  }
  for (const slice of slices) problems.push(...checkSlice(slice));
  return problems;
}
