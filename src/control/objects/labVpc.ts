import { z } from "zod";
import { cidr, dnsLabel, notEmpty, port, stringMap, words } from "./fields.ts";

/** What every VPC object may carry besides its own fields. */
const identity = { id: notEmpty.optional(), tags: stringMap.default({}) };

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
        target: notEmpty.describe("local, igw, blackhole, or a network's name or target (tgw, vgw)"),
      }),
    )
    .default([]),
});

const protocol = z.union([z.enum(["all", "tcp", "udp", "icmp"]), z.int().min(0).max(255)], {
  error: "expected a protocol: all, tcp, udp, icmp or a number from 0 to 255",
});
const ports = { fromPort: port.optional(), toPort: port.optional() };

const securityGroupSchema = z.strictObject({
  ...identity,
  name: dnsLabel,
  description: z.string().optional(),
  ingress: z.array(z.strictObject({ protocol, ...ports, sources: words })).default([]),
  egress: z.array(z.strictObject({ protocol, ...ports, destinations: words })).default([]),
});

const aclRules = z
  .array(
    z.strictObject({
      ruleNumber: z.int().min(1).max(32766),
      protocol,
      ...ports,
      cidrBlock: cidr,
      ruleAction: z.enum(["allow", "deny"]),
    }),
  )
  .default([]);

const networkAclSchema = z.strictObject({
  ...identity,
  name: dnsLabel,
  subnets: words.default([]),
  ingress: aclRules,
  egress: aclRules,
});

export const vpcSchema = z.strictObject({
  ...identity,
  name: dnsLabel.optional(),
  cidrBlocks: z.array(cidr).min(1),
  subnets: z.array(subnetSchema).default([]),
  routeTables: z.array(routeTableSchema).default([]),
  securityGroups: z.array(securityGroupSchema).default([]),
  networkAcls: z.array(networkAclSchema).default([]),
});

export const networkSchema = z.strictObject({
  name: dnsLabel,
  kind: z.enum(["internet", "onPremises"]),
  cidrBlocks: z.array(cidr).min(1),
  target: dnsLabel.optional().describe("Gateway that route tables name: igw for the internet, else tgw without it"),
});
