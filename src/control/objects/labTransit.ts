import { z } from "zod";
import { cidr, dnsLabel, words } from "./fields.ts";
import { identity } from "./labIdentity.ts";

export const peeringSchema = z.strictObject({
  ...identity,
  name: dnsLabel,
  vpcs: z.array(dnsLabel).length(2).describe("The two VPCs"),
  interRegion: z.boolean().default(false).describe("Between regions, packets over 1500 bytes do not pass"),
});

const attachmentSchema = z
  .strictObject({
    ...identity,
    name: dnsLabel,
    vpc: dnsLabel.optional(),
    subnets: words.default([]).describe("Subnets of the VPC that the gateway sends by, one in each zone"),
    network: dnsLabel.optional().describe("Network of kind onPremises, by VPN"),
  })
  .refine((a) => (a.vpc === undefined) !== (a.network === undefined), {
    error: "an attachment has either a vpc or a network; write one of them",
  })
  .refine((a) => a.vpc === undefined || a.subnets.length > 0, {
    path: ["subnets"],
    error: "expected at least one subnet for a VPC's attachment",
  })
  .refine((a) => a.network === undefined || a.subnets.length === 0, {
    path: ["subnets"],
    error: "a network's attachment has no subnets; remove them",
  });

const transitRouteSchema = z
  .strictObject({
    destinationCidrBlock: cidr,
    attachment: dnsLabel.optional(),
    blackhole: z.boolean().default(false),
  })
  .refine((r) => (r.attachment !== undefined) !== r.blackhole, {
    error: "a route has either an attachment or blackhole: true; write one of them",
  });

const transitRouteTableSchema = z.strictObject({
  ...identity,
  name: dnsLabel,
  associations: words.default([]).describe("Attachments whose packets are looked up in this table"),
  propagations: words.default([]).describe("Attachments whose blocks become routes of this table"),
  routes: z.array(transitRouteSchema).default([]).describe("Static routes; they win over propagated ones"),
});

export const transitGatewaySchema = z.strictObject({
  ...identity,
  name: dnsLabel,
  attachments: z.array(attachmentSchema).default([]),
  routeTables: z
    .array(transitRouteTableSchema)
    .default([])
    .describe("Without any there is one that all attachments are associated with and propagate to"),
});
