/** Objects of lab files, for tests: as small as they can be, with what a test wants to say on top. */

export type LabDocument = Record<string, unknown>;

export interface LabOptions {
  name?: string;
  /** Default: true. */
  offload?: boolean;
  /** bytes; default: 9001. */
  mtu?: number;
  nodes?: LabDocument[];
  hosts?: LabDocument[];
  env?: Record<string, string>;
  /** Further fields of spec.cluster. */
  cluster?: LabDocument;
  metrics?: LabDocument;
}

/**
 * A VPC 10.0.0.0/16 with two subnets in two zones, nodes node-1 and node-2 in them, and the internet; without cluster DNS,
 * unless `cluster` says otherwise.
 */
export function labDocument(options: LabOptions = {}): LabDocument {
  const mtu = options.mtu === undefined ? {} : { AWS_VPC_ENI_MTU: String(options.mtu), POD_MTU: String(options.mtu) };
  return {
    apiVersion: "podplane.dev/v1alpha1",
    kind: "Lab",
    metadata: { name: options.name ?? "test" },
    spec: {
      vpc: {
        cidrBlocks: ["10.0.0.0/16"],
        subnets: [
          { name: "nodes-a", availabilityZone: "us-east-1a", cidrBlock: "10.0.0.0/18", mapPublicIpOnLaunch: true },
          { name: "nodes-b", availabilityZone: "us-east-1b", cidrBlock: "10.0.64.0/18", mapPublicIpOnLaunch: true },
        ],
        routeTables: [{ name: "main", main: true, routes: [{ destinationCidrBlock: "0.0.0.0/0", target: "igw" }] }],
      },
      networks: [{ name: "internet", kind: "internet", cidrBlocks: ["0.0.0.0/0"], target: "igw" }],
      hosts: options.hosts ?? [],
      cluster: {
        dns: { mode: "none" },
        cni: { env: { ENABLE_PREFIX_DELEGATION: "true", ...mtu, ...options.env } },
        ...options.cluster,
      },
      nodes: options.nodes ?? [nodeDocument(1), nodeDocument(2)],
      offload: options.offload ?? true,
      metrics: options.metrics ?? { port: 0 },
    },
  };
}

/** node-1, node-2, ...: odd ones in nodes-a, even ones in nodes-b. */
export function nodeDocument(number: number, more: LabDocument = {}): LabDocument {
  const subnet = number % 2 === 1 ? "nodes-a" : "nodes-b";
  return { name: `node-${number}`, instanceType: "m5.large", subnet, ...more };
}

interface Workload {
  command?: string[];
  spec?: LabDocument;
}

function podSpec({ command, spec }: Workload): LabDocument {
  return { containers: [{ name: "main", ...(command === undefined ? {} : { command }) }], ...spec };
}

/** A pod with the label app: NAME. Without a command it is a namespace to run things in. */
export function podDocument(name: string, workload: Workload = {}): LabDocument {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, labels: { app: name } }, spec: podSpec(workload) };
}

export function deploymentDocument(name: string, replicas: number, workload: Workload = {}): LabDocument {
  const labels = { app: name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podSpec(workload) } },
  };
}

/** A service that selects app: NAME. */
export function serviceDocument(name: string, ports: LabDocument[], spec: LabDocument = {}): LabDocument {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: { selector: { app: name }, ports, ...spec },
  };
}
