import { parseCidr } from "../../plane/wire/address.ts";
import { nearMatches } from "../near.ts";
import { type CniEnv, type CniSettings, cniSettings, connmarkOf } from "./cniEnv.ts";
import { CNI_VARIABLES, COUNTS, countVariable, flagVariable, OTHER_TEXTS, TEXTS } from "./cniVariables.ts";
import { splitList } from "./fields.ts";
import { goBoolean, goInteger } from "./goText.ts";

/** What there is to say about one variable. */
export interface CniNote {
  readonly name: string;
  readonly message: string;
}

/** kube-proxy's masquerade and drop marks, and the portmap plugin's. */
const OTHERS_MARKS = 0x4000 | 0x8000 | 0x2000;
const NOT_ACTED_ON = "is accepted: podplane does not act on it";
const IPV4_ALONE = "is accepted: podplane is IPv4 alone";

/** A value that aws-node takes another for. */
function unreadableNote(name: string, value: string): string | null {
  const count = countVariable(name);
  if (count !== null) {
    if ((goInteger(value) ?? -1) >= 0) return null;
    const { unreadable } = count;
    const taken = unreadable === 0 ? "takes it for 0, as if it were not set" : `takes ${unreadable} for it`;
    return `is "${value}": ipamd ${taken}, as for every negative or unreadable value`;
  }
  const flag = flagVariable(name);
  if (flag !== null && goBoolean(value) === null)
    return `is "${value}": aws-node cannot read it and takes ${flag.unset} for it; write "true" or "false"`;
  if (name === "AWS_VPC_K8S_CNI_RANDOMIZESNAT" && !["prng", "hashrandom", "none", ""].includes(value))
    return `is "${value}": aws-node takes prng for it, as for every other value; write prng, hashrandom or none`;
  if (name === "POD_SECURITY_GROUP_ENFORCING_MODE" && !["strict", "standard"].includes(value))
    return `is "${value}": aws-node refuses it once ENABLE_POD_ENI is on; write strict or standard`;
  if (name === "AWS_VPC_K8S_CNI_CONNMARK" && value !== "" && connmarkOf(value) === null)
    return `is "${value}": aws-node takes 0x80 for it; write a number from 1 to 0xffffffff`;
  if (name === "AWS_EXTERNAL_SERVICE_CIDRS") {
    const skipped = splitList(value).filter((part) => parseCidr(part) === null);
    return skipped.length === 0 ? null : `has ${skipped.join(" and ")}: aws-node skips what is no IPv4 CIDR block`;
  }
  return null;
}

/** A value that podplane does nothing for. */
function ignoredNote(name: string, value: string): string | null {
  if (countVariable(name) !== null || TEXTS.some((known) => known === name)) return null;
  const flag = flagVariable(name);
  if (flag !== null) {
    const { effect, unset } = flag;
    if (effect === "acted on" || (goBoolean(value) ?? unset) === unset) return null;
    return effect === "IPv6" ? IPV4_ALONE : NOT_ACTED_ON;
  }
  if (Object.hasOwn(OTHER_TEXTS, name)) {
    const asItIs = OTHER_TEXTS[name];
    return asItIs === null || asItIs === value ? null : NOT_ACTED_ON;
  }
  const near = nearMatches(name, CNI_VARIABLES);
  const ignored = "is ignored: podplane does not know this variable";
  return near.length === 0 ? ignored : `${ignored}; did you mean ${near.join(" or ")}?`;
}

/** The IP target that puts ENI and prefix targets out of action (ipamd's warmIPTargetsDefined), or null: neither is set. */
function ipTarget({ warmIpTarget, minimumIpTarget }: CniSettings): string | null {
  if (warmIpTarget > 0) return "WARM_IP_TARGET";
  return minimumIpTarget > 0 ? "MINIMUM_IP_TARGET" : null;
}

