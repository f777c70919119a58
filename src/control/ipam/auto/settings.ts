import type { NodeClass } from "../../objects/nodeClass.ts";
import type { InstanceLimits } from "../../vpc/ec2/types.ts";
import { type LabSecurityGroup, type LabSubnet, select } from "./selectors.ts";

/** An ENI that a node has from its launch on (NodeClass advancedNetworking.networkInterfaces). */
export interface StaticInterface {
  /** Its place in the list. */
  readonly index: number;
  readonly deviceNumber: number;
  /** At most one of the two is not 0. */
  readonly secondaryAddresses: number;
  readonly prefixes: number;
}

/**
 * What AWS says of Auto Mode's addresses in words alone ("a predefined warm pool that scales with scheduled pods", "a
 * cooldown pool"). The numbers are ours.
 */
export interface AutoParameters {
  /** Addresses that a node keeps free at least, 0 or more; not published by AWS. */
  readonly warmAddresses: number;
  /** Free addresses per scheduled pod, 0 or more, where that is more than warmAddresses; not published by AWS. */
  readonly warmShare: number;
  /** Milliseconds that a prefix which is not needed stays with its ENI; not published by AWS. */
  readonly prefixCooldown: number;
  /**
   * Milliseconds from EC2's InsufficientCidrBlocks, during which the subnet is taken as fragmented and gives /32s, until
   * prefixes are asked for again; not published by AWS.
   */
  readonly fragmentationPeriod: number;
  /** Milliseconds for which a subnet without addresses is not asked again; not published by AWS, ipamd's here. */
  readonly exhaustionPeriod: number;
  /** Milliseconds until another pod may have an address that was given back; not published by AWS, ipamd's here. */
  readonly addressCooldown: number;
  /** Milliseconds between two looks at the pool; not published by AWS, ipamd's here. */
  readonly monitorInterval: number;
  /**
   * Which of the addresses that would do a pod gets; not published by AWS. `lowest` takes ENIs by device number and slots
   * by age, `random` any.
   */
  readonly assignOrder: "lowest" | "random";
}

export const DEFAULT_AUTO_PARAMETERS: AutoParameters = {
  // "One /28 up front, another when it fills": with one address to keep free, and one more for every eight pods.
  warmAddresses: 1,
  warmShare: 0.125,
  prefixCooldown: 60_000,
  fragmentationPeriod: 120_000,
  exhaustionPeriod: 120_000,
  addressCooldown: 30_000,
  monitorInterval: 5_000,
  assignOrder: "lowest",
};

/** How an Auto Mode node gets its addresses. */
export interface AutoSettings extends AutoParameters {
  /** NodeClass advancedNetworking.ipv4PrefixSize: /28 prefixes with /32s where the subnet is fragmented, or /32s alone. */
  readonly prefixSize: "auto" | "32";
  /** Addresses kept free with prefixSize "32": MinimalIPTarget (EKS release note, 19 Dec 2025). */
  readonly minimalIpTarget: number;
  /** Names of the subnets of pods' ENIs, in the node's zone; the primary ENI has no pods. Null: the node's own subnet. */
  readonly podSubnets: readonly string[] | null;
  /** Of pods' ENIs in pod subnets. Empty: those of the primary ENI. */
  readonly podSecurityGroups: readonly string[];
  /** Null: ENIs come and go. Else nothing is added after launch. */
  readonly staticInterfaces: readonly StaticInterface[] | null;
}

/** One warm secondary address in mode "32" (EKS release note, 19 Dec 2025). */
const MINIMAL_IP_TARGET = 1;

/** Most pods of an Auto Mode node (EKS user guide). */
const MAX_PODS = 110;

/**
 * max-pods of an Auto Mode node: the secondary addresses of its ENIs, as if every subnet were fragmented, at most 110. There
 * are no hostNetwork system pods to add: they are services of the node.
 *
 * @param podSubnets whether pods have subnets of their own, so that the primary ENI has none.
 */
export function autoMaxPods(limits: InstanceLimits, podSubnets: boolean): number {
  const enis = limits.enis - (podSubnets ? 1 : 0);
  return Math.min(MAX_PODS, enis * (limits.addressesPerEni - 1));
}

/** The interfaces of a NodeClass that pods can have addresses of, by device number; null: ENIs come and go. */
export function staticInterfaces(nodeClass: NodeClass): StaticInterface[] | null {
  const { networkInterfaces } = nodeClass.spec.advancedNetworking;
  if (networkInterfaces === undefined) return null;
  return networkInterfaces
    .flatMap(({ networkCardIndex, deviceIndex, interfaceType, secondaryIPv4Count, secondaryIPv4PrefixCount }, index) =>
      // Other network cards have no addresses for pods; efa-only interfaces have none at all.
      networkCardIndex === 0 && interfaceType === "interface"
        ? {
            index,
            deviceNumber: deviceIndex,
            secondaryAddresses: secondaryIPv4Count ?? 0,
            prefixes: secondaryIPv4PrefixCount ?? 0,
          }
        : [],
    )
    .sort((a, b) => a.deviceNumber - b.deviceNumber);
}

/** The VPC's part of a lab that a NodeClass selects from. */
export interface Selection {
  readonly subnets: readonly LabSubnet[];
  readonly securityGroups: readonly LabSecurityGroup[];
}

/**
 * How a node of the class gets its addresses. Pod subnets are those of its own zone: an ENI cannot be attached across
 * zones. `podSubnets` is empty where the class has some and none is in the zone: the node's pods then get no address.
 *
 * @param nodeClass null: Auto Mode's built-in one, `default`.
 */
export function autoSettings(
  vpc: Selection,
  nodeClass: NodeClass | null,
  availabilityZone: string,
  overrides: Partial<AutoParameters> = {},
): AutoSettings {
  const base = { ...DEFAULT_AUTO_PARAMETERS, ...overrides, minimalIpTarget: MINIMAL_IP_TARGET };
  if (nodeClass === null)
    return { ...base, prefixSize: "auto", podSubnets: null, podSecurityGroups: [], staticInterfaces: null };
  const { advancedNetworking, podSubnetSelectorTerms, podSecurityGroupSelectorTerms } = nodeClass.spec;
  const podSubnets =
    podSubnetSelectorTerms === undefined
      ? null
      : select(podSubnetSelectorTerms, vpc.subnets)
          .filter((subnet) => subnet.availabilityZone === availabilityZone)
          .map((subnet) => subnet.name);
  return {
    ...base,
    prefixSize: advancedNetworking.ipv4PrefixSize === "32" ? "32" : "auto",
    podSubnets,
    podSecurityGroups: select(podSecurityGroupSelectorTerms ?? [], vpc.securityGroups).map((group) => group.name),
    staticInterfaces: staticInterfaces(nodeClass),
  };
}
