import type { Lab } from "../objects/lab.ts";
import type { PodSpec } from "../objects/pod.ts";
import { clusterDnsAddress, vpcDomain, vpcResolverAddresses } from "./settings.ts";

/** resolv.conf(5) as its parts. */
export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Kubernetes' limits (pkg/apis/core/validation). */
const MOST_NAMESERVERS = 3;
const MOST_SEARCHES = 32;
const MOST_SEARCH_CHARACTERS = 2048;
/** kubelet's defaultDNSOptions (pkg/kubelet/network/dns/dns.go). */
const CLUSTER_OPTIONS = ["ndots:5"];

const EMPTY: ResolvConf = { nameservers: [], searches: [], options: [] };
const unique = (texts: readonly string[]): string[] => [...new Set(texts)];

/** What a machine of the VPC has from DHCP: the VPC's resolver and the region's domain. */
export function machineResolvConf(lab: Lab): ResolvConf {
  const [resolver] = vpcResolverAddresses(lab);
  return { nameservers: [resolver], searches: [vpcDomain(lab)], options: [] };
}

function clusterFirst(lab: Lab, namespace: string): ResolvConf {
  const domain = lab.spec.cluster.dns.clusterDomain;
  const own = [`${namespace}.svc.${domain}`, `svc.${domain}`, domain];
  const searches = unique([...own, ...machineResolvConf(lab).searches]);
  return { nameservers: [clusterDnsAddress(lab)], searches, options: CLUSTER_OPTIONS };
}

/** Options by their names: later ones win. */
function mergedOptions(options: readonly string[], more: NonNullable<PodSpec["dnsConfig"]>["options"]): string[] {
  const merged = new Map<string, string>();
  for (const option of options) merged.set(option.split(":")[0], option);
  for (const { name, value } of more) merged.set(name, value === undefined || value === "" ? name : `${name}:${value}`);
  return [...merged.values()];
}

/** As many as Kubernetes lets through: the last ones go. */
function withinLimits({ nameservers, searches, options }: ResolvConf): ResolvConf {
  const kept = searches.slice(0, MOST_SEARCHES);
  while (kept.join(" ").length > MOST_SEARCH_CHARACTERS) kept.pop();
  return { nameservers: nameservers.slice(0, MOST_NAMESERVERS), searches: kept, options };
}

/** A pod's resolv.conf as kubelet makes it (pkg/kubelet/network/dns/dns.go, GetPodDNS). */
export function podResolvConf(lab: Lab, namespace: string, spec: PodSpec): ResolvConf {
  const { dnsPolicy, dnsConfig, hostNetwork } = spec;
  const isCluster = dnsPolicy === "ClusterFirstWithHostNet" || (dnsPolicy === "ClusterFirst" && !hostNetwork);
  const base = dnsPolicy === "None" ? EMPTY : isCluster ? clusterFirst(lab, namespace) : machineResolvConf(lab);
  if (dnsConfig === undefined) return withinLimits(base);
  return withinLimits({
    nameservers: unique([...base.nameservers, ...dnsConfig.nameservers]),
    searches: unique([...base.searches, ...dnsConfig.searches]),
    options: mergedOptions(base.options, dnsConfig.options),
  });
}

/** The file, as containerd writes it (cri/sbserver, parseDNSOptions). */
export function resolvConfText({ nameservers, searches, options }: ResolvConf): string {
  const lines = [
    ...(searches.length > 0 ? [`search ${searches.join(" ")}`] : []),
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
  ];
  return lines.map((line) => `${line}\n`).join("");
}
