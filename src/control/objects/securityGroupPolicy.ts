import { z } from "zod";
import { labelSelectorSchema } from "./deployment.ts";
import { notEmpty } from "./fields.ts";
import { objectMeta } from "./meta.ts";

/** Most security groups of an ENI (Amazon VPC quotas, "Security groups per network interface"). */
const GROUPS_MAX = 5;

/**
 * Which pods of a namespace get a branch ENI with security groups of their own (amazon-vpc-resource-controller-k8s,
 * apis/vpcresources/v1beta1). Both selectors must match where both are there; an empty one matches everything.
 */
export const securityGroupPolicySchema = z.strictObject({
  apiVersion: z.literal("vpcresources.k8s.aws/v1beta1"),
  kind: z.literal("SecurityGroupPolicy"),
  metadata: objectMeta,
  spec: z.strictObject({
    podSelector: labelSelectorSchema.optional(),
    serviceAccountSelector: labelSelectorSchema.optional(),
    securityGroups: z.strictObject({
      /** Names or ids. */
      groupIds: z.array(notEmpty).min(1).max(GROUPS_MAX),
    }),
  }),
});

export type SecurityGroupPolicy = z.output<typeof securityGroupPolicySchema>;
