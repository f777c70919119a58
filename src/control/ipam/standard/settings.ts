/** ENIConfig as ipamd reads it (crd.k8s.amazonaws.com/v1alpha1). */
export interface EniConfigSpec {
  readonly name: string;
  /** Name of the subnet of secondary ENIs. */
  readonly subnet: string;
  /** Empty: those of the primary ENI. */
  readonly securityGroups: readonly string[];
}

/** What the DaemonSet's environment says to ipamd, parsed as ipamd parses it. */
export interface IpamdSettings {
  /** WARM_ENI_TARGET */
  readonly warmEniTarget: number;
  /** WARM_IP_TARGET, 0: undefined. */
  readonly warmIpTarget: number;
  /** MINIMUM_IP_TARGET, 0: undefined. */
  readonly minimumIpTarget: number;
  /** WARM_PREFIX_TARGET */
  readonly warmPrefixTarget: number;
  /** MAX_ENI, null: the instance type's limit. */
  readonly maxEni: number | null;
  /** ENABLE_PREFIX_DELEGATION */
  readonly prefixDelegation: boolean;
  /** IP_COOLDOWN_PERIOD in milliseconds. */
  readonly cooldown: number;
  /** ENABLE_SUBNET_DISCOVERY */
  readonly subnetDiscovery: boolean;
  /** AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: off, or the ENIConfig of this node; `missing` when there is none of its name. */
  readonly customNetworking: "off" | "missing" | EniConfigSpec;
  /** ENABLE_POD_ENI: keeps a place for the trunk ENI. */
  readonly podEni: boolean;
  /**
   * Which of the addresses that would do a pod gets. ipamd iterates over Go maps, so AWS promises no order: `lowest` takes
   * ENIs by device number and slots by age, `random` shuffles both at each choice.
   */
  readonly assignOrder: "lowest" | "random";
}
