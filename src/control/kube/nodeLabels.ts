import type { Lab, LabNode } from "../objects/lab.ts";
import { instanceType } from "../vpc/instanceTypes.ts";

/** The labels that kubelet and the cloud provider put on a lab's node; the lab's own labels win. */
export function nodeLabels(lab: Lab, node: LabNode): Readonly<Record<string, string>> {
  const zone = lab.spec.vpc.subnets.find((s) => s.name === node.subnet)?.availabilityZone ?? "";
  return {
    "kubernetes.io/hostname": node.name,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": instanceType(node.instanceType)?.architecture ?? "amd64",
    "node.kubernetes.io/instance-type": node.instanceType,
    "topology.kubernetes.io/region": lab.spec.region,
    "topology.kubernetes.io/zone": zone,
    ...node.labels,
  };
}
