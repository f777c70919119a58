import { z } from "zod";
import { forbiddenText, requiredText } from "./apiServerText.ts";
import { notEmpty, stringMap, words } from "./fields.ts";
import { intOrPercent, isNone } from "./intOrPercent.ts";
import { objectMeta, templateMeta } from "./meta.ts";
import { podSpecSchema } from "./pod.ts";

/** One requirement of a label selector, with the API server's rules (apimachinery, ValidateLabelSelectorRequirement). */
const requirementSchema = z
  .strictObject({
    key: notEmpty,
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
    values: words.default([]),
  })
  .superRefine(({ operator, values }, context) => {
    const problem = (message: string) => context.addIssue({ code: "custom", path: ["values"], message });
    const takesValues = operator === "In" || operator === "NotIn";
    if (takesValues && values.length === 0)
      problem(requiredText("must be specified when `operator` is 'In' or 'NotIn'"));
    else if (!takesValues && values.length > 0)
      problem(forbiddenText("may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
  });

export const labelSelectorSchema = z.strictObject({
  matchLabels: stringMap.default({}),
  matchExpressions: z.array(requirementSchema).default([]),
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
