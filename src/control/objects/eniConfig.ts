import { z } from "zod";
import { dnsSubdomain, notEmpty } from "./fields.ts";
import { clusterMeta } from "./meta.ts";

/**
 * Custom networking of the VPC CNI: subnet and security groups of the secondary ENIs of the nodes that choose it by its
 * name (amazon-vpc-cni-k8s, pkg/apis/crd/v1alpha1).
 */
export const eniConfigSchema = z.strictObject({
  apiVersion: z.literal("crd.k8s.amazonaws.com/v1alpha1"),
  kind: z.literal("ENIConfig"),
  metadata: clusterMeta.extend({ name: dnsSubdomain }),
  spec: z.strictObject({
    /** Name or id of a subnet of the lab. */
    subnet: notEmpty,
    /** Names or ids. Empty: those of the node's primary ENI. */
    securityGroups: z.array(notEmpty).default([]),
  }),
});

export type EniConfig = z.output<typeof eniConfigSchema>;
