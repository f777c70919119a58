import type { PolicyNames } from "../../../src/observe/explainPolicy.ts";

/** Names of policies as tests read them: by number. */
export const POLICY_NAMES: Pick<PolicyNames, "policyRule" | "isolatingPolicies"> = {
  policyRule: (rule) => `rule ${rule}`,
  isolatingPolicies: (device, egress) => [`${egress ? "egress" : "ingress"} policy of ${device}`],
};
