import { formatAddress } from "../plane/wire/address.ts";
import { Cluster } from "./cluster.ts";
import type { ClusterState, NodeState, PodState } from "./clusterState.ts";
import { implicitObjects } from "./dns/implicitObjects.ts";
import { isPodController } from "./kube/deployments.ts";
import { type LabObject, objectKey } from "./objects/kinds.ts";
import type { Lab } from "./objects/lab.ts";
import { ObjectError } from "./objects/objectError.ts";
import { ADDRESS_ANNOTATION, ENI_ANNOTATION, type Pod } from "./objects/pod.ts";
import { cidrText } from "./vpc/cidr.ts";
import { PREFIX_LENGTH } from "./vpc/instanceTypes.ts";

/** A lab as it is at one moment, in objects that bring it back. */
export interface PinnedObjects {
  readonly objects: readonly LabObject[];
  /** In what a lab of these objects differs from the one that they were taken of, for people. */
  readonly notes: readonly string[];
}

type NodeEni = Lab["spec"]["nodes"][number]["enis"][number];

/**
 * A cluster's objects, made such that a lab of them has the same pods on the same addresses: nodes with the ENIs that they
 * have by now, pods with their node, ENI and address in place of the controllers that made them, services with their
 * ClusterIPs and node ports.
 */
export function pinnedObjects(cluster: Cluster): PinnedObjects {
  const state = cluster.current();
  const notes: string[] = [];
  const objects: LabObject[] = [pinnedLab(cluster.lab, state)];
  const given = [...cluster.objects(), ...implicitObjects(cluster.lab)];
  const seen = new Set<string>();
  for (const object of given) {
    if (object.kind === "Lab" || object.kind === "Pod" || seen.has(objectKey(object))) continue;
    seen.add(objectKey(object));
    if (object.kind === "Service") objects.push(pinnedService(object, state));
    else if (!isPodController(object)) objects.push(object);
    // A controller that every cluster has would make its pods again if it were not there.
    else if (implicitObjects(cluster.lab).some((o) => objectKey(o) === objectKey(object)))
      objects.push(withoutPods(object));
  }
  for (const pod of state.pods) objects.push(pinnedPod(pod, state, notes));
  for (const { desired, reason } of state.waiting)
    notes.push(`${desired.key} is left out: it has no address (${reason})`);
  return checked({ objects, notes }, state);
}

function pinnedLab(lab: Lab, { nodes }: ClusterState): Lab {
  const enisOf = new Map(nodes.map((node) => [node.spec.name, enis(node)]));
  const pinned = lab.spec.nodes.map((node) => ({ ...node, enis: enisOf.get(node.name) ?? node.enis }));
  return { ...lab, spec: { ...lab.spec, nodes: pinned } };
}

/** Branch ENIs come and go with their pods. */
function enis(node: NodeState): NodeEni[] {
  return node.enis
    .filter((eni) => eni.kind !== "branch")
    .map(({ deviceNumber, subnet, address, slots, kind, securityGroups }) => ({
      tags: {},
      deviceNumber,
      subnet,
      address: formatAddress(address),
      prefixes: slots.filter((s) => s.length === PREFIX_LENGTH).map(cidrText),
      addresses: slots.filter((s) => s.length !== PREFIX_LENGTH).map((s) => formatAddress(s.prefix)),
      trunk: kind === "trunk",
      ...(securityGroups.length === 0 || sameGroups(securityGroups, node)
        ? {}
        : { securityGroups: [...securityGroups] }),
    }));
}

function sameGroups(groups: readonly string[], { spec }: NodeState): boolean {
  return groups.join() === spec.securityGroups.join();
}

function pinnedService(object: Extract<LabObject, { kind: "Service" }>, state: ClusterState): LabObject {
  const found = state.services.find((s) => s.key === objectKey(object));
  if (found === undefined || found.clusterIP === null) return object;
  const { spec } = object;
  const ports = spec.ports.map((port, i) => {
    const nodePort = found.ports[i]?.nodePort ?? 0;
    return nodePort === 0 ? port : { ...port, nodePort };
  });
  const { healthCheckNodePort, clusterIP } = found;
  return { ...object, spec: { ...spec, clusterIP: formatAddress(clusterIP), ports, healthCheckNodePort } };
}

function withoutPods(object: LabObject): LabObject {
  return object.kind === "Deployment" ? { ...object, spec: { ...object.spec, replicas: 0 } } : object;
}

/** A pod of its own where it runs by now. One that is not ready has no labels: no service may choose it. */
function pinnedPod({ desired, place, ready }: PodState, state: ClusterState, notes: string[]): Pod {
  const { name, namespace, labels, annotations, spec } = desired;
  const eni = state.nodes.find((n) => n.spec.name === place.node)?.enis.find((e) => e.name === place.eni);
  const address: Record<string, string> = place.hostNetwork
    ? {}
    : { [ADDRESS_ANNOTATION]: formatAddress(place.address) };
  const device: Record<string, string> =
    place.hostNetwork || eni === undefined || eni.kind === "branch"
      ? {}
      : { [ENI_ANNOTATION]: `eth${eni.deviceNumber}` };
  if (!ready) notes.push(`${desired.key} was not ready: it has no labels here, so that no service chooses it`);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels: ready ? labels : {}, annotations: { ...annotations, ...address, ...device } },
    spec: { ...spec, nodeName: place.node },
  };
}

/** What the objects come to, against what they were taken of. */
function checked(pinned: PinnedObjects, state: ClusterState): PinnedObjects {
  const notes = [...pinned.notes];
  try {
    const now = new Cluster(pinned.objects).state();
    for (const { desired, place } of state.pods) {
      const again = now.pods.find((p) => p.desired.key === desired.key);
      const was = `${formatAddress(place.address)} of ${place.eni}`;
      if (again === undefined) notes.push(`${desired.key} had ${was}, and has no address in a lab of these objects`);
      else if (again.place.address !== place.address || again.place.eni !== place.eni)
        notes.push(`${desired.key} had ${was}, and has ${formatAddress(again.place.address)} of ${again.place.eni}`);
    }
  } catch (error) {
    if (!(error instanceof ObjectError)) throw error;
    notes.push(`these objects come to no lab: ${error.message}`);
  }
  return { objects: pinned.objects, notes };
}
