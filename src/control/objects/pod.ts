import { z } from "zod";
import { dnsLabel, notEmpty, port, stringMap, words } from "./fields.ts";
import { objectMeta, protocolName } from "./meta.ts";
import { dnsConfigSchema, dnsPolicySchema, hostAliasSchema } from "./podDns.ts";
import { execSchema, probeSchema } from "./probe.ts";
import { DEFAULT_SERVICE_ACCOUNT } from "./serviceAccount.ts";

/** Pins a pod to one of its node's ENIs by the interface's name: eth0, eth1, ... */
export const ENI_ANNOTATION = "podplane.dev/eni";
/** The address that a pod must have: one of an ENI of its node. */
export const ADDRESS_ANNOTATION = "podplane.dev/address";

/** Fields that `valueFrom.fieldRef` may name and podplane has a value for (the downward API). */
const DOWNWARD_FIELDS = [
  "metadata.name",
  "metadata.namespace",
  "spec.nodeName",
  "status.podIP",
  "status.hostIP",
] as const;
export type DownwardField = (typeof DOWNWARD_FIELDS)[number];

export function isDownwardField(path: string): path is DownwardField {
  return DOWNWARD_FIELDS.some((field) => field === path);
}

const envVar = z.strictObject({
  name: notEmpty,
  value: z.string().optional(),
  valueFrom: z.strictObject({ fieldRef: z.strictObject({ fieldPath: notEmpty }).optional() }).optional(),
});

/** What runs before a container gets SIGTERM. */
const preStopSchema = z
  .strictObject({ exec: execSchema.optional(), sleep: z.strictObject({ seconds: z.int().min(0) }).optional() })
  .refine((hook) => (hook.exec === undefined) !== (hook.sleep === undefined), {
    error: "expected one of exec and sleep",
  });

const containerSchema = z.strictObject({
  name: dnsLabel,
  /** Pods have no images: accepted, never read. */
  image: z.string().optional(),
  command: words.optional(),
  args: words.optional(),
  workingDir: notEmpty.optional(),
  ports: z
    .array(
      z.strictObject({
        name: notEmpty.optional(),
        containerPort: port,
        protocol: protocolName.default("TCP"),
        hostPort: port.optional(),
        hostIP: z.string().optional(),
      }),
    )
    .default([]),
  env: z.array(envVar).default([]),
  readinessProbe: probeSchema.optional(),
  livenessProbe: probeSchema.optional(),
  startupProbe: probeSchema.optional(),
  lifecycle: z.strictObject({ preStop: preStopSchema.optional() }).prefault({}),
});

/** The API server's default of terminationGracePeriodSeconds. */
const DEFAULT_GRACE = 30;

const tolerationSchema = z.strictObject({
  key: z.string().default(""),
  operator: z.enum(["Exists", "Equal"]).default("Equal"),
  value: z.string().default(""),
  effect: z.enum(["", "NoSchedule", "PreferNoSchedule", "NoExecute"]).default(""),
});

export const podSpecSchema = z.strictObject({
  nodeName: notEmpty.optional(),
  nodeSelector: stringMap.default({}),
  tolerations: z.array(tolerationSchema).default([]),
  hostNetwork: z.boolean().default(false),
  dnsPolicy: dnsPolicySchema.default("ClusterFirst"),
  dnsConfig: dnsConfigSchema.optional(),
  hostAliases: z.array(hostAliasSchema).default([]),
  /** Name of its own in the headless service `subdomain`. */
  hostname: dnsLabel.optional(),
  subdomain: dnsLabel.optional(),
  /** From deletion to SIGKILL. */
  terminationGracePeriodSeconds: z.int().min(0).default(DEFAULT_GRACE),
  serviceAccountName: notEmpty.default(DEFAULT_SERVICE_ACCOUNT),
  containers: z.array(containerSchema).min(1),
});

export const podSchema = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Pod"),
  metadata: objectMeta,
  spec: podSpecSchema,
  /** Of what a kubelet says of a pod, whether it has ended. */
  status: z.object({ phase: z.string().optional() }).optional(),
});

export type Pod = z.output<typeof podSchema>;
export type PodSpec = z.output<typeof podSpecSchema>;
export type Container = PodSpec["containers"][number];

/** Whether the pod has ended, as one that was evicted has: it never runs again (pkg/api/v1/pod, IsPodTerminal). */
export function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Failed" || status?.phase === "Succeeded";
}
