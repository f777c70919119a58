import { z } from "zod";
import { dnsLabel, ipv4, words } from "./fields.ts";
import { identity } from "./labIdentity.ts";

export const natGatewaySchema = z
  .strictObject({
    ...identity,
    name: dnsLabel,
    subnet: dnsLabel,
    connectivityType: z.enum(["public", "private"]).default("public"),
    publicIp: ipv4.optional().describe("Its elastic IP address; one of 198.51.100.0/24 or 192.0.2.0/24 without it"),
    privateIp: ipv4.optional().describe("Address in its subnet; the lowest free one without it"),
  })
  .refine((g) => g.connectivityType === "public" || g.publicIp === undefined, {
    path: ["publicIp"],
    error: "a private NAT gateway takes no elastic IP address; remove publicIp, or write connectivityType: public",
  });

export const vpcEndpointSchema = z
  .strictObject({
    ...identity,
    name: dnsLabel,
    type: z.enum(["Gateway", "Interface"]),
    network: dnsLabel.optional().describe("Gateway: network of kind awsService that it leads to"),
    routeTables: words
      .default([])
      .describe("Gateway: route tables that EC2 gives routes to all blocks of the network, beside those that name it"),
    host: dnsLabel.optional().describe("Interface: host in a subnet of the VPC that stands for its ENI"),
  })
  .superRefine((endpoint, context) => {
    const issue = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (endpoint.type === "Gateway") {
      if (endpoint.network === undefined) issue("network", "a gateway endpoint leads to a network; add network");
      if (endpoint.host !== undefined) issue("host", "a gateway endpoint has no ENI; remove host");
    } else {
      if (endpoint.host === undefined) issue("host", "an interface endpoint's ENI is a host's; add host");
      if (endpoint.network !== undefined) issue("network", "an interface endpoint is an ENI; remove network");
      if (endpoint.routeTables.length > 0)
        issue("routeTables", "no route leads to an interface endpoint; remove routeTables");
    }
  });
