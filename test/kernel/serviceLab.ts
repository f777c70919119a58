import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadLab } from "../../src/lab/files/load.ts";
import { formatAddress } from "../../src/plane/wire/address.ts";
import { type Mode, TCP_SERVER, UDP_SERVER } from "./labFile.ts";
import type { TestLab } from "./testLab.ts";

/** The lab of everything that a Service can be: each state of endpoints under each policy, reached in every way. */

export const STATES = ["both", "remote", "local", "none", "leaving", "localLeaving", "gone"] as const;
export const POLICIES = ["cluster", "external", "internal"] as const;
export type EndpointState = (typeof STATES)[number];
export type Policy = (typeof POLICIES)[number];

export interface ServiceCase {
  name: string;
  state: EndpointState;
  policy: Policy;
  tcp: number;
  udp: number;
  tcpNode: number;
  udpNode: number;
}

/** Endpoints: on the node that is asked, and on the other one. */
export const HERE = "here";
export const THERE = "there";
const CLIENTS = Array.from({ length: 8 }, (_, i) => `client-${i + 1}`);
/** Clients on the other node; one is asked for nothing but what is refused. */
export const AWAY = "away";
export const AWAY_REFUSED = "away-refused";
/** On node-1's second ENI. */
const SIDE = "side";
/** Has a host port. */
export const MAPPED = "mapped";
export const HOST_PORT = 8088;
const PODS: [name: string, node: string, eni: string][] = [
  ...CLIENTS.map((name): [string, string, string] => [name, "node-1", "eth0"]),
  [HERE, "node-1", "eth0"],
  [MAPPED, "node-1", "eth0"],
  [SIDE, "node-1", "eth1"],
  [THERE, "node-2", "eth0"],
  [AWAY, "node-2", "eth0"],
  [AWAY_REFUSED, "node-2", "eth0"],
];
const HOSTS = {
  rds: { address: "10.0.1.100", mtu: 9001, subnet: "nodes" },
  web: { address: "203.0.113.10", mtu: 1500, network: "internet" },
  office: { address: "192.168.5.5", mtu: 1500, network: "office" },
};
/** Pods have prefixes of a reservation of their own, so that kube-proxy can tell them from nodes and hosts. */
const POD_CIDR = "10.0.1.128/25";
const NOT_PODS = "10.0.1.0/25";

export const CASES: readonly ServiceCase[] = STATES.flatMap((state) =>
  POLICIES.map((policy) => ({ state, policy, name: `${state.toLowerCase()}-${policy}` })),
).map((one, i) => ({ ...one, tcp: 1000 + i, udp: 2000 + i, tcpNode: 31_000 + i, udpNode: 31_500 + i }));

/** Services of one kind each, with endpoints here and there. */
export const RANGES: ServiceCase = special("ranges", 100);
/** Pods alone are in its ranges. */
export const POD_RANGES: ServiceCase = special("pod-ranges", 101);
export const STICKY: ServiceCase = special("sticky", 102);
/** Has no TCP port. */
export const UDP_ONLY: ServiceCase = special("udp-only", 103);
/** Its endpoint is node-1 itself, as a hostNetwork pod's would be. */
export const OWN: ServiceCase = special("own", 104);
const SPECIAL = [RANGES, POD_RANGES, STICKY, UDP_ONLY, OWN];

function special(name: string, n: number): ServiceCase {
  return {
    name,
    state: name === "sticky" ? "both" : "remote",
    policy: "cluster",
    tcp: 1000 + n,
    udp: 2000 + n,
    tcpNode: 31_000 + n,
    udpNode: 31_500 + n,
  };
}

const ALL = [...CASES, ...SPECIAL];
const numberOf = (one: ServiceCase): number => one.tcp - 1000;
const clusterIP = (one: ServiceCase): string => `172.20.0.${30 + numberOf(one)}`;
const balancerIP = (one: ServiceCase): string => `198.18.0.${1 + numberOf(one)}`;
const externalIP = (one: ServiceCase): string => `198.18.1.${1 + numberOf(one)}`;

const labName = (mode: Mode): string => `services-${mode}`;

type Document = Record<string, unknown>;

function machines(mode: Mode): Document[] {
  const lab = {
    apiVersion: "podplane.dev/v1alpha1",
    kind: "Lab",
    metadata: { name: labName(mode) },
    spec: {
      seed: 11,
      offload: mode === "nftables",
      vpc: {
        cidrBlocks: ["10.0.0.0/16"],
        subnets: [
          {
            name: "nodes",
            availabilityZone: "us-east-1a",
            cidrBlock: "10.0.1.0/24",
            mapPublicIpOnLaunch: true,
            reservations: [{ cidrBlock: POD_CIDR, type: "prefix" }],
          },
        ],
        routeTables: [
          {
            name: "main",
            main: true,
            routes: [
              { destinationCidrBlock: "0.0.0.0/0", target: "igw" },
              { destinationCidrBlock: "192.168.0.0/16", target: "tgw" },
            ],
          },
        ],
      },
      networks: [
        { name: "internet", kind: "internet", cidrBlocks: ["0.0.0.0/0"], target: "igw" },
        { name: "office", kind: "onPremises", cidrBlocks: ["192.168.0.0/16"], target: "tgw" },
      ],
      hosts: Object.entries(HOSTS).map(([name, host]) => ({ name, ...host })),
      cluster: {
        serviceCidr: "172.20.0.0/16",
        cni: { env: { ENABLE_PREFIX_DELEGATION: "true" } },
        kubeProxy: { mode, clusterCIDR: POD_CIDR },
      },
      nodes: ["node-1", "node-2"].map((name) => ({ name, instanceType: "m5.large", subnet: "nodes" })),
    },
  };
  const pods = PODS.map(([name, node, eni]) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, annotations: { "podplane.dev/eni": eni } },
    spec: {
      nodeName: node,
      containers: [
        { name: "agent", ports: name === MAPPED ? [{ containerPort: TCP_SERVER, hostPort: HOST_PORT }] : [] },
      ],
    },
  }));
  return [lab, ...pods];
}

