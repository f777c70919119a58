import type { ClusterState } from "../clusterState.ts";
import type { PolicyObjects } from "./settings.ts";
import { type Labels, METADATA_NAME_LABEL, type PolicyPod, type PolicyWorld } from "./world.ts";

/** Labels of all namespaces: those of Namespace objects, and those that something is in. */
function namespaceLabels(objects: PolicyObjects, pods: readonly PolicyPod[]): ReadonlyMap<string, Labels> {
  const labels = new Map<string, Labels>();
  for (const name of ["default", ...pods.map((p) => p.namespace)]) labels.set(name, { [METADATA_NAME_LABEL]: name });
  for (const { metadata } of objects.namespaces)
    labels.set(metadata.name, { ...metadata.labels, [METADATA_NAME_LABEL]: metadata.name });
  return labels;
}

/** A cluster's state as policies see it. */
export function policyWorld(state: ClusterState): PolicyWorld {
  const pods = state.pods.map(
    ({ desired, place }): PolicyPod => ({
      key: desired.key,
      namespace: desired.namespace,
      name: desired.name,
      labels: desired.labels,
      address: place.address,
      node: place.node,
      hostNetwork: place.hostNetwork,
      ports: desired.spec.containers.flatMap((c) => c.ports),
    }),
  );
  const { engine, policies, clusterPolicies } = state.policy;
  return {
    engine,
    pods,
    namespaces: namespaceLabels(state.policy, pods),
    services: state.services.map(({ object, clusterIP }) => ({ object, clusterIP })),
    policies,
    clusterPolicies,
  };
}
