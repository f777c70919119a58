import type { TestLab } from "./testLab.ts";

/** The lab of most probes: one service of each kind of endpoint, clients everywhere. */

export type Mode = "iptables" | "nftables";

interface ServicePort {
  protocol: "TCP" | "UDP";
  port: number;
  targetPort: number;
  nodePort: number;
}

interface Service {
  name: string;
  clusterIP: string;
  /** Pods behind it, by name. */
  pods: string[];
  ports: ServicePort[];
}

/** Where agent.py listens. */
export const TCP_SERVER = 8080;
export const UDP_SERVER = 5353;
/** Where nobody listens. */
export const CLOSED = 9999;
/** A port that no service has. */
export const UNSERVED = 443;

const VPC_CIDR = "10.0.0.0/16";
const SERVICE_CIDR = "172.20.0.0/16";
export const UNALLOCATED = "172.20.0.200";
const OFFICE_CIDR = "192.168.0.0/16";

const HOSTS: Record<string, { address: string; mtu: number; subnet?: string; network?: string }> = {
  rds: { address: "10.0.1.200", mtu: 9001, subnet: "nodes-a" },
  web: { address: "203.0.113.10", mtu: 1500, network: "internet" },
  office: { address: "192.168.5.5", mtu: 1500, network: "office" },
};

const SUBNETS = [
  { name: "nodes-a", cidr: "10.0.1.0/24", router: "10.0.1.1" },
  { name: "nodes-b", cidr: "10.0.2.0/24", router: "10.0.2.1" },
];

/** Several clients, because a node sends one client only so many ICMP errors a second. */
const CLIENTS = Array.from({ length: 14 }, (_, i) => `client-${i + 1}`);

const PODS: { name: string; node: string; eni: string }[] = [
  ...[...CLIENTS, "near"].map((name) => ({ name, node: "node-1", eni: "eth0" })),
  ...["side", "side-2"].map((name) => ({ name, node: "node-1", eni: "eth1" })),
  ...["api-1", "api-2", "api-3"].map((name) => ({ name, node: "node-2", eni: "eth0" })),
];

const tcp = (port: number, targetPort: number, nodePort: number): ServicePort => ({
  protocol: "TCP",
  port,
  targetPort,
  nodePort,
});
const udp = (port: number, targetPort: number, nodePort: number): ServicePort => ({
  protocol: "UDP",
  port,
  targetPort,
  nodePort,
});

const SERVICES: Service[] = [
  {
    name: "api",
    clusterIP: "172.20.0.20",
    pods: ["api-1", "api-2", "api-3"],
    ports: [tcp(80, TCP_SERVER, 30080), udp(53, UDP_SERVER, 30053)],
  },
  {
    name: "solo",
    clusterIP: "172.20.0.21",
    pods: ["api-1"],
    ports: [tcp(80, TCP_SERVER, 30180), udp(53, UDP_SERVER, 30153), tcp(81, CLOSED, 30181), udp(54, CLOSED, 30154)],
  },
  {
    name: "near",
    clusterIP: "172.20.0.22",
    pods: ["near"],
    ports: [tcp(80, TCP_SERVER, 30280), udp(53, UDP_SERVER, 30253)],
  },
  {
    name: "side",
    clusterIP: "172.20.0.23",
    pods: ["side"],
    ports: [tcp(80, TCP_SERVER, 30380), udp(53, UDP_SERVER, 30353)],
  },
  { name: "none", clusterIP: "172.20.0.99", pods: [], ports: [tcp(80, 80, 30980), udp(53, 53, 30953)] },
];

/** Ports of servers, as a client names them or as they are behind a service. */
const SERVER_PORTS: ReadonlySet<number> = new Set([
  ...SERVICES.flatMap(({ ports }) => ports.flatMap((p) => [p.port, p.targetPort, p.nodePort])),
  TCP_SERVER,
  UDP_SERVER,
  CLOSED,
  UNSERVED,
]);

/**
 * What kube-proxy takes for pod addresses. With all of the VPC, nothing in it is masqueraded on its way to a ClusterIP;
 * with the clients' prefix alone, the node and the pod of the second ENI are.
 */
const CLUSTER_CIDR: Record<Mode, string> = { iptables: VPC_CIDR, nftables: "10.0.1.16/28" };

const labName = (mode: Mode): string => `kernel-${mode}`;

function labText(mode: Mode): string {
  const lab = {
    apiVersion: "podplane.dev/v1alpha1",
    kind: "Lab",
    metadata: { name: labName(mode) },
    spec: {
      seed: 7,
      // Both ways: whole packets in one lab, super-packets in the other.
      offload: mode === "iptables",
      vpc: {
        cidrBlocks: [VPC_CIDR],
        subnets: SUBNETS.map(({ name, cidr }, i) => ({
          name,
          availabilityZone: `us-east-1${"ab"[i]}`,
          cidrBlock: cidr,
          mapPublicIpOnLaunch: true,
        })),
        routeTables: [
          {
            name: "main",
            main: true,
            routes: [
              { destinationCidrBlock: "0.0.0.0/0", target: "igw" },
              { destinationCidrBlock: OFFICE_CIDR, target: "tgw" },
            ],
          },
        ],
      },
      networks: [
        { name: "internet", kind: "internet", cidrBlocks: ["0.0.0.0/0"], target: "igw" },
        { name: "office", kind: "onPremises", cidrBlocks: [OFFICE_CIDR], target: "tgw" },
      ],
      hosts: Object.entries(HOSTS).map(([name, host]) => ({ name, ...host })),
      cluster: {
        serviceCidr: SERVICE_CIDR,
        cni: { env: { ENABLE_PREFIX_DELEGATION: "true" } },
        kubeProxy: { mode, clusterCIDR: CLUSTER_CIDR[mode] },
      },
      nodes: ["node-1", "node-2"].map((name, i) => ({ name, instanceType: "m5.large", subnet: SUBNETS[i].name })),
    },
  };
  const pods = PODS.map(({ name, node, eni }) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      labels: Object.fromEntries(SERVICES.filter((s) => s.pods.includes(name)).map((s) => [s.name, "endpoint"])),
      annotations: { "podplane.dev/eni": eni },
    },
    spec: { nodeName: node, containers: [{ name: "agent" }] },
  }));
  const services = SERVICES.map(({ name, clusterIP, ports }) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: {
      type: "NodePort",
      clusterIP,
      selector: { [name]: "endpoint" },
      ports: ports.map((p) => ({ name: `${p.protocol.toLowerCase()}-${p.port}`, ...p })),
    },
  }));
  return [lab, ...pods, ...services].map((document) => JSON.stringify(document)).join("\n---\n");
}

export const LAB: TestLab = {
  name: labName,
  text: labText,
  pods: PODS.map(({ name }) => name),
  hosts: Object.keys(HOSTS),
  nodes: ["node-1", "node-2"],
  addresses: new Map([
    ...SERVICES.map(({ clusterIP, name }): [string, string] => [`svc/${name}`, clusterIP]),
    ...Object.entries(HOSTS).map(([name, { address }]): [string, string] => [name, address]),
  ]),
  serverPorts: SERVER_PORTS,
  witness: CLIENTS[0],
  near: ["rds", "api-1"],
};
