import type { Lab, LabNode } from "../objects/lab.ts";
import { instanceType } from "../vpc/instanceTypes.ts";
import type { SchedulerNode } from "./scheduler.ts";

/** A lab's node with the labels that kubelet and the cloud provider put on it; the lab's own labels win. */
export function schedulerNode(lab: Lab, node: LabNode): SchedulerNode {
  const zone = lab.spec.vpc.subnets.find((s) => s.name === node.subnet)?.availabilityZone ?? "";
  const labels = {
    "kubernetes.io/hostname": node.name,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": instanceType(node.instanceType)?.architecture ?? "amd64",
    "node.kubernetes.io/instance-type": node.instanceType,
    "topology.kubernetes.io/region": lab.spec.region,
    "topology.kubernetes.io/zone": zone,
    ...node.labels,
  };
  return { name: node.name, labels, taints: node.taints };
}