const textOf = (documents: readonly Document[]): string =>
  documents.map((document) => JSON.stringify(document)).join("\n---\n");

/** Addresses that the lab gives its pods and nodes: they follow from its file. */
function addressesOf(documents: readonly Document[]): Map<string, string> {
  const directory = mkdtempSync(join(tmpdir(), "podplane-services-"));
  try {
    const file = join(directory, "lab.yaml");
    writeFileSync(file, textOf(documents));
    const state = loadLab(file).cluster.state();
    return new Map([
      ...state.pods.map(({ desired, place }): [string, string] => [desired.name, formatAddress(place.address)]),
      ...state.nodes.map(({ spec, address }): [string, string] => [spec.name, formatAddress(address)]),
    ]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Conditions {
  ready: boolean;
  serving: boolean;
  terminating: boolean;
}

const READY: Conditions = { ready: true, serving: true, terminating: false };
const LEAVING: Conditions = { ready: false, serving: true, terminating: true };
const GONE: Conditions = { ready: false, serving: false, terminating: true };

/** What a state's EndpointSlice says of the endpoint here and the one there. */
const CONDITIONS: Record<EndpointState, [here: Conditions | null, there: Conditions | null]> = {
  both: [READY, READY],
  remote: [null, READY],
  local: [READY, null],
  none: [null, null],
  leaving: [LEAVING, LEAVING],
  localLeaving: [LEAVING, READY],
  gone: [GONE, READY],
};

function serviceOf(one: ServiceCase, node: string): Document {
  const { name, policy, tcp, tcpNode, udp, udpNode } = one;
  const ranges =
    one === RANGES ? [`${HOSTS.office.address}/32`, NOT_PODS] : one === POD_RANGES ? [POD_CIDR] : undefined;
  // An address of node-1's own is the one way from outside to a load balancer's VIP or an external IP: the VPC routes
  // no others.
  const outer = [externalIP(one), ...(ranges === undefined ? [node] : [])];
  const balancer = [balancerIP(one), ...(ranges === undefined ? [] : [node])];
  const ports = [
    { name: "tcp", protocol: "TCP", port: tcp, targetPort: TCP_SERVER, nodePort: tcpNode },
    { name: "udp", protocol: "UDP", port: udp, targetPort: UDP_SERVER, nodePort: udpNode },
  ];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name },
    spec: {
      type: "LoadBalancer",
      clusterIP: clusterIP(one),
      externalIPs: outer,
      internalTrafficPolicy: policy === "internal" ? "Local" : "Cluster",
      externalTrafficPolicy: policy === "external" ? "Local" : "Cluster",
      ...(ranges === undefined ? {} : { loadBalancerSourceRanges: ranges }),
      ...(one === STICKY ? { sessionAffinity: "ClientIP" } : {}),
      ports: one === UDP_ONLY ? ports.slice(1) : ports,
    },
    status: { loadBalancer: { ingress: balancer.map((ip) => ({ ip })) } },
  };
}

function sliceOf(one: ServiceCase, addresses: ReadonlyMap<string, string>): Document {
  if (one === OWN) return slice(one, [{ addresses: [addresses.get("node-1")], conditions: READY, nodeName: "node-1" }]);
  const [here, there] = CONDITIONS[one.state];
  const endpoint = (pod: string, nodeName: string, conditions: Conditions | null) =>
    conditions === null ? [] : [{ addresses: [addresses.get(pod)], conditions, nodeName }];
  return slice(one, [...endpoint(HERE, "node-1", here), ...endpoint(THERE, "node-2", there)]);
}

function slice({ name }: ServiceCase, endpoints: readonly object[]): Document {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `${name}-1`, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    endpoints,
    ports: [
      { name: "tcp", protocol: "TCP", port: TCP_SERVER },
      { name: "udp", protocol: "UDP", port: UDP_SERVER },
    ],
  };
}

function labText(mode: Mode): string {
  const documents = machines(mode);
  const addresses = addressesOf(documents);
  const node = addresses.get("node-1") ?? "";
  return textOf([...documents, ...ALL.flatMap((one) => [serviceOf(one, node), sliceOf(one, addresses)])]);
}

export const SERVICE_LAB: TestLab = {
  name: labName,
  text: labText,
  pods: PODS.map(([name]) => name),
  hosts: Object.keys(HOSTS),
  nodes: ["node-1", "node-2"],
  addresses: new Map([
    ...Object.entries(HOSTS).map(([name, { address }]): [string, string] => [name, address]),
    ...ALL.flatMap((one): [string, string][] => [
      [`svc/${one.name}`, clusterIP(one)],
      [`lb/${one.name}`, balancerIP(one)],
      [`ext/${one.name}`, externalIP(one)],
    ]),
  ]),
  serverPorts: new Set([
    ...ALL.flatMap(({ tcp, tcpNode, udp, udpNode }) => [tcp, udp, tcpNode, udpNode]),
    TCP_SERVER,
    UDP_SERVER,
    HOST_PORT,
  ]),
  witness: "client-8",
  near: ["rds", THERE],
};
