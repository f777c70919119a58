import { nodeClassOf } from "./nodeAgents.ts";
import { type CniSettings, cniSettings } from "./objects/cniEnv.ts";
import type { Objects } from "./objects/kinds.ts";
import type { Lab, LabNode } from "./objects/lab.ts";

/**
 * The settings of aws-node that hold in a cluster. Nodes of EKS Auto Mode have no aws-node: of its variables only the MTUs
 * are kept there, and source NAT is the NodeClass's.
 */
export function clusterCni({ spec }: Lab): CniSettings {
  const settings = cniSettings(spec.cluster.cni.env);
  if (spec.cluster.mode !== "auto") return settings;
  const { eniMtu, podMtu, clusterName } = settings;
  return { ...cniSettings({}), eniMtu, podMtu, clusterName };
}

/** Whether a node leaves source NAT to others. @param cni {@link clusterCni} */
export function hasExternalSnat(lab: Lab, cni: CniSettings, node: LabNode, objects: Objects): boolean {
  if (lab.spec.cluster.mode !== "auto") return cni.externalSnat;
  return nodeClassOf(node, objects)?.spec.snatPolicy === "Disabled";
}
