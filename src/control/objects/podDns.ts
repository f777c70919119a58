import { z } from "zod";
import { dnsSubdomain, ipv4, notEmpty } from "./fields.ts";

/** A line of a pod's hosts file (core/v1 HostAlias). */
export const hostAliasSchema = z.strictObject({ ip: ipv4, hostnames: z.array(dnsSubdomain).default([]) });

/** Which resolver a pod asks (core/v1 DNSPolicy). */
export const dnsPolicySchema = z.enum(["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"]);

/** What is added to, or with policy None makes up, a pod's resolv.conf (core/v1 PodDNSConfig). */
export const dnsConfigSchema = z.strictObject({
  nameservers: z.array(ipv4).default([]),
  searches: z.array(notEmpty).default([]),
  options: z.array(z.strictObject({ name: notEmpty, value: z.string().optional() })).default([]),
});
