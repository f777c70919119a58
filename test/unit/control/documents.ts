import type { LabObject } from "../../../src/control/objects/kinds.ts";
import type { Lab } from "../../../src/control/objects/lab.ts";
import { readObjects } from "../../../src/control/objects/read.ts";

export type Fields = Record<string, unknown>;

/** Objects of documents as a file has them; a problem fails the test. */
export function read(...documents: unknown[]): LabObject[] {
  return documents.flatMap((document) => {
    const { objects, problems } = readObjects(document);
    if (problems.length > 0) throw new Error(JSON.stringify(problems));
    return objects.map((o) => o.object);
  });
}

/**
 * A lab of one VPC 10.0.0.0/16 with two /24 subnets and two m5.large nodes, without cluster DNS; `spec` replaces fields of
 * its spec.
 */
export function labDocument(spec: Fields = {}): Fields {
  return {
    apiVersion: "podplane.dev/v1alpha1",
    kind: "Lab",
    metadata: { name: "test" },
    spec: {
      vpc: vpc(),
      nodes: [
        { name: "node-1", instanceType: "m5.large", subnet: "nodes-a" },
        { name: "node-2", instanceType: "m5.large", subnet: "nodes-b" },
      ],
      ...spec,
      cluster: { dns: { mode: "none" }, ...(spec.cluster as Fields | undefined) },
    },
  };
}

export function vpc(fields: Fields = {}): Fields {
  return {
    cidrBlocks: ["10.0.0.0/16"],
    subnets: [
      { name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/24" },
      { name: "nodes-b", availabilityZone: "us-east-1b", cidrBlock: "10.0.2.0/24" },
    ],
    ...fields,
  };
}

export function cni(env: Fields, cluster: Fields = {}): Fields {
  return { cluster: { cni: { env }, ...cluster } };
}

export const PREFIXES = cni({ ENABLE_PREFIX_DELEGATION: "true" });

export function readLab(spec: Fields = {}): Lab {
  const [lab] = read(labDocument(spec));
  if (lab.kind !== "Lab") throw new Error("no Lab");
  return lab;
}

export function podDocument(name: string, spec: Fields = {}, metadata: Fields = {}): Fields {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...metadata },
    spec: { containers: [{ name: "main" }], ...spec },
  };
}

export function deploymentDocument(name: string, replicas: number, spec: Fields = {}): Fields {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "main" }], ...spec } },
    },
  };
}

export function serviceDocument(name: string, spec: Fields = {}, metadata: Fields = {}): Fields {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, ...metadata },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  };
}

export function sliceDocument(service: string, addresses: string[], port = 5432): Fields {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${service}-1`, labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    ports: [{ port }],
    endpoints: addresses.map((address) => ({ addresses: [address] })),
  };
}