/** A value that another variable puts out of action, or gives a meaning that surprises. */
function interactionNote(name: string, settings: CniSettings): string | null {
  const without = (on: boolean, other: string) => (on ? null : `has no effect without ${other}`);
  const target = ipTarget(settings);
  switch (name) {
    case "WARM_ENI_TARGET":
      if (target !== null) return `has no effect beside ${target}`;
      return settings.prefixDelegation
        ? "has no effect beside ENABLE_PREFIX_DELEGATION: WARM_PREFIX_TARGET stands in for it"
        : null;
    case "WARM_PREFIX_TARGET":
      if (!settings.prefixDelegation) return "has no effect without ENABLE_PREFIX_DELEGATION";
      return target === null ? null : `has no say in how many addresses a node gets beside ${target}`;
    case "MINIMUM_IP_TARGET":
      return settings.minimumIpTarget > 0 && settings.warmIpTarget === 0
        ? "is set without WARM_IP_TARGET: a node that has so many addresses for pods never gets more; set WARM_IP_TARGET beside it"
        : null;
    case "ENI_CONFIG_ANNOTATION_DEF":
    case "ENI_CONFIG_LABEL_DEF":
      return without(settings.customNetworking, "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG");
    case "POD_SECURITY_GROUP_ENFORCING_MODE":
      return without(settings.podEni, "ENABLE_POD_ENI");
    case "DISABLE_TCP_EARLY_DEMUX":
      return settings.tcpEarlyDemux ? null : without(settings.podEni, "ENABLE_POD_ENI");
    case "AWS_VPC_K8S_CNI_RANDOMIZESNAT":
    case "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS":
      return settings.externalSnat ? "has no effect beside AWS_VPC_K8S_CNI_EXTERNALSNAT" : null;
    case "AWS_VPC_K8S_CNI_CONNMARK":
      return (settings.connmark & OTHERS_MARKS) === 0
        ? null
        : "shares bits with the marks of kube-proxy (0x4000, 0x8000) or the portmap plugin (0x2000), which then translate what it marks";
    default:
      return null;
  }
}

/** Variables of aws-node's addresses and rules, of which a node of EKS Auto Mode has its own (NodeClass snatPolicy). */
const IPAMD_VARIABLES: ReadonlySet<string> = new Set([
  ...Object.keys(COUNTS),
  "IP_COOLDOWN_PERIOD",
  "ENABLE_PREFIX_DELEGATION",
  "ENABLE_SUBNET_DISCOVERY",
  "ENABLE_POD_ENI",
  "POD_SECURITY_GROUP_ENFORCING_MODE",
  "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG",
  "ENI_CONFIG_ANNOTATION_DEF",
  "ENI_CONFIG_LABEL_DEF",
  "AWS_VPC_K8S_CNI_EXTERNALSNAT",
  "AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS",
  "AWS_VPC_K8S_CNI_RANDOMIZESNAT",
  "AWS_VPC_K8S_CNI_CONNMARK",
  "AWS_VPC_CNI_NODE_PORT_SUPPORT",
  "AWS_EXTERNAL_SERVICE_CIDRS",
  "DISABLE_TCP_EARLY_DEMUX",
]);

/** What EKS Auto Mode has instead. */
function autoHint(name: string): string {
  return name === "AWS_VPC_K8S_CNI_EXTERNALSNAT" ? ": their NodeClass has snatPolicy" : "";
}

/** What aws-node or podplane makes of the variables that their author may not expect, in the variables' order. */
export function cniNotes(env: CniEnv, mode: "standard" | "auto"): CniNote[] {
  const notes: CniNote[] = [];
  const settings = cniSettings(env);
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    const found =
      mode === "auto" && IPAMD_VARIABLES.has(name)
        ? [`has no effect on nodes of EKS Auto Mode, which have no aws-node${autoHint(name)}`]
        : [unreadableNote(name, value), interactionNote(name, settings) ?? ignoredNote(name, value)];
    for (const note of found) if (note !== null) notes.push({ name, message: `${name} ${note}` });
  }
  return notes;
}
