import { type CniEnv, cniSettings } from "../../objects/cniEnv.ts";
import type { EniConfig } from "../../objects/eniConfig.ts";
import type { Lab } from "../../objects/lab.ts";
import { findSubnet, securityGroupNames } from "../../vpc/references.ts";
import type { IpamdSettings } from "./settings.ts";

/** Label that settles the ENIConfig before all else, for those who manage it outside of Kubernetes. */
const EXTERNAL_LABEL = "vpc.amazonaws.com/externalEniConfig";
const DEFAULT_NAME = "default";

/** A node as Kubernetes has it; the labels of kubelet and the cloud provider are among its labels. */
interface ConfigNode {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Name of the ENIConfig that a node uses: of the external label, else the annotation, else the label whose keys the
 * environment gives, else `default`. A key that is there counts even with an empty value (pkg/eniconfig/eniconfig.go,
 * GetNodeSpecificENIConfigName).
 */
export function resolveEniConfigName(node: ConfigNode, env: CniEnv): string {
  const { eniConfigAnnotation, eniConfigLabel } = cniSettings(env);
  const { labels, annotations } = node;
  return labels[EXTERNAL_LABEL] ?? annotations[eniConfigAnnotation] ?? labels[eniConfigLabel] ?? DEFAULT_NAME;
}

/**
 * Custom networking of a node: `off`, the ENIConfig that it uses with its subnet and security groups by their names, or
 * `missing`, without which ipamd attaches no ENI for pods.
 */
export function eniConfigFor(
  node: ConfigNode,
  env: CniEnv,
  configs: readonly EniConfig[],
  vpc: Lab["spec"]["vpc"],
): IpamdSettings["customNetworking"] {
  if (!cniSettings(env).customNetworking) return "off";
  const name = resolveEniConfigName(node, env);
  const config = configs.find((c) => c.metadata.name === name);
  const subnet = config === undefined ? null : findSubnet(vpc, config.spec.subnet);
  if (config === undefined || subnet === null) return "missing";
  return { name, subnet: subnet.name, securityGroups: securityGroupNames(vpc, config.spec.securityGroups) };
}
