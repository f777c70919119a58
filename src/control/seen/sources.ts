import type { ClusterState, PodState } from "../clusterState.ts";
import { DNS_NAMESPACE } from "../dns/implicitObjects.ts";
import { hostEniName, hostName, nodeName } from "../entityNames.ts";
import type { Names } from "../names.ts";
import { NameError } from "../resolve.ts";
import { type SeenSource, SOURCE_KINDS, type SourceKind } from "./kinds.ts";

/** The kind of a pod by the ENI that has its address. */
function podKind(state: ClusterState, pod: PodState): SourceKind {
  const { place } = pod;
  if (place.hostNetwork) return "hostNetwork";
  const node = state.nodes.find((n) => n.spec.name === place.node);
  const eni = node?.enis.find((e) => e.name === place.eni);
  if (eni === undefined || eni.kind === "primary") return "primary";
  if (eni.vlan !== 0) return state.cni.podSecurityGroupMode === "strict" ? "branchStrict" : "branchStandard";
  if (state.lab.spec.cluster.mode === "auto") return eni.subnet === node?.spec.subnet ? "secondary" : "podSubnet";
  return state.cni.customNetworking ? "custom" : "secondary";
}

function podSource(state: ClusterState, pod: PodState): SeenSource {
  const { node, eni, address } = pod.place;
  return { kind: podKind(state, pod), name: pod.desired.key, node, eni, address };
}

/** Pods in the order in which they are taken: those that somebody wrote come before those of every cluster. */
export function podsInOrder(state: ClusterState): PodState[] {
  const own = (pod: PodState) => pod.desired.namespace !== DNS_NAMESPACE;
  return [...state.pods.filter(own), ...state.pods.filter((p) => !own(p))];
}

/** The first pod of each kind that there is, in the order of {@link SOURCE_KINDS}. */
export function representatives(state: ClusterState): SeenSource[] {
  const first = new Map<SourceKind, SeenSource>();
  for (const pod of podsInOrder(state)) {
    const source = podSource(state, pod);
    if (!first.has(source.kind)) first.set(source.kind, source);
  }
  return (Object.keys(SOURCE_KINDS) as SourceKind[]).flatMap((kind) => first.get(kind) ?? []);
}

/**
 * A source that somebody names.
 *
 * @throws NameError for a name that nothing has, or that sends no packets.
 */
export function namedSource(state: ClusterState, names: Names, text: string): SeenSource {
  const { kind, name, address } = names.resolve(text);
  const pod = state.pods.find((p) => p.desired.key === name);
  if (pod !== undefined) return podSource(state, pod);
  const node = state.nodes.find((n) => nodeName(n.spec.name) === name);
  if (node !== undefined) return { kind: "node", name, node: node.spec.name, eni: node.enis[0]?.name ?? null, address };
  const host = state.hosts.find((h) => hostName(h.spec.name) === name);
  if (host === undefined) throw new NameError(`${text} is a ${kind}: a source is a pod, a node or a host`);
  const eni = host.spec.subnet === undefined ? null : hostEniName(host.spec.name);
  return { kind: "host", name, node: null, eni, address };
}
