import { z } from "zod";
import { cidr, dnsLabel, mtu, notEmpty, words } from "./fields.ts";
import { identity } from "./labIdentity.ts";
import { networkAclSchema, securityGroupSchema } from "./labSecurity.ts";
import { natGatewaySchema, vpcEndpointSchema } from "./labVpcGateways.ts";

/** Name of the cluster's VPC where the lab writes none. */
const DEFAULT_VPC = "vpc";

const subnetSchema = z.strictObject({
  ...identity,
  name: dnsLabel,
  availabilityZone: notEmpty,
  cidrBlock: cidr,
  mapPublicIpOnLaunch: z.boolean().default(false),
  routeTable: dnsLabel.optional().describe("Name of a route table; the main one without it"),
  reservations: z
    .array(
      z.strictObject({
        cidrBlock: cidr,
        type: z
          .enum(["prefix", "explicit"])
          .describe("prefix: for /28 prefixes alone; explicit: for addresses that somebody names"),
      }),
    )
    .default([])
    .describe("Subnet CIDR reservations"),
});

const routeTableSchema = z.strictObject({
  ...identity,
  name: dnsLabel,
  main: z.boolean().default(false),
  routes: z
    .array(
      z.strictObject({
        destinationCidrBlock: cidr,
        target: notEmpty.describe(
          "local, igw, blackhole, the name of a NAT gateway, peering, transit gateway, gateway endpoint or network, a " +
            "network's target (tgw, vgw), or host/NAME: its ENI",
        ),
      }),
    )
    .default([]),
  propagatingVgws: words
    .default([])
    .describe(
      "Networks whose blocks the VPC's VPN gateway propagates to this table; routes of the table win over them",
    ),
});

/** The cluster's VPC. */
export const vpcSchema = z.strictObject({
  ...identity,
  name: dnsLabel.default(DEFAULT_VPC),
  cidrBlocks: z.array(cidr).min(1),
  subnets: z.array(subnetSchema).default([]).describe("Their names are unique in the lab"),
  routeTables: z.array(routeTableSchema).default([]),
  natGateways: z.array(natGatewaySchema).default([]),
  vpcEndpoints: z.array(vpcEndpointSchema).default([]),
  securityGroups: z.array(securityGroupSchema).default([]),
  networkAcls: z.array(networkAclSchema).default([]),
});

/** Any other VPC of the lab. */
export const furtherVpcSchema = vpcSchema.extend({ name: dnsLabel });

export const networkSchema = z.strictObject({
  name: dnsLabel,
  kind: z
    .enum(["internet", "onPremises", "awsService"])
    .describe("awsService: public addresses of a service such as S3, on the internet and behind gateway endpoints"),
  cidrBlocks: z.array(cidr).min(1),
  target: dnsLabel
    .optional()
    .describe(
      "Gateway that route tables name: igw for the internet and AWS services, a transit gateway that the network is " +
        "attached to, or vgw; tgw without it",
    ),
  vpc: dnsLabel
    .optional()
    .describe("onPremises without a transit gateway: VPC whose own gateway leads to it; the cluster's without it"),
  mtu: mtu.optional().describe("Largest packet of its link to the gateway; 1500 without it"),
});
