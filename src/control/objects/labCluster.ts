import { z } from "zod";
import { cniEnvSchema } from "./cniEnv.ts";
import { cidr } from "./fields.ts";

/** EKS's own choice where the VPC is not in 172.16.0.0/12 (EKS user guide, "Service IPv4 range"). */
const DEFAULT_SERVICE_CIDR = "172.20.0.0/16";
/** kube-proxy's floor for nf_conntrack_max (--conntrack-min). */
const DEFAULT_CONNTRACK_MAX = 131072;

export const clusterSchema = z.strictObject({
  mode: z.enum(["standard", "auto"]).default("standard"),
  serviceCidr: cidr.default(DEFAULT_SERVICE_CIDR),
  cni: z.strictObject({ env: cniEnvSchema.prefault({}) }).prefault({}),
  kubeProxy: z
    .strictObject({
      mode: z.enum(["iptables", "nftables"]).default("iptables"),
      clusterCIDR: cidr.optional(),
      masqueradeAll: z.boolean().default(false),
    })
    .prefault({}),
  conntrack: z
    .strictObject({
      max: z.int().min(1).default(DEFAULT_CONNTRACK_MAX).describe("Most entries of one node: nf_conntrack_max"),
      tcpLoose: z.boolean().default(true).describe("nf_conntrack_tcp_loose: pick up connections midway"),
      tcpBeLiberal: z.boolean().default(false).describe("nf_conntrack_tcp_be_liberal: no window check"),
    })
    .prefault({}),
});
