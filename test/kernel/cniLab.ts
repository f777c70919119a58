import type { Mode } from "./labFile.ts";
import { TCP_SERVER, UDP_SERVER } from "./labFile.ts";
import type { TestLab } from "./testLab.ts";

/** The lab of the CNI's own rules: pods of both kinds of ENI and of branch ENIs, and what they ask. */

const OFFICE = "192.168.5.5";
const RDS = "10.0.1.100";

/** On node-1: of the primary ENI, of the secondary one, with a branch ENI in strict mode; and a pod of node-2. */
const PODS: [name: string, node: string, eni: string | null][] = [
  ["p0", "node-1", "eth0"],
  ["p1", "node-1", "eth1"],
  ["p2", "node-1", "eth1"],
  ["strict", "node-1", null],
  ["strict-2", "node-1", null],
  ["remote", "node-2", "eth0"],
];

interface Service {
  name: string;
  clusterIP: string;
  /** Pod behind it; null: the machine in the office. */
  pod: string | null;
  nodePort: number;
  local: boolean;
}

export const SERVICES: readonly Service[] = [
  { name: "p0", clusterIP: "172.20.0.21", pod: "p0", nodePort: 30080, local: false },
  { name: "p1", clusterIP: "172.20.0.22", pod: "p1", nodePort: 30180, local: true },
  { name: "remote", clusterIP: "172.20.0.23", pod: "remote", nodePort: 30280, local: false },
  { name: "strict", clusterIP: "172.20.0.24", pod: "strict", nodePort: 30380, local: false },
  { name: "strict-local", clusterIP: "172.20.0.25", pod: "strict", nodePort: 30480, local: true },
  { name: "outside", clusterIP: "172.20.0.26", pod: null, nodePort: 30580, local: false },
];
/** Each service's UDP port is another one. */
export const UDP_NODE_PORT = 1000;

const group = {
  name: "open",
  ingress: [{ protocol: "all", sources: ["0.0.0.0/0"] }],
  egress: [{ protocol: "all", destinations: ["0.0.0.0/0"] }],
};

type Document = Record<string, unknown>;

function machines(name: string, mode: Mode, old: boolean): Document {
  return {
    apiVersion: "podplane.dev/v1alpha1",
    kind: "Lab",
    metadata: { name },
    spec: {
      seed: 5,
      vpc: {
        cidrBlocks: ["10.0.0.0/16"],
        subnets: [{ name: "nodes", availabilityZone: "us-east-1a", cidrBlock: "10.0.1.0/24" }],
        routeTables: [
          { name: "main", main: true, routes: [{ destinationCidrBlock: "192.168.0.0/16", target: "vgw" }] },
        ],
        securityGroups: [group],
      },
      networks: [{ name: "office", kind: "onPremises", cidrBlocks: ["192.168.0.0/16"], target: "vgw" }],
      hosts: [
        { name: "rds", address: RDS, mtu: 9001, subnet: "nodes", securityGroups: ["open"] },
        { name: "office", address: OFFICE, mtu: 1500, network: "office" },
      ],
      cluster: {
        serviceCidr: "172.20.0.0/16",
        dns: { mode: "none" },
        cni: {
          env: { ENABLE_POD_ENI: "true", DISABLE_TCP_EARLY_DEMUX: String(old) },
          markBeforeDnat: old,
        },
        kubeProxy: { mode },
      },
      nodes: ["node-1", "node-2"].map((node) => ({
        name: node,
        instanceType: "m5.large",
        subnet: "nodes",
        securityGroups: ["open"],
      })),
    },
  };
}

function objects(): Document[] {
  const pods = PODS.map(([name, node, eni]) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      labels: { app: name, branch: String(eni === null) },
      ...(eni === null ? {} : { annotations: { "podplane.dev/eni": eni } }),
    },
    spec: { nodeName: node, containers: [{ name: "agent" }] },
  }));
  const policy = {
    apiVersion: "vpcresources.k8s.aws/v1beta1",
    kind: "SecurityGroupPolicy",
    metadata: { name: "branches" },
    spec: { podSelector: { matchLabels: { branch: "true" } }, securityGroups: { groupIds: ["open"] } },
  };
  const services = SERVICES.map(({ clusterIP, local, name, nodePort, pod }) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: {
      type: "NodePort",
      clusterIP,
      externalTrafficPolicy: local ? "Local" : "Cluster",
      ...(pod === null ? {} : { selector: { app: pod } }),
      ports: [
        { name: "tcp", protocol: "TCP", port: 80, targetPort: TCP_SERVER, nodePort },
        { name: "udp", protocol: "UDP", port: 53, targetPort: UDP_SERVER, nodePort: nodePort + UDP_NODE_PORT },
      ],
    },
  }));
  const outside = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "outside-1", labels: { "kubernetes.io/service-name": "outside" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [OFFICE] }],
    ports: [
      { name: "tcp", protocol: "TCP", port: TCP_SERVER },
      { name: "udp", protocol: "UDP", port: UDP_SERVER },
    ],
  };
  return [policy, ...pods, ...services, outside];
}

/** @param old the CNI's mark as before 1.23; and DISABLE_TCP_EARLY_DEMUX. */
export function cniLab(old: boolean): TestLab {
  const name = (mode: Mode): string => `cni-${old ? "old" : "new"}-${mode}`;
  return {
    name,
    text: (mode) =>
      [machines(name(mode), mode, old), ...objects()].map((document) => JSON.stringify(document)).join("\n---\n"),
    pods: PODS.map(([pod]) => pod),
    hosts: ["rds", "office"],
    nodes: ["node-1", "node-2"],
    addresses: new Map([
      ["rds", RDS],
      ["office", OFFICE],
      ...SERVICES.map((service): [string, string] => [`svc/${service.name}`, service.clusterIP]),
    ]),
    serverPorts: new Set([
      ...SERVICES.flatMap(({ nodePort }) => [nodePort, nodePort + UDP_NODE_PORT]),
      80,
      53,
      TCP_SERVER,
      UDP_SERVER,
    ]),
    witness: "p0",
    near: ["rds", "remote"],
  };
}
