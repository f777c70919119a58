import type { LabObject } from "../../../../src/control/objects/kinds.ts";
import type { Lab } from "../../../../src/control/objects/lab.ts";
import type { NodeClass } from "../../../../src/control/objects/nodeClass.ts";
import { readObjects } from "../../../../src/control/objects/read.ts";

type Fields = Record<string, unknown>;

export const NODE_TERMS = {
  role: "MyNodeRole",
  subnetSelectorTerms: [{ tags: { tier: "nodes" } }],
  securityGroupSelectorTerms: [{ name: "cluster" }],
};

function read(document: Fields): LabObject {
  const { objects, problems } = readObjects(document);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return objects[0].object;
}

/** A lab of Auto Mode in {@link VPC}. */
export function autoLab(nodes: readonly object[] = []): Lab {
  const spec = { vpc: VPC, nodes, cluster: { mode: "auto" } };
  const lab = read({ apiVersion: "podplane.dev/v1alpha1", kind: "Lab", metadata: { name: "test" }, spec });
  if (lab.kind !== "Lab") throw new Error(lab.kind);
  return lab;
}

export function nodeClass(spec: Fields = {}, name = "default"): NodeClass {
  const object = read({
    apiVersion: "eks.amazonaws.com/v1",
    kind: "NodeClass",
    metadata: { name },
    spec: { ...NODE_TERMS, ...spec },
  });
  if (object.kind !== "NodeClass") throw new Error(object.kind);
  return object;
}

/** Node and pod subnets in two zones, three security groups. */
export const VPC = {
  cidrBlocks: ["10.0.0.0/16", "100.64.0.0/16"],
  subnets: [
    {
      name: "nodes-a",
      id: "subnet-0a",
      availabilityZone: "us-east-1a",
      cidrBlock: "10.0.1.0/24",
      tags: { tier: "nodes" },
    },
    { name: "nodes-b", availabilityZone: "us-east-1b", cidrBlock: "10.0.2.0/24", tags: { tier: "nodes" } },
    { name: "pods-a", availabilityZone: "us-east-1a", cidrBlock: "100.64.0.0/20", tags: { tier: "pods", big: "yes" } },
    { name: "pods-a2", availabilityZone: "us-east-1a", cidrBlock: "100.64.16.0/20", tags: { tier: "pods" } },
    { name: "pods-b", availabilityZone: "us-east-1b", cidrBlock: "100.64.32.0/20", tags: { tier: "pods" } },
  ],
  securityGroups: [{ name: "cluster", id: "sg-0c" }, { name: "pods", tags: { for: "pods" } }, { name: "other" }],
};
