import { z } from "zod";
import { dnsLabel, ipv4, notEmpty, stringMap } from "./fields.ts";
import { clusterSchema } from "./labCluster.ts";
import { ec2Schema } from "./labEc2.ts";
import { impairmentSchema } from "./labImpairment.ts";
import { hostSchema, nodeSchema } from "./labMachines.ts";
import { peeringSchema, transitGatewaySchema } from "./labTransit.ts";
import { furtherVpcSchema, networkSchema, vpcSchema } from "./labVpc.ts";

export const LAB_API_VERSION = "podplane.dev/v1alpha1";

const SEED_MAX = 0xffffffff;
const DEFAULT_METRICS_PORT = 9469;

const metricsSchema = z.strictObject({
  port: z.int().min(0).max(65535).default(DEFAULT_METRICS_PORT).describe("0: any free port"),
  address: ipv4.default("127.0.0.1"),
});

/** The VPC, the machines and how the cluster's nodes are set up: the one document that is podplane's own. */
export const labSchema = z.strictObject({
  apiVersion: z.literal(LAB_API_VERSION),
  kind: z.literal("Lab"),
  metadata: z.strictObject({
    name: dnsLabel,
    labels: stringMap.optional(),
    annotations: stringMap.optional(),
  }),
  spec: z.strictObject({
    seed: z.int().min(0).max(SEED_MAX).default(1).describe("Seed of every random choice"),
    region: notEmpty.default("us-east-1"),
    vpc: vpcSchema.describe("The cluster's VPC"),
    vpcs: z.array(furtherVpcSchema).default([]).describe("Further VPCs"),
    peerings: z.array(peeringSchema).default([]),
    transitGateways: z.array(transitGatewaySchema).default([]),
    networks: z.array(networkSchema).default([]),
    hosts: z.array(hostSchema).default([]),
    cluster: clusterSchema.prefault({}),
    ec2: ec2Schema.prefault({}),
    nodes: z.array(nodeSchema).default([]),
    impairments: z.array(impairmentSchema).default([]).describe("What is done to packets on purpose"),
    offload: z.boolean().default(true).describe("TSO, USO and checksum offload on the TUN devices"),
    metrics: metricsSchema.prefault({}),
  }),
});

export type Lab = z.output<typeof labSchema>;
export type LabHost = Lab["spec"]["hosts"][number];
export type LabVpc = Lab["spec"]["vpc"];
export type LabNode = Lab["spec"]["nodes"][number];

/** JSON schema (draft 2020-12) of the Lab document as a user writes it, for editors. */
export function labJsonSchema(): Record<string, unknown> {
  return { title: "podplane lab", ...z.toJSONSchema(labSchema, { io: "input" }) };
}
