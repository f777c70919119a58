import { matchesLabels, matchesSelector } from "../kube/labels.ts";
import type { LabelSelector } from "../objects/deployment.ts";
import type { PolicyPort } from "../objects/networkPolicy.ts";
import type { ServicePort } from "../objects/service.ts";
import { PROTOCOLS } from "../protocols.ts";
import type { Peers } from "./peers.ts";
import { namedPort, type RulePorts } from "./rule.ts";
import type { PolicyPod, PolicyService } from "./world.ts";

/** A service that an egress rule's selector reaches by its ClusterIP. */
export interface ReachedService {
  readonly clusterIP: number;
  readonly ports: readonly RulePorts[];
}

const targetOf = (port: ServicePort): number | string => port.targetPort ?? port.port;

/**
 * Services of a namespace whose own selector, taken for labels, meets a rule's pod selector: the agent sees packets before
 * DNAT, so the controller adds their ClusterIPs (amazon-network-policy-controller-k8s at ecc7e6a7, pkg/resolvers/endpoints.go,
 * getMatchingServiceClusterIPs). Headless services, and those whose selector says less than the rule's, are left out.
 */
export function matchingServices(
  peers: Peers,
  namespace: string,
  selector: LabelSelector | undefined,
  ports: readonly PolicyPort[],
): ReachedService[] {
  const found: ReachedService[] = [];
  for (const service of peers.world.services) {
    if (service.object.metadata.namespace !== namespace || service.clusterIP === null) continue;
    const own = service.object.spec.selector ?? {};
    if (selector !== undefined && !matchesSelector(selector, own)) continue;
    const backing = () => peers.pods(namespace, undefined).filter((pod) => matchesLabels(own, pod.labels));
    const resolved = ports.map((port) => servicePort(service, port, ports, backing)).filter((port) => port !== null);
    if (ports.length > 0 && resolved.length === 0) continue;
    found.push({ clusterIP: service.clusterIP, ports: resolved });
  }
  return found;
}

function servicePort(
  service: PolicyService,
  wanted: PolicyPort,
  all: readonly PolicyPort[],
  backing: () => PolicyPod[],
): RulePorts | null {
  const protocol = PROTOCOLS[wanted.protocol];
  if (wanted.port === undefined) return { protocol, from: 0, to: 0 };
  const port = listenPort(service, wanted, backing);
  if (port === null) return null;
  if (typeof wanted.port === "number" && bypasses(service, port, wanted, all, backing)) return null;
  return { protocol, from: port, to: wanted.endPort ?? 0 };
}

/** getMatchingServicePort: by the targetPort as it is written, else by what a backing pod's ports make of either. */
function listenPort(service: PolicyService, wanted: PolicyPort, backing: () => PolicyPod[]): number | null {
  const ports = service.object.spec.ports.filter((p) => p.protocol === wanted.protocol);
  const direct = ports.find((p) => targetOf(p) === wanted.port);
  if (direct !== undefined) return direct.port;
  for (const pod of backing()) {
    const container = pod.ports.find(
      (p) => p.protocol === wanted.protocol && (p.name === wanted.port || p.containerPort === wanted.port),
    );
    if (container === undefined && typeof wanted.port === "string") continue;
    const number = container?.containerPort ?? wanted.port;
    const found = ports.find((p) => {
      const target = targetOf(p);
      return typeof target === "string" ? (container?.name ?? "") === target : number === target;
    });
    if (found !== undefined) return found.port;
  }
  return null;
}

/** hasTargetPortBypass: a targetPort's name that some backing pod takes for a port which the rule does not allow. */
function bypasses(
  service: PolicyService,
  listen: number,
  wanted: PolicyPort,
  all: readonly PolicyPort[],
  backing: () => PolicyPod[],
): boolean {
  const port = service.object.spec.ports.find(
    (p) => p.port === listen && p.protocol === wanted.protocol && typeof p.targetPort === "string",
  );
  if (port === undefined) return false;
  return backing().some((pod) => {
    const number = namedPort(pod, String(port.targetPort), wanted.protocol);
    return number !== null && !all.some((p) => p.protocol === wanted.protocol && allows(p, number));
  });
}

function allows({ port, endPort }: PolicyPort, number: number): boolean {
  if (port === undefined) return true;
  return typeof port === "number" && number >= port && number <= (endPort ?? port);
}
