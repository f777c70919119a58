import { z } from "zod";
import { dnsSubdomain } from "./fields.ts";

/** The kubernetes plugin's own default, and its largest (CoreDNS, plugin/kubernetes/setup.go). */
const DEFAULT_TTL = 5;
const MAX_TTL = 3600;

/** The cluster's DNS: who answers at the cluster DNS address, and what. */
export const dnsSchema = z.strictObject({
  mode: z
    .enum(["coredns", "node-local", "none"])
    .optional()
    .describe(
      "coredns: two pods behind the Service kube-system/kube-dns, the default of Standard mode; node-local: every node answers itself, the default of Auto Mode; none: names are in /etc/hosts",
    ),
  clusterDomain: dnsSubdomain.default("cluster.local"),
  pods: z
    .enum(["disabled", "insecure", "verified"])
    .default("insecure")
    .describe("CoreDNS's `pods`: names such as 10-0-1-16.default.pod.cluster.local; EKS's Corefile says insecure"),
  ttl: z.int().min(0).max(MAX_TTL).default(DEFAULT_TTL).describe("TTL of the cluster's records in seconds"),
  queryLimit: z
    .int()
    .min(0)
    .default(0)
    .describe("Packets a second that an ENI may send to the VPC's resolver; AWS lets 1024 pass; 0: no limit"),
});
