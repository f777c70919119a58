import { z } from "zod";
import { cniEnvSchema } from "./cniEnv.ts";
import { duration } from "./duration.ts";
import { dnsLabel, dnsSubdomain, notEmpty, words } from "./fields.ts";
import { scenarioNodesSchema, timelineEventSchema } from "./ipamTimeline.ts";
import { LAB_API_VERSION } from "./lab.ts";
import { ec2Schema } from "./labEc2.ts";
import { vpcSchema } from "./labVpc.ts";
import { nodeClassSchema } from "./nodeClass.ts";

export const SCENARIO_KIND = "IpamScenario";

const SEED_MAX = 0xffffffff;

/** kubelet's own back-off after a failed ADD (kubelets.ts). */
const KUBELET = { backOff: "10s", jitter: 0.5 };

const assignOrder = z.enum(["lowest", "random"]);
const share = z.number().min(0).max(1);

const kubeletSchema = z
  .strictObject({
    backOff: duration.prefault(KUBELET.backOff).describe("From a failed CNI ADD to the next"),
    jitter: share.default(KUBELET.jitter).describe("Part of the back-off that is added at random, at most"),
  })
  .describe("How kubelet asks again for an address that it did not get");

const parametersSchema = z
  .strictObject({
    warmAddresses: z.int().min(0).optional(),
    warmShare: z.number().min(0).optional(),
    prefixCooldown: duration.optional(),
    fragmentationPeriod: duration.optional(),
    exhaustionPeriod: duration.optional(),
    addressCooldown: duration.optional(),
    monitorInterval: duration.optional(),
    assignOrder: assignOrder.optional(),
  })
  .describe("What AWS does not publish of Auto Mode");

/** How the cluster's nodes get their addresses. Several settings are compared. */
const settingsSchema = z
  .strictObject({
    name: notEmpty,
    mode: z.enum(["standard", "auto"]),
    env: cniEnvSchema.optional().describe("Variables of aws-node; Standard mode"),
    eniConfigs: z
      .array(
        z.strictObject({
          name: dnsSubdomain,
          subnet: notEmpty,
          securityGroups: words.default([]),
        }),
      )
      .optional()
      .describe("ENIConfigs of custom networking; Standard mode"),
    assignOrder: assignOrder.optional().describe("Which of its addresses ipamd gives a pod; Standard mode"),
    nodeClass: z
      .strictObject({ spec: nodeClassSchema.shape.spec })
      .optional()
      .describe("Auto Mode; the built-in one without it"),
    parameters: parametersSchema.optional().describe("Auto Mode"),
  })
  .superRefine((settings, context) => {
    const foreign =
      settings.mode === "auto"
        ? (["env", "eniConfigs", "assignOrder"] as const)
        : (["nodeClass", "parameters"] as const);
    const other = settings.mode === "auto" ? "standard" : "auto";
    for (const field of foreign)
      if (settings[field] !== undefined)
        context.addIssue({
          code: "custom",
          path: [field],
          message: `${field} belongs to mode ${other}; remove it, or write mode: ${other}`,
        });
  });

/** What `podplane ipam simulate` runs: a cluster, what happens to it, and the settings to compare. */
export const ipamScenarioSchema = z.strictObject({
  apiVersion: z.literal(LAB_API_VERSION),
  kind: z.literal(SCENARIO_KIND),
  metadata: z.strictObject({ name: dnsLabel }),
  spec: z.strictObject({
    seed: z.int().min(0).max(SEED_MAX).default(1).describe("Seed of every random choice"),
    duration,
    sample: duration.optional().describe("Resolution of the series; a 200th of the duration without it"),
    vpc: vpcSchema,
    ec2: ec2Schema.prefault({}),
    kubelet: kubeletSchema.prefault({}),
    nodes: z.array(scenarioNodesSchema).default([]).describe("There from the beginning on"),
    settings: z.array(settingsSchema).min(1),
    timeline: z.array(timelineEventSchema).default([]),
  }),
});

export type IpamScenario = z.output<typeof ipamScenarioSchema>;
export type ScenarioSettings = IpamScenario["spec"]["settings"][number];

/** JSON schema (draft 2020-12) of a scenario as a user writes it, for editors. */
export function ipamScenarioJsonSchema(): Record<string, unknown> {
  return { title: "podplane ipam simulate scenario", ...z.toJSONSchema(ipamScenarioSchema, { io: "input" }) };
}
