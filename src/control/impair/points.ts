import type { ClusterState } from "../clusterState.ts";
import { hostEniName, hostName, natGatewayEniName, nodeName } from "../entityNames.ts";
import type { Names } from "../names.ts";
import { suggestion } from "../near.ts";
import type { Lab } from "../objects/lab.ts";
import type { LabImpairment } from "../objects/labImpairment.ts";
import { NameError } from "../resolve.ts";

export type Direction = "out" | "in";
/** Of what the plane has indices: a pod's, host's or node's device, or an ENI. */
export type PointKind = "device" | "eni";

/** An impairment of one direction. */
export interface OneWay extends Omit<LabImpairment, "direction"> {
  readonly direction: Direction;
}

/** A point by its whole name: `pod/web-1` is `pod/default/web-1`. */
export function wholeName(at: string): string {
  const steps = at.split("/");
  return steps[0] === "pod" && steps.length === 2 ? `pod/default/${steps[1]}` : at;
}

/** A lab's impairments, each of one direction, with whole names. */
export function oneWays(lab: Lab): OneWay[] {
  return lab.spec.impairments.flatMap(({ direction, ...entry }) => {
    const directions: Direction[] = direction === "both" ? ["out", "in"] : [direction];
    return directions.map((one) => ({ ...entry, at: wholeName(entry.at), direction: one }));
  });
}

/** Everything that packets may be impaired at, by name. */
export function points(state: ClusterState): Map<string, PointKind> {
  const found = new Map<string, PointKind>();
  for (const { desired, place } of state.pods) if (!place.hostNetwork) found.set(desired.key, "device");
  for (const { spec, enis } of state.nodes) {
    found.set(nodeName(spec.name), "device");
    for (const eni of enis) found.set(eni.name, "eni");
  }
  for (const { spec } of state.hosts) {
    found.set(hostName(spec.name), "device");
    if (spec.subnet !== undefined) found.set(hostEniName(spec.name), "eni");
  }
  for (const { spec } of state.natGateways) found.set(natGatewayEniName(spec.name), "eni");
  return found;
}

/**
 * The whole name of a point as a person writes it: `pod/web-1`, `10.0.1.16`, `node-1/eth1`.
 *
 * @throws NameError with what comes near.
 */
export function findPoint(text: string, state: ClusterState, names: Names): string {
  const all = points(state);
  const whole = wholeName(text);
  if (all.has(whole)) return whole;
  const [machine, port, ...more] = text.split("/");
  const enis = [...all].flatMap(([name, kind]) => (kind === "eni" ? [name] : []));
  const own = enis.filter((name) => name.startsWith(`${machine}/`));
  if (own.length > 0 && more.length === 0)
    throw new NameError(`there is no ENI ${machine}/${port ?? ""}; ${suggestion(text, own)}`);
  const end = names.resolve(text);
  if (all.has(end.name)) return end.name;
  if (end.kind === "pod")
    throw new NameError(`${end.name} is in its node's network: impair the node, or one of its ENIs`);
  throw new NameError(`${text} has no device: name a pod, a host, a node or an ENI such as node-1/eth0`);
}
