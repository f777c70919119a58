import { z } from "zod";
import { dnsLabel, dnsSubdomain, ipv4, mtu, notEmpty, stringMap, words } from "./fields.ts";
import { nodeEniSchema } from "./labNodeEnis.ts";
import { connectionTrackingSchema } from "./labSecurity.ts";

/** What every ENI has of the VPC; of a node its primary ENI, whose groups the CNI's further ones take over. */
const eniFields = {
  securityGroups: words.default([]).describe("Names or ids of its VPC's groups; the group default without any"),
  sourceDestCheck: z.boolean().default(true).describe("false: its ENI may forward packets of others"),
  connectionTracking: connectionTrackingSchema
    .optional()
    .describe("What security groups track for the machine's ENIs; EC2's defaults without it"),
};

const taintSchema = z.strictObject({
  key: notEmpty,
  value: z.string().default(""),
  effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
});

export const hostSchema = z
  .strictObject({
    name: dnsLabel,
    address: ipv4,
    subnet: dnsLabel.optional(),
    network: dnsLabel.optional(),
    command: words.min(1).optional(),
    args: words.optional(),
    publicIp: ipv4.optional(),
    mtu: mtu.optional(),
    ...eniFields,
  })
  .refine((h) => (h.subnet === undefined) !== (h.network === undefined), {
    error: "a host has either a subnet (in the VPC) or a network (beyond it); write one of them",
  })
  .refine((h) => h.publicIp === undefined || h.network === undefined, {
    path: ["publicIp"],
    error: "only a host in a subnet has a public IP; remove it, or write subnet for network",
  })
  .refine((h) => h.securityGroups.length === 0 || h.network === undefined, {
    path: ["securityGroups"],
    error: "only a host in a subnet has security groups; remove them, or write subnet for network",
  })
  .refine((h) => h.connectionTracking === undefined || h.network === undefined, {
    path: ["connectionTracking"],
    error: "only a host in a subnet has connection tracking; remove it, or write subnet for network",
  })
  .refine((h) => h.sourceDestCheck || h.network === undefined, {
    path: ["sourceDestCheck"],
    error: "only a host in a subnet has a source/destination check; remove it, or write subnet for network",
  })
  .refine((h) => h.args === undefined || h.command !== undefined, {
    path: ["args"],
    error: "args without a command have nothing to run; add command",
  });

export const nodeSchema = z.strictObject({
  name: dnsSubdomain,
  id: notEmpty.optional(),
  tags: stringMap.default({}),
  instanceType: notEmpty,
  subnet: dnsLabel,
  labels: stringMap.default({}),
  annotations: stringMap.default({}),
  taints: z.array(taintSchema).default([]),
  publicIp: ipv4.optional(),
  ...eniFields,
  enis: z
    .array(nodeEniSchema)
    .default([])
    .describe("ENIs that it has when its daemon starts, the primary one among them; one with any address without it"),
  maxPods: z
    .int()
    .min(1)
    .optional()
    .describe("kubelet's --max-pods; without it as many as EKS computes for the instance type"),
  nodeClass: dnsSubdomain.optional().describe("Name of the node's NodeClass; EKS Auto Mode alone"),
});
