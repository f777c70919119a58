import { z } from "zod";
import { parseCidr } from "../../plane/wire/address.ts";
import { type Cidr, toCidr } from "../vpc/cidr.ts";
import { COUNTS, FLAGS, TEXTS } from "./cniVariables.ts";
import { cidrList, mtuText, splitList } from "./fields.ts";
import { goBoolean, goInteger, goIntegerOfAnyBase } from "./goText.ts";

/** Seconds for which an address cannot be given again (README, IP_COOLDOWN_PERIOD). */
const DEFAULT_COOLDOWN = 30;
const MILLISECONDS = 1000;
/** Default MTU of ENIs and pods in bytes (README, AWS_VPC_ENI_MTU). */
const DEFAULT_MTU = 9001;
/** Key of the node annotation and the node label that name an ENIConfig (pkg/eniconfig/eniconfig.go). */
const DEFAULT_ENI_CONFIG_KEY = "k8s.amazonaws.com/eniConfig";
const VETH_PREFIX_MAX = 4;
const DEFAULT_CONNMARK = 0x80;
const CONNMARK_MAX = 0xffff_ffff;

const SNAT_MODES = ["prng", "hashrandom", "none"] as const;
const POLICY_MODES = ["standard", "strict", "none"];

/** Variables of aws-node by their names, with text values as a container's `env` has them. */
export type CniEnv = Readonly<Record<string, string | undefined>>;

const count = z.string({ error: 'expected a whole number in quotes such as "1"' });
const flag = z.string({ error: 'expected "true" or "false", in quotes' }).meta({ examples: ["true", "false"] });

const required = (expected: string, test: (text: string) => boolean) => {
  const error = `expected ${expected}`;
  return z.string({ error }).refine(test, { error });
};

/** Texts whose bad values keep aws-node from starting (cmd/aws-vpc-cni/main.go, validateEnvVars; pkg/ipamd/ipamd.go, New). */
const CHECKED = {
  AWS_VPC_ENI_MTU: mtuText,
  POD_MTU: mtuText,
  AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: cidrList,
  IP_COOLDOWN_PERIOD: required('whole seconds in quotes, "0" or more', (text) => (goInteger(text) ?? -1) >= 0),
  NETWORK_POLICY_ENFORCING_MODE: required(`one of ${POLICY_MODES.join(", ")}`, (text) =>
    POLICY_MODES.includes(text.toLowerCase()),
  ),
  AWS_VPC_K8S_CNI_VETHPREFIX: required(
    `at most ${VETH_PREFIX_MAX} letters, and not eth, lo or vlan`,
    (text) => text.length <= VETH_PREFIX_MAX && !["eth", "lo", "vlan"].includes(text),
  ),
  AWS_VPC_K8S_PLUGIN_LOG_FILE: required("a file, not stdout", (text) => text !== "stdout"),
};

const optional = (schema: z.ZodString) => schema.optional();
const named = (names: Iterable<string>, schema: z.ZodString) =>
  Object.fromEntries(Array.from(names, (name) => [name, optional(schema)]));

const shape: Record<string, z.ZodOptional<z.ZodString>> = {
  ...named(Object.keys(COUNTS), count),
  ...named(Object.keys(FLAGS), flag),
  ...named(TEXTS, z.string()),
  ...Object.fromEntries(Object.entries(CHECKED).map(([name, schema]) => [name, optional(schema)])),
};

/** Whether a variable is on, as Go reads it. */
function isOn(env: CniEnv, name: keyof typeof FLAGS): boolean {
  return goBoolean(env[name] ?? "") ?? FLAGS[name].unset;
}

/** A variable that counts something, as ipamd reads it. */
function countOf(env: CniEnv, name: keyof typeof COUNTS): number {
  const { unset, unreadable } = COUNTS[name];
  const text = env[name];
  if (text === undefined) return unset;
  const value = goInteger(text) ?? -1;
  return value >= 0 ? value : unreadable;
}

const text = (env: CniEnv, name: (typeof TEXTS)[number]): string => env[name] ?? "";

/**
 * Combinations that aws-node does not start with (validateEnvVars and isConfigValid). Targets are compared as texts there,
 * and so here: "00" passes where "0" does not.
 */
function refuse(env: CniEnv, problem: (name: string, message: string) => void): void {
  const prefixes = isOn(env, "ENABLE_PREFIX_DELEGATION");
  const targets = ["WARM_IP_TARGET", "WARM_PREFIX_TARGET", "MINIMUM_IP_TARGET"] as const;
  if (prefixes && targets.every((name) => (env[name] ?? String(COUNTS[name].unset)) <= "0"))
    problem(
      "WARM_PREFIX_TARGET",
      "with ENABLE_PREFIX_DELEGATION aws-node does not start unless WARM_PREFIX_TARGET, WARM_IP_TARGET or MINIMUM_IP_TARGET is above 0; set one of them",
    );
  if (isOn(env, "ENABLE_POD_ENI") && !["strict", "standard", undefined].includes(env.POD_SECURITY_GROUP_ENFORCING_MODE))
    problem("POD_SECURITY_GROUP_ENFORCING_MODE", "expected strict or standard");
  const v4 = isOn(env, "ENABLE_IPv4");
  const v6 = isOn(env, "ENABLE_IPv6");
  if (v4 === v6)
    problem(
      v6 ? "ENABLE_IPv6" : "ENABLE_IPv4",
      `aws-node does not start with ENABLE_IPv4 and ENABLE_IPv6 both ${v6 ? "on" : "off"}; turn one of them ${v6 ? "off" : "on"}`,
    );
  else if (v6 && (!prefixes || isOn(env, "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")))
    problem(
      "ENABLE_IPv6",
      "with ENABLE_IPv6 aws-node does not start unless ENABLE_PREFIX_DELEGATION is on and AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG off",
    );
}

