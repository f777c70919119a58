import { z } from "zod";
import { dnsSubdomain, notEmpty, stringMap } from "./fields.ts";
import { clusterMeta } from "./meta.ts";
import { networkInterfaceListSchema } from "./nodeClassInterfaces.ts";
import { securityGroupTerms, subnetTerms, tagTerm } from "./selectorTerms.ts";

// Ranges and defaults as the EKS user guide has them ("Create a Node Class for Amazon EKS").
const SIZE = "80Gi";
/** Largest volume in each unit that the guide allows. */
const SIZE_MAX: Readonly<Record<string, number>> = { Gi: 59_000, G: 64_000, Ti: 58, T: 64 };
const IOPS = { min: 3000, max: 16_000 };
/** MiB/s. */
const THROUGHPUT = { min: 125, max: 1000 };
const NO_PROXY_MAX = 50;

const KMS_KEY =
  /^(arn:aws[a-z-]*:kms:[a-z\d-]+:\d{12}:)?((?<=:)key\/[\da-f-]{36}|(?<=:)key\/mrk-[\da-f]{32}|(?<!:)[\da-f-]{36}|(?<!:)mrk-[\da-f]{32}|alias\/[\w/-]+)$/;

/** Tags that Auto Mode writes itself, as Karpenter's EC2NodeClass has them; a `/` at the end: all that begin so. */
const RESERVED_TAGS = [
  "eks:eks-cluster-name",
  "eks.amazonaws.com/nodeclass",
  "karpenter.sh/nodepool",
  "karpenter.sh/nodeclaim",
  "kubernetes.io/cluster/",
] as const;

const wholeNumber = (what: string, { min, max }: { min: number; max: number }) => {
  const error = `expected ${what} from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error }).default(min);
};

const sizeError = "expected a size in quotes of 1Gi to 59000Gi, 1G to 64000G, 1Ti to 58Ti or 1T to 64T";
const size = z.string({ error: sizeError }).refine(
  (text) => {
    const match = /^([1-9]\d*)(Gi|G|Ti|T)$/.exec(text);
    return match !== null && Number(match[1]) <= SIZE_MAX[match[2]];
  },
  { error: sizeError },
);

const kmsKey = z.string().regex(KMS_KEY, {
  error: "expected a KMS key: its ID, its ARN, alias/NAME or the alias's ARN",
});

const proxy = z.string().refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), {
  error: "expected a URL such as http://192.0.2.4:3128",
});

const base64 = z
  .string()
  .regex(/^(?=.)([A-Za-z\d+/\s]{2,})={0,2}\s*$/, { error: "expected certificates in PEM, encoded as base64" });

const advancedNetworkingSchema = z
  .strictObject({
    ipv4PrefixSize: z.enum(["Auto", "32"], { error: 'expected Auto or "32", in quotes' }).default("Auto"),
    /** Without it the subnet's mapPublicIpOnLaunch holds. */
    associatePublicIPAddress: z.boolean().optional(),
    httpsProxy: proxy.optional(),
    noProxy: z.array(notEmpty).max(NO_PROXY_MAX).default([]),
    /** IPv4 of pods in an IPv6 cluster; nothing to an IPv4 one. */
    enableV4Egress: z.boolean().optional(),
    networkInterfaces: networkInterfaceListSchema.optional(),
  })
  .refine((n) => n.associatePublicIPAddress !== true || (n.networkInterfaces?.length ?? 0) <= 1, {
    path: ["associatePublicIPAddress"],
    error: "a node with several networkInterfaces gets no public address; write false, or leave one interface",
  });

const specSchema = z
  .strictObject({
    role: notEmpty.optional(),
    instanceProfile: notEmpty.optional(),
    subnetSelectorTerms: subnetTerms,
    securityGroupSelectorTerms: securityGroupTerms,
    podSubnetSelectorTerms: subnetTerms.optional(),
    podSecurityGroupSelectorTerms: securityGroupTerms.optional(),
    snatPolicy: z.enum(["Random", "Disabled"]).default("Random"),
    networkPolicy: z.enum(["DefaultAllow", "DefaultDeny"]).default("DefaultAllow"),
    networkPolicyEventLogs: z.enum(["Disabled", "Enabled"]).default("Disabled"),
    ephemeralStorage: z
      .strictObject({
        size: size.default(SIZE),
        iops: wholeNumber("IOPS", IOPS),
        throughput: wholeNumber("a throughput (MiB/s)", THROUGHPUT),
        kmsKeyID: kmsKey.optional(),
      })
      .prefault({}),
    advancedNetworking: advancedNetworkingSchema.prefault({}),
    advancedSecurity: z.strictObject({ fips: z.boolean().default(false) }).prefault({}),
    capacityReservationSelectorTerms: z.array(tagTerm({ owner: z.string().optional() }, ["owner"])).default([]),
    certificateBundles: z.array(z.strictObject({ name: notEmpty, data: base64 })).default([]),
    placementGroupSelector: z
      .strictObject({ name: notEmpty.optional(), id: notEmpty.optional() })
      .refine((p) => (p.name === undefined) !== (p.id === undefined), {
        error: "a placement group is selected by either name or id; write one of them",
      })
      .optional(),
    tags: stringMap.default({}),
  })
  .superRefine((spec, context) => {
    const problem = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    if (spec.role === undefined && spec.instanceProfile === undefined)
      problem([], "a NodeClass needs an IAM role or an instanceProfile; add one of them");
    if (spec.role !== undefined && spec.instanceProfile !== undefined)
      problem(["instanceProfile"], "a NodeClass has either role or instanceProfile; remove one of them");
    const pair = ["podSubnetSelectorTerms", "podSecurityGroupSelectorTerms"] as const;
    const [there, ...both] = pair.filter((field) => spec[field] !== undefined);
    if (there !== undefined && both.length === 0)
      problem([there], `${pair.join(" and ")} come together; add the other one, or remove this`);
    for (const key of Object.keys(spec.tags)) {
      const reserved = RESERVED_TAGS.find((tag) => key === tag || (tag.endsWith("/") && key.startsWith(tag)));
      if (reserved !== undefined) problem(["tags", key], `EKS sets tag ${reserved} itself; remove it`);
    }
  });

/**
 * NodeClass of EKS Auto Mode: how its nodes and their addresses are set up. AWS publishes no schema of it: fields, ranges
 * and defaults are the EKS user guide's, the rules of selector terms and tags those of Karpenter's EC2NodeClass, which
 * it is made from.
 */
export const nodeClassSchema = z.strictObject({
  apiVersion: z.literal("eks.amazonaws.com/v1"),
  kind: z.literal("NodeClass"),
  metadata: clusterMeta.extend({ name: dnsSubdomain }),
  spec: specSchema,
});

export type NodeClass = z.output<typeof nodeClassSchema>;
