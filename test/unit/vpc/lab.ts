import { type Fields, labDocument } from "../control/documents.ts";

const subnet = (name: string, zone: string, cidrBlock: string, routeTable: string, more: Fields = {}): Fields => ({
  name,
  availabilityZone: `us-east-1${zone}`,
  cidrBlock,
  routeTable,
  ...more,
});

export const route = (destinationCidrBlock: string, target: string): Fields => ({ destinationCidrBlock, target });

/** The cluster's VPC: nodes behind a NAT gateway, pods of 100.64.0.0/16 behind a private one. */
export function clusterVpc(fields: Fields = {}): Fields {
  return {
    name: "cluster",
    cidrBlocks: ["10.0.0.0/16", "100.64.0.0/16"],
    subnets: [
      subnet("public-a", "a", "10.0.0.0/24", "public", { mapPublicIpOnLaunch: true }),
      subnet("nodes-a", "a", "10.0.1.0/24", "private"),
      subnet("nodes-b", "b", "10.0.2.0/24", "private"),
      subnet("pods-a", "a", "100.64.0.0/20", "pods"),
    ],
    routeTables: [
      { name: "public", main: true, routes: [route("0.0.0.0/0", "igw")] },
      {
        name: "private",
        routes: [
          route("0.0.0.0/0", "nat-a"),
          route("10.1.0.0/16", "to-shared"),
          route("10.2.0.0/16", "tgw"),
          route("192.168.0.0/16", "tgw"),
        ],
      },
      {
        name: "pods",
        routes: [
          route("0.0.0.0/0", "nat-a"),
          route("192.168.0.0/16", "nat-private"),
          route("10.1.0.0/16", "to-shared"),
        ],
      },
    ],
    natGateways: [
      { name: "nat-a", subnet: "public-a", publicIp: "198.51.100.7" },
      { name: "nat-private", subnet: "nodes-a", connectivityType: "private", privateIp: "10.0.1.250" },
    ],
    vpcEndpoints: [
      { name: "s3", type: "Gateway", network: "s3", routeTables: ["private"] },
      { name: "ecr", type: "Interface", host: "ecr" },
    ],
    ...fields,
  };
}

export function sharedVpc(fields: Fields = {}): Fields {
  return {
    name: "shared",
    cidrBlocks: ["10.1.0.0/16"],
    subnets: [{ name: "db-a", availabilityZone: "us-east-1a", cidrBlock: "10.1.1.0/24" }],
    routeTables: [
      {
        name: "main",
        main: true,
        routes: [route("10.0.0.0/16", "to-shared"), route("100.64.0.0/16", "to-shared")],
      },
    ],
    ...fields,
  };
}

/** A VPC that the transit gateway alone leads to. */
export function legacyVpc(fields: Fields = {}): Fields {
  return {
    name: "legacy",
    cidrBlocks: ["10.2.0.0/16"],
    subnets: [{ name: "legacy-a", availabilityZone: "us-east-1a", cidrBlock: "10.2.1.0/24" }],
    routeTables: [{ name: "main", main: true, routes: [route("10.0.0.0/16", "tgw"), route("192.168.0.0/16", "tgw")] }],
    ...fields,
  };
}

export const PEERING: Fields = { name: "to-shared", vpcs: ["cluster", "shared"] };

export function transitGateway(fields: Fields = {}): Fields {
  return {
    name: "tgw",
    attachments: [
      { name: "cluster", vpc: "cluster", subnets: ["nodes-a", "nodes-b"] },
      { name: "legacy", vpc: "legacy", subnets: ["legacy-a"] },
      { name: "office", network: "office" },
    ],
    ...fields,
  };
}

export const NETWORKS: Fields[] = [
  { name: "internet", kind: "internet", cidrBlocks: ["0.0.0.0/0"] },
  { name: "office", kind: "onPremises", cidrBlocks: ["192.168.0.0/16"] },
  { name: "s3", kind: "awsService", cidrBlocks: ["52.216.0.0/15"] },
];

export const HOSTS: Fields[] = [
  { name: "web", address: "203.0.113.80", network: "internet" },
  { name: "desk", address: "192.168.1.10", network: "office" },
  { name: "bucket", address: "52.216.1.1", network: "s3" },
  { name: "db", address: "10.1.1.20", subnet: "db-a" },
  { name: "old", address: "10.2.1.20", subnet: "legacy-a" },
  { name: "ecr", address: "10.0.1.240", subnet: "nodes-a" },
];

/** Three VPCs, a peering, a transit gateway with an office, NAT gateways and endpoints; `fields` replace fields of its spec. */
export function severalVpcs(fields: Fields = {}): Fields {
  return {
    vpc: clusterVpc(),
    vpcs: [sharedVpc(), legacyVpc()],
    peerings: [PEERING],
    transitGateways: [transitGateway()],
    networks: NETWORKS,
    hosts: HOSTS,
    nodes: [
      { name: "node-1", instanceType: "m5.large", subnet: "nodes-a" },
      { name: "node-2", instanceType: "m5.large", subnet: "nodes-b" },
    ],
    ...fields,
  };
}

export const severalVpcsDocument = (fields: Fields = {}): Fields => labDocument(severalVpcs(fields));
