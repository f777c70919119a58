import { z } from "zod";
import { maskOf, parseCidr } from "../../plane/wire/address.ts";
import { forbiddenText, invalidText, requiredText, unsupportedText } from "./apiServerText.ts";
import { labelSelectorSchema } from "./deployment.ts";
import { objectMeta } from "./meta.ts";
import { isIPv6Block, policyBlock, policyPortNumber, policyProtocol, portProblem } from "./policyFields.ts";

export const POLICY_TYPES = ["Ingress", "Egress"] as const;
export type PolicyType = (typeof POLICY_TYPES)[number];

/** Whether the inner block is a part of the outer one and smaller; of IPv6 blocks nothing is known. */
function isStrictSubset(inner: string, outer: string): boolean {
  const a = parseCidr(inner);
  const b = parseCidr(outer);
  if (a === null || b === null) return isIPv6Block(inner) === isIPv6Block(outer);
  return a.length > b.length && (a.prefix & maskOf(b.length)) === b.prefix;
}

const ipBlockSchema = z
  .strictObject({ cidr: policyBlock, except: z.array(policyBlock).default([]) })
  .superRefine(({ cidr, except }, context) => {
    except.forEach((block, i) => {
      if (!isStrictSubset(block, cidr))
        context.addIssue({
          code: "custom",
          path: ["except", i],
          message: invalidText(block, "must be a strict subset of `cidr`"),
        });
    });
  });

const peerSchema = z
  .strictObject({
    podSelector: labelSelectorSchema.optional(),
    namespaceSelector: labelSelectorSchema.optional(),
    ipBlock: ipBlockSchema.optional(),
  })
  .superRefine(({ podSelector, namespaceSelector, ipBlock }, context) => {
    const selects = podSelector !== undefined || namespaceSelector !== undefined;
    const message = (text: string) => context.addIssue({ code: "custom", message: text });
    if (!selects && ipBlock === undefined) message(requiredText("must specify a peer"));
    else if (selects && ipBlock !== undefined) message(forbiddenText("may not specify both ipBlock and another peer"));
  });

const portSchema = z
  .strictObject({
    protocol: policyProtocol.default("TCP"),
    /** A number, or the name of a port of the pod that the connection goes to; none: every port of the protocol. */
    port: z.union([z.int(), z.string()], { error: "expected a port's number or name" }).optional(),
    endPort: policyPortNumber.optional(),
  })
  .superRefine(({ port, endPort }, context) => {
    const issue = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
    const problem = port === undefined ? null : portProblem(port);
    if (problem !== null) issue("port", invalidText(port, problem));
    if (endPort === undefined) return;
    if (port === undefined) issue("endPort", invalidText(endPort, "may not be specified when `port` is not specified"));
    else if (typeof port === "string")
      issue("endPort", invalidText(endPort, "may not be specified when `port` is non-numeric"));
    // The API server shows `port` here, and so does this.
    else if (endPort < port) issue("endPort", invalidText(port, "must be greater than or equal to `port`"));
  });

const ports = z.array(portSchema).default([]);
const peers = z.array(peerSchema).default([]);

const policyTypesSchema = z
  .array(z.enum(POLICY_TYPES, { error: ({ input }) => unsupportedText(input, POLICY_TYPES) }))
  .refine((types) => types.length <= POLICY_TYPES.length, {
    error: ({ input }) => invalidText(input, "may not specify more than two policyTypes"),
  });

/**
 * networking.k8s.io/v1 NetworkPolicy as the API server takes it (pkg/apis/networking/validation). An empty list of ports or
 * peers is a missing one: all. {@link policyTypesOf} has the default of policyTypes.
 */
export const networkPolicySchema = z.strictObject({
  apiVersion: z.literal("networking.k8s.io/v1"),
  kind: z.literal("NetworkPolicy"),
  metadata: objectMeta,
  spec: z
    .strictObject({
      podSelector: labelSelectorSchema.prefault({}),
      policyTypes: policyTypesSchema.default([]),
      ingress: z.array(z.strictObject({ ports, from: peers })).default([]),
      egress: z.array(z.strictObject({ ports, to: peers })).default([]),
    })
    .prefault({}),
});

export type NetworkPolicy = z.output<typeof networkPolicySchema>;
export type PolicyPeer = z.output<typeof peerSchema>;
export type PolicyPort = z.output<typeof portSchema>;
export type PolicyIpBlock = z.output<typeof ipBlockSchema>;

/**
 * The directions that a policy isolates the pods in that it selects. None written: ingress, and egress too where the policy
 * has egress rules; `egress: []` is none (pkg/apis/networking/v1/defaults.go, SetDefaults_NetworkPolicy).
 */
export function policyTypesOf({ spec }: NetworkPolicy): readonly PolicyType[] {
  if (spec.policyTypes.length > 0) return spec.policyTypes;
  return spec.egress.length > 0 ? POLICY_TYPES : ["Ingress"];
}
