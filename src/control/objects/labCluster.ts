import { z } from "zod";
import { cniEnvSchema } from "./cniEnv.ts";
import { conntrackTimeoutsSchema } from "./conntrackTimeouts.ts";
import { cidr, nodePortAddress } from "./fields.ts";
import { dnsSchema } from "./labDns.ts";
import { networkPolicySettingsSchema } from "./labNetworkPolicy.ts";

/** EKS's own choice where the VPC is not in 172.16.0.0/12 (EKS user guide, "Service IPv4 range"). */
const DEFAULT_SERVICE_CIDR = "172.20.0.0/16";
/** kube-proxy's floor for nf_conntrack_max (--conntrack-min). */
const DEFAULT_CONNTRACK_MAX = 131072;
/** As many packets as can wait for their entry (plane/parking.ts). */
const MAX_WINDOW = 32;

/** How each mode can choose among endpoints; kube-proxy's iptables and nftables modes know one way alone. */
const SCHEDULERS: Readonly<Record<string, readonly string[]>> = {
  ipvs: ["rr", "wrr", "lc", "sh", "mh"],
  cilium: ["random", "maglev"],
};

const schedulersOf = (mode: string): readonly string[] => SCHEDULERS[mode] ?? [];

export const clusterSchema = z.strictObject({
  mode: z.enum(["standard", "auto"]).default("standard"),
  serviceCidr: cidr.default(DEFAULT_SERVICE_CIDR),
  cni: z
    .strictObject({
      env: cniEnvSchema.prefault({}),
      markBeforeDnat: z
        .boolean()
        .default(false)
        .describe(
          "As the CNI before 1.23: its mark of what leaves the VPC comes before kube-proxy's translation (amazon-vpc-cni-k8s 3563, 3800)",
        ),
    })
    .prefault({}),
  networkPolicy: networkPolicySettingsSchema.prefault({}),
  kubeProxy: z
    .strictObject({
      mode: z.enum(["iptables", "nftables", "ipvs", "cilium"]).default("iptables"),
      scheduler: z
        .enum(["rr", "wrr", "lc", "sh", "mh", "random", "maglev"])
        .optional()
        .describe("ipvs: rr (its default), wrr, lc, sh or mh; cilium: random (its default) or maglev"),
      clusterCIDR: cidr.optional(),
      masqueradeAll: z.boolean().default(false),
      nodePortAddresses: z
        .array(nodePortAddress)
        .refine((list) => list.length < 2 || !list.includes("primary"), {
          error: "expected CIDR blocks or primary alone, got both",
        })
        .default([])
        .describe(
          "Which of a node's addresses have NodePorts: CIDR blocks, or primary; empty: all, but in nftables mode the primary one",
        ),
      udpConntrackCleanup: z
        .enum(["reconciler", "reconcilerSkipsEmpty", "event", "none"])
        .default("reconciler")
        .describe(
          "Stale UDP entries: as of 1.32 (reconciler), before its fix for services without endpoints (reconcilerSkipsEmpty), up to 1.31 (event), or never",
        ),
    })
    .refine(({ mode, scheduler }) => scheduler === undefined || schedulersOf(mode).includes(scheduler), {
      path: ["scheduler"],
      error: "expected a scheduler of the mode (ipvs: rr, wrr, lc, sh or mh; cilium: random or maglev; others: none)",
    })
    .prefault({}),
  dns: dnsSchema.prefault({}),
  conntrack: z
    .strictObject({
      max: z.int().min(1).default(DEFAULT_CONNTRACK_MAX).describe("Most entries of one node: nf_conntrack_max"),
      tcpLoose: z.boolean().default(true).describe("nf_conntrack_tcp_loose: pick up connections midway"),
      tcpBeLiberal: z.boolean().default(false).describe("nf_conntrack_tcp_be_liberal: no window check"),
      checksum: z
        .boolean()
        .default(true)
        .describe("nf_conntrack_checksum: packets with a wrong layer 4 checksum are INVALID"),
      timeouts: conntrackTimeoutsSchema.prefault({}).describe("Seconds, by the names of the sysctls in net.netfilter"),
      resolveClashes: z
        .boolean()
        .default(true)
        .describe("false: as Linux before 5.0, of two first packets of a UDP socket that race one is lost"),
      accounting: z
        .boolean()
        .default(false)
        .describe("nf_conntrack_acct: packets and bytes of each connection are counted, in get conntrack and top"),
      unconfirmedWindow: z
        .int()
        .min(0)
        .max(MAX_WINDOW)
        .default(0)
        .describe("Packets that come between the translation of a connection's first packet and its entry, at most"),
    })
    .prefault({}),
});
