import { z } from "zod";

/** What a pod is without policies for, seconds: the controller and the agent take one to two (AWS's documentation). */
const RECONCILE_SECONDS = 1;
/** The agent's conntrack-cache-cleanup-period, seconds. */
const CLEANUP_SECONDS = 300;

const seconds = (most: number) => z.number().min(0).max(most);
const HOUR = 3600;

/** cluster.networkPolicy: whether policies are enforced, by whom and how. */
export const networkPolicySettingsSchema = z.strictObject({
  enabled: z
    .boolean()
    .optional()
    .describe(
      "The add-on's enableNetworkPolicy, Auto Mode's enable-network-policy-controller; without it policies are enforced where there are any",
    ),
  engine: z
    .enum(["aws", "upstream"])
    .default("aws")
    .describe("aws: the network policy controller and agent of EKS; upstream: what the Kubernetes API says"),
  enforcingMode: z
    .enum(["standard", "strict"])
    .optional()
    .describe(
      "A pod without policies is allowed everything (standard) or nothing (strict). Without it NETWORK_POLICY_ENFORCING_MODE of aws-node, or in Auto Mode NodeClass.networkPolicy",
    ),
  reconcileSeconds: seconds(HOUR)
    .default(RECONCILE_SECONDS)
    .describe("How long a new pod is in the state of one without policies"),
  eventLogs: z
    .enum(["Disabled", "Enabled"])
    .optional()
    .describe("enable-policy-event-logs; without it NodeClass.networkPolicyEventLogs in Auto Mode, else Disabled"),
  logLevel: z.enum(["info", "debug"]).default("info").describe("info logs what is denied, debug what is allowed too"),
  conntrackCacheCleanupPeriod: z
    .int()
    .min(2)
    .max(HOUR)
    .default(CLEANUP_SECONDS)
    .describe("Seconds: the agent's conntrack-cache-cleanup-period"),
});
