import type { DesiredPod } from "../kube/deployments.ts";
import type { PodSpec } from "../objects/pod.ts";

/** A host name of Linux may have so many characters (kubelet_pods.go, truncatePodHostnameIfNeeded). */
const HOSTNAME_MAX = 63;

/** What kubelet writes before a pod's own line (kubelet_pods.go, managedHostsFileContent). */
const MANAGED = [
  "# Kubernetes-managed hosts file.",
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "fe00::0\tip6-mcastprefix",
  "fe00::1\tip6-allnodes",
  "fe00::2\tip6-allrouters",
];

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

/** What `hostname` says in a pod with a network of its own: its `hostname`, else its name (GeneratePodHostNameAndDomain). */
export function podHostname({ name, spec }: Pick<DesiredPod, "name" | "spec">): string {
  return (spec.hostname ?? name).slice(0, HOSTNAME_MAX).replace(/[-.]+$/, "");
}

/** A pod's line of its hosts file: its name below its subdomain, where it has one, and its host name. */
export function podHostsLine(pod: DesiredPod, address: string, clusterDomain: string): string {
  const { namespace, spec } = pod;
  const hostname = podHostname(pod);
  const full = spec.subdomain === undefined ? [] : [`${hostname}.${spec.subdomain}.${namespace}.svc.${clusterDomain}`];
  return [address, ...full, hostname].join("\t");
}

/** Lines of a pod's hostAliases (kubelet_pods.go, hostsEntriesFromHostAliases). */
export function aliasLines({ hostAliases }: PodSpec): string[] {
  if (hostAliases.length === 0) return [];
  return [
    "",
    "# Entries added by HostAliases.",
    ...hostAliases.map(({ ip, hostnames }) => [ip, ...hostnames].join("\t")),
  ];
}

/** /etc/hosts of a pod with a network of its own, as kubelet writes it. */
export function podHostsFile(pod: DesiredPod, address: string, clusterDomain: string): string {
  return text([...MANAGED, podHostsLine(pod, address, clusterDomain), ...aliasLines(pod.spec)]);
}

/**
 * /etc/hosts of a hostNetwork pod: its node's, with the pod's aliases (kubelet_pods.go, nodeHostsFileContent).
 *
 * @param node lines of the node's file
 */
export function hostNetworkHostsFile(pod: DesiredPod, node: readonly string[]): string {
  return text(["# Kubernetes-managed hosts file (host network).", ...node, ...aliasLines(pod.spec)]);
}
