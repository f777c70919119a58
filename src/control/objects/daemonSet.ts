import { z } from "zod";
import { labelSelectorSchema, podTemplateSchema } from "./deployment.ts";
import { intOrPercent } from "./intOrPercent.ts";
import { objectMeta } from "./meta.ts";

export const daemonSetSchema = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("DaemonSet"),
  metadata: objectMeta,
  spec: z.strictObject({
    minReadySeconds: z.int().min(0).default(0),
    updateStrategy: z
      .strictObject({
        type: z.enum(["RollingUpdate", "OnDelete"]).default("RollingUpdate"),
        rollingUpdate: z.strictObject({ maxUnavailable: intOrPercent.default(1) }).prefault({}),
      })
      .prefault({}),
    selector: labelSelectorSchema,
    template: podTemplateSchema,
  }),
});

export type DaemonSet = z.output<typeof daemonSetSchema>;
