import { z } from "zod";
import { labelSelectorSchema, podTemplateSchema } from "./deployment.ts";
import { intOrPercent, isNone } from "./intOrPercent.ts";
import { objectMeta } from "./meta.ts";

/** What the API server refuses of them (pkg/apis/apps/validation, ValidateRollingUpdateDaemonSet). */
const rollingUpdateSchema = z
  .strictObject({ maxSurge: intOrPercent.default(0), maxUnavailable: intOrPercent.default(1) })
  .superRefine(({ maxSurge, maxUnavailable }, context) => {
    const problem = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
    if (!isNone(maxSurge) && !isNone(maxUnavailable))
      problem("maxSurge", "expected maxUnavailable: 0 beside a maxSurge over 0: it may not be set with the other");
    else if (isNone(maxSurge) && isNone(maxUnavailable))
      problem("maxUnavailable", "expected a maxUnavailable over 0: with maxSurge at 0 nothing could be replaced");
  });

export const daemonSetSchema = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("DaemonSet"),
  metadata: objectMeta,
  spec: z.strictObject({
    minReadySeconds: z.int().min(0).default(0),
    updateStrategy: z
      .strictObject({
        type: z.enum(["RollingUpdate", "OnDelete"]).default("RollingUpdate"),
        rollingUpdate: rollingUpdateSchema.prefault({}),
      })
      .prefault({}),
    selector: labelSelectorSchema,
    template: podTemplateSchema,
  }),
});

export type DaemonSet = z.output<typeof daemonSetSchema>;
