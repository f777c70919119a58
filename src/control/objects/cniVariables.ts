export interface FlagVariable {
  /** Without the variable, and with a value that cannot be read. Where podplane does not act on it, it is as if so set. */
  readonly unset: boolean;
  readonly effect: "acted on" | "not acted on" | "IPv6";
}

export interface CountVariable {
  /** Without the variable: the DaemonSet's value, or the code's where the DaemonSet has none. */
  readonly unset: number;
  /** What ipamd makes of a negative or unreadable value. */
  readonly unreadable: number;
}

/**
 * Variables that ipamd reads with strconv.Atoi (amazon-vpc-cni-k8s at b5218838, pkg/ipamd/ipamd.go: getWarmENITarget and
 * those beside it). The defaults are those of the DaemonSet as EKS installs it (config/master/aws-k8s-cni.yaml), which
 * sets WARM_PREFIX_TARGET to 1; the code alone would take 0.
 */
export const COUNTS = {
  WARM_ENI_TARGET: { unset: 1, unreadable: 1 },
  WARM_IP_TARGET: { unset: 0, unreadable: 0 },
  MINIMUM_IP_TARGET: { unset: 0, unreadable: 0 },
  WARM_PREFIX_TARGET: { unset: 1, unreadable: 0 },
  MAX_ENI: { unset: 0, unreadable: 0 },
} satisfies Record<string, CountVariable>;

const acted = (unset: boolean): FlagVariable => ({ unset, effect: "acted on" });
const notActed = (unset: boolean): FlagVariable => ({ unset, effect: "not acted on" });
const ipv6 = (unset: boolean): FlagVariable => ({ unset, effect: "IPv6" });

/** Variables that are read with strconv.ParseBool; a value that it cannot read is the default. */
export const FLAGS = {
  ENABLE_PREFIX_DELEGATION: acted(false),
  ENABLE_SUBNET_DISCOVERY: acted(true),
  ENABLE_POD_ENI: acted(false),
  AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: acted(false),
  AWS_VPC_K8S_CNI_EXTERNALSNAT: acted(false),
  AWS_VPC_CNI_NODE_PORT_SUPPORT: acted(true),
  AWS_MANAGE_ENIS_NON_SCHEDULABLE: notActed(false),
  MANAGE_UNTAGGED_ENI: notActed(true),
  DISABLE_LEAKED_ENI_CLEANUP: notActed(false),
  DISABLE_NETWORK_RESOURCE_PROVISIONING: notActed(false),
  ENABLE_IMDS_ONLY_MODE: notActed(false),
  ENABLE_MULTI_NIC: notActed(false),
  ENABLE_BANDWIDTH_PLUGIN: notActed(false),
  ANNOTATE_POD_IP: notActed(false),
  DISABLE_TCP_EARLY_DEMUX: acted(false),
  DISABLE_INTROSPECTION: notActed(false),
  DISABLE_METRICS: notActed(false),
  ENABLE_NFTABLES: notActed(false),
  AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER: notActed(true),
  ENABLE_IPv4: ipv6(true),
  ENABLE_IPv6: ipv6(false),
  ENABLE_V4_EGRESS: ipv6(true),
  ENABLE_V6_EGRESS: ipv6(false),
  DISABLE_POD_V6: ipv6(false),
} satisfies Record<string, FlagVariable>;

/** Texts that podplane acts on. */
export const TEXTS = [
  "AWS_VPC_ENI_MTU",
  "POD_MTU",
  "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
  "AWS_EXTERNAL_SERVICE_CIDRS",
  "AWS_VPC_K8S_CNI_CONNMARK",
  "AWS_VPC_K8S_CNI_RANDOMIZESNAT",
  "ENI_CONFIG_ANNOTATION_DEF",
  "ENI_CONFIG_LABEL_DEF",
  "POD_SECURITY_GROUP_ENFORCING_MODE",
  "IP_COOLDOWN_PERIOD",
  "CLUSTER_NAME",
  "NETWORK_POLICY_ENFORCING_MODE",
] as const;

/**
 * Texts that mean nothing to podplane, with the value of the DaemonSet or the default, which needs no note; null: no value
 * needs one.
 */
export const OTHER_TEXTS: Readonly<Record<string, string | null>> = {
  ADDITIONAL_ENI_TAGS: "{}",
  AWS_EC2_ENDPOINT: "",
  AWS_VPC_K8S_CNI_BACKING_STORE: "/var/run/aws-node/ipam.json",
  AWS_VPC_K8S_CNI_VETHPREFIX: "eni",
  AWS_VPC_K8S_CNI_LOGLEVEL: "DEBUG",
  AWS_VPC_K8S_CNI_LOG_FILE: "/host/var/log/aws-routed-eni/ipamd.log",
  AWS_VPC_K8S_PLUGIN_LOG_FILE: "/var/log/aws-routed-eni/plugin.log",
  AWS_VPC_K8S_PLUGIN_LOG_LEVEL: "DEBUG",
  AWS_VPC_K8S_EGRESS_V4_PLUGIN_LOG_FILE: "/var/log/aws-routed-eni/egress-v4-plugin.log",
  AWS_VPC_K8S_EGRESS_V6_PLUGIN_LOG_FILE: "/var/log/aws-routed-eni/egress-v6-plugin.log",
  CLUSTER_ENDPOINT: null,
  HOST_CNI_BIN_PATH: "/host/opt/cni/bin",
  HOST_CNI_CONFDIR_PATH: "/host/etc/cni/net.d",
  INTROSPECTION_BIND_ADDRESS: "127.0.0.1:61679",
  MY_NODE_NAME: null,
  MY_POD_NAME: null,
  VPC_CNI_VERSION: null,
};

const COUNT_TABLE: ReadonlyMap<string, CountVariable> = new Map(Object.entries(COUNTS));
const FLAG_TABLE: ReadonlyMap<string, FlagVariable> = new Map(Object.entries(FLAGS));

/** The variable of that name if it is one that counts, else null. */
export function countVariable(name: string): CountVariable | null {
  return COUNT_TABLE.get(name) ?? null;
}

/** The variable of that name if it is one that is on or off, else null. */
export function flagVariable(name: string): FlagVariable | null {
  return FLAG_TABLE.get(name) ?? null;
}

/** Names of all variables of aws-node that podplane knows. */
export const CNI_VARIABLES: readonly string[] = [
  ...Object.keys(COUNTS),
  ...Object.keys(FLAGS),
  ...TEXTS,
  ...Object.keys(OTHER_TEXTS),
];
