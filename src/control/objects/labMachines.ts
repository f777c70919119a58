import { z } from "zod";
import { dnsLabel, dnsSubdomain, ipv4, mtu, notEmpty, stringMap, words } from "./fields.ts";

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
  })
  .refine((h) => (h.subnet === undefined) !== (h.network === undefined), {
    error: "a host has either a subnet (in the VPC) or a network (beyond it); write one of them",
  })
  .refine((h) => h.publicIp === undefined || h.network === undefined, {
    path: ["publicIp"],
    error: "only a host in a subnet has a public IP; remove it, or write subnet for network",
  })
  .refine((h) => h.args === undefined || h.command !== undefined, {
    path: ["args"],
    error: "args without a command have nothing to run; add command",
  });

export const nodeSchema = z.strictObject({
  name: dnsLabel,
  id: notEmpty.optional(),
  tags: stringMap.default({}),
  instanceType: notEmpty,
  subnet: dnsLabel,
  labels: stringMap.default({}),
  annotations: stringMap.default({}),
  taints: z.array(taintSchema).default([]),
  publicIp: ipv4.optional(),
  maxPods: z
    .int()
    .min(1)
    .optional()
    .describe("kubelet's --max-pods; without it as many as EKS computes for the instance type"),
  nodeClass: dnsSubdomain.optional().describe("Name of the node's NodeClass; EKS Auto Mode alone"),
});
