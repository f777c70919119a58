import { type CniEnv, cniSettings } from "../../objects/cniEnv.ts";
import type { IpamdSettings } from "./settings.ts";

/** What ipamd knows besides its environment. */
export interface IpamdSurroundings {
  readonly customNetworking: IpamdSettings["customNetworking"];
  /** Whether ENIs of the node's type take prefixes: Nitro and bare metal. */
  readonly nitro: boolean;
  readonly assignOrder: IpamdSettings["assignOrder"];
}

/**
 * ipamd's settings on a node.
 *
 * @param env of an environment that has passed its checks (cniEnv.ts).
 * @returns notes: what ipamd logs about them when it starts (pkg/ipamd/ipamd.go, isConfigValid).
 */
export function ipamdSettings(
  env: CniEnv,
  { customNetworking, nitro, assignOrder }: IpamdSurroundings,
): { settings: IpamdSettings; notes: string[] } {
  const cni = cniSettings(env);
  const notes: string[] = [];
  if (cni.prefixDelegation && !nitro)
    notes.push(
      "ENABLE_PREFIX_DELEGATION has no effect on an instance type that is no Nitro type: pods get secondary addresses",
    );
  const { warmEniTarget, warmIpTarget, minimumIpTarget, warmPrefixTarget, maxEni, cooldown, subnetDiscovery, podEni } =
    cni;
  return {
    settings: {
      warmEniTarget,
      warmIpTarget,
      minimumIpTarget,
      warmPrefixTarget,
      maxEni,
      prefixDelegation: cni.prefixDelegation && nitro,
      cooldown,
      subnetDiscovery,
      customNetworking,
      podEni,
      assignOrder,
    },
    notes,
  };
}
