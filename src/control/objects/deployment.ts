import { z } from "zod";
import { notEmpty, stringMap, words } from "./fields.ts";
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

export const deploymentSchema = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("Deployment"),
  metadata: objectMeta,
  spec: z.strictObject({
    replicas: z.int().min(0).default(1),
    selector: labelSelectorSchema,
    template: z.strictObject({ metadata: templateMeta, spec: podSpecSchema }),
  }),
});

export type Deployment = z.output<typeof deploymentSchema>;
export type LabelSelector = z.output<typeof labelSelectorSchema>;