/**
 * The environment of the aws-node DaemonSet (amazon-vpc-cni-k8s README, "CNI Configuration Variables", at b5218838). What
 * aws-node takes for a default, a value that cannot be read above all, is accepted here too and has a note
 * (cniNotes.ts); an error is what keeps aws-node from starting. Other variables are kept as text.
 */
export const cniEnvSchema = z
  .object(shape)
  .catchall(z.string())
  .superRefine((env, context) =>
    refuse(env, (name, message) => context.addIssue({ code: "custom", path: [name], message })),
  );

/** The variables as values. What is not set is as in the DaemonSet that EKS installs, WARM_PREFIX_TARGET=1 included. */
export interface CniSettings {
  readonly warmEniTarget: number;
  /** 0: undefined; so is minimumIpTarget's. */
  readonly warmIpTarget: number;
  readonly minimumIpTarget: number;
  readonly warmPrefixTarget: number;
  readonly prefixDelegation: boolean;
  /** Most ENIs of a node, or null: the instance type's limit alone. */
  readonly maxEni: number | null;
  /** IP_COOLDOWN_PERIOD in milliseconds. */
  readonly cooldown: number;
  readonly subnetDiscovery: boolean;
  readonly customNetworking: boolean;
  /** Keys of the node annotation and label that name an ENIConfig. */
  readonly eniConfigAnnotation: string;
  readonly eniConfigLabel: string;
  readonly podEni: boolean;
  /** How packets of pods with branch ENIs go: POD_SECURITY_GROUP_ENFORCING_MODE. */
  readonly podSecurityGroupMode: "strict" | "standard";
  /** CLUSTER_NAME, "": not set. Tag of ENIs, and of the subnets that discovery may take. */
  readonly clusterName: string;
  readonly eniMtu: number;
  readonly podMtu: number;
  readonly externalSnat: boolean;
  /** Empty while externalSnat is on, as in the CNI. */
  readonly excludeSnatCidrs: readonly string[];
  readonly randomizeSnat: (typeof SNAT_MODES)[number];
  readonly nodePortSupport: boolean;
  /** AWS_VPC_K8S_CNI_CONNMARK, 1 to 2^32 - 1. */
  readonly connmark: number;
  /** AWS_EXTERNAL_SERVICE_CIDRS, without what aws-node skips. */
  readonly externalServiceCidrs: readonly Cidr[];
  readonly tcpEarlyDemux: boolean;
}

/** AWS_VPC_K8S_CNI_CONNMARK as getConnmark reads it (pkg/networkutils/network.go); null: it takes 0x80. */
export function connmarkOf(text: string): number | null {
  const mark = goIntegerOfAnyBase(text);
  return mark !== null && mark > 0 && mark <= CONNMARK_MAX ? mark : null;
}

export function cniSettings(env: CniEnv): CniSettings {
  const externalSnat = isOn(env, "AWS_VPC_K8S_CNI_EXTERNALSNAT");
  const eniMtu = env.AWS_VPC_ENI_MTU === undefined ? DEFAULT_MTU : Number(env.AWS_VPC_ENI_MTU);
  const maxEni = countOf(env, "MAX_ENI");
  const cooldown = goInteger(text(env, "IP_COOLDOWN_PERIOD")) ?? DEFAULT_COOLDOWN;
  return {
    warmEniTarget: countOf(env, "WARM_ENI_TARGET"),
    warmIpTarget: countOf(env, "WARM_IP_TARGET"),
    minimumIpTarget: countOf(env, "MINIMUM_IP_TARGET"),
    warmPrefixTarget: countOf(env, "WARM_PREFIX_TARGET"),
    prefixDelegation: isOn(env, "ENABLE_PREFIX_DELEGATION"),
    // Under 1 means no limit of its own (README, MAX_ENI).
    maxEni: maxEni >= 1 ? maxEni : null,
    cooldown: cooldown * MILLISECONDS,
    subnetDiscovery: isOn(env, "ENABLE_SUBNET_DISCOVERY"),
    customNetworking: isOn(env, "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"),
    eniConfigAnnotation: text(env, "ENI_CONFIG_ANNOTATION_DEF") || DEFAULT_ENI_CONFIG_KEY,
    eniConfigLabel: text(env, "ENI_CONFIG_LABEL_DEF") || DEFAULT_ENI_CONFIG_KEY,
    podEni: isOn(env, "ENABLE_POD_ENI"),
    podSecurityGroupMode: text(env, "POD_SECURITY_GROUP_ENFORCING_MODE") === "standard" ? "standard" : "strict",
    clusterName: text(env, "CLUSTER_NAME"),
    eniMtu,
    podMtu: env.POD_MTU === undefined ? eniMtu : Number(env.POD_MTU),
    externalSnat,
    excludeSnatCidrs: externalSnat ? [] : splitList(text(env, "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS")),
    randomizeSnat: SNAT_MODES.find((mode) => mode === env.AWS_VPC_K8S_CNI_RANDOMIZESNAT) ?? "prng",
    nodePortSupport: isOn(env, "AWS_VPC_CNI_NODE_PORT_SUPPORT"),
    connmark: connmarkOf(text(env, "AWS_VPC_K8S_CNI_CONNMARK")) ?? DEFAULT_CONNMARK,
    externalServiceCidrs: splitList(text(env, "AWS_EXTERNAL_SERVICE_CIDRS")).flatMap((part) =>
      parseCidr(part) === null ? [] : [toCidr(part)],
    ),
    tcpEarlyDemux: !isOn(env, "DISABLE_TCP_EARLY_DEMUX"),
  };
}
