import type { ObjectPath } from "../objects/finding.ts";
import type { Lab, LabVpc } from "../objects/lab.ts";

/** The VPCs of a lab; a VPC's index is its place, the cluster's is 0. */
export function labVpcs(lab: Lab): LabVpc[] {
  return [lab.spec.vpc, ...lab.spec.vpcs];
}

/** Where a VPC stands in the Lab document: `spec.vpc` or `spec.vpcs[i]`. */
export function vpcPath(index: number): ObjectPath {
  return index === 0 ? ["spec", "vpc"] : ["spec", "vpcs", index - 1];
}

/** Index of a VPC by its name, or -1. */
export function vpcIndex(lab: Lab, name: string): number {
  return labVpcs(lab).findIndex((vpc) => vpc.name === name);
}
