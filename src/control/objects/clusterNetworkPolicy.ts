import { z } from "zod";
import { invalidText, unsupportedText } from "./apiServerText.ts";
import { labelSelectorSchema } from "./deployment.ts";
import { dnsSubdomain, notEmpty } from "./fields.ts";
import { clusterMeta } from "./meta.ts";
import { policyBlock, policyPortNumber, policyProtocol } from "./policyFields.ts";

// Limits of the CRD (amazon-network-policy-controller-k8s, api/v1alpha1/clusternetworkpolicy_types.go).
const PRIORITY_MAX = 1000;
const LIST_MAX = 100;
const PEER_LIST_MAX = 25;
const NAME_MAX = 100;

export const POLICY_TIERS = ["Admin", "Baseline"] as const;
export const POLICY_ACTIONS = ["Accept", "Deny", "Pass"] as const;
export type PolicyAction = (typeof POLICY_ACTIONS)[number];

const priorityError = `expected a priority from 0 to ${PRIORITY_MAX}, the lowest first`;

const choice = <T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: ({ input }) => unsupportedText(input, values) });

/** A list that is left out, or has something in it. */
const someOf = <T extends z.ZodType>(item: T, most: number) => z.array(item).min(1).max(most);

const namespacedPod = z.strictObject({ namespaceSelector: labelSelectorSchema, podSelector: labelSelectorSchema });

/** Exactly one of its fields is there. */
function oneOf<T extends z.core.$ZodLooseShape>(shape: T) {
  const fields = Object.keys(shape);
  return z.strictObject(shape).superRefine((value, context) => {
    const written = Object.keys(value);
    if (written.length !== 1)
      context.addIssue({
        code: "custom",
        message: `expected one of ${fields.join(", ")} alone`,
      });
  });
}

const podPeers = { namespaces: labelSelectorSchema.optional(), pods: namespacedPod.optional() };

/** A name, with `*` for any first labels of it. */
const domainName = z.string().regex(/^(\*\.)?([a-z0-9]([a-z0-9_-]*[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?\.?$/i, {
  error: "expected a domain name such as example.com or *.example.com",
});

const ingressPeer = oneOf(podPeers);
const egressPeer = oneOf({
  ...podPeers,
  networks: someOf(policyBlock, PEER_LIST_MAX).optional(),
  domainNames: someOf(domainName, PEER_LIST_MAX).optional(),
});

const portRange = z
  .strictObject({ protocol: policyProtocol.default("TCP"), start: policyPortNumber, end: policyPortNumber })
  .refine(({ start, end }) => start < end, {
    error: invalidText("object", "Start port must be less than End port"),
  });

const portSchema = z.strictObject({
  portNumber: z.strictObject({ protocol: policyProtocol.default("TCP"), port: policyPortNumber }).optional(),
  portRange: portRange.optional(),
  namedPort: notEmpty.optional(),
});

const ruleFields = {
  name: z.string().max(NAME_MAX).optional(),
  action: choice(POLICY_ACTIONS),
  ports: someOf(portSchema, LIST_MAX).optional(),
};

const egressRule = z
  .strictObject({ ...ruleFields, to: someOf(egressPeer, LIST_MAX) })
  .refine(({ action, to }) => action === "Accept" || to.every((peer) => peer.domainNames === undefined), {
    error: invalidText("object", "domainNames peer can only be used with Accept action"),
  });

/** networking.k8s.aws/v1alpha1 ClusterNetworkPolicy: rules above (Admin) and below (Baseline) the namespaces' own policies. */
export const clusterNetworkPolicySchema = z.strictObject({
  apiVersion: z.literal("networking.k8s.aws/v1alpha1"),
  kind: z.literal("ClusterNetworkPolicy"),
  metadata: clusterMeta.extend({ name: dnsSubdomain }),
  spec: z.strictObject({
    tier: choice(POLICY_TIERS),
    priority: z
      .int({ error: priorityError })
      .min(0, { error: priorityError })
      .max(PRIORITY_MAX, { error: priorityError }),
    subject: oneOf(podPeers),
    ingress: z
      .array(z.strictObject({ ...ruleFields, from: someOf(ingressPeer, LIST_MAX) }))
      .max(LIST_MAX)
      .default([]),
    egress: z.array(egressRule).max(LIST_MAX).default([]),
  }),
});

export type ClusterNetworkPolicy = z.output<typeof clusterNetworkPolicySchema>;
export type ClusterPolicyIngressRule = ClusterNetworkPolicy["spec"]["ingress"][number];
export type ClusterPolicyIngressPeer = ClusterPolicyIngressRule["from"][number];
export type ClusterPolicyPort = z.output<typeof portSchema>;
