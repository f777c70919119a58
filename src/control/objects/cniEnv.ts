import { z } from "zod";
import { cidrList, digits, flag, mtuText, splitList } from "./fields.ts";

/**
 * The variables of the aws-node DaemonSet that podplane knows, with their own names and, as in a container's `env`,
 * text values (amazon-vpc-cni-k8s README, "CNI Configuration Variables"). Other variables are kept as text.
 */
export const cniEnvSchema = z
  .object({
    ENABLE_PREFIX_DELEGATION: flag.optional(),
    WARM_ENI_TARGET: digits.optional(),
    WARM_IP_TARGET: digits.optional(),
    WARM_PREFIX_TARGET: digits.optional(),
    MINIMUM_IP_TARGET: digits.optional(),
    MAX_ENI: digits.optional(),
    IP_COOLDOWN_PERIOD: digits.optional(),
    AWS_VPC_ENI_MTU: mtuText.optional(),
    POD_MTU: mtuText.optional(),
    AWS_VPC_K8S_CNI_EXTERNALSNAT: flag.optional(),
    AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: cidrList.optional(),
    AWS_VPC_K8S_CNI_RANDOMIZESNAT: z.enum(["prng", "hashrandom", "none"]).optional(),
    AWS_VPC_CNI_NODE_PORT_SUPPORT: flag.optional(),
    AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: flag.optional(),
    ENABLE_POD_ENI: flag.optional(),
    ENABLE_SUBNET_DISCOVERY: flag.optional(),
    NETWORK_POLICY_ENFORCING_MODE: z.enum(["standard", "strict"]).optional(),
  })
  .catchall(z.string());

type CniEnv = z.output<typeof cniEnvSchema>;

/** The variables that podplane acts on; the known others are accepted for the day it does. */
const ACTED_ON: ReadonlySet<string> = new Set([
  "ENABLE_PREFIX_DELEGATION",
  "MAX_ENI",
  "AWS_VPC_ENI_MTU",
  "POD_MTU",
  "AWS_VPC_K8S_CNI_EXTERNALSNAT",
  "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
  "AWS_VPC_K8S_CNI_RANDOMIZESNAT",
]);

/** Values that mean what podplane does anyway, so that nothing need be said about them. */
const AS_IT_IS: Readonly<Record<string, string>> = {
  AWS_VPC_CNI_NODE_PORT_SUPPORT: "true",
  AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "false",
  ENABLE_POD_ENI: "false",
  NETWORK_POLICY_ENFORCING_MODE: "standard",
};

/** Default MTU of ENIs and pods in bytes (README, AWS_VPC_ENI_MTU). */
const DEFAULT_MTU = 9001;

/** The variables as values, defaults filled in. */
export interface CniSettings {
  readonly prefixDelegation: boolean;
  /** Most ENIs of a node, or null: the instance type's limit alone. */
  readonly maxEni: number | null;
  readonly eniMtu: number;
  readonly podMtu: number;
  readonly externalSnat: boolean;
  /** Empty while externalSnat is on, as in the CNI. */
  readonly excludeSnatCidrs: readonly string[];
  readonly randomizeSnat: "prng" | "hashrandom" | "none";
}

export function cniSettings(env: CniEnv): CniSettings {
  const externalSnat = env.AWS_VPC_K8S_CNI_EXTERNALSNAT === "true";
  const eniMtu = env.AWS_VPC_ENI_MTU === undefined ? DEFAULT_MTU : Number(env.AWS_VPC_ENI_MTU);
  const maxEni = Number(env.MAX_ENI ?? 0);
  return {
    prefixDelegation: env.ENABLE_PREFIX_DELEGATION === "true",
    // Under 1 means no limit of its own (README, MAX_ENI).
    maxEni: maxEni >= 1 ? maxEni : null,
    eniMtu,
    podMtu: env.POD_MTU === undefined ? eniMtu : Number(env.POD_MTU),
    externalSnat,
    excludeSnatCidrs: externalSnat ? [] : splitList(env.AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS ?? ""),
    randomizeSnat: env.AWS_VPC_K8S_CNI_RANDOMIZESNAT ?? "prng",
  };
}

/** What to say about a variable, or null where podplane does what it asks for. */
export function cniVariableNote(name: string, value: string): string | null {
  if (ACTED_ON.has(name) || AS_IT_IS[name] === value) return null;
  return name in cniEnvSchema.shape
    ? "accepted: podplane does not act on it yet"
    : "ignored: podplane does not know this variable";
}
