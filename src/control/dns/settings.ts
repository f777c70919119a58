import { formatAddress } from "../../plane/wire/address.ts";
import type { Lab } from "../objects/lab.ts";
import { addressAt, toCidr } from "../vpc/cidr.ts";
import { regionDomain } from "./names.ts";

/** Where EKS puts kube-dns: the tenth address of the service CIDR (EKS user guide, "Service IPv4 range"). */
const CLUSTER_DNS_OFFSET = 10;
/** The VPC's resolver in its first block: base plus two (VPC user guide, "Amazon DNS server"). */
const VPC_DNS_OFFSET = 2;
/** The same resolver, by its address that is the same in every VPC. */
export const LINK_LOCAL_RESOLVER = "169.254.169.253";

export type DnsMode = "coredns" | "node-local" | "none";

/** Who answers at the cluster DNS address: by default CoreDNS's pods in Standard mode, each node itself in Auto Mode. */
export function dnsMode(lab: Lab): DnsMode {
  const { mode, dns } = lab.spec.cluster;
  return dns.mode ?? (mode === "auto" ? "node-local" : "coredns");
}

/** Address that the pods of a cluster ask, kubelet's clusterDNS: 172.20.0.10. */
export function clusterDnsAddress(lab: Lab): string {
  return formatAddress(addressAt(toCidr(lab.spec.cluster.serviceCidr), CLUSTER_DNS_OFFSET));
}

/** Addresses of the VPC's resolver: 10.0.0.2 first. */
export function vpcResolverAddresses(lab: Lab): string[] {
  const [primary] = lab.spec.vpc.cidrBlocks;
  return [formatAddress(addressAt(toCidr(primary), VPC_DNS_OFFSET)), LINK_LOCAL_RESOLVER];
}

/** Search domain of the VPC's machines. */
export function vpcDomain(lab: Lab): string {
  return regionDomain(lab.spec.region);
}
