import { suggestion } from "../near.ts";
import type { Lab } from "../objects/lab.ts";
import { groupsOfVpc } from "./securityGroups.ts";

type Vpc = Lab["spec"]["vpc"];

interface Named {
  readonly name: string;
  readonly id?: string | undefined;
}

function find<T extends Named>(reference: string, objects: readonly T[]): T | null {
  return objects.find((o) => o.id === reference) ?? objects.find((o) => o.name === reference) ?? null;
}

/** A subnet of the VPC by its id, as Kubernetes objects name one, or by its name; null: there is none. */
export function findSubnet(vpc: Vpc, reference: string): Vpc["subnets"][number] | null {
  return find(reference, vpc.subnets);
}

/** A security group of the VPC by its id or its name; null: there is none. */
export function findSecurityGroup(vpc: Vpc, reference: string): Vpc["securityGroups"][number] | null {
  return find(reference, groupsOfVpc(vpc));
}

/** Names of security groups given by id or name, each once. One that is not there keeps what it is called. */
export function securityGroupNames(vpc: Vpc, references: readonly string[]): string[] {
  return [...new Set(references.map((reference) => findSecurityGroup(vpc, reference)?.name ?? reference))];
}

/** What to say of a reference that nothing has. */
export function unknownReference(what: string, reference: string, objects: readonly Named[]): string {
  const known = objects.flatMap((o) => (o.id === undefined ? [o.name] : [o.name, o.id]));
  return `expected a ${what} of the VPC by name or id, got "${reference}"; ${suggestion(reference, known)}`;
}
