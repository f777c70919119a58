import { z } from "zod";
import { notEmpty, stringMap, words } from "./fields.ts";
import { intOrPercent, isNone } from "./intOrPercent.ts";
import { objectMeta, templateMeta } from "./meta.ts";
import { podSpecSchema } from "./pod.ts";

export const labelSelectorSchema = z.strictObject({
  matchLabels: stringMap.default({}),
  matchExpressions: z
    .array(
      z.strictObject({
        key: notEmpty,
        operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
        values: words.default([]),
      }),
    )
    .default([]),
});

export const podTemplateSchema = z.strictObject({ metadata: templateMeta, spec: podSpecSchema });

/** Both of the API server's defaults. */
const DEFAULT_STEP = "25%";

const strategySchema = z.strictObject({
  type: z.enum(["RollingUpdate", "Recreate"]).default("RollingUpdate"),
  rollingUpdate: z
    .strictObject({
      maxSurge: intOrPercent.default(DEFAULT_STEP),
      maxUnavailable: intOrPercent.default(DEFAULT_STEP),
    })
    .refine((r) => !isNone(r.maxSurge) || !isNone(r.maxUnavailable), {
      error: "expected maxSurge or maxUnavailable over 0: with both at 0 nothing could be replaced",
    })
    .prefault({}),
});

export const deploymentSchema = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("Deployment"),
  metadata: objectMeta,
  spec: z.strictObject({
    replicas: z.int().min(0).default(1),
    minReadySeconds: z.int().min(0).default(0),
    strategy: strategySchema.prefault({}),
    selector: labelSelectorSchema,
    template: podTemplateSchema,
  }),
});

export type Deployment = z.output<typeof deploymentSchema>;
export type LabelSelector = z.output<typeof labelSelectorSchema>;
export type PodTemplate = z.output<typeof podTemplateSchema>;
